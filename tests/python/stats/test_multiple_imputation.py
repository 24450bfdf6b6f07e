"""Pooled answers: their formula by hand, and p-values that are uniform where imputations are proper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sigel.stats.multiple_imputation import pooled


def test_rubins_rules_by_hand():
    estimate, variance = np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[1.0, 4.0], [3.0, 4.0]])
    found = pooled(estimate, variance, df=20)
    total = 2 + 1.5 * 2
    np.testing.assert_allclose(found.estimate, [2, 2])
    np.testing.assert_allclose(found.se, np.sqrt([total, 4]))
    share = 3 / total
    np.testing.assert_allclose(found.share, [share, 0])
    df = 1 / (share**2 / 1 + 1 / (21 / 23 * 20 * (1 - share)))
    np.testing.assert_allclose(found.pval[0], 2 * stats.t.sf(2 / np.sqrt(total), df))
    # Draws that agree leave the test of complete data.
    np.testing.assert_allclose(found.pval[1], 2 * stats.t.sf(1, 21 / 23 * 20))


def test_without_any_variance_there_is_no_test():
    found = pooled(np.zeros((3, 1)), np.zeros((3, 1)), df=9)
    assert np.isnan(found.pval[0]) or found.pval[0] == 1


@pytest.mark.parametrize("draws", [5, 50])
def test_p_values_are_uniform_where_imputations_are_proper(draws):
    rng = np.random.default_rng(0)
    n, known = 4000, 30
    # A mean of 60 values of which 30 are missing: draws from the posterior of mean and variance.
    y = rng.normal(size=(known, n))
    mean, var = y.mean(axis=0), y.var(axis=0, ddof=1)
    estimate, variance = np.empty((2, draws, n))
    for m in range(draws):
        sigma = np.sqrt(var * (known - 1) / rng.chisquare(known - 1, n))
        mu = mean + sigma / np.sqrt(known) * rng.normal(size=n)
        full = np.concatenate([y, mu + sigma * rng.normal(size=(30, n))])
        estimate[m], variance[m] = full.mean(axis=0), full.var(axis=0, ddof=1) / 60
    pval = pooled(estimate, variance, df=59).pval
    assert abs((pval < 0.05).mean() - 0.05) < 0.02
