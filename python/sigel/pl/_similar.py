"""Images of genes and of those found similar to them, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.pl._base import (
    check_at_least_one,
    check_cmap,
    images_of,
    limits_of,
    pyplot,
    scale_label,
    shown_images,
)
from sigel.pl._grid import Panel, draw_grid, grid_figure, in_rows
from sigel.tl._similar import similar_genes as genes_similar_to

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

_MAX_PANELS = 100  # beyond which nobody looks and drawing takes minutes


def similar_genes(
    adata: AnnData,
    table: pd.DataFrame | str | Sequence[str],
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
        From `sigel.tl.similar_genes`, or rows of it; or names of genes, for which that is called.
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
        The figure; not shown. The query is bold; below each found gene stands its similarity. Each query
        begins a row.

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
    >>> the_same = sigel.pl.similar_genes(adata, "Gene0001")
    """
    pyplot()
    check_at_least_one(n=n, ncols=ncols)
    check_cmap(cmap)
    if not isinstance(table, pd.DataFrame) and _are_names(table):
        try:
            table = genes_similar_to(adata, table, n=n, key=key)
        except InputError as error:
            if error.argument != "genes":
                raise
            raise InputError("table", error.found, error.wanted, error.fix) from error
    needed = {"query", "gene", "rank", "similarity"}
    if not isinstance(table, pd.DataFrame) or not needed <= set(table.columns) or table.empty:
        fix = "Pass what sigel.tl.similar_genes returned."
        raise InputError("table", "another table, or no row", f"columns {', '.join(sorted(needed))}", fix)
    images = images_of(adata, key, layer, spatial_key, config)
    answers = [
        (_names(str(query), images), part.sort_values("rank").head(n))
        for query, part in table.groupby("query", sort=False)
    ]
    sizes = [len(asked) + len(part) for asked, part in answers]
    if sum(sizes) > _MAX_PANELS:
        found, fix = f"{sum(sizes)} panels", "Pass fewer rows, or a smaller n."
        raise InputError("table", found, f"at most {_MAX_PANELS} images", fix)

    n_cols = min(ncols, max(sizes))
    values = shown_images(images, [gene for asked, part in answers for gene in [*asked, *part["gene"]]])
    left = iter(values)
    rows = [row for asked, part in answers for row in in_rows(_panels(asked, part, left), n_cols)]
    figure = grid_figure(images.raster, len(rows), n_cols, width=2.0, title=0.45, beside=0.8)
    limits, label = limits_of(values), scale_label(images)
    draw_grid(figure, images.raster, rows, n_cols, limits=limits, cmap=cmap, label=label)
    return figure


def _panels(asked: list[str], found: pd.DataFrame, images: Iterator[np.ndarray]) -> Iterator[Panel]:
    """The genes of a query, then those found for it."""
    for gene in asked:
        yield Panel(next(images), f"{gene}\nquery", {"fontweight": "bold"})
    for one in found.itertuples():
        yield Panel(next(images), f"{one.gene}\n{one.similarity:.2f}", {})


def _names(query: str, images: GeneImages) -> list[str]:
    """The genes of a query; that of several is their names, joined."""
    return [query] if query in set(images.all_genes) else query.split(", ")


def _are_names(given: object) -> bool:
    """Whether something is a name, or names."""
    if isinstance(given, str):
        return True
    return isinstance(given, Sequence) and len(given) > 0 and all(isinstance(one, str) for one in given)
