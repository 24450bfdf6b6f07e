"""Images of genes and of those found similar to them, side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.tensors import ImageViews
from sigel.pl._base import draw_pixels, images_of, limits_of, panel_shape, pyplot, scale_label

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

_MAX_PANELS = 100  # beyond which nobody looks and drawing takes minutes


def similar_genes(
    adata: AnnData,
    table: pd.DataFrame,
    *,
    n: int = 9,
    ncols: int = 5,
    layer: str | None = None,
    spatial_key: str | None = None,
    cmap: str = "viridis",
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """Images of the genes of a query and of those found for it, on one scale.

    Parameters
    ----------
    adata
        The section that the table is about; only read.
    table
        From `sigel.tl.similar_genes`, or rows of it.
    n
        Genes shown for each query, the nearest first; 9 and the query are two rows.
    ncols
        Panels in a row.
    layer, spatial_key
        As in the call of `sigel.tl.embed`; default: those of the fit under `key`.
    cmap
        Name of a matplotlib colour map.
    config
        How images are made; default: as in the fit under `key`.
    key
        `key_added` of `sigel.tl.embed`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. The query is bold; below each found gene stands its similarity, grey where
        it is not above that of random genes of the same expression. Each query begins a row.

    Raises
    ------
    InputError
        When the table is another, is empty, or names more panels than can be seen.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> table = sigel.tl.similar_genes(adata, "Gene0001")
    >>> figure = sigel.pl.similar_genes(adata, table)
    """
    plt = pyplot()
    for name, number in (("n", n), ("ncols", ncols)):
        if number < 1:
            raise InputError(name, repr(number), "a whole number >= 1", f"Leave {name} out.")
    needed = {"query", "gene", "rank", "similarity", "above_random"}
    if not isinstance(table, pd.DataFrame) or not needed <= set(table.columns) or table.empty:
        fix = "Pass what sigel.tl.similar_genes returned."
        raise InputError("table", "another table, or no row", f"columns {', '.join(sorted(needed))}", fix)
    images = images_of(adata, key, layer, spatial_key, config)
    rows = [
        (_names(str(query), images), part.sort_values("rank").head(n))
        for query, part in table.groupby("query", sort=False)
    ]
    panels = [len(asked) + len(part) for asked, part in rows]
    if sum(panels) > _MAX_PANELS:
        found, fix = f"{sum(panels)} panels", "Pass fewer rows, or a smaller n."
        raise InputError("table", found, f"at most {_MAX_PANELS} images", fix)

    n_cols = min(ncols, max(panels))
    n_rows = sum(math.ceil(one / n_cols) for one in panels)
    names = [gene for asked, part in rows for gene in [*asked, *part["gene"]]]
    values = ImageViews(images).shown(torch.from_numpy(images.index(names))).numpy()
    limits = limits_of(values)
    width, height = panel_shape(images.raster, 2.0)
    size = (n_cols * width + 0.8, n_rows * (height + 0.45))
    figure, axes = plt.subplots(n_rows, n_cols, figsize=size, squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.set_axis_off()
    free, images_left = iter(axes), iter(values)
    for (asked, part), n_panels in zip(rows, panels, strict=True):
        here = [ax for _ in range(math.ceil(n_panels / n_cols)) for ax in next(free)]
        for ax, gene in zip(here, asked, strict=False):
            drawn = draw_pixels(ax, images.raster, next(images_left), limits, cmap)
            ax.set_title(f"{gene}\nquery", fontsize=9, fontweight="bold", parse_math=False)
        for ax, found in zip(here[len(asked) :], part.itertuples(), strict=False):
            drawn = draw_pixels(ax, images.raster, next(images_left), limits, cmap)
            shade = "black" if found.above_random else "0.55"
            ax.set_title(f"{found.gene}\n{found.similarity:.2f}", fontsize=9, color=shade, parse_math=False)
    label = scale_label(images)
    figure.colorbar(drawn, ax=axes, shrink=min(0.8, 1.6 / n_rows), aspect=15, label=label, pad=0.02)
    if not table["above_random"].all():
        note = "grey: not above the similarity of random genes of the same expression"
        figure.supxlabel(note, fontsize=8, color="0.4")
    return figure


def _names(query: str, images: GeneImages) -> list[str]:
    """The genes of a query; that of several is their names, joined."""
    return [query] if query in set(images.all_genes) else query.split(", ")
