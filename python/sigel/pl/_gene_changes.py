"""The map of genes with arrows: where those that change lie in the first condition and in the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sigel.errors import InputError
from sigel.pl._base import CALLED, pyplot
from sigel.pl._names_beside import name_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CALLED, _OTHERS = "#c8553d", "#c3cad1"
_ARROW = {"arrowstyle": "-|>", "color": _CALLED, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
# Bent, as many of them begin and end at the same genes.
_ARROW |= {"connectionstyle": "arc3,rad=0.12"}


def gene_changes(table: pd.DataFrame, *, n_labels: int = 15, ax: Axes | None = None) -> Figure:
    """Lay genes out by their pattern in the first condition; arrows lead called ones to that in the last.

    Parameters
    ----------
    table
        From `sigel.tl.disease_genes`, or some of its rows.
    n_labels
        Called genes that are named, the clearest first; 0 names none.
    ax
        Where to draw; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, or that of `ax`; not shown. Genes near each other have alike patterns: the plane is that
        of the first two principal components of the representations. Called are genes with q < 0.05.

    Raises
    ------
    InputError
        When the table is something else.

    Examples
    --------
    >>> import sigel
    >>> sections = sigel.datasets.simulated_cohort((3, 3))
    >>> table = sigel.tl.disease_genes(sections, "condition", donor="donor", progress=False)
    >>> figure = sigel.pl.gene_changes(table)
    """
    plt = pyplot()
    if isinstance(n_labels, bool) or not isinstance(n_labels, int | np.integer) or n_labels < 0:
        raise InputError("n_labels", repr(n_labels), "a whole number >= 0", "Use n_labels=15.")
    places, levels = _places(table)
    called = places[places["qval"] < CALLED]
    others = places[~places.index.isin(called.index)]
    if ax is None:
        ax = plt.subplots(figsize=(7.2, 5.2), layout="constrained")[1]
    size = float(np.clip(12000 / max(len(places), 1), 4, 20))
    ax.scatter(others["from_x"], others["from_y"], s=size, color=_OTHERS, linewidths=0, rasterized=True)
    ax.scatter(called["from_x"], called["from_y"], s=20, color=_CALLED, linewidths=0, zorder=3)
    for gene in called.itertuples():
        ax.annotate(
            "",
            (gene.to_x, gene.to_y),
            (gene.from_x, gene.from_y),
            arrowprops=_ARROW,
        )
    every = called[["to_x", "to_y"]].to_numpy()
    if len(every):
        ax.update_datalim(every)
        ax.autoscale_view()
    ax.margins(0.05)
    first, last = levels or ("low", "high")
    told = f"{len(called)} of {len(places)} genes called (q < {CALLED:g})"
    told += f"; arrows from {first} to {last}" if len(called) else ""
    if places["qval"].isna().all():
        told = f"{len(places)} genes, not tested: no repeats of a condition"
    ax.set_title(told, fontsize=10, parse_math=False)
    ax.set_xlabel("across: PC 1 of the patterns, up: PC 2", fontsize=9, color="0.3")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_color("0.85")
    named = called[:n_labels]
    tips = named[["to_x", "to_y"]].to_numpy()
    beyond = tips[:, 0] < np.mean(ax.get_xlim())
    for here, left in ((beyond, True), (~beyond, False)):
        name_beside(ax, named.index.to_numpy()[here], *tips[here].T, left=left)
    return ax.figure.figure  # also of axes of a subfigure


def _places(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, str] | None]:
    """Genes of the table that have a place, with their q-values; the first and the last condition."""
    known = table.attrs.get("map") if isinstance(table, pd.DataFrame) else None
    if not known or "qval" not in table:
        wanted, fix = "what sigel.tl.disease_genes returned", "Call it, and pass its table."
        found = f"a {type(table).__name__}" + (" without its map" if isinstance(table, pd.DataFrame) else "")
        raise InputError("table", found, wanted, fix)
    places = pd.DataFrame(known).set_index("gene")
    places = places.reindex([gene for gene in table.index if gene in places.index])
    if places.empty:
        fix = "See its column status."
        raise InputError("table", "no gene that has a place", "genes that were tested", fix)
    levels = table.attrs.get("levels")
    return places.join(table["qval"]), (levels[0], levels[-1]) if levels else None
