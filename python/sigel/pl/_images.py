"""Images of chosen genes, as the model sees them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images.tensors import ImageViews
from sigel.pl._base import draw_pixels, images_of, limits_of, panel_shape, pyplot, scale_label

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure


def gene_images(
    adata: AnnData,
    genes: Sequence[str] | str,
    *,
    layer: str | None = None,
    spatial_key: str | None = None,
    ncols: int = 5,
    shared_scale: bool = True,
    cmap: str = "viridis",
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """Images of genes: normalised and scaled as the model sees them, and smoothed for the eye.

    Parameters
    ----------
    adata
        Spots x genes; only read.
    genes
        Names of genes that have an image, one panel each.
    layer
        Layer with raw counts; default: that of the fit under `key`, else `X`.
    spatial_key
        Key in `obsm` of the coordinates; default: that of the fit, else `"spatial"`.
    ncols
        Panels in a row.
    shared_scale
        One colour scale for all panels (default, so that panels can be compared), or one each.
    cmap
        Name of a matplotlib colour map.
    config
        How images are made; default: as in the fit under `key`, else `ImageConfig()`.
    key
        `key_added` of `sigel.tl.embed`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown.

    Raises
    ------
    InputError
        When a gene is unknown or has no image; says why.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> figure = sigel.pl.gene_images(adata, ["Gene0001", "Gene0002"])
    """
    plt = pyplot()
    if genes is None:
        raise InputError("genes", "None", "names of genes", "For example list(adata.var_names[:5]).")
    if not isinstance(genes, Iterable):
        raise InputError("genes", repr(genes), "names of genes", "For example list(adata.var_names[:5]).")
    genes = [genes] if isinstance(genes, str) else list(genes)
    if not genes:
        raise InputError("genes", "no name", "at least one gene", "For example list(adata.var_names[:5]).")
    if ncols < 1:
        raise InputError("ncols", repr(ncols), "a whole number >= 1", "Use ncols=5.")
    images = images_of(adata, key, layer, spatial_key, config)
    values = ImageViews(images).shown(torch.from_numpy(images.index(genes))).numpy()

    n_cols = min(ncols, len(genes))
    n_rows = math.ceil(len(genes) / n_cols)
    width, height = panel_shape(images.raster, 2.2)
    size = (n_cols * width + (0.7 if shared_scale else 0.0), n_rows * (height + 0.3))
    figure, axes = plt.subplots(n_rows, n_cols, figsize=size, squeeze=False, layout="constrained")
    limits = limits_of(values)
    label = scale_label(images)
    for ax, gene, image in zip(axes.flat, genes, values, strict=False):
        drawn = draw_pixels(ax, images.raster, image, limits if shared_scale else limits_of(image), cmap)
        ax.set_title(gene, fontsize=10, fontstyle="italic", parse_math=False)
        if not shared_scale:
            figure.colorbar(drawn, ax=ax, shrink=0.6, label=label)
    for ax in axes.flat[len(genes) :]:
        ax.set_axis_off()
    if shared_scale:
        figure.colorbar(drawn, ax=axes, shrink=min(0.8, 1.6 / n_rows), label=label, pad=0.02)
    return figure
