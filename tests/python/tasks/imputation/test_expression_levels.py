"""Levels in the target: planted laws, outliers, few genes, equal genes, bounds, wrong input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.errors import InputError
from sigel.tasks.imputation.expression_levels import LEAST_GENES, LevelModel


def facts(rng, n, slope=0.8, scale=0.3, noise=0.05):
    """Mean and sd in the reference; mean, sd and zeros in the target: a power law, counts in both."""
    mean = np.exp(rng.uniform(-4, 1, n))
    target = scale * mean**slope * np.exp(noise * rng.normal(size=n))
    return mean, np.sqrt(mean), target, 0.9 * np.sqrt(target), np.exp(-1.2 * target)


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.3])
def test_a_power_law_is_found_beside_outliers(slope):
    rng = np.random.default_rng(0)
    mean, sd, target, target_sd, zeros = facts(rng, 120, slope=slope)
    # One gene of ten is caught a hundred times better by the target's platform.
    caught = target * np.where(np.arange(120) % 10 == 0, 100, 1)
    found = LevelModel.fit(mean, sd, caught, target_sd * (caught / target) ** 0.5, zeros)
    levels = found.predict(mean, sd)
    error = np.abs(np.log(levels.mean / (0.3 * mean**slope)))
    assert error.max() < 0.15
    straight = np.polyval(np.polyfit(np.log(mean), np.log(caught), 1), np.log(mean))
    assert np.abs(straight - np.log(0.3 * mean**slope)).mean() > 3 * error.mean()


def test_sd_and_zeros_follow_the_level_in_the_target():
    rng = np.random.default_rng(1)
    model = LevelModel.fit(*facts(rng, 100))
    mean, sd, target, target_sd, zeros = facts(rng, 50, noise=0)
    levels = model.predict(mean, sd)
    np.testing.assert_allclose(levels.mean, target, rtol=0.1)
    np.testing.assert_allclose(levels.sd, target_sd, rtol=0.1)
    np.testing.assert_allclose(levels.zeros, zeros, atol=0.03)


@given(efficiency=st.floats(0.05, 20), n=st.sampled_from([5, 9, 10, 60]))
@settings(max_examples=25, deadline=None)
def test_the_efficiency_of_the_platform_is_recovered(efficiency, n):
    rng = np.random.default_rng(2)
    mean, sd, *_ = facts(rng, n)
    model = LevelModel.fit(mean, sd, efficiency * mean, np.sqrt(efficiency) * sd, np.exp(-mean))
    np.testing.assert_allclose(model.predict(mean, sd).mean, efficiency * mean, rtol=0.02)


def test_few_genes_teach_an_offset_that_one_of_them_cannot_move():
    rng = np.random.default_rng(3)
    mean, sd, *_ = facts(rng, LEAST_GENES - 1)
    target = 0.2 * mean
    target[4] *= 1000
    model = LevelModel.fit(mean, sd, target, np.sqrt(target), np.exp(-target))
    assert model.mean[1:] == (1, 0)
    np.testing.assert_allclose(model.predict(mean, sd).mean, 0.2 * mean, rtol=1e-6)


@pytest.mark.parametrize("n", [1, 5, 30])
def test_genes_that_are_all_equal_are_predicted_as_they_are(n):
    same = [np.full(n, value) for value in (0.5, 0.6, 0.1, 0.3, 0.8)]
    levels = LevelModel.fit(*same).predict(same[0], same[1])
    np.testing.assert_allclose(levels.mean, 0.1)
    np.testing.assert_allclose(levels.sd, 0.3)
    np.testing.assert_allclose(levels.zeros, 0.8)


def test_levels_far_from_the_panel_stay_near_its_range():
    rng = np.random.default_rng(4)
    mean, sd, target, target_sd, zeros = facts(rng, 80, noise=0)
    model = LevelModel.fit(mean, sd, target, target_sd, zeros)
    asked = np.array([0, mean.min() / 1e6, mean.min() / 3, mean.max() * 1.5, 1e9])
    levels = model.predict(asked, np.sqrt(asked))
    assert target.max() < levels.mean[-1] <= target.max() * 10 * (1 + 1e-9)
    assert target.min() > levels.mean[0] >= target.min() / 10 * (1 - 1e-9)
    # Near it the line goes on, and a stronger gene is never predicted to be weaker or more often 0.
    np.testing.assert_allclose(levels.mean[2:4], 0.3 * asked[2:4] ** 0.8, rtol=0.1)
    assert (np.diff(levels.mean) >= 0).all()
    assert (np.diff(levels.zeros) <= 0).all()


def test_a_gene_that_no_cell_shows_does_not_pull_the_others_down():
    rng = np.random.default_rng(5)
    mean, sd, target, target_sd, zeros = facts(rng, 60)
    unseen = np.arange(60) < 3
    some = [np.where(unseen, 0, target), np.where(unseen, 0, target_sd), np.where(unseen, 1, zeros)]
    levels = LevelModel.fit(mean, sd, *some).predict(mean, sd)
    np.testing.assert_allclose(levels.mean[3:], 0.3 * mean[3:] ** 0.8, rtol=0.3)


@given(
    n=st.sampled_from([1, 2, 5, 9, 10, 12, 40]),
    wide=st.sampled_from([0, 1e-7, 1, 4]),
    missing=st.sampled_from([0, 0.4]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_genes_the_numbers_are_finite_and_nothing_is_warned_of(n, wide, missing, seed):
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(-2, wide, n))
    target = np.where(rng.random(n) < missing, 0, mean * np.exp(rng.normal(0, wide, n)))
    target[0] = mean[0]
    asked = np.concatenate([mean, [0, 1e12]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LevelModel.fit(mean, np.sqrt(mean), target, np.sqrt(target), np.exp(-target))
        levels = model.predict(asked, np.sqrt(asked))
    assert all(np.isfinite(part).all() and part.shape == asked.shape for part in levels)
    assert (levels.mean > 0).all()
    assert (levels.sd > 0).all()
    assert ((levels.zeros >= 0) & (levels.zeros <= 1)).all()


@pytest.mark.parametrize("at", range(5))
def test_wrong_values_are_named(at):
    names = ["reference_mean", "reference_sd", "target_mean", "target_sd", "target_zeros"]
    for wrong in (np.array([1.0, np.nan, 1.0]), np.array([1.0, -1.0, 1.0])):
        given_ = [np.ones(3)] * 5
        given_[at] = wrong
        with pytest.raises(InputError, match=f"`{names[at]}`"):
            LevelModel.fit(*given_)
    with pytest.raises(InputError, match="shape"):
        LevelModel.fit(*[np.ones(3)] * 4, np.ones(2))
    with pytest.raises(InputError, match="gene"):
        LevelModel.fit(*[np.ones(0)] * 5)
    model = LevelModel.fit(*[np.ones(3)] * 5)
    with pytest.raises(InputError, match="`reference_sd`"):
        model.predict(np.ones(3), np.ones(2))
