"""Spots of one section or several on the tissue."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images.lattice import as_positions, is_hexagonal, superimposed
from sigel.images.raster import Raster, rasterise
from sigel.images.section import checked_places, lattice_of
from sigel.pl._base import diameter_of, draw_cells, draw_pixels
from sigel.pl._colours import Shades
from sigel.pl._histology import Spots, Under, pictures_under

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure, SubFigure

_SHORT = 3  # letters of a name that fits onto a category
_AROUND = 3.0  # distances of neighbours within which a name has its place


class Part(NamedTuple):
    """A section and how its spots are drawn."""

    name: str  # empty where there is one only
    spots: np.ndarray  # row numbers
    places: np.ndarray  # (n, 2), y pointing down
    diameter: float  # distance of neighbours
    raster: Raster | None  # of a lattice, a pixel for each spot
    under: Under | None = None  # the picture of its tissue


def parts_of(
    adata: AnnData, info: Mapping[str, Any], spatial_key: str | None, *, histology: object = False
) -> list[Part]:
    """The sections that the domains were found in, one where no `section_key` was given.

    Raises
    ------
    InputError
        When places, the column of sections or a picture that was asked for are missing.
    """
    places, lattice, key = _places(adata, info, spatial_key)
    section_key = info.get("section_key") or None
    if section_key is None:
        names, code = [""], np.zeros(adata.n_obs, dtype=int)
    elif section_key not in adata.obs:
        found = f"the section_key {unknown_name(section_key, adata.obs)}"
        fix = "Put the column back, or call sigel.tl.domains again."
        raise InputError("adata", found, "the sections that the domains were found in", fix)
    else:
        code, known = pd.factorize(adata.obs[section_key].astype(str))
        names = list(known)
    parts = []
    for at, name in enumerate(names):
        spots = np.flatnonzero(code == at)
        own = places[spots]
        raster = _raster(own, None if lattice is None else lattice[spots])
        parts.append(Part(name, spots, own, diameter_of(own), raster))
    spots_of = [Spots(part.spots, part.places, part.diameter) for part in parts]
    under = pictures_under(adata, spots_of, histology, key)
    parts = [part._replace(under=one) for part, one in zip(parts, under, strict=True)]
    if any(part.raster is None or part.under is not None for part in parts):
        # Pixels of some and discs of others would look like two kinds of spots.
        parts = [part._replace(raster=None) for part in parts]
    return parts


def _places(
    adata: AnnData, info: Mapping[str, Any], spatial_key: str | None
) -> tuple[np.ndarray, np.ndarray | None, str | None]:
    """Places, array positions, and the key in `obsm` that the places are from, each if there is one."""
    lattice = lattice_of(adata)
    key = spatial_key or info.get("spatial_key") or "spatial"
    if key in adata.obsm:
        places = checked_places(adata.obsm[key], "spatial_key", columns=(2, 3))
    elif spatial_key is None and lattice is not None and (at := as_positions(lattice)) is not None:
        # Rows of a hexagonal lattice lie closer than its numbering of columns says.
        places, key = at[:, ::-1] * [1.0, np.sqrt(3) if is_hexagonal(at) else 1.0], None
    else:
        raise InputError("spatial_key", unknown_name(key, adata.obsm), "a key of obsm", "See adata.obsm.")
    return places[:, :2], lattice, key


def _raster(places: np.ndarray, lattice: np.ndarray | None) -> Raster | None:
    """Pixels of a lattice, or None where spots lie elsewhere, or are too few."""
    try:
        raster = rasterise(places, lattice, ImageConfig(grid="lattice"))
    except InputError:
        if superimposed(lattice, places):
            raise
        return None
    return raster if raster.spots_per_pixel.max() == 1 else None


def grid_of(parts: Sequence[Part], width: float) -> tuple[int, int, float, float]:
    """Rows and columns of panels, and the inches of a panel; one section alone is `width` wide."""
    square = math.ceil(math.sqrt(len(parts)))
    # Few places stay empty.
    n_cols = 1 if len(parts) == 1 else min(range(square, square + 3), key=lambda n: (-len(parts) % n, n))
    across, down = _span(parts)[0]
    ratio = float(np.clip(down / across, 0.4, 2.5))
    each = width / n_cols * (1.0 if len(parts) == 1 else 1.3)
    # A tall section is drawn as large as a wide one.
    each = each / max(math.sqrt(ratio), 1.0)
    return math.ceil(len(parts) / n_cols), n_cols, each, each * ratio


def _span(parts: Sequence[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Width and height that hold the largest section, and the unit of each.

    Sections are drawn on one scale; on that of their spacing where units differ, as between scans.
    """
    unit = np.array([part.diameter for part in parts])
    if unit.max() < 2 * unit.min():
        unit = np.full(len(parts), np.median(unit))
    sizes = [
        (np.ptp(part.places, axis=0) + part.diameter) / one for part, one in zip(parts, unit, strict=True)
    ]
    return np.max(sizes, axis=0), unit


def draw_parts(figure: Figure | SubFigure, parts: Sequence[Part], shades: Shades) -> Collection:
    """A panel for each section, y pointing down as on a slide."""
    n_rows, n_cols, *_ = grid_of(parts, 1.0)
    axes = figure.subplots(n_rows, n_cols, squeeze=False)
    span, unit = _span(parts)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, part, one in zip(axes.flat, parts, unit, strict=False):
        drawn = _draw(ax, part, shades)
        if part.name:
            middle = (part.places.min(axis=0) + part.places.max(axis=0)) / 2
            reach = span * one / 2
            ax.set(
                xlim=middle[0] + reach[0] * np.array([-1, 1]), ylim=middle[1] + reach[1] * np.array([1, -1])
            )
            ax.set_title(part.name, fontsize=9, parse_math=False)
    return drawn


def _draw(ax: Axes, part: Part, shades: Shades) -> Collection:
    values = shades.values[part.spots]
    drawn: Collection
    if part.raster is None:
        drawn = draw_cells(ax, part.places, part.diameter, np.nan_to_num(values), "viridis", part.under)
        drawn.set_array(values)
    else:
        pixels = np.empty(len(values))
        pixels[part.raster.pixel_of_spot] = values
        drawn = draw_pixels(ax, part.raster, pixels, shades.limits, "viridis")
    drawn.set_cmap(shades.cmap)
    drawn.set_clim(*shades.limits)
    return drawn


def write_names(ax: Axes, part: Part, shades: Shades) -> None:
    """Name of each category amid many spots of its own, if it is short and there is such a place."""
    from matplotlib.patheffects import withStroke
    from scipy.spatial import cKDTree

    code = shades.values[part.spots]
    around, everything = _AROUND * part.diameter, cKDTree(part.places)
    halo = [withStroke(linewidth=2.2, foreground="white")]
    for at, name in enumerate(shades.names):
        own = part.places[code == at]
        if len(name) > _SHORT or len(own) == 0:
            continue
        # Spots, not shares: they are fewer at the edge of the tissue, where a name would stand half outside.
        n_own, n_all = (
            tree.query_ball_point(own, around, return_length=True) for tree in (cKDTree(own), everything)
        )
        lead = 2 * n_own - n_all
        if lead.max() <= 0:
            continue
        best = own[lead >= 0.7 * lead.max()]
        place = best[np.square(best - np.median(best, axis=0)).sum(axis=1).argmin()]
        ax.text(
            place[0],
            place[1],
            name,
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold",
            parse_math=False,
            path_effects=halo,
        )
