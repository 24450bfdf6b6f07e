"""A designated pattern beside the genes that follow it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images.tensors import ImageViews
from sigel.pl._base import draw_pixels, images_of, limits_of, panel_shape, pyplot

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

_LEVELS = 3  # regions named above the pattern; more do not fit a panel


def pattern_genes(
    adata: AnnData,
    table: pd.DataFrame,
    *,
    n: int = 7,
    ncols: int = 4,
    layer: str | None = None,
    spatial_key: str | None = None,
    cmap: str = "viridis",
    config: ImageConfig | None = None,
    key: str = "sigel",
) -> Figure:
    """The pattern that was asked for, then the genes that follow it best, z-scored and on one scale.

    Parameters
    ----------
    adata
        The section that the table is about; only read.
    table
        From `sigel.tl.pattern_genes`, or rows of it.
    n
        Genes shown, the best first; 7 and the pattern are two rows.
    ncols
        Panels in a row.
    layer, spatial_key, config
        As in the call of `sigel.tl.pattern_genes`; default: those of the fit under `key`.
    cmap
        Name of a matplotlib colour map.
    key
        `key_added` of `sigel.tl.embed`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. The pattern is the mean image of the drawn genes, with its levels above it;
        each gene has its similarity above it.

    Raises
    ------
    InputError
        When the table is another, or was made with another grid of pixels.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 3, 20, 60)
    >>> table = sigel.tl.pattern_genes(adata, "region", {"ring": 0.9}, progress=False)
    >>> figure = sigel.pl.pattern_genes(adata, table)
    """
    plt = pyplot()
    for name, number in (("n", n), ("ncols", ncols)):
        if number < 1:
            raise InputError(name, repr(number), "a whole number >= 1", f"Leave {name} out.")
    fix = "Pass what sigel.tl.pattern_genes returned."
    if not isinstance(table, pd.DataFrame) or not {"similarity", "rank"} <= set(table.columns):
        raise InputError("table", "another table", "columns similarity and rank", fix)
    if not {"image", "region_key", "levels"} <= set(table.attrs):
        raise InputError("table", "a table without its pattern in `attrs`", "the table as it was", fix)
    best = table.dropna(subset="rank").sort_values("rank").head(n)
    if best.empty:
        raise InputError("table", "no gene with a rank", "at least one", 'See the column "status".')
    images = images_of(adata, key, layer, spatial_key, config)
    pattern = np.asarray(table.attrs["image"], dtype=np.float64)
    if len(pattern) != images.raster.n_pixels:
        found = f"a pattern on {len(pattern)} pixels for images of {images.raster.n_pixels}"
        fix = "Pass the section, spatial_key and config that the pattern was made with."
        raise InputError("table", found, "the same grid", fix)
    genes = ImageViews(images).shown(torch.from_numpy(images.index(list(best.index)))).numpy()
    values = _standard(np.vstack([pattern, genes]))

    n_cols = min(ncols, len(values))
    n_rows = math.ceil(len(values) / n_cols)
    width, height = panel_shape(images.raster, 2.2)
    size = (n_cols * width + 0.8, n_rows * (height + 0.45))
    figure, axes = plt.subplots(n_rows, n_cols, figsize=size, squeeze=False, layout="constrained")
    limits = limits_of(values)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image in zip(axes.flat, values, strict=False):
        drawn = draw_pixels(ax, images.raster, image, limits, cmap)
    axes.flat[0].set_title(_told(table), fontsize=9, fontweight="bold")
    for ax, gene, similarity in zip(axes.flat[1:], best.index, best["similarity"], strict=False):
        ax.set_title(f"$\\it{{{_plain(gene)}}}$\n{similarity:.2f}", fontsize=9)
    figure.colorbar(drawn, ax=axes, shrink=min(0.8, 1.6 / n_rows), aspect=15, label="z-score", pad=0.02)
    return figure


def _told(table: pd.DataFrame) -> str:
    """The pattern in words, for its title."""
    levels = {name: level for name, level in table.attrs["levels"].items() if name != "background"}
    unit = table.attrs.get("unit", "quantile")
    if set(levels) == {"lowest", "highest"}:
        return f"pattern\n{table.attrs['region_key']}"
    sign = "×" if unit == "multiple" else ""
    told = ", ".join(f"{name} {sign}{level:g}" for name, level in list(levels.items())[:_LEVELS])
    return f"pattern\n{told}" + (" …" if len(levels) > _LEVELS else "")


def _plain(name: object) -> str:
    """A name within mathematical text, where some signs have a meaning."""
    return "".join(f"\\{sign}" if sign in "_#%&${}" else sign for sign in str(name)).replace("-", "{-}")


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)
