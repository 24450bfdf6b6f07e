"""z-scores that are never written out, means over nearest cells, and normalisation."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sigel.stats.nearest_means import mean_of_nearest
from sigel.stats.scaling import Standardised, log_normalised


def some_matrix(seed: int, rows: int = 30, columns: int = 7) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    matrix = sparse.random(rows, columns, 0.4, format="csr", rng=rng, dtype=np.float32)
    matrix.data = np.ceil(matrix.data * 9)
    return matrix


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), more=st.integers(0, 3))
def test_products_are_those_of_the_dense_scores(seed, more):
    rng = np.random.default_rng(seed)
    matrix = some_matrix(seed)
    scores = Standardised.of(matrix)
    dense = StandardScaler().fit_transform(matrix.toarray().astype(np.float64))
    left = rng.normal(size=(30, 4))
    np.testing.assert_allclose(scores.transposed_product(left), dense.T @ left, atol=1e-4)
    if more:
        further = rng.normal(size=(30, more))
        scores, dense = scores.joined(further), np.hstack([dense, further])
    right = rng.normal(size=(dense.shape[1], 3))
    np.testing.assert_allclose(scores @ right, dense @ right, atol=1e-4)
    np.testing.assert_allclose(scores.rows(np.array([4, 2])), dense[[4, 2]], atol=1e-4)
    assert scores.shape == dense.shape


def test_some_columns_are_those_of_all():
    scores = Standardised.of(some_matrix(1))
    chosen = np.array([5, 0, 3])
    np.testing.assert_allclose(
        scores.columns(chosen).rows(slice(None)), scores.rows(slice(None))[:, chosen], atol=1e-6
    )


def test_a_column_that_does_not_vary_becomes_zeros():
    matrix = sparse.csr_matrix(np.array([[3.0, 1.0], [3.0, 2.0]], dtype=np.float32))
    np.testing.assert_allclose(Standardised.of(matrix).rows(slice(None)), [[0, -1], [0, 1]])


def test_cells_reach_the_same_sum_and_empty_ones_stay_empty():
    counts = sparse.csr_matrix(np.array([[1, 3], [0, 0], [10, 30]], dtype=np.float32))
    library = np.array([4.0, 0.0, 40.0])
    values = log_normalised(counts, library, 100.0).toarray()
    np.testing.assert_allclose(np.expm1(values).sum(axis=1), [100, 0, 100], rtol=1e-5)
    np.testing.assert_allclose(values[0], values[2], rtol=1e-6)
    np.testing.assert_array_equal(counts.toarray()[0], [1, 3])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), scale=st.sampled_from([1e-3, 1.0, 1e4]))
def test_nearest_cells_are_the_same_in_all_units(seed, n, scale):
    places = np.random.default_rng(seed).uniform(0, 1, (25, 2))
    weights = mean_of_nearest(places, n)
    np.testing.assert_allclose(np.asarray(weights.sum(axis=1)).ravel(), 1, rtol=1e-5)
    assert (weights.diagonal() > 0).all()
    assert set(np.diff(weights.indptr)) == {min(n, 25)}
    np.testing.assert_allclose(weights.toarray(), mean_of_nearest(places * scale + 7, n).toarray(), atol=1e-6)


def test_nearest_cells_are_nearest():
    places = np.column_stack([np.arange(10.0), np.zeros(10)])
    assert set(mean_of_nearest(places, 3)[5].indices) == {4, 5, 6}


def test_cells_that_are_equally_far_have_equal_shares_however_the_lattice_is_turned():
    row, column = (one.ravel() for one in np.mgrid[:6, :6])
    lattice = np.column_stack([column + 0.5 * (row % 2), row * np.sqrt(3) / 2])
    weights = mean_of_nearest(lattice, 4)
    inside = 14
    assert sorted(np.unique(weights[inside].data.round(4))) == [0.125, 0.25]
    angle = 0.3
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = mean_of_nearest(lattice @ turn * 130 + 1e4, 4)
    np.testing.assert_allclose(weights.toarray(), turned.toarray(), atol=1e-6)
