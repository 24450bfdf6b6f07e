"""Cells of the target without counts: nothing is learned from them, and they get one value a gene."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy import sparse

from sigel.errors import InputError, number_of, warn
from sigel.images.section import Section

Values: TypeAlias = "np.ndarray | sparse.csr_matrix"

# Correlations over fewer cells say nothing.
LEAST_CELLS = 20


def cells_with_counts(target: Section) -> np.ndarray:
    """Which cells have counts, bool `(n_cells,)`; a warning where some have none.

    Parameters
    ----------
    target
        The section with the panel.

    Raises
    ------
    InputError
        When too few have.
    """
    full = np.asarray(target.counts.sum(axis=1), dtype=np.float64).ravel() > 0
    if full.sum() < LEAST_CELLS:
        found = f"{number_of(full.sum(), 'cell')} with counts among {len(full)}"
        fix = "Check how the object was subset, and that it holds the raw counts."
        raise InputError("target", found, f"{LEAST_CELLS} or more to learn from", fix)
    if not full.all():
        warn(
            f"{int((~full).sum())} cells of the target have no counts: nothing is learned from them, and "
            "they get each gene's mean and its widest interval."
        )
    return full


def for_all_cells(
    full: np.ndarray, values: Values, lower: np.ndarray | None, upper: np.ndarray | None
) -> tuple[Values, np.ndarray | None, np.ndarray | None]:
    """Values and bounds with rows for all cells: those without counts get a gene's mean and widest interval.

    Parameters
    ----------
    full
        Which cells have counts, bool `(n_cells,)`.
    values, lower, upper
        Of these cells, `(n_full, n_genes)`. In sparse values the others get nothing.
    """
    if full.all():
        return values, lower, upper
    if sparse.issparse(values):
        ones, place = np.ones(int(full.sum()), dtype=np.float32), np.flatnonzero(full)
        rows = sparse.csr_matrix((ones, (place, np.arange(len(place)))), shape=(len(full), len(place)))
        values = sparse.csr_matrix(rows @ values)
    else:
        values = _with_rows(full, values, np.mean)
    lower = None if lower is None else _with_rows(full, lower, np.min)
    upper = None if upper is None else _with_rows(full, upper, np.max)
    return values, lower, upper


def _with_rows(full: np.ndarray, values: np.ndarray, of_gene: Callable[..., np.ndarray]) -> np.ndarray:
    whole = np.empty((len(full), values.shape[1]), dtype=np.float32)
    whole[full], whole[~full] = values, of_gene(values, axis=0)
    return whole
