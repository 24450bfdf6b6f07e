"""A page about one gene group."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images.tensors import ImageViews
from sigel.pl._base import draw_pixels, images_of, limits_of, panel_shape, pyplot, results, scale_label
from sigel.pl._map import Method, plane
from sigel.stats.scaling import centred
from sigel.tasks.gene_groups.grouping import describe_groups, typical_genes

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NCOLS = 4
_ON_MAP = 4000  # other genes on the map: more are no clearer, and t-SNE would take a minute


def group_page(
    adata: AnnData,
    group: str | int,
    *,
    n_genes: int = 8,
    layer: str | None = None,
    spatial_key: str | None = None,
    method: Method = "tsne",
    seed: int = 0,
    cmap: str = "viridis",
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """A gene group's page: its mean image, its place among all genes, its figures, its most typical genes.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`; only read.
    group
        Name of the group, `"3"` or 3.
    n_genes
        Typical genes shown: those nearest to the mean of the group's representations.
    layer, spatial_key
        As in the call of `sigel.tl.embed`; default: those of the fit under `key`.
    method, seed
        Of the map, as in `sigel.pl.gene_map`; of very many genes outside the group 4,000 are drawn.
    cmap
        Name of a matplotlib colour map.
    config
        How images are made; default: as in the fit under `key`.
    key
        `key_added` of `sigel.tl.embed` or `sigel.tl.gene_groups`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. All images share one scale. Its figures include the stability where
        `sigel.tl.group_stability` was called.

    Raises
    ------
    InputError
        When there are no results under `key`, or no such group.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> figure = sigel.pl.group_page(adata, 1, method="pca")
    """
    plt = pyplot()
    if n_genes < 1:
        raise InputError("n_genes", repr(n_genes), "a whole number >= 1", "Leave n_genes out.")
    if method not in get_args(Method):
        raise InputError("method", repr(method), f"one of {get_args(Method)}", 'Use method="tsne".')
    keys = results(adata, key)
    images = images_of(adata, key, layer, spatial_key, config)
    position = adata.var_names.get_indexer(images.genes)
    labels = adata.var[keys.group].astype(object).to_numpy()
    z = np.asarray(adata.varm[keys.representation], dtype=np.float64)
    table = describe_groups(z, adata.var_names, labels, adata.var.get(keys.group_prob)).set_index("group")
    group = str(group)
    if group not in table.index:
        known = ", ".join(table.index[:20]) + (", ..." if len(table) > 20 else "")
        raise InputError("group", unknown_name(group, ()), "the name of a group", f"There are: {known}.")
    members = np.flatnonzero(labels[position] == group)
    unit = np.zeros_like(z)
    fitted = np.isfinite(z).all(axis=1)
    unit[fitted] = centred(z[fitted])
    typical = members[typical_genes(unit[position[members]])][:n_genes]
    views = ImageViews(images)
    mean = views.mean_shown(torch.from_numpy(members)).numpy()
    genes = views.shown(torch.from_numpy(typical)).numpy()
    limits = limits_of(genes)

    n_rows = -(-len(typical) // _NCOLS)
    width, height = panel_shape(images.raster, 2.0)
    top = max(3.0, 1.5 * height)
    figure = plt.figure(
        figsize=(_NCOLS * width + 0.8, top + n_rows * (height + 0.25) + 0.4), layout="constrained"
    )
    above, below = figure.subfigures(2, 1, height_ratios=[top, n_rows * (height + 0.25)])
    left, middle, right = above.subplots(1, 3, width_ratios=[1.1, 1.1, 0.8])
    drawn = draw_pixels(left, images.raster, mean, limits, cmap)
    left.set_title("mean image", fontsize=9)
    embedded = np.isfinite(z).all(axis=1)
    _place(middle, z[embedded], labels[embedded] == group, method, seed)
    _figures(right, table.loc[group], adata.uns.get(keys.info, {}).get("stability"), group)
    panels = below.subplots(n_rows, _NCOLS, squeeze=False)
    for ax in panels.flat:
        ax.set_axis_off()
    for ax, gene, image in zip(panels.flat, images.genes[typical], genes, strict=False):
        draw_pixels(ax, images.raster, image, limits, cmap)
        ax.set_title(gene, fontsize=9, fontstyle="italic", parse_math=False)
    label = scale_label(images)
    below.colorbar(drawn, ax=panels, shrink=min(0.8, 1.6 / n_rows), aspect=15, label=label, pad=0.02)
    figure.suptitle(f"Gene group {group}", fontsize=11, fontweight="bold")
    return figure


def _place(ax: Axes, z: np.ndarray, inside: np.ndarray, method: Method, seed: int) -> None:
    """The map of genes `(n, n_dims)`, those of the group in colour."""
    rng = np.random.default_rng(seed)
    drawn = np.flatnonzero(~inside)
    drawn = np.sort(rng.permutation(drawn)[:_ON_MAP])
    drawn = np.concatenate([drawn, np.flatnonzero(inside)])
    place, inside = plane(z[drawn], method, seed), inside[drawn]
    size = float(np.clip(6000 / len(place), 2, 16))
    for rows, colour in ((~inside, "0.8"), (inside, "#c8553d")):
        ax.scatter(place[rows, 0], place[rows, 1], s=size, color=colour, linewidths=0)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_box_aspect(1)
    ax.set_title("place among the genes", fontsize=9)
    ax.set_xlabel({"tsne": "t-SNE", "pca": "principal components"}[method], fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def _figures(ax: Axes, row: pd.Series, stability: dict[str, np.ndarray] | None, group: str) -> None:
    """What is known of the group, as lines of text."""
    lines = [
        ("genes", f"{row['n_genes']}"),
        ("medoid", row["medoid"]),
        ("cohesion", f"{row['cohesion']:.2f}"),
        ("mean posterior", f"{row['mean_prob']:.2f}"),
    ]
    if stability is not None:
        at = np.flatnonzero(np.asarray(stability["group"]).astype(str) == group)
        lines += [
            (
                "stability",
                f"{float(stability['stability'][k]):.2f} (lowest {float(stability['lowest'][k]):.2f})",
            )
            for k in at
        ]
    ax.set_axis_off()
    for step, (name, value) in enumerate(lines):
        height = 0.9 - 0.17 * step
        ax.text(0, height, name, transform=ax.transAxes, fontsize=8, color="0.4")
        ax.text(0, height - 0.075, value, transform=ax.transAxes, fontsize=10)
