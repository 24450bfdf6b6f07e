"""Imputed genes on the tissue, and how far they can be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from sigel.errors import InputError, number_of, unknown_name
from sigel.images.section import checked_places
from sigel.keys import IMPUTATION
from sigel.pl._base import asked_genes, check_cmap, diameter_of, draw_cells, pyplot
from sigel.pl._histology import Spots, Under, pictures_under
from sigel.tasks.imputation.achieved_accuracy import correlation
from sigel.tl._measured import accuracy_of, measured_as_imputed, names_in_both

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure, SubFigure

_MAX_GENES = 30  # beyond which nobody looks
_SHARED, _IMPUTED = "#3b6ea8", "#c8553d"


def imputed_genes(
    imputed: AnnData,
    genes: Sequence[str] | str,
    *,
    measured: AnnData | None = None,
    spatial_key: str = "spatial",
    cmap: str = "viridis",
    histology: bool | str | None = None,
) -> Figure:
    """Imputed genes on the tissue, a row for each: as measured, as imputed, and how wide the interval is.

    Parameters
    ----------
    imputed
        From `sigel.tl.impute`; only read.
    genes
        Names of imputed genes, 30 at most.
    measured
        The same cells with measured values of some of the genes, paired by name; only read. Whole numbers are
        counts: `log1p` is taken after scaling each cell's panel genes to `target_sum`; where those are not
        among them, all its counts to the median; with fewer than 20 genes, unscaled. Others stay as they are.
    spatial_key
        Key in `obsm` of the coordinates.
    cmap
        Name of a matplotlib colour map, of the values.
    histology
        Whether the picture of the tissue lies under the cells, as in `sigel.pl.domains`: that in
        `uns["spatial"]` of `imputed`, else of `measured`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Each panel has a colour scale of its own: an expectation varies less than
        what is measured. Above a row stand the expected and, where the gene was measured and varies, the
        achieved Pearson correlation (PCC); in grey are genes that `sigel.tl.impute` does not trust.

    Raises
    ------
    InputError
        When `imputed` is something else, a gene is unknown, or `measured` lacks the cells or all genes.

    Examples
    --------
    >>> import sigel
    >>> target, reference, hidden = sigel.datasets.simulated_panel(seed=0)
    >>> genes = list(hidden.var_names[:2])
    >>> imputed = sigel.tl.impute(target, reference, genes=genes, progress=False)
    >>> figure = sigel.pl.imputed_genes(imputed, genes, measured=hidden)
    """
    plt = pyplot()
    check_cmap(cmap)
    told = _results(imputed)
    genes = _asked(genes, imputed)
    if spatial_key not in imputed.obsm:
        known = ", ".join(map(repr, imputed.obsm)) or "nothing"
        raise InputError("spatial_key", repr(spatial_key), "a key of obsm", f"There is {known}.")
    places = checked_places(imputed.obsm[spatial_key], "spatial_key", columns=(2, 3))[:, :2]
    diameter = diameter_of(places)
    columns = _columns(imputed[:, genes], measured, told["coverage"])
    holder = imputed if measured is None or imputed.uns.get("spatial") else measured
    spots = Spots(np.arange(imputed.n_obs), places, diameter)
    (under,) = pictures_under(imputed, [spots], histology, spatial_key, holder.uns.get("spatial"))
    achieved = correlation(columns["measured"], columns["imputed"]) if "measured" in columns else None

    across, down = np.ptp(places, axis=0) + diameter
    height = 2.3 * float(np.clip(down / across, 0.4, 2.5))
    figure = plt.figure(figsize=(3.0 * len(columns), len(genes) * (height + 0.6)), layout="constrained")
    rows = np.atleast_1d(figure.subfigures(len(genes), 1))
    for at, (row, known) in enumerate(zip(rows, imputed.var.loc[genes].itertuples(), strict=True)):
        panels = {name: values[:, at] for name, values in columns.items()}
        heading = f"{known.Index}: expected PCC {known.expected_pcc:.2f}"
        if achieved is not None and np.ptp(panels["measured"]) > 0:
            heading += f", achieved {achieved[at]:.2f}"
        heading += "" if known.trusted else ", not trusted"
        row.suptitle(heading, fontsize=10, color="black" if known.trusted else "0.5", parse_math=False)
        _draw_gene(row, places, diameter, panels, cmap, under)
    figure.supxlabel("colour bars: log1p of normalised counts", fontsize=8, color="0.4")
    return figure


def _columns(imputed: AnnData, measured: AnnData | None, coverage: float) -> dict[str, np.ndarray]:
    """What is drawn of the genes by the title of the panel, each `(n_cells, n_genes)`."""
    columns = {"imputed": _dense(imputed.X)}
    if measured is not None:
        genes = list(imputed.var_names)
        there = names_in_both(genes, measured)
        seen = np.full(imputed.shape, np.nan)
        seen[:, [genes.index(gene) for gene in there]] = measured_as_imputed(
            imputed, measured, there
        ).toarray()
        columns = {"measured": seen, **columns}
    if {"lower", "upper"} <= set(imputed.layers):
        width = _dense(imputed.layers["upper"]) - _dense(imputed.layers["lower"])
        columns[f"width of {coverage:.0%} interval"] = width
    return columns


def _draw_gene(
    row: SubFigure,
    places: np.ndarray,
    diameter: float,
    panels: dict[str, np.ndarray],
    cmap: str,
    under: Under | None,
) -> None:
    """Panels of one gene side by side, each on a scale of its own."""
    axes = row.subplots(1, len(panels), squeeze=False)[0]
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        ax.set_axis_off()
        if np.isnan(values[0]):
            ax.set_title("not measured", fontsize=9, color="0.5")
            continue
        scale = "plasma" if name.startswith("width") else cmap
        drawn = draw_cells(ax, places, diameter, values, scale, under)
        ax.set_title(name, fontsize=9)
        row.colorbar(drawn, ax=ax, shrink=0.7, aspect=15, pad=0.02).ax.tick_params(labelsize=7)


def imputation_accuracy(imputed: AnnData, *, measured: AnnData | None = None) -> Figure:
    """Expected against achieved correlation, a dot for each gene.

    Parameters
    ----------
    imputed
        From `sigel.tl.impute`; only read.
    measured
        The same cells with measured values of imputed genes, as in `imputed_genes`. Default: none, and
        only the shared genes are drawn, each imputed as if it had not been measured.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Across: the correlation that was expected of a gene before it was looked at.
        Up: that with its measured values. Dashed: where both are the same. Dotted: the least that must be
        expected of a gene for `trusted`. A gene of `measured` that does not vary is left out.

    Raises
    ------
    InputError
        When `imputed` is something else, or `measured` lacks the cells or all genes.

    Examples
    --------
    >>> import sigel
    >>> target, reference, hidden = sigel.datasets.simulated_panel(seed=0)
    >>> imputed = sigel.tl.impute(target, reference, progress=False)
    >>> figure = sigel.pl.imputation_accuracy(imputed, measured=hidden)
    """
    plt = pyplot()
    told = _results(imputed)
    shared = told["shared"]
    dots = {"shared genes, cross-validated": (_SHARED, shared["expected_pcc"], shared["achieved_pcc"])}
    ranks = [f"{told['spearman']:.2f} over {len(shared)} shared genes"]
    if measured is not None:
        found = accuracy_of(imputed, measured)
        dots = {"imputed genes": (_IMPUTED, found.expected, found.achieved), **dots}
        ranks.append(f"{found.spearman:.2f} over {len(found.achieved)} imputed genes")

    figure, ax = plt.subplots(figsize=(5.2, 5.4), layout="constrained")
    for name, (shade, across, up) in dots.items():
        style = {"s": float(np.clip(15000 / max(len(up), 1), 5, 22)), "color": shade, "alpha": 0.7}
        ax.scatter(across, up, **style, linewidths=0, rasterized=True, label=f"{name}: {len(up)}")
    least = float(told["min_pcc"])
    ends = np.concatenate([[0.0, least], *(part for _, *both in dots.values() for part in both)])
    low, high = np.nanmin(ends) - 0.04, np.nanmax(ends) + 0.04
    ax.plot([low, high], [low, high], "--", color="0.5", lw=1, label="expected = achieved", zorder=0)
    ax.axvline(least, color="0.3", lw=1, ls=":", label=f"trusted from {least:g}", zorder=0)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set(xlabel="expected PCC", ylabel="achieved PCC")
    ax.set_title("Spearman " + "\n".join(ranks), fontsize=10)
    ax.grid(visible=True, alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=8)
    return figure


def _results(imputed: AnnData) -> dict[str, Any]:
    """What `sigel.tl.impute` wrote in `uns`, with its `min_pcc` and `coverage`; or a message."""
    told = dict(imputed.uns.get(IMPUTATION, {})) if hasattr(imputed, "uns") else {}
    if not {"shared", "params"} <= set(told) or not {"expected_pcc", "trusted"} <= set(imputed.var):
        fix = "Pass what sigel.tl.impute returned."
        raise InputError("imputed", f"a {type(imputed).__name__} without them", "imputed genes", fix)
    return {**told, **json.loads(told["params"])}


def _asked(genes: Sequence[str] | str, imputed: AnnData) -> list[str]:
    example = "list(imputed.var_names[:3])"
    genes = list(dict.fromkeys(asked_genes(genes, example, "names of imputed genes")))
    fix = f"For example {example}."
    if len(genes) > _MAX_GENES:
        raise InputError("genes", number_of(len(genes), "gene"), f"at most {_MAX_GENES}", fix)
    left_out = imputed.uns[IMPUTATION].get("left_out")
    for gene in (gene for gene in genes if gene not in imputed.var_names):
        found = unknown_name(gene, imputed.var_names)
        if left_out is not None and gene in left_out.index:
            found = f"{gene!r}, which was not imputed ({left_out.loc[gene, 'status']})"
        raise InputError("genes", found, "names of imputed genes", fix)
    return genes


def _dense(values: Any) -> np.ndarray:
    return values.toarray() if sparse.issparse(values) else np.asarray(values)
