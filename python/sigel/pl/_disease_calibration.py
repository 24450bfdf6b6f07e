"""Whether the labels as given say more than other labellings of the same donors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sigel.errors import InputError
from sigel.pl._base import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GIVEN, _OTHERS = "#c8553d", "#9aa5b1"
_BINS = 30  # of the width of a panel


def disease_calibration(table: pd.DataFrame) -> Figure:
    """Draw what the labels as given find beside what other labellings of the donors find.

    Parameters
    ----------
    table
        From `sigel.tl.disease_genes`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. A dot for each labelling. Left: genes called at q < 0.05; labels that tell
        something stand right of others. Right: distance of the p-values from uniform ones (Kolmogorov and
        Smirnov), which says of others how far p-values can be trusted.

    Raises
    ------
    InputError
        When the table is something else, or has no calibration.

    Examples
    --------
    >>> import sigel
    >>> sections = sigel.datasets.simulated_cohort((3, 3))
    >>> table = sigel.tl.disease_genes(sections, "condition", donor="donor", progress=False)
    >>> figure = sigel.pl.disease_calibration(table)
    """
    plt = pyplot()
    found = _calibration(table)
    given = (found["labelling"] == "as given").to_numpy()
    n_called, others = int(found.loc[given, "n_called"].iloc[0]), int((~given).sum())
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 2.9), layout="constrained")
    for ax, column, label in zip(
        axes,
        ("n_called", "ks"),
        ("genes called (q < 0.05)", "distance of p-values from uniform"),
        strict=True,
    ):
        _dots(ax, found[column].to_numpy(float), given)
        ax.set_xlabel(label, fontsize=9)
    told = f"Labels as given call {n_called} gene{'s' * (n_called != 1)}"
    if others:
        as_many = int((found.loc[~given, "n_called"] >= n_called).sum())
        told += f"; {as_many or 'none'} of {others} other labellings as many"
    figure.suptitle(told, fontsize=11)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def _calibration(table: pd.DataFrame) -> pd.DataFrame:
    is_table = isinstance(table, pd.DataFrame)
    if not is_table or "calibration" not in table.attrs:
        wanted, fix = "what sigel.tl.disease_genes returned", "Call it, and pass its table."
        found = f"a {type(table).__name__}" + (" without its calibration" if is_table else "")
        raise InputError("table", found, wanted, fix)
    found = pd.DataFrame(table.attrs["calibration"])
    if found.empty:
        fix = "Add donors: with one for each condition nothing is tested."
        raise InputError("table", "one whose p-values are NaN", "a table of tested genes", fix)
    return found


def _dots(ax: Axes, x: np.ndarray, given: np.ndarray) -> None:
    """Labellings side by side; equal ones lie upon each other."""
    low, high = min(float(np.nanmin(x)), 0.0), float(np.nanmax(x))
    width = max(high - low, 1e-9) / _BINS
    place = np.round((x[~given] - low) / width)
    height = pd.Series(place).groupby(place).cumcount().to_numpy() + 1.0
    ax.scatter(x[~given], height, s=26, color=_OTHERS, linewidths=0, label="other labellings")
    ax.axvline(float(x[given][0]), color=_GIVEN, lw=1, alpha=0.5, zorder=0)
    ax.scatter(
        x[given], [1.0], s=70, marker="D", color=_GIVEN, linewidths=0, label="labels as given", zorder=3
    )
    ax.set_ylim(0, max(height.max(initial=1.0) + 1.0, 5.0))
    ax.margins(x=0.06)
    ax.set_yticks([])
    ax.spines[["top", "right", "left"]].set_visible(False)
