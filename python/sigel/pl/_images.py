"""Images of chosen genes, as the model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.pl._base import (
    asked_genes,
    check_at_least_one,
    check_cmap,
    diameter_of,
    images_of,
    limits_of,
    pyplot,
    scale_label,
    shown_images,
)
from sigel.pl._grid import Panel, draw_grid, grid_figure, in_rows
from sigel.pl._histology import Spots, Under, pictures_under
from sigel.tl._fits import as_fitted, info_under, places_told

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

    from sigel.images.raster import Raster


def gene_images(
    adata: AnnData,
    genes: Sequence[str] | str,
    *,
    layer: str | None = None,
    spatial_key: str | None = None,
    ncols: int = 5,
    shared_scale: bool = True,
    cmap: str = "viridis",
    histology: bool | str | None = False,
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """Images of genes: normalised and scaled as the model sees them, and smoothed for the eye.

    Several sections lie row by row in their order. Where cells lie on no lattice, a pixel that none of them
    lies in is white.

    Parameters
    ----------
    adata
        Spots x genes; only read. Spots whose `obs["in_tissue"]` is 0 are left out.
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
    histology
        Whether the picture of the tissue lies under the images of one section, whose pixels are discs then;
        its values are those of `sigel.pl.domains`. Default: images alone, as the model sees them.
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
        When a gene is unknown or has no image, or there is no picture of the tissue; says why.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> figure = sigel.pl.gene_images(adata, ["Gene0001", "Gene0002"])
    """
    pyplot()
    genes = asked_genes(genes, "list(adata.var_names[:5])")
    check_at_least_one(ncols=ncols)
    check_cmap(cmap)
    images = images_of(adata, key, layer, spatial_key, config)
    values = shown_images(images, genes)
    under = _under(adata, images.raster, histology, key, spatial_key)
    rows = in_rows(map(Panel, values, genes), min(ncols, len(genes)))
    n_cols = len(rows[0])
    beside = 0.7 if shared_scale else 0.0
    figure = grid_figure(images.raster, len(rows), n_cols, width=2.2, title=0.3, beside=beside)
    draw_grid(
        figure,
        images.raster,
        rows,
        n_cols,
        limits=limits_of(values) if shared_scale else None,
        cmap=cmap,
        label=scale_label(images),
        fontsize=10,
        aspect=20,
        under=under,
    )
    if under is None and images.raster.has_holes:
        figure.supxlabel("White pixels within the tissue hold no cell.", fontsize=8, color="0.35")
    return figure


def _under(
    adata: AnnData, raster: Raster, histology: object, key: str, spatial_key: str | None
) -> Under | None:
    """The picture under the images of one section."""
    if histology is False or (histology is None and len(raster.parts) > 1):
        return None
    if len(raster.parts) > 1:
        fix = "Take the spots of one, or leave histology out."
        raise InputError("histology", f"images of {len(raster.parts)} sections", "those of one", fix)
    spatial_key = as_fitted(places_told(info_under(adata, key)), None, spatial_key)["spatial_key"]
    places = raster.coordinates()
    spots = Spots(np.arange(adata.n_obs), places, diameter_of(places))
    there = spatial_key if spatial_key in adata.obsm else None
    return pictures_under(adata, [spots], histology, there)[0]
