"""Imputed genes in two groups of cells: a test that knows how sure each value is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy import sparse, stats

from sigel.errors import InputError, number_of, unknown_name
from sigel.stats.multiple_imputation import pooled
from sigel.stats.q_values import q_values

COLUMNS = ["difference", "se", "pval", "qval", "uncertain"]
# Cells of a group, so that they have a variance.
LEAST_CELLS = 3
# Values that are drawn at a time.
_VALUES = 20_000_000
# Genes of a part, however many cells there are.
LEAST_GENES = 16

Bounded: TypeAlias = "tuple[np.ndarray | sparse.spmatrix, np.ndarray, np.ndarray]"


def genes_at_a_time(n_cells: int) -> int:
    """How many genes are compared at a time, so that memory holds what is read and drawn.

    Parameters
    ----------
    n_cells
        All that were imputed, as parts are read before cells are chosen.
    """
    return max(_VALUES // max(n_cells, 1), LEAST_GENES)


def check_groups(first: np.ndarray, second: np.ndarray, n_draws: int) -> None:
    """Refuse groups that cannot be compared.

    Parameters
    ----------
    first, second
        Whether each cell is of the group, `(n_cells,)`.
    n_draws
        As in `sigel.tl.compare_imputed`.

    Raises
    ------
    InputError
        When a group has fewer than 3 cells, they share cells, or `n_draws` is no whole number from 2.
    """
    if not isinstance(n_draws, Integral) or isinstance(n_draws, bool) or n_draws < 2:
        raise InputError("n_draws", repr(n_draws), "a whole number >= 2", "Use n_draws=20.")
    both = int((first & second).sum())
    if both:
        found = f"{both} cells that are in the first group, too"
        raise InputError("second", found, "other cells", "Name each label once.")
    for name, group in (("first", first), ("second", second)):
        if group.sum() < LEAST_CELLS:
            found = f"{number_of(int(group.sum()), 'cell')} with imputed values"
            raise InputError(name, found, f"{LEAST_CELLS} or more", "Name more labels.")


def groups_of(labels: np.ndarray, first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    """Which cells are of the first group, and of the second, bool `(n_cells,)` each.

    Parameters
    ----------
    labels
        Of the cells, text, or None where there is none, `(n_cells,)`.
    first, second
        A label or labels; None for `second`: all others.

    Raises
    ------
    InputError
        When a label is not there.
    """
    one = _with_labels(labels, first, "first")
    if second is None:
        return one, ~pd.isna(labels) & ~one
    return one, _with_labels(labels, second, "second")


def _with_labels(labels: np.ndarray, asked: Any, argument: str) -> np.ndarray:
    """Which cells have one of the labels."""
    wanted = [asked] if isinstance(asked, str) or not hasattr(asked, "__iter__") else list(asked)
    there = ~pd.isna(labels)
    known = sorted(set(labels[there]))
    names = [_label(one, known) for one in wanted]
    lost = next((one for one, name in zip(wanted, names, strict=True) if name not in known), None)
    if not wanted or lost is not None:
        found = "no label" if not wanted else unknown_name(str(lost), known)
        raise InputError(argument, found, "labels of cells", f"There are: {', '.join(map(repr, known[:8]))}.")
    return there & np.isin(labels.astype(str), names)


def _label(asked: Any, known: Sequence[str]) -> str:
    """A label as text; 1.0 is 1 where no label is 1.0."""
    name = str(asked)
    return name if name in known or not re.fullmatch(r"-?\d+\.0", name) else name[:-2]


def compare_groups(
    genes: Sequence[str] | np.ndarray,
    parts: Iterable[Bounded],
    first: np.ndarray,
    second: np.ndarray,
    *,
    expected_pcc: np.ndarray,
    coverage: float,
    n_draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Compare the mean of imputed genes between two groups of cells.

    Parameters
    ----------
    genes
        Names, `(n_genes,)`.
    parts
        Values, lower and upper bounds of some genes after others, `(n_cells, n_some)` each.
    first, second
        Whether each cell is of the group, `(n_cells,)`.
    expected_pcc
        Correlation of the values with measured ones, `(n_genes,)`.
    coverage
        Share of measured values that the intervals hold.
    n_draws
        Times that all values are drawn.
    rng
        Draws them.

    Returns
    -------
    pandas.DataFrame
        As `sigel.tl.compare_imputed` describes it; NaN where a bound is not finite; `pval` and `qval` NaN
        where nothing varies.

    Notes
    -----
    Values of correlation r vary by the root of r times what the gene does (`values_from`); of a difference
    among them, the root of r is to be expected of the gene. What is drawn has that mean: noise of mean zero,
    as wide as the interval is below and above on average, without an end at 0.
    """
    cells = np.flatnonzero(first | second)
    groups, found, end = (first[cells], second[cells]), [], 0
    slope = np.sqrt(np.clip(np.nan_to_num(expected_pcc), 0, 1)).astype(np.float32)
    for part in parts:
        values, lower, upper = _of_cells(part, cells)
        start, end = end, end + values.shape[1]
        found.append(_compared(values, lower, upper, slope[start:end], *groups, coverage, n_draws, rng))
    table = pd.DataFrame(np.concatenate(found, axis=1).T, columns=[c for c in COLUMNS if c != "qval"])
    table.index = pd.Index(np.asarray(genes, dtype=object))
    return table.assign(qval=q_values(table["pval"].to_numpy()))[COLUMNS]


def _of_cells(part: Bounded, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, lower, upper = (
        sparse.csr_matrix(one)[cells].toarray() if sparse.issparse(one) else np.asarray(one)[cells]
        for one in part
    )
    return values, lower, upper


def _compared(
    values: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    slope: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    coverage: float,
    n_draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Rows `difference`, `se`, `pval` and `uncertain` of some genes."""
    known = np.isfinite(values + lower + upper).all(axis=0)
    values, lower, upper = (one[:, known].astype(np.float32) for one in (values, lower, upper))
    # An interval that begins at 0 misses above what it misses.
    above = np.where(lower > 0, stats.norm.ppf((1 + coverage) / 2), stats.norm.ppf(coverage))
    down = (values - lower) / np.float32(stats.norm.ppf((1 + coverage) / 2))
    up = (upper - values) / above.astype(np.float32)
    # Noise of mean zero, so that intervals of other shapes in the groups make no difference between them.
    width = (down + up) / 2
    centre = slope[known] * (values - values.mean(axis=0))
    estimate, variance = np.empty((2, n_draws, int(known.sum())))
    for draw in range(n_draws):
        drawn = centre + width * rng.standard_normal(values.shape, dtype=np.float32)
        a, b = drawn[first], drawn[second]
        estimate[draw] = a.mean(axis=0, dtype=np.float64) - b.mean(axis=0, dtype=np.float64)
        of_a, of_b = (one.var(axis=0, ddof=1, dtype=np.float64) / len(one) for one in (a, b))
        variance[draw] = of_a + of_b
    # Means of equal numbers may be off by what rounding adds.
    still = (width == 0).all(axis=0) & (np.ptp(centre[first], axis=0) == 0)
    still &= np.ptp(centre[second], axis=0) == 0
    together = pooled(estimate, variance, df=min(first.sum(), second.sum()) - 1)
    made = np.full((4, len(known)), np.nan)
    made[:, known] = together
    made[1:, np.flatnonzero(known)[still]] = [[0], [np.nan], [0]]
    return made
