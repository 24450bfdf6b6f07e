"""z-scores that are never written out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sigel.stats.standardised import Standardised


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
