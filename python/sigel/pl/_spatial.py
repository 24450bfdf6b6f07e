"""Spatially variable genes at a glance: how sure against how strong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.errors import InputError
from sigel.images.section import check_section
from sigel.keys import Keys
from sigel.pl._base import CALLED, pyplot
from sigel.pl._names_beside import name_beside

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CALLED, _OTHERS = "#c8553d", "#9aa5b1"
_LOWEST = 1e-300  # where a p-value is below what numbers can hold


def spatial_genes(adata: AnnData, *, n_labels: int = 10, key: str = "sigel") -> Figure:
    """Score against effect, a dot for each gene; called genes in colour, the first of them by name.

    Parameters
    ----------
    adata
        An AnnData with the results of `sigel.tl.spatial_genes`; only read.
    n_labels
        Genes named, those of rank 1 on; 0 names none.
    key
        `key` of `sigel.tl.spatial_genes`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Across: the share of a gene's variance that is spatial. Up: the SIGEL score,
        or -log10 of the p-value where no score was asked for. In colour: genes with q < 0.05.

    Raises
    ------
    InputError
        When there are no results under `key`.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> table = sigel.tl.spatial_genes(adata, progress=False)
    >>> figure = sigel.pl.spatial_genes(adata)
    """
    plt = pyplot()
    check_section(adata)
    if isinstance(n_labels, bool) or not isinstance(n_labels, int | np.integer) or n_labels < 0:
        raise InputError("n_labels", repr(n_labels), "a whole number >= 0", "Use n_labels=10.")
    found = _results(adata, key)
    effect, height, label = found["effect"], found["score"], "SIGEL score (z)"
    if not np.isfinite(height).any():
        logs = found["log_pval"]
        if not np.isfinite(logs).any():  # results of version 0.6 and before
            logs = np.log(np.maximum(found["pval"], _LOWEST))
        height, label = -logs / np.log(10), r"$-\log_{10}$ p"
    shown = np.isfinite(height) & np.isfinite(effect)
    if not shown.any():
        fix = f"See adata.var[{Keys(key).spatial('status')!r}]."
        raise InputError("key", f"{key!r}, with no gene that has an answer", "genes with an answer", fix)

    figure, ax = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
    _dots(ax, effect, height, shown, shown & (found["qval"] < CALLED))
    ax.set_xlabel("share of variance that is spatial")
    ax.set_ylabel(label)
    ax.set_title(f"{int(shown.sum())} genes", fontsize=11)
    ax.grid(visible=True, alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    # Below the axes: dots may be anywhere in them.
    ax.legend(
        frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, markerscale=1.5, fontsize=9
    )
    ax.margins(0.04)
    order = np.argsort(np.where(shown, found["rank"], np.inf), kind="stable")
    first = [gene for gene in order[:n_labels] if shown[gene] and np.isfinite(found["rank"][gene])]
    name_beside(ax, adata.var_names.to_numpy()[first], effect[first], height[first])
    return figure


def _results(adata: AnnData, key: str) -> dict[str, np.ndarray]:
    """Columns that `sigel.tl.spatial_genes` wrote, NaN where one is not there; or a refusal."""
    names = ("score", "effect", "pval", "log_pval", "qval", "rank")
    columns = {name: Keys(key).spatial(name) for name in names}
    if columns["effect"] not in adata.var:
        fix = f'Call sigel.tl.spatial_genes(adata, key="{key}") first.'
        raise InputError("key", f"{key!r}, under which there is nothing", "results of spatial_genes", fix)
    nothing = np.full(adata.n_vars, np.nan)
    return {
        name: adata.var[column].to_numpy(dtype=np.float64) if column in adata.var else nothing
        for name, column in columns.items()
    }


def _dots(ax: Axes, x: np.ndarray, y: np.ndarray, shown: np.ndarray, called: np.ndarray) -> None:
    """A dot for each gene, called ones in colour."""
    size = float(np.clip(15000 / shown.sum(), 4, 22))
    style: dict[str, Any] = {"s": size, "alpha": 0.7, "linewidths": 0, "rasterized": True}
    for genes, shade, name in (
        (shown & ~called, _OTHERS, "not called"),
        (called, _CALLED, f"q < {CALLED:g}"),
    ):
        ax.scatter(x[genes], y[genes], color=shade, label=f"{name}: {int(genes.sum())}", **style)
