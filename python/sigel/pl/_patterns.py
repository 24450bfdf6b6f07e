"""A designated pattern beside the genes that follow it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.pl._base import check_at_least_one, check_cmap, images_of, limits_of, pyplot, shown_images
from sigel.pl._grid import Panel, draw_grid, grid_figure, in_rows
from sigel.stats.scaling import zscored

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

_LEVELS = 3  # regions named above the pattern; more do not fit a panel
# Names whose signs stand for themselves in mathematical text, or are made to.
_SIMPLE = re.compile(r"[A-Za-z0-9_.:-]+")


def pattern_genes(
    adata: AnnData,
    table: pd.DataFrame,
    *,
    n: int = 7,
    ncols: int = 4,
    layer: str | None = None,
    spatial_key: str | None = None,
    cmap: str = "viridis",
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """The pattern that was asked for, then the genes that follow it best, z-scored and on one scale.

    Parameters
    ----------
    adata
        The section that the table is about; only read.
    table
        From `sigel.tl.pattern_genes`, or rows of it.
    n
        Genes shown, the best first; 7 and the pattern are two rows.
    ncols
        Panels in a row.
    layer, spatial_key, config
        As in the call of `sigel.tl.pattern_genes`; default: those of the fit under `key`.
    cmap
        Name of a matplotlib colour map.
    key
        `key_added` of `sigel.tl.embed`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. The pattern is the mean image of the drawn genes, with its levels above it;
        each gene has its similarity above it.

    Raises
    ------
    InputError
        When the table is another, or was made with another grid of pixels.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 3, 20, 60)
    >>> table = sigel.tl.pattern_genes(adata, "region", {"ring": 0.9}, progress=False)
    >>> figure = sigel.pl.pattern_genes(adata, table)
    """
    pyplot()
    check_at_least_one(n=n, ncols=ncols)
    check_cmap(cmap)
    best = _best(table, n)
    images = images_of(adata, key, layer, spatial_key, config)
    pattern = np.asarray(table.attrs["image"], dtype=np.float64)
    if len(pattern) != images.raster.n_pixels:
        found = f"a pattern on {len(pattern)} pixels for images of {images.raster.n_pixels}"
        fix = "Pass the section, spatial_key and config that the pattern was made with."
        raise InputError("table", found, "the same grid", fix)
    values = zscored(np.vstack([pattern, shown_images(images, list(best.index))]).T).T
    first = Panel(values[0], _told(table), {"fontweight": "bold"})
    genes = [
        Panel(image, *_titled(str(gene), similarity))
        for image, (gene, similarity) in zip(values[1:], best["similarity"].items(), strict=True)
    ]
    rows = in_rows([first, *genes], min(ncols, len(values)))
    n_cols = len(rows[0])
    figure = grid_figure(images.raster, len(rows), n_cols, width=2.2, title=0.45, beside=0.8)
    draw_grid(figure, images.raster, rows, n_cols, limits=limits_of(values), cmap=cmap, label="z-score")
    return figure


def _best(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """The first rows by rank, or a refusal of what is no answer."""
    fix = "Pass what sigel.tl.pattern_genes returned."
    if not isinstance(table, pd.DataFrame) or not {"similarity", "rank"} <= set(table.columns):
        raise InputError("table", "another table", "columns similarity and rank", fix)
    if not {"image", "region_key", "levels"} <= set(table.attrs):
        raise InputError("table", "a table without its pattern in `attrs`", "the table as it was", fix)
    best = table.dropna(subset="rank").sort_values("rank").head(n)
    if best.empty:
        raise InputError("table", "no gene with a rank", "at least one", 'See the column "status".')
    return best


def _told(table: pd.DataFrame) -> str:
    """The pattern in words, for its title."""
    levels = {name: level for name, level in table.attrs["levels"].items() if name != "background"}
    unit = table.attrs.get("unit", "quantile")
    if set(levels) == {"lowest", "highest"}:
        return f"pattern\n{table.attrs['region_key']}"
    sign = "×" if unit == "multiple" else ""
    told = ", ".join(f"{name} {sign}{level:g}" for name, level in list(levels.items())[:_LEVELS])
    return f"pattern\n{told}" + (" …" if len(levels) > _LEVELS else "")


def _titled(gene: str, similarity: float) -> tuple[str, dict[str, Any]]:
    """A gene's name in italics above a number; one with signs of mathematics is upright."""
    if not _SIMPLE.fullmatch(gene):
        return f"{gene}\n{similarity:.2f}", {}
    name = gene.replace("_", "\\_").replace("-", "{-}")
    return f"$\\it{{{name}}}$\n{similarity:.2f}", {"parse_math": True}
