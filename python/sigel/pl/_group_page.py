"""A page about one gene group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.pl._base import (
    check_at_least_one,
    check_cmap,
    draw_pixels,
    images_of,
    limits_of,
    panel_shape,
    pyplot,
    scale_label,
)
from sigel.pl._grid import Panel, draw_grid, in_rows
from sigel.tasks.gene_groups.group_images import group_images
from sigel.tasks.gene_map import AXES, Method, check_method, group_on_map
from sigel.tl._fits import groups_under
from sigel.tl._groups import gene_groups as describe

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NCOLS = 4


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
    check_at_least_one(n_genes=n_genes)
    check_cmap(cmap)
    check_method(method)
    keys, z = groups_under(adata, key)
    table = describe(adata, key=key).set_index("group")
    group = str(group)
    if group not in table.index:
        known = ", ".join(table.index[:20]) + (", ..." if len(table) > 20 else "")
        raise InputError("group", unknown_name(group, ()), "the name of a group", f"There are: {known}.")
    images = images_of(adata, key, layer, spatial_key, config)
    labels = adata.var[keys.group].astype(object).to_numpy()
    (found,) = group_images(images, z, labels, [group], n_genes=n_genes)
    embedded = np.isfinite(z).all(axis=1)
    inside = labels[embedded] == group
    place, rows_of_place = group_on_map(z[embedded], inside, method=method, seed=seed)

    raster, limits = images.raster, limits_of(found.images)
    rows = in_rows(map(Panel, found.images, found.typical), _NCOLS)
    width, height = panel_shape(raster, 2.0)
    top, grid = max(3.0, 1.5 * height), len(rows) * (height + 0.25)
    figure = plt.figure(figsize=(_NCOLS * width + 0.8, top + grid + 0.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[top, grid])
    left, middle, right = above.subplots(1, 3, width_ratios=[1.1, 1.1, 0.8])
    draw_pixels(left, raster, found.mean, limits, cmap)
    left.set_title("Mean image", fontsize=9)
    _place(middle, place, inside[rows_of_place], method)
    _figures(right, table.loc[group], adata.uns.get(keys.info, {}).get("stability"), group)
    draw_grid(below, raster, rows, _NCOLS, limits=limits, cmap=cmap, label=scale_label(images))
    figure.suptitle(f"Group {group}", fontsize=11, fontweight="bold", parse_math=False)
    return figure


def _place(ax: Axes, place: np.ndarray, inside: np.ndarray, method: Method) -> None:
    """The map of genes `(n, 2)`, those of the group in colour."""
    size = float(np.clip(6000 / len(place), 2, 16))
    for rows, colour in ((~inside, "0.8"), (inside, "#c8553d")):
        ax.scatter(place[rows, 0], place[rows, 1], s=size, color=colour, linewidths=0)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_box_aspect(1)
    ax.set_title("Its genes among all", fontsize=9)
    ax.set_xlabel(f"{AXES[method]} 1", fontsize=8)
    ax.set_ylabel(f"{AXES[method]} 2", fontsize=8)
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
        ax.text(0, height - 0.075, value, transform=ax.transAxes, fontsize=10, parse_math=False)
