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
# The same in a picture, of rows and of columns.
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
    """A grid whose sections lie near each other, row by row in their order, fit for a picture alone.

    Parameters
    ----------
    raster
        Of one section, which stays as it is, or of several.
    """
    if len(raster.parts) < 2:
        return raster
    rows, cols = raster.rows.copy(), raster.cols.copy()
    low, n_across = 0, sections_across(raster)
    for first in range(0, len(raster.parts), n_across):
        left, below = 0, low
        for part in raster.parts[first : first + n_across]:
            # By an even number of rows, as rows of a hexagonal lattice alternate.
            here = rows[part] - rows[part].min() + low
            here += (here[0] - rows[part][0]) % 2 if raster.kind == "hexagonal" else 0
            rows[part], cols[part] = here, cols[part] - cols[part].min() + left
            left, below = int(cols[part].max()) + 1 + SHOWN_GAP, max(below, int(here.max()) + 1)
        low = below + SHOWN_GAP
    return replace(raster, rows=rows, cols=cols, shape=(int(rows.max()) + 1, int(cols.max()) + 1))


def sections_across(raster: Raster) -> int:
    """How many sections of a picture lie beside each other, so that it is nearest to a square, else wide.

    Parameters
    ----------
    raster
        Of one section or several.
    """
    if len(raster.parts) < 2:
        return 1
    sides = [(np.ptp(raster.rows[part]) + 1, np.ptp(raster.cols[part]) + 1) for part in raster.parts]
    high, wide = np.max(sides, axis=0) + SHOWN_GAP
    high = high * math.sqrt(0.75) if raster.kind == "hexagonal" else high

    def away(n: int) -> tuple[float, int]:
        return round(abs(math.log(n * wide / (-(-len(sides) // n) * high))), 1), -n

    return min(range(1, len(sides) + 1), key=away)
