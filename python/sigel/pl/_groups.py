"""One page of gene groups: the mean image of each, its most typical genes, and what it is rich in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from sigel.config import ImageConfig
from sigel.keys import NO_PATTERN
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
from sigel.tasks.gene_groups.enrichment import group_enrichment
from sigel.tasks.gene_groups.gene_sets import GeneSets
from sigel.tasks.gene_groups.group_images import GroupImages, group_images, largest_groups
from sigel.tasks.gene_groups.top_terms import top_terms
from sigel.tl._fits import groups_under

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches: an image, the heading of a group, the name of a gene, between groups side by side, around all;
# the title, the colour bar, the note below.
_IMAGE, _HEADING, _NAME, _GAP, _MARGIN = 1.15, 0.42, 0.2, 0.3, 0.15
_TITLE, _BAR, _NOTE = 0.4, 0.95, 0.15
# More groups than this stand in two columns.
_ONE_COLUMN = 6


def gene_groups(
    adata: AnnData,
    *,
    gene_sets: GeneSets | None = None,
    n_genes: int = 3,
    max_groups: int = 24,
    min_size: int = 5,
    max_size: int = 500,
    layer: str | None = None,
    spatial_key: str | None = None,
    cmap: str = "viridis",
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """A page of gene groups: the mean image of each, its most typical genes, the gene set it is richest in.

    Typical are the genes whose representation points most nearly where the group's mean points.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`; only read.
    gene_sets
        Path of a GMT file or a dict of names of genes by name of the set: a group is called after the set
        with the smallest p-value in `sigel.tl.group_enrichment`, where its q-value is below 0.05.
    n_genes
        Genes shown for each group.
    max_groups
        Groups shown, the largest first; 24 fit a page. Genes without a pattern are the last of them, and none
        of the number in the title.
    min_size, max_size
        Sets that are looked at, as in `sigel.tl.group_enrichment`.
    layer, spatial_key
        As in the call of `sigel.tl.embed`.
    cmap
        Name of a matplotlib colour map.
    config
        How images are made; default: as in the fit under `key`.
    key
        `key_added` of `sigel.tl.embed` or `sigel.tl.gene_groups`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Images of genes share one scale, and so do mean images, which are paler.

    Raises
    ------
    InputError
        When there are no results under `key`, or the gene sets cannot be used.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> ring = list(adata.var_names[adata.var["programme"] == "ring"])
    >>> figure = sigel.pl.gene_groups(adata, gene_sets={"ring": ring})
    """
    plt = pyplot()
    check_at_least_one(n_genes=n_genes, max_groups=max_groups)
    check_cmap(cmap)
    keys, z = groups_under(adata, key)
    group = adata.var[keys.group].astype(object).to_numpy()
    names = {}
    if gene_sets is not None:
        sizes = {"min_size": min_size, "max_size": max_size}
        names = top_terms(group_enrichment(adata.var_names, group, gene_sets, **sizes))
    images = images_of(adata, key, layer, spatial_key, config)
    labels = largest_groups(images, group)
    n_groups = len(labels) - (NO_PATTERN in labels)
    labels = _on_page(labels, max_groups)
    found = group_images(images, z, group, labels, n_genes=n_genes)

    n_blocks = 1 if len(labels) <= _ONE_COLUMN else 2
    n_rows = -(-len(labels) // n_blocks)
    width, height = panel_shape(images.raster, _IMAGE)
    block, row = (n_genes + 1) * width + _GAP, _HEADING + height + _NAME
    size = (n_blocks * block + _BAR + _MARGIN, n_rows * row + _TITLE + _NOTE + _MARGIN)
    figure = plt.figure(figsize=size)
    limits = limits_of(np.concatenate([one.images for one in found]))
    of_means = limits_of(np.stack([one.mean for one in found]))

    def axes_at(left: float, top: float, wide: float, high: float) -> Axes:
        """Axes whose upper left corner is so many inches from that of the page."""
        return figure.add_axes((left / size[0], 1 - (top + high) / size[1], wide / size[0], high / size[1]))

    # Sections stand apart from those of the next gene.
    share = 0.96 if len(images.raster.parts) == 1 else 0.9
    for k, (label, one) in enumerate(zip(labels, found, strict=True)):
        at_block, at_row = divmod(k, n_rows)
        left, top = _MARGIN + at_block * block, _TITLE + at_row * row + _HEADING
        shown = [(one.mean, "mean"), *zip(one.images, one.typical, strict=True)]
        for step, (image, name) in enumerate(shown):
            ax = axes_at(left + step * width, top, share * width, height)
            drawn = draw_pixels(ax, images.raster, image, limits if step else of_means, cmap)
            named = ax.set_title(name, y=0, pad=-3, va="top", fontsize=8, parse_math=False)
            named.set(**({"color": "0.4"} if step == 0 else {"fontstyle": "italic"}))
            if step == 0:
                _heading(ax, label, one, names.get(label), (n_genes + 1) * width)
    bar = axes_at(size[0] - _BAR + 0.15, _TITLE + _HEADING, 0.12, min(1.6, n_rows * row - _HEADING))
    figure.colorbar(drawn, cax=bar, label=scale_label(images))
    n_shown = len(labels) - (NO_PATTERN in labels)
    largest = f"The {f'{n_shown} ' * (n_shown > 1)}largest of " if n_groups > n_shown else ""
    title = f"{largest}{n_groups} group{'s' * (n_groups != 1)} of genes: mean image, most typical genes"
    figure.suptitle(title, x=_MARGIN / size[0], y=1 - 0.12 / size[1], ha="left", fontsize=10)
    note = "Mean images have a scale of their own."
    figure.text(_MARGIN / size[0], 0.1 / size[1], note, fontsize=8, color="0.35")
    return figure


def _on_page(labels: list[str], most: int) -> list[str]:
    """The largest groups; that of genes without a pattern, the last, keeps its place where there are two."""
    if len(labels) > most > 1 and labels[-1] == NO_PATTERN:
        return [*labels[: most - 1], NO_PATTERN]
    return labels[:most]


def _heading(ax: Axes, label: str, group: GroupImages, term: str | None, inches: float) -> None:
    """Number and name of a group above its images, and how many genes it has."""
    called = label.capitalize() if label == NO_PATTERN else f"Group {label}"
    count = f"{group.n_genes} gene{'s' * (group.n_genes > 1)}"
    if term is not None:  # about fourteen letters an inch
        called = textwrap.shorten(f"{called}: {term}", int(14 * inches), placeholder=" ...")
    for text, lift, weight, colour in ((called, 13, "bold", "black"), (count, 2, "normal", "0.4")):
        note = ax.annotate(text, (0, 1), (0, lift), xycoords="axes fraction", textcoords="offset points")
        note.set(fontsize=8.5, parse_math=False, fontweight=weight, color=colour)
