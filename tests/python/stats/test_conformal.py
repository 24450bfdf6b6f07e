"""Conformal intervals: coverage, zeros, every bound, an independent library, wrong input."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.errors import InputError
from sigel.stats.conformal import LEAST_POINTS, ConformalIntervals, conformal_quantile


def normal(rng, shape):
    predicted = rng.uniform(8, 20, shape)
    return predicted, np.maximum(predicted + rng.normal(0, 0.5 + predicted / 20), 0)


def skewed(rng, shape):
    predicted = rng.gamma(3, 1, shape)
    return predicted, predicted * rng.lognormal(-0.3, 0.8, shape)


def zero_inflated(rng, shape):
    """From genes that are almost never seen to genes that are seen in every second cell."""
    rate = rng.gamma(2, 0.2, shape) * np.geomspace(0.1, 10, shape[1])
    return np.log1p(rate), np.log1p(rng.poisson(rate * rng.gamma(2, 0.5, shape)))


def biased(rng, shape):
    """Predictions above almost all that is measured."""
    predicted = rng.uniform(3, 5, shape)
    return predicted, np.abs(rng.normal(1, 0.2, shape))


KINDS = {f.__name__: f for f in (normal, skewed, zero_inflated, biased)}


def three_strata(n_genes):
    return np.arange(n_genes) * 3 // n_genes


# --- the quantile ----------------------------------------------------------------------------------------


@given(n=st.integers(0, 60), coverage=st.floats(0.02, 0.98), seed=st.integers(0, 9))
def test_the_quantile_is_the_smallest_score_that_keeps_the_promise(n, coverage, seed):
    """Of n + 1 exchangeable scores the last is at most the k-th smallest with probability k / (n + 1)."""
    scores = np.random.default_rng(seed).normal(size=n)
    found = conformal_quantile(scores, coverage)
    at_most = (scores <= found).sum() + np.isinf(found)
    assert at_most / (n + 1) >= coverage - 1e-9
    if at_most > 1:
        assert (at_most - 1) / (n + 1) < coverage


def test_ranks_that_floating_point_would_miss():
    assert conformal_quantile(np.arange(1, 20), 0.95) == 19  # 20 * 0.95 is 19, and no more
    assert conformal_quantile(np.arange(1, 100), 0.55) == 55  # 100 * 0.55 is a hair more than 55
    assert conformal_quantile(np.arange(1, 9), 0.9) == math.inf


# --- the promise -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize("kind", ["normal", "skewed"])
def test_as_many_values_are_covered_as_promised_in_every_stratum_and_at_every_level(kind, coverage):
    rng = np.random.default_rng(0)
    stratum = three_strata(60)
    known = KINDS[kind](rng, (500, 60))
    new_p, new_y = KINDS[kind](rng, (500, 60))
    inside = ConformalIntervals.calibrate(*known, stratum, coverage).covered(new_p, new_y, stratum)
    # Both halves are of 10,000 values a stratum: four standard errors of the two together.
    error = 4 * math.sqrt(2 * coverage * (1 - coverage) / 10_000)
    for s in range(3):
        assert abs(inside[:, stratum == s].mean() - coverage) < error
    levels = np.quantile(new_p, [0, 0.05, 0.5, 0.95, 1])
    for low, high in itertools.pairwise(levels):
        some = (new_p >= low) & (new_p < high)
        # Values of a bin have not all the same error, and the ends are a bin or two.
        assert abs(inside[some].mean() - coverage) < 0.06


def test_zeros_are_covered_and_intervals_are_no_longer_than_that_takes():
    rng = np.random.default_rng(1)
    stratum = three_strata(60)
    known, (new_p, new_y) = zero_inflated(rng, (800, 60)), zero_inflated(rng, (800, 60))
    intervals = ConformalIntervals.calibrate(*known, stratum)
    inside = intervals.covered(new_p, new_y, stratum)
    lower, upper = intervals.bounds(new_p, stratum)
    assert (new_y == 0).mean(axis=0).min() < 0.4
    assert (new_y == 0).mean(axis=0).max() > 0.95
    assert (lower[new_p < 1] == 0).all()
    for s in range(3):
        genes = stratum == s
        order = np.argsort(new_p[:, genes], axis=None)
        zeros = (new_y[:, genes].ravel()[order] == 0).reshape(20, -1).mean(axis=1)
        assert abs(inside[:, genes].mean() - np.maximum(0.9, zeros).mean()) < 0.01
    # Where more than 90 % are 0, an interval need not reach any value that was seen.
    rare = new_p < 0.02
    assert (new_y[rare] == 0).mean() > 0.95
    assert upper[rare].max() < new_y[new_y > 0].min()


def test_the_interval_begins_at_zero_from_the_share_of_zeros_on_that_fills_the_lower_tail():
    predicted = np.full((1000, 1), 5.0)
    error = np.random.default_rng(2).normal(0, 0.5, 1000)
    stratum = np.zeros(1, dtype=int)
    for zeros, begins_at_zero in [(49, False), (50, True)]:
        measured = np.where(np.arange(1000) < zeros, 0, 5 + error)[:, None]
        intervals = ConformalIntervals.calibrate(predicted, measured, stratum)
        lower, upper = intervals.bounds(predicted, stratum)
        assert (lower[0, 0] == 0) == begins_at_zero
        # 5 % may be missed above, or 10 % where none are missed below.
        missed = (measured > upper).mean()
        assert abs(missed - (0.1 if begins_at_zero else 0.05)) < 0.002


def test_a_gene_that_is_like_the_others_is_covered_if_it_was_not_calibrated_on():
    rng = np.random.default_rng(3)
    predicted, measured = zero_inflated(rng, (300, 200))
    predicted, measured = predicted + 0.5, measured + rng.gamma(1, 0.3, measured.shape)
    order = rng.permutation(200)
    some, others = order[:100], order[100:]
    stratum = three_strata(200)
    intervals = ConformalIntervals.calibrate(predicted[:, some], measured[:, some], stratum[some])
    inside = intervals.covered(predicted[:, others], measured[:, others], stratum[others])
    assert abs(inside.mean() - 0.9) < 0.015


# --- every interval --------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    n_cells=st.integers(1, 150),
    n_genes=st.integers(1, 12),
    coverage=st.floats(0.05, 0.99),
    n_bins=st.integers(1, 30),
    seed=st.integers(0, 9),
)
def test_bounds_hold_the_prediction_and_are_never_negative(kind, n_cells, n_genes, coverage, n_bins, seed):
    rng = np.random.default_rng(seed)
    predicted, measured = KINDS[kind](rng, (n_cells, n_genes))
    predicted[rng.random(predicted.shape) < 0.3] = 0
    stratum = rng.integers(0, 4, n_genes)
    intervals = ConformalIntervals.calibrate(predicted, measured, stratum, coverage, n_bins)
    new = np.abs(rng.normal(0, 8, (30, 5)))
    # Strata that the calibration never saw are as all together.
    lower, upper = intervals.bounds(new, rng.integers(0, 9, 5))
    assert lower.dtype == upper.dtype == np.float32
    assert (lower >= 0).all()
    assert (lower <= new.astype(np.float32)).all()
    assert (new.astype(np.float32) <= upper).all()
    # The calibration's own values are held, as many as promised, less one a bin.
    inside = intervals.covered(predicted, measured, stratum)
    assert inside.mean() >= coverage - n_bins * 4 / inside.size - 1e-9


@pytest.mark.parametrize("kind", ["normal", "skewed"])
def test_more_coverage_gives_wider_intervals_that_hold_the_others(kind):
    rng = np.random.default_rng(4)
    predicted, measured = KINDS[kind](rng, (300, 30))
    measured = measured + 0.01
    stratum = three_strata(30)
    bounds = [
        ConformalIntervals.calibrate(predicted, measured, stratum, coverage).bounds(predicted, stratum)
        for coverage in (0.2, 0.5, 0.8, 0.9, 0.99)
    ]
    for (low, high), (lower, higher) in itertools.pairwise(bounds):
        assert (lower <= low).all()
        assert (high <= higher).all()
        assert (higher - lower).mean() > (high - low).mean()


def test_too_few_values_promise_nothing():
    predicted, measured = np.full((8, 1), 2.0), np.full((8, 1), 2.5)
    intervals = ConformalIntervals.calibrate(predicted, measured, np.zeros(1, dtype=int))
    lower, upper = intervals.bounds(predicted, np.zeros(1, dtype=int))
    assert (lower == 0).all()
    assert np.isposinf(upper).all()


def test_errors_of_a_stratum_or_a_level_do_not_reach_the_others():
    rng = np.random.default_rng(5)
    stratum = np.repeat([0, 1], 20)
    predicted = rng.uniform(5, 10, (200, 40))
    scale = np.where(stratum == 0, 0.1, 1.0) * np.where(predicted > 7.5, 3, 1)
    measured = np.maximum(predicted + scale * rng.normal(size=predicted.shape), 0)
    lower, upper = ConformalIntervals.calibrate(predicted, measured, stratum).bounds(predicted, stratum)
    width = upper - lower
    for s, low, wanted in [(0, True, 0.1), (0, False, 0.3), (1, True, 1.0), (1, False, 3.0)]:
        some = (stratum == s) & ((predicted < 7.2) if low else (predicted > 7.8))
        assert width[some].mean() / (2 * 1.645 * wanted) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("asked", [1, 7])
def test_a_stratum_of_few_values_or_none_is_as_all_together(asked):
    rng = np.random.default_rng(6)
    predicted, measured = normal(rng, (40, 31))
    stratum = np.array([0] * 15 + [1] + [2] * 15)
    assert LEAST_POINTS > 40
    apart = ConformalIntervals.calibrate(predicted, measured, stratum)
    together = ConformalIntervals.calibrate(predicted, measured, np.zeros(31, dtype=int))
    new = rng.uniform(5, 20, (20, 1))
    own = apart.bounds(new, np.array([asked]))
    assert np.array_equal(own, together.bounds(new, np.array([0])))
    for s in (0, 2):
        assert not np.array_equal(own, apart.bounds(new, np.array([s])))


@pytest.mark.parametrize("n", [60, 120, 149, 300])
def test_no_bin_is_so_small_that_its_intervals_have_no_end(n):
    """Twenty bins of these would hold less than the 19 values that 5 % above takes."""
    predicted, measured = normal(np.random.default_rng(9), (n, 1))
    stratum = np.zeros(1, dtype=int)
    _, upper = ConformalIntervals.calibrate(predicted, measured, stratum).bounds(predicted, stratum)
    assert np.isfinite(upper).all()


def test_equal_predictions_share_a_bin():
    """Clipped predictions are all 0; each of three values has errors of its own."""
    rng = np.random.default_rng(10)
    predicted = rng.choice([0.0, 0.3, 5.0], (400, 10), p=[0.6, 0.3, 0.1])
    size = np.select([predicted == 0, predicted == 0.3], [0.1, 1.0], 3.0)
    measured = predicted + size * rng.uniform(0, 1, predicted.shape)
    stratum = np.zeros(10, dtype=int)
    _, upper = ConformalIntervals.calibrate(predicted, measured, stratum).bounds(predicted, stratum)
    assert np.allclose((upper - predicted) / size, 0.95, atol=0.05)
    for value in (0, 0.3, 5):
        assert len(np.unique(upper[predicted == value])) == 1


def test_a_value_that_many_cells_share_is_held_as_a_whole():
    """Half of the cells have one count: rounding of a bound must not lose them."""
    stratum = np.zeros(5, dtype=int)
    measured = np.log1p(np.random.default_rng(11).choice(4, (200, 5), p=[0.3, 0.1, 0.5, 0.1]))
    for level in np.random.default_rng(12).uniform(0, 1, 100):
        predicted = np.full(measured.shape, level)
        intervals = ConformalIntervals.calibrate(predicted, measured, stratum, 0.7)
        held = intervals.covered(predicted, measured, stratum)
        assert np.array_equal(held, measured < 1.2)


def test_order_of_cells_and_genes_does_not_matter():
    rng = np.random.default_rng(7)
    predicted, measured = zero_inflated(rng, (200, 20))
    stratum = three_strata(20)
    cells, genes = rng.permutation(200), rng.permutation(20)
    plain = ConformalIntervals.calibrate(predicted, measured, stratum)
    mixed = ConformalIntervals.calibrate(
        predicted[cells][:, genes], measured[cells][:, genes], stratum[genes]
    )
    for a, b in zip(plain.bounds(predicted, stratum), mixed.bounds(predicted, stratum), strict=True):
        assert np.array_equal(a, b)


# --- an independent library ------------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_bounds_are_the_percentiles_of_a_mondrian_conformal_predictive_system(coverage):
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(8)
    predicted, measured = (a.astype(np.float32) for a in normal(rng, (333, 30)))
    new = rng.uniform(5, 20, (50, 30)).astype(np.float32)
    stratum, n_bins = three_strata(30), 7
    assert (measured > 0).all()

    def category(values):
        """Stratum and bin; bins of equal numbers of the calibration's values."""
        at = np.empty(values.shape, dtype=int)
        for s in range(3):
            own = np.sort(predicted[:, stratum == s], axis=None)
            edges = own[np.arange(1, n_bins) * len(own) // n_bins]
            at[:, stratum == s] = s * n_bins + (values[:, stratum == s, None] >= edges).sum(axis=2)
        return at.ravel()

    error = measured.astype(np.float64) - predicted
    system = crepes.ConformalPredictiveSystem().fit(error.ravel(), bins=category(predicted))
    # In per cent, rounded: 100 * (1 - 0.9) / 2 is a hair below 5, which costs a rank there.
    tail = round(50 * (1 - coverage), 6)
    wanted = system.predict_percentiles(
        new.ravel(), bins=category(new), lower_percentiles=tail, higher_percentiles=100 - tail
    )
    lower, upper = ConformalIntervals.calibrate(predicted, measured, stratum, coverage, n_bins).bounds(
        new, stratum
    )
    assert np.allclose(lower.ravel(), np.maximum(wanted[:, 0], 0), rtol=1e-6)
    assert np.allclose(upper.ravel(), wanted[:, 1], rtol=1e-6)


# --- wrong input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", [0, 1, -0.1, 90, True, "0.9", math.nan])
def test_coverage_is_between_zero_and_one(coverage):
    values, stratum = np.ones((60, 2)), np.zeros(2, dtype=int)
    with pytest.raises(InputError, match="`coverage`"):
        ConformalIntervals.calibrate(values, values, stratum, coverage)
    with pytest.raises(InputError, match="`coverage`"):
        conformal_quantile(np.ones(9), coverage)


@pytest.mark.parametrize("n_bins", [0, 2.5, True])
def test_the_number_of_bins_is_a_number(n_bins):
    values = np.ones((60, 2))
    with pytest.raises(InputError, match="`n_bins`"):
        ConformalIntervals.calibrate(values, values, np.zeros(2, dtype=int), n_bins=n_bins)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.5])
@pytest.mark.parametrize("which", ["predicted", "measured"])
def test_values_are_finite_and_not_negative(which, wrong):
    good, stratum = np.ones((60, 2)), np.zeros(2, dtype=int)
    bad = good.copy()
    bad[3, 1] = wrong
    intervals = ConformalIntervals.calibrate(good, good, stratum)
    pair = (bad, good) if which == "predicted" else (good, bad)
    with pytest.raises(InputError, match=f"`{which}`"):
        ConformalIntervals.calibrate(*pair, stratum)
    with pytest.raises(InputError, match=f"`{which}`"):
        intervals.covered(*pair, stratum)


@pytest.mark.parametrize("stratum", [[0, 1, 2], [[0, 1]], [0.0, 1.0], [-1, 0]])
def test_strata_are_whole_numbers_one_for_each_gene(stratum):
    values = np.ones((60, 2))
    with pytest.raises(InputError, match="stratum"):
        ConformalIntervals.calibrate(values, values, np.array(stratum))


def test_shapes_are_the_same():
    stratum = np.zeros(2, dtype=int)
    with pytest.raises(InputError, match=r"predicted \(60, 2\).*measured \(59, 2\)"):
        ConformalIntervals.calibrate(np.ones((60, 2)), np.ones((59, 2)), stratum)
    with pytest.raises(InputError, match="no value"):
        ConformalIntervals.calibrate(np.ones((0, 2)), np.ones((0, 2)), stratum)
    with pytest.raises(InputError, match="`scores`"):
        conformal_quantile(np.ones((3, 3)), 0.9)
