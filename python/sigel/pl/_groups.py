"""One page of gene groups: the mean image of each and its most typical genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sigel.config import ImageConfig
from sigel.pl._base import check_at_least_one, images_of, limits_of, pyplot
from sigel.pl._grid import Panel, draw_grid, grid_figure
from sigel.tasks.gene_groups.group_images import GroupImages, group_images, largest_groups
from sigel.tl._fits import groups_under

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure


def gene_groups(
    adata: AnnData,
    *,
    n_genes: int = 6,
    max_groups: int = 12,
    layer: str | None = None,
    spatial_key: str | None = None,
    cmap: str = "viridis",
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """A row for each gene group: the mean image of its genes, then its most typical genes.

    Typical are the genes whose representation points most nearly where the group's mean points.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`; only read.
    n_genes
        Genes shown for each group; 6 fit a page.
    max_groups
        Groups shown, the largest first; 12 fit a page.
    layer, spatial_key
        As in the call of `sigel.tl.embed`.
    cmap
        Name of a matplotlib colour map.
    config
        How images are made; default: as in the fit under `key`.
    key
        `key_added` of `sigel.tl.embed`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown.

    Raises
    ------
    InputError
        When there are no results under `key`.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> quick = {"train": {"pretrain_epochs": 1, "refine_epochs": 1}}
    >>> sigel.tl.embed(adata, config=quick, progress=False)
    >>> figure = sigel.pl.gene_groups(adata)
    """
    pyplot()
    check_at_least_one(n_genes=n_genes, max_groups=max_groups)
    keys, z = groups_under(adata, key)
    images = images_of(adata, key, layer, spatial_key, config)
    group = adata.var[keys.group].astype(object).to_numpy()
    labels = largest_groups(images, group)
    labels, n_groups = labels[:max_groups], len(labels)
    found = group_images(images, z, group, labels, n_genes=n_genes)
    rows = [_row(label, one) for label, one in zip(labels, found, strict=True)]

    n_cols = n_genes + 1
    size = {"width": 1.5, "title": 0.22, "beside": 0.9, "above": 0.4}
    figure = grid_figure(images.raster, len(rows), n_cols, **size)
    draw_grid(
        figure,
        images.raster,
        rows,
        n_cols,
        limits=limits_of(np.concatenate([one.images for one in found])),
        cmap=cmap,
        label="z-score" if images.config.scale == "zscore" else "scaled expression",
        fontsize=8,
    )
    which = f"the {len(rows)} largest of {n_groups} groups" if n_groups > len(rows) else f"{n_groups} groups"
    figure.suptitle(f"Mean image and most typical genes of {which}", fontsize=10)
    return figure


def _row(label: str, group: GroupImages) -> list[Panel]:
    """The mean image of a group, then its most typical genes."""
    head = f"Group {label}: {group.n_genes} gene{'s' * (group.n_genes > 1)}"
    mean = Panel(group.mean, head, {"fontweight": "bold"})
    return [mean, *map(Panel, group.images, group.typical)]
