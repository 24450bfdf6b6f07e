"""Two genes on the tissue, and where they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sigel.errors import InputError, number_of
from sigel.images.section import Section, check_section
from sigel.pl._base import check_cmap, pyplot
from sigel.pl._colours import Shades
from sigel.pl._tissue import draw_parts, grid_of, parts_of
from sigel.tasks.interactions.pair_picture import picture_of_pair
from sigel.tl._fits import as_fitted, info_under

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure


def gene_pair(
    adata: AnnData,
    gene_a: str,
    gene_b: str,
    *,
    layer: str | None = None,
    spatial_key: str | None = None,
    cmap: str = "viridis",
    histology: bool | str | None = None,
    key: str = "sigel",
) -> Figure:
    """Two genes on the tissue, and where they meet.

    Parameters
    ----------
    adata
        One section, spots x genes; only read. Spots whose `obs["in_tissue"]` is 0 are left out.
    gene_a, gene_b
        Names of two genes, for example of a row of `sigel.tl.gene_interactions`.
    layer
        Layer with raw counts; default: that of the fit under `key`, else `X`.
    spatial_key
        Key in `obsm` of the coordinates; default: that of the fit, else `"spatial"`.
    cmap
        Name of a matplotlib colour map, of the two genes.
    histology
        Whether the picture of the tissue lies under the spots, as in `sigel.pl.domains`.
    key
        `key_added` of `sigel.tl.embed`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Left and middle: `log1p` of counts per 10,000, a mean over the 7 nearest spots,
        each gene from the 1 to the 99 % quantile of its own. Right: the geometric mean of the two on these
        scales: 1 only where both are high, 0 where one is low.

    Raises
    ------
    InputError
        When a gene is unknown, with the nearest names, or both are one.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> figure = sigel.pl.gene_pair(adata, "Gene0001", "Gene0002")
    """
    import matplotlib as mpl

    plt = pyplot()
    check_cmap(cmap)
    info = info_under(adata, key)
    _check_one_section(adata, str(info.get("section_key", "")))
    given = as_fitted(info, layer, spatial_key)
    section = Section.from_anndata(adata, **given, told=False)
    adata = adata if section.within is None else adata[section.within]
    found = picture_of_pair(section, gene_a, gene_b)
    spatial_key = None if given["spatial_key"] == "spatial" else given["spatial_key"]
    parts = parts_of(adata, {}, spatial_key, histology=histology)
    _, _, width, height = grid_of(parts, 3.6)
    below, above = 0.75, 0.4
    figure = plt.figure(figsize=(3 * (width + 0.1), height + below + above), layout="constrained")
    mean = "log1p of counts per 10,000, mean of 7 spots"
    panels = (
        (gene_a, "italic", found.first, cmap, found.limits[0], mean),
        (gene_b, "italic", found.second, cmap, found.limits[1], mean),
        ("where they meet", "normal", found.together, "magma", (0.0, 1.0), "1: both are high, 0: one is low"),
    )
    for place, (title, style, values, scale, limits, label) in zip(
        figure.subfigures(1, 3), panels, strict=True
    ):
        shades = Shades(np.asarray(values), mpl.colormaps[scale], limits, [])
        drawn = draw_parts(place, parts, shades)
        (ax,) = place.axes
        ax.set_title(title, fontsize=11, fontstyle=style, parse_math=False)
        bar = place.colorbar(drawn, ax=ax, location="bottom", shrink=0.8, aspect=22, pad=0.02)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=8)
    return figure


def _check_one_section(adata: AnnData, section_key: str) -> None:
    check_section(adata, "adata")
    if section_key in adata.obs and (n := adata.obs[section_key].nunique()) > 1:
        name = adata.obs[section_key].iloc[0]
        fix = f"Choose one: adata[adata.obs[{section_key!r}] == {name!r}]."
        raise InputError("adata", number_of(n, "section"), "one section", fix)
