"""Several sections on one grid of pixels, one below the other, so far apart that none sees another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from sigel.images.raster import Raster

# Empty rows between sections: no patch of up to so many rows, no step to a neighbour leads to another.
GAP = 36
# The same in a picture; an even number fewer, as rows of a hexagonal lattice alternate.
SHOWN_GAP = 4


def on_one_canvas(rasters: Sequence[Raster], spots: Sequence[Int[np.ndarray, " _"]] | None = None) -> Raster:
    """Grids of sections as one grid; the pixels of one section come after those of the one before it.

    Parameters
    ----------
    rasters
        Grid of each section, two or more.
    spots
        Where the spots of each section stand among all; default: one section after the other.

    Returns
    -------
    Raster
        Its coordinates are in spacings of pixels: each section keeps its shape, not its unit. Sections whose
        grids are of different kinds lie on a square one.

    Notes
    -----
    Sections lie below each other, so that pixels in the order of rows are those of section after section.
    A section of a hexagonal lattice begins one row lower where its rows would else be shifted the wrong way.
    """
    kinds = {raster.kind for raster in rasters}
    kind, parity = rasters[0].kind if len(kinds) == 1 else "square", rasters[0].parity
    hexagonal = kind == "hexagonal"
    rows, starts, low, begin = [], [], 0, 0
    for raster in rasters:
        low += int(hexagonal and (low + parity - raster.parity) % 2)
        rows.append(raster.rows + low)
        starts.append(begin)
        low, begin = low + raster.shape[0] + GAP, begin + raster.n_pixels
    pixel_of_spot = np.concatenate(
        [raster.pixel_of_spot + start for raster, start in zip(rasters, starts, strict=True)]
    )
    if spots is not None:
        placed = np.empty_like(pixel_of_spot)
        placed[np.concatenate(spots)] = pixel_of_spot
        pixel_of_spot = placed
    down, across = (math.sqrt(0.75), 0.5) if hexagonal else (1.0, 1.0)
    return Raster(
        shape=(low - GAP, max(raster.shape[1] for raster in rasters)),
        rows=np.concatenate(rows),
        cols=np.concatenate([raster.cols for raster in rasters]),
        pixel_of_spot=pixel_of_spot,
        kind=kind,
        affine=np.array([[0.0, across, 0.0], [down, 0.0, 0.0]]),
        parity=parity if hexagonal else 0,
        starts=tuple(starts),
    )


def near_each_other(raster: Raster) -> Raster:
    """A grid whose sections lie nearer each other than on their canvas, fit for a picture alone.

    Parameters
    ----------
    raster
        Of one section, which stays as it is, or of several.
    """
    sizes = [part.stop - part.start for part in raster.parts]
    rows = raster.rows - (GAP - SHOWN_GAP) * np.repeat(np.arange(len(sizes)), sizes)
    return replace(raster, rows=rows, shape=(int(rows.max()) + 1, raster.shape[1]))
