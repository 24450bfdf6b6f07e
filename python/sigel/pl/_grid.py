"""The grid of gene images that most pictures are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sigel.images.raster import Raster
from sigel.pl._base import draw_cells, draw_pixels, limits_of, panel_shape, pyplot
from sigel.pl._histology import Under

if TYPE_CHECKING:
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure, SubFigure

_ITALIC: dict[str, Any] = {"fontstyle": "italic"}


class Panel(NamedTuple):
    """An image and what stands above it."""

    image: np.ndarray  # (n_pixels,)
    title: str
    style: dict[str, Any] = _ITALIC  # of the title


def in_rows(panels: Iterable[Panel], n_cols: int) -> list[list[Panel]]:
    """Rows of `n_cols` panels; the last may have fewer."""
    panels = list(panels)
    return [panels[at : at + n_cols] for at in range(0, len(panels), n_cols)]


def grid_figure(
    raster: Raster, n_rows: int, n_cols: int, *, width: float, title: float, beside: float, above: float = 0.0
) -> Figure:
    """A figure for panels of a width, in inches, with room for their titles, the colour bar and a heading."""
    width, height = panel_shape(raster, width)
    size = (n_cols * width + beside, n_rows * (height + title) + above)
    return pyplot().figure(figsize=size, layout="constrained")


def draw_grid(
    figure: Figure | SubFigure,
    raster: Raster,
    rows: Sequence[Sequence[Panel]],
    n_cols: int,
    *,
    limits: tuple[float, float] | None,
    cmap: str,
    label: str,
    fontsize: float = 9,
    aspect: float = 15,
    under: Under | None = None,
) -> None:
    """Draw rows of panels with a colour bar beside them, or one beside each where they share no limits.

    Over a picture pixels are discs.
    """
    axes = figure.subplots(len(rows), n_cols, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for line, panels in zip(axes, rows, strict=True):
        for ax, (image, title, style) in zip(line, panels, strict=False):
            own = limits_of(image) if limits is None else limits
            if under is None:
                drawn: Collection = draw_pixels(ax, raster, image, own, cmap)
            else:
                drawn = draw_cells(ax, raster.coordinates(), under.diameter, image, cmap, under)
                drawn.set_clim(*own)
            ax.set_title(title, **{"fontsize": fontsize, "parse_math": False, **style})
            if limits is None:
                figure.colorbar(drawn, ax=ax, shrink=0.6, label=label)
    if limits is not None:
        shrink = min(0.8, 1.6 / len(rows))
        figure.colorbar(drawn, ax=axes, shrink=shrink, aspect=aspect, label=label, pad=0.02)
