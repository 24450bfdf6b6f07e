"""Measured values on the scale of imputed ones, and the correlation of both."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import pearsonr, spearmanr

from sigel.tasks.imputation.achieved_accuracy import (
    FEW,
    achieved_accuracy,
    correlation,
    measured_values,
)

NONE = np.array([-1])


@pytest.fixture
def counts():
    return np.random.default_rng(0).poisson(3, (50, FEW + 5)).astype(np.float32)


def test_correlation_is_pearsons_and_0_where_nothing_varies():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(30, 4)), rng.normal(size=(30, 4))
    b[:, 2] = 7
    found = correlation(a, b)
    assert found[2] == 0
    np.testing.assert_allclose(found[[0, 3]], [pearsonr(a[:, k], b[:, k])[0] for k in (0, 3)])


def test_counts_are_scaled_to_the_panel_where_it_was_measured(counts):
    cells, genes, panel = np.array([4, 1, 30]), np.array([7, 2]), np.array([0, 1, 3])
    found = measured_values(sparse.csr_matrix(counts), cells, genes, panel, 40.0).toarray()
    library = counts[:, panel].sum(axis=1)
    wanted = np.log1p(counts / np.maximum(library, 1)[:, None] * 40.0)
    np.testing.assert_allclose(
        found, np.where(library[cells, None] > 0, wanted[np.ix_(cells, genes)], 0), rtol=1e-5
    )


def test_without_the_panel_all_counts_are_the_library_unless_they_are_few(counts):
    cells, genes = np.arange(50), np.array([0, 5])
    found = measured_values(counts, cells, genes, NONE, 40.0).toarray()
    library = counts.sum(axis=1)
    wanted = np.log1p(counts[:, genes] / library[:, None] * np.median(library))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    few = measured_values(counts[:, : FEW - 1], cells, genes, NONE, 40.0).toarray()
    np.testing.assert_allclose(few, np.log1p(counts[:, genes]), rtol=1e-6)


def test_what_are_no_counts_stays_as_it_is(counts):
    values = counts + 0.25
    found = measured_values(values, np.arange(50), np.array([3]), NONE, 40.0)
    np.testing.assert_array_equal(found.toarray(), values[:, [3]])


def test_genes_that_do_not_vary_are_left_out(counts):
    rng = np.random.default_rng(2)
    imputed = counts[:, ::-1] + rng.normal(size=counts.shape)
    genes = np.arange(6)[::-1].copy()
    measured = counts[:, ::-1][:, genes].copy()
    measured[:, 2] = 1
    expected = rng.uniform(size=6)
    for values in (imputed, sparse.csr_matrix(imputed)):
        found = achieved_accuracy(values, genes, sparse.csc_matrix(measured), expected)
        assert found.varies.tolist() == [True, True, False, True, True, True]
        kept = np.flatnonzero(found.varies)
        np.testing.assert_allclose(
            found.pcc, [pearsonr(imputed[:, genes[k]], measured[:, k])[0] for k in kept], rtol=1e-6
        )
        assert found.spearman == pytest.approx(spearmanr(found.pcc, expected[kept]).statistic)
    two = achieved_accuracy(imputed, genes[:2], sparse.csc_matrix(measured[:, :2]), expected[:2])
    assert np.isnan(two.spearman)
