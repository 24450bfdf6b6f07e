"""Normalisation, z-scores and unit vectors."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import StandardScaler, normalize

from sigel.stats import scaling
from sigel.stats.scaling import LEAST_SPREAD, centred, log_normalised, unit_vectors, zscored
from sigel.stats.standardised import Standardised


def test_the_examples():
    assert doctest.testmod(scaling).failed == 0


def test_cells_reach_the_same_sum_and_empty_ones_stay_empty():
    counts = sparse.csr_matrix(np.array([[1, 3], [0, 0], [10, 30]], dtype=np.float32))
    library = np.array([4.0, 0.0, 40.0])
    values = log_normalised(counts, library, 100.0).toarray()
    np.testing.assert_allclose(np.expm1(values).sum(axis=1), [100, 0, 100], rtol=1e-5)
    np.testing.assert_allclose(values[0], values[2], rtol=1e-6)
    np.testing.assert_array_equal(counts.toarray()[0], [1, 3])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 30), columns=st.integers(1, 6))
def test_z_scores_and_unit_vectors_are_those_of_scikit_learn(seed, rows, columns):
    x = np.random.default_rng(seed).normal(3, 2, (rows, columns))
    np.testing.assert_allclose(zscored(x), StandardScaler().fit_transform(x), atol=1e-9)
    np.testing.assert_allclose(unit_vectors(x), normalize(x), atol=1e-12)
    np.testing.assert_allclose(centred(x), normalize(x - x.mean(axis=0)), atol=1e-9)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_z_scores_keep_the_precision_of_the_values(kind):
    assert zscored(np.array([[1, 2], [3, 5]], dtype=kind)).dtype == kind


@pytest.mark.parametrize(("share", "size"), [(0.5, 0.0), (2.0, 1.0)])
def test_what_varies_too_little_is_the_same_for_all_z_scores(share, size):
    """Written out or not: two numbers as far apart as the least spread allows, or just not."""
    x = np.array([[0.0], [2 * share * LEAST_SPREAD]])
    found = np.abs(zscored(x)).round(3), np.abs(Standardised.of(sparse.csr_matrix(x)).rows(slice(None)))
    for each in found:
        np.testing.assert_allclose(each, size, atol=1e-3)


def test_a_vector_of_zeros_stays_one():
    np.testing.assert_array_equal(unit_vectors(np.zeros((2, 3))), np.zeros((2, 3)))


@pytest.mark.parametrize("block", [1, 7, 10**6])
@pytest.mark.parametrize("overwrite", [False, True])
def test_logarithms_are_taken_block_by_block(monkeypatch, block, overwrite):
    monkeypatch.setattr(scaling, "_BLOCK", block)
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.7, (30, 9)).astype(np.float32)
    counts[[0, 12, 29]] = 0
    given, library = sparse.csr_matrix(counts), counts.sum(axis=1).astype(float)
    found = scaling.log_normalised(given, library, 100.0, overwrite=overwrite)
    wanted = np.log1p(counts * np.divide(100.0, library, where=library > 0, out=np.zeros(30))[:, None])
    assert np.array_equal(found.toarray(), wanted.astype(np.float32))
    assert np.shares_memory(found.data, given.data) == overwrite
    if not overwrite:
        assert np.array_equal(given.toarray(), counts)


def test_logarithms_of_no_counts_are_none():
    found = log_normalised(sparse.csr_matrix((4, 3), dtype=np.float32), np.zeros(4), 10.0)
    assert found.shape == (4, 3)
    assert found.nnz == 0
