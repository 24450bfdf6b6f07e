"""What the pictures share: matplotlib on demand, images of an AnnData's genes, and how a pixel is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images import GeneImages
from sigel.images.canvas import near_each_other, sections_across
from sigel.images.tensors import ImageViews
from sigel.pl._histology import OPACITY, Under, lay_under
from sigel.runtime.requires import requires
from sigel.tl._fits import images_as_fitted

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.collections import EllipseCollection, PolyCollection

    from sigel.images.raster import Raster

# Corners of a pixel around its centre, in lattice units (row, column): a hexagonal lattice has
# neighbours at (0, 2) and (1, 1), so its cells touch along these corners.
_HEXAGON = np.array([[2, 0], [1, 3], [-1, 3], [-2, 0], [-1, -3], [1, -3]]) / 3
_SQUARE = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) / 2

# Genes whose q-value is below are called.
CALLED = 0.05


def pyplot() -> Any:
    """`matplotlib.pyplot`, or a message that says how to get it."""
    return requires("matplotlib", "sigel.pl", "a picture", module="matplotlib.pyplot")


def images_of(
    adata: AnnData, key: str, layer: str | None, spatial_key: str | None, config: ImageConfig | None
) -> GeneImages:
    """Images made as those of the fit under `key`, where there is one and nothing else is given."""
    return images_as_fitted(
        adata, key=key, layer=layer, spatial_key=spatial_key, config=config, model=None, told=False
    )


def shown_images(images: GeneImages, genes: Sequence[str]) -> np.ndarray:
    """Images of named genes for the eye, `(len(genes), n_pixels)`."""
    return ImageViews(images).shown(torch.from_numpy(images.index(genes))).numpy()


def check_at_least_one(**numbers: int) -> None:
    """Refuse what is no number of genes or panels, or one below 1."""
    for name, number in numbers.items():
        if not isinstance(number, Integral) or isinstance(number, bool) or number < 1:
            raise InputError(name, repr(number), "a whole number >= 1", f"Leave {name} out.")


def asked_genes(genes: object, example: str, wanted: str = "names of genes") -> list[str]:
    """Names of genes as a list; one may be given as text.

    Parameters
    ----------
    genes
        As a caller gave them.
    example
        A call that has names.
    wanted
        What they are.
    """
    fix = f"For example {example}."
    names = [genes] if isinstance(genes, str) else list(genes) if isinstance(genes, Iterable) else None
    if names is None:
        raise InputError("genes", repr(genes)[:60], wanted, fix)
    if not names:
        raise InputError("genes", "no name", f"{wanted}, at least one gene", fix)
    return [str(name) for name in names]


def check_cmap(cmap: object) -> None:
    """Refuse a colour map that matplotlib does not know."""
    import matplotlib as mpl
    from matplotlib.colors import Colormap

    if not isinstance(cmap, Colormap) and not (isinstance(cmap, str) and cmap in mpl.colormaps):
        found = unknown_name(cmap, mpl.colormaps)
        raise InputError("cmap", found, "the name of a matplotlib colour map", 'Use cmap="viridis".')


def draw_pixels(
    ax: Axes, raster: Raster, values: np.ndarray, limits: tuple[float, float], cmap: str
) -> PolyCollection:
    """Draw values `(n_pixels,)` at their places on the section, y pointing down as on a slide."""
    from matplotlib.collections import PolyCollection

    raster = near_each_other(raster)
    corner = _HEXAGON if raster.kind == "hexagonal" else _SQUARE
    corners = corner @ raster.affine[:, :2].T  # (n_corners, 2), x and y
    places = raster.coordinates()
    pixels = PolyCollection(
        places[:, None] + corners,
        array=values,
        cmap=cmap,
        edgecolors="face",
        linewidths=0.5,  # closes the hairlines between neighbours
        rasterized=True,
    )
    pixels.set_clim(*limits)
    ax.add_collection(pixels)
    ax.set_xlim(places[:, 0].min() + corners[:, 0].min(), places[:, 0].max() + corners[:, 0].max())
    ax.set_ylim(places[:, 1].max() + corners[:, 1].max(), places[:, 1].min() + corners[:, 1].min())
    ax.set_aspect("equal")
    ax.set_axis_off()
    return pixels


def diameter_of(places: np.ndarray) -> float:
    """How large cells are drawn: on a lattice they touch, scattered ones cover about the tissue."""
    from scipy.spatial import cKDTree

    n = min(5, len(places))
    some = places[:: max(1, len(places) // 2000)]
    # The fourth neighbour is one spacing away on any lattice, and 1.1 times as far among scattered cells.
    away = np.median(cKDTree(places).query(some, k=n)[0].reshape(len(some), n)[:, -1])
    return float(away) if away > 0 else max(float(np.ptp(places, axis=0).max()), 1.0) / 50


def draw_cells(
    ax: Axes,
    places: np.ndarray,
    diameter: float,
    values: np.ndarray,
    cmap: str,
    under: Under | None = None,
) -> EllipseCollection:
    """A disc for each cell at its place, over a picture if there is one, y pointing down as on a slide."""
    from matplotlib.collections import EllipseCollection

    # Edges, so that cells smaller than a dot are seen.
    style: dict[str, Any] = {"cmap": cmap, "edgecolors": "face", "linewidths": 0.3, "rasterized": True}
    reach = diameter / 2
    if under is not None:
        lay_under(ax, under)
        # An edge would lie twice over the picture.
        style |= {"alpha": OPACITY, "linewidths": 0.0}
        diameter, reach = under.diameter, under.reach
    size = np.full(len(places), diameter)
    cells = EllipseCollection(
        size, size, 0 * size, units="xy", offsets=places, offset_transform=ax.transData, array=values, **style
    )
    low, high = np.quantile(values, [0.01, 0.99])
    # The quantiles are the same where a gene is seen in fewer than one cell in a hundred.
    rare = low == high and np.ptp(values) > 0
    cells.set_clim(*((values.min(), values.max()) if rare else limits_of(values)))
    ax.add_collection(cells, autolim=False)
    (left, top), (right, bottom) = places.min(axis=0) - reach, places.max(axis=0) + reach
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.set_axis_off()
    return cells


def limits_of(values: np.ndarray) -> tuple[float, float]:
    """Colour limits that a few extreme pixels do not stretch."""
    low, high = np.quantile(values, [0.01, 0.99])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def panel_shape(raster: Raster, width: float) -> tuple[float, float]:
    """Width and height in inches of a panel that fits the section, height within reason."""
    across, down = np.ptp(near_each_other(raster).coordinates(), axis=0)
    ratio = down / across if across > 0 else 1.0
    # Several sections beside each other need more room than one.
    width *= min(1.4, float(np.sqrt(sections_across(raster))))
    return width, width * float(np.clip(ratio, 0.4, 2.5))


def scale_label(images: GeneImages) -> str:
    """What the colours of gene images stand for."""
    return {"zscore": "z-score", "max": "share of maximum", "none": "expression"}[images.config.scale]
