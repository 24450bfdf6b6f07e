"""Cells without counts: told of, left out, and given one value a gene."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from sigel.errors import InputError
from sigel.images.section import Section
from sigel.tasks.imputation.empty_cells import LEAST_CELLS, cells_with_counts, for_all_cells

FULL = np.array([True, False, True, True])


def section(n_full, n_empty):
    counts = np.vstack([np.ones((n_full, 3)), np.zeros((n_empty, 3))]).astype(np.float32)
    places = np.arange(2.0 * len(counts)).reshape(-1, 2)
    return Section(sparse.csr_matrix(counts), np.array(["A", "B", "C"], dtype=object), places)


def test_cells_without_counts_are_told_of_and_left_out():
    whole = section(LEAST_CELLS, 3)
    with pytest.warns(UserWarning, match="3 cells of the target have no counts") as caught:
        full = cells_with_counts(whole)
    assert caught[0].filename == __file__
    kept = whole.take(full)
    assert kept.counts.shape == (LEAST_CELLS, 3)
    np.testing.assert_array_equal(kept.coordinates, whole.coordinates[:LEAST_CELLS])


def test_too_few_cells_are_refused():
    with pytest.raises(InputError, match=f"{LEAST_CELLS - 1} cells with counts among {LEAST_CELLS + 4}"):
        cells_with_counts(section(LEAST_CELLS - 1, 5))


def test_the_others_get_a_genes_mean_and_its_widest_interval():
    values = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 8.0]], dtype=np.float32)
    made, lower, upper = for_all_cells(FULL, values, values - 1, values + 1)
    for whole, part in ((made, values), (lower, values - 1), (upper, values + 1)):
        np.testing.assert_array_equal(whole[FULL], part)
    assert made[1].tolist() == [2.0, 5.0]
    assert lower[1].tolist() == [0.0, 1.0]
    assert upper[1].tolist() == [4.0, 9.0]


def test_sparse_values_stay_sparse_with_nothing_for_the_others():
    values = sparse.csr_matrix(np.array([[1.0, 0], [0, 5.0], [2.0, 0]], dtype=np.float32))
    made, lower, upper = for_all_cells(FULL, values, None, None)
    assert sparse.issparse(made)
    np.testing.assert_array_equal(made.toarray()[FULL], values.toarray())
    assert not made[[1]].nnz
    assert (lower, upper) == (None, None)


def test_where_all_have_counts_nothing_changes():
    values = np.ones((4, 2), dtype=np.float32)
    assert for_all_cells(np.ones(4, dtype=bool), values, None, None)[0] is values
