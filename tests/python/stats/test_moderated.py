"""Linear models of many genes, held against statsmodels and against planted variances."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from sigel.stats.moderated import (
    fit_linear,
    inverse_trigamma,
    moderated_f,
    shrunk_variances,
    telling_directions,
)

DESIGN = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4), [3, 1, 4, 1, 5, 9, 2, 6]])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), lost=st.integers(0, 3))
def test_each_gene_is_fitted_by_the_units_that_have_it(seed, lost):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(8, 5, 2))
    y[rng.permutation(8)[:lost], 1] = np.nan
    fits = fit_linear(y, DESIGN)
    for gene in (0, 1):
        there = np.isfinite(y[:, gene, 0])
        if np.linalg.matrix_rank(DESIGN[there]) < 3:
            assert np.isnan(fits.coefficients[gene]).all()
            continue
        for dim in range(2):
            model = sm.OLS(y[there, gene, dim], DESIGN[there]).fit()
            np.testing.assert_allclose(fits.coefficients[gene, :, dim], model.params, atol=1e-8)
            np.testing.assert_allclose(fits.residuals[there, gene, dim], model.resid, atol=1e-8)
            np.testing.assert_allclose(fits.unscaled[gene], model.normalized_cov_params, atol=1e-8)
        assert fits.df[gene] == there.sum() - 3
        assert (fits.residuals[~there, gene] == 0).all()


def test_a_gene_that_no_model_can_be_fitted_to_is_nan():
    y = np.random.default_rng(0).normal(size=(8, 30, 1))
    y[:4, 0], y[:, 1] = np.nan, np.nan  # in one condition only; nowhere
    tests = moderated_f(fit_linear(y, DESIGN[:, :2]), np.array([1]))
    assert np.isnan(tests.pval[:2]).all()
    assert np.isfinite(tests.pval[2:]).all()


def test_the_statistic_is_the_usual_one_but_for_the_shrunk_variance():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(8, 400, 1)) * 10.0 ** rng.uniform(-1, 1, (1, 400, 1))
    fits = fit_linear(y, DESIGN[:, :2])
    found = moderated_f(fits, np.array([1]))
    usual = stats.f_oneway(y[:4, :, 0], y[4:, :, 0])
    variance = np.square(fits.residuals).sum(axis=(0, 2)) / 6
    shrunk, prior_df = shrunk_variances(variance, np.full(400, 6.0))
    np.testing.assert_allclose(found.stat, usual.statistic * variance / shrunk, rtol=1e-8)
    np.testing.assert_allclose(found.pval, stats.f.sf(found.stat, 1, 6 + prior_df), rtol=1e-8)
    assert np.log(shrunk).std() < np.log(variance).std()


@pytest.mark.parametrize("n_dims", [1, 4])
def test_p_values_of_no_difference_are_uniform(n_dims):
    rng = np.random.default_rng(2)
    spread = np.sqrt(6 / rng.chisquare(6, (1, 4000, 1)))  # as the model has it, 6 degrees of freedom
    y = spread * rng.normal(size=(8, 4000, n_dims))
    found = moderated_f(fit_linear(y, DESIGN), np.array([1]))
    assert found.prior_df == pytest.approx(6, rel=0.25)
    assert stats.kstest(found.pval, "uniform").statistic < 0.03


def test_the_empirical_null_takes_out_what_most_genes_share():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(8, 3000, 4))
    y += 0.8 * rng.normal(size=(2, 3000, 4)).repeat(4, axis=0)  # every gene moves a little between conditions
    y[4:, :60] += 4.0
    plain, empirical = (
        moderated_f(fit_linear(y, DESIGN[:, :2]), np.array([1]), empirical=one) for one in (False, True)
    )
    assert (plain.pval[60:] < 0.05).mean() > 0.3
    assert (empirical.pval[60:] < 0.05).mean() < 0.08
    assert (empirical.pval[:60] < 1e-3).mean() > 0.95
    np.testing.assert_allclose(empirical.stat * empirical.inflation, plain.stat)


def test_directions_are_those_in_which_genes_differ_and_units_do_not():
    rng = np.random.default_rng(4)
    mean = rng.normal(size=(500, 6)) * [5, 1, 1, 5, 1, 1]
    y = mean + rng.normal(size=(8, 500, 6)) * [1, 1, 1, 5, 0.1, 1]
    fits = fit_linear(y, DESIGN[:, :2])
    found = telling_directions(fits, y.mean(axis=0), 2)
    share = np.square(found * np.sqrt([[25], [1], [1], [25], [1], [1]]))  # of what genes differ by
    assert set((share / share.sum(axis=0)).argmax(axis=0)) == {0, 4}
    residuals = fits.residuals @ found
    covariance = np.einsum("ngd,nge->de", residuals, residuals) / fits.df.sum()
    np.testing.assert_allclose(covariance, np.eye(2), atol=1e-3)


def test_a_dimension_that_says_nothing_does_no_harm():
    rng = np.random.default_rng(6)
    y = rng.normal(size=(1, 300, 4)) + 0.3 * rng.normal(size=(8, 300, 4))
    y[:, :, 3] = 0.0
    fits = fit_linear(y, DESIGN[:, :2])
    without = fit_linear(y[:, :, :3], DESIGN[:, :2])
    found, expected = (
        telling_directions(one, one_mean, 2)
        for one, one_mean in ((fits, y.mean(axis=0)), (without, y[:, :, :3].mean(axis=0)))
    )
    np.testing.assert_allclose(np.abs(found[:3]), np.abs(expected), rtol=1e-4)
    assert np.isfinite(moderated_f(fits, np.array([1]), found).pval).all()


def test_variances_are_drawn_to_what_their_place_says():
    rng = np.random.default_rng(5)
    place = rng.uniform(0, 1, 4000)
    true = np.exp(3 * place)
    variance = true * rng.chisquare(4, 4000) / 4
    alone, _ = shrunk_variances(variance, np.full(4000, 4.0))
    by_place, prior_df = shrunk_variances(variance, np.full(4000, 4.0), place)
    assert np.abs(np.log(by_place / true)).mean() < 0.5 * np.abs(np.log(alone / true)).mean()
    assert prior_df > 30


@given(st.floats(1e-3, 1e3))
def test_inverse_trigamma_inverts(value):
    assert special.polygamma(1, inverse_trigamma(value)) == pytest.approx(value, rel=1e-6)
