"""One page of gene groups: the mean image of each and its most typical genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images.tensors import ImageViews
from sigel.pl._base import draw_pixels, images_of, limits_of, panel_shape, pyplot, results
from sigel.stats.scaling import centred
from sigel.tasks.gene_groups.grouping import typical_genes

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
    plt = pyplot()
    for name, number in (("n_genes", n_genes), ("max_groups", max_groups)):
        if number < 1:
            raise InputError(name, repr(number), "a whole number >= 1", f"Leave {name} out.")
    keys = results(adata, key)
    images = images_of(adata, key, layer, spatial_key, config)
    position = adata.var_names.get_indexer(images.genes)
    group = adata.var[keys.group].astype(object).to_numpy()[position]
    unit = centred(np.asarray(adata.varm[keys.representation], dtype=np.float64)[position])
    labels, sizes = np.unique([str(g) for g in group if isinstance(g, str) and g], return_counts=True)
    n_groups = len(labels)
    shown = labels[np.lexsort((labels, -sizes))][:max_groups]

    views = ImageViews(images)
    width, height = panel_shape(images.raster, 1.5)
    figure, axes = plt.subplots(
        len(shown),
        n_genes + 1,
        figsize=((n_genes + 1) * width + 0.9, len(shown) * (height + 0.22) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    pages = []
    for label in shown:
        members = np.flatnonzero(group == label)
        typical = members[typical_genes(unit[members])][:n_genes]
        mean = views.mean_shown(torch.from_numpy(members)).numpy()
        pages.append((members, typical, mean, views.shown(torch.from_numpy(typical)).numpy()))
    limits = limits_of(np.concatenate([genes for *_, genes in pages]))
    for row, label, (members, typical, mean, genes) in zip(axes, shown, pages, strict=True):
        for ax in row:
            ax.set_axis_off()
        drawn = draw_pixels(row[0], images.raster, mean, limits, cmap)
        row[0].set_title(
            f"Group {label}: {len(members)} gene{'s' * (len(members) > 1)}", fontsize=8, fontweight="bold"
        )
        for ax, gene, image in zip(row[1:], images.genes[typical], genes, strict=False):
            draw_pixels(ax, images.raster, image, limits, cmap)
            ax.set_title(gene, fontsize=8, fontstyle="italic", parse_math=False)
    which = (
        f"the {len(shown)} largest of {n_groups} groups" if n_groups > len(shown) else f"{n_groups} groups"
    )
    figure.suptitle(f"Mean image and most typical genes of {which}", fontsize=10)
    label = "z-score" if images.config.scale == "zscore" else "scaled expression"
    figure.colorbar(drawn, ax=axes, shrink=min(0.8, 1.6 / len(shown)), aspect=15, label=label, pad=0.02)
    return figure
