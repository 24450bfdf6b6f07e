"""Means over nearest cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.stats.nearest_means import mean_of_nearest
from sigel.stats.rounded_lattice import rounding_slack


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


def hexagonal(n_rows, n_cols, spacing, angle=0.0):
    row, column = (one.ravel() for one in np.mgrid[:n_rows, :n_cols])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return spacing * np.column_stack([column + 0.5 * (row % 2), row * np.sqrt(3) / 2]) @ turn


@settings(max_examples=30, deadline=None)
@given(
    spacing=st.floats(40, 400),  # from corners 16 spots reach two rings that lie 0.144 of it apart
    angle=st.floats(0, 3.2),
    shift=st.floats(0, 1e4),
    scale=st.sampled_from([1.0, 0.01, 0.0523]),
    n=st.sampled_from([2, 4, 6, 7, 10, 13, 16, 19]),
)
def test_a_lattice_in_whole_pixels_has_the_means_of_the_exact_one(spacing, angle, shift, scale, n):
    exact = hexagonal(12, 11, spacing, angle) + shift
    weights = mean_of_nearest(np.round(exact) * scale, n)
    np.testing.assert_allclose(weights.toarray(), mean_of_nearest(exact, n).toarray(), atol=1e-6)


@pytest.mark.parametrize("spacing", [5, 12, 100])
@pytest.mark.parametrize("jitter", [0.15, 0.25, 0.5])
def test_cells_in_whole_pixels_have_no_ties_but_true_ones(spacing, jitter):
    rng = np.random.default_rng(0)
    places = hexagonal(40, 40, spacing) + rng.normal(0, jitter * spacing, (1600, 2))
    places = np.unique(np.round(places), axis=0)
    assert rounding_slack(places) == 0
    assert rounding_slack(rng.integers(0, 40 * spacing, (1600, 2)).astype(float)) == 0


def test_whole_numbers_of_a_lattice_along_the_axes_are_exact():
    square = np.stack(np.divmod(np.arange(400.0), 20), axis=1)
    for scale in (1, 8, 0.1, 137.3):
        assert rounding_slack(square * scale) == 0
    assert rounding_slack(np.column_stack([square * 137 // 10, np.zeros(400)])) > 0


def test_few_cells_and_cells_at_one_place_have_no_rounding():
    for places in (np.zeros((1, 2)), np.zeros((9, 2)), np.eye(2), np.ones((40, 3))):
        assert rounding_slack(places) == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 12), lattice=st.booleans())
def test_means_of_some_cells_are_those_of_all(seed, n, lattice):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 5, (30, 2)).astype(float) if lattice else rng.uniform(size=(30, 2))
    cells = rng.permutation(30)[:11]
    some, every = mean_of_nearest(places, n, cells), mean_of_nearest(places, n)
    assert some.shape == (11, 30)
    np.testing.assert_allclose(some.toarray(), every[cells].toarray(), atol=1e-6)
    # By hand: those nearer count whole, those as far as the n-th share what is left.
    distance = np.linalg.norm(places[cells][:, None] - places[None], axis=2)
    last = np.sort(distance, axis=1)[:, min(n, 30) - 1 : min(n, 30)]
    nearer, tied = distance < last - 1e-9, abs(distance - last) <= 1e-9
    expected = (nearer + tied * (n - nearer.sum(axis=1, keepdims=True)) / tied.sum(axis=1, keepdims=True)) / n
    if n > 1:  # of one, the cell itself, whatever lies at the same place
        np.testing.assert_allclose(some.toarray(), expected, atol=1e-6)
