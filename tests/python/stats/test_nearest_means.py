"""Means over nearest cells."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.stats.nearest_means import mean_of_nearest


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
