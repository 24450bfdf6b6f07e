"""Counts thinned at random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sigel.stats.thinning import thinned_halves, thinned_to


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), fractions=st.booleans())
def test_halves_add_up_to_the_counts_and_are_whole(seed, fractions):
    rng = np.random.default_rng(seed)
    x = rng.poisson(1.5, (40, 12)) + (rng.random((40, 12)) * 0.9 if fractions else 0)
    counts = sparse.csr_matrix(x)
    before = counts.copy()
    one, other = (half.toarray() for half in thinned_halves(counts, rng))
    assert (one % 1 == 0).all()
    assert (other % 1 == 0).all()
    assert min(one.min(), other.min()) >= 0
    # A fraction is one more count, or none.
    assert (one + other >= np.floor(x)).all()
    assert (one + other <= np.ceil(x)).all()
    assert (counts != before).nnz == 0


def test_fractions_become_counts_that_are_right_on_average():
    counts = sparse.csr_matrix(np.full((20_000, 1), 2.3))
    one, other = thinned_halves(counts, np.random.default_rng(0))
    assert one.mean() == pytest.approx(1.15, abs=0.02)
    assert other.mean() == pytest.approx(1.15, abs=0.02)


def test_each_gene_keeps_its_share():
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(5.0, (4000, 4)).astype(float))
    share = np.array([0.0, 0.2, 0.7, 1.0])
    left = thinned_to(counts, share, rng)
    assert (left.toarray() <= counts.toarray()).all()
    kept = np.asarray(left.sum(axis=0)).ravel() / np.asarray(counts.sum(axis=0)).ravel()
    np.testing.assert_allclose(kept, share, atol=0.02)
    assert (left[:, 3] != counts[:, 3]).nnz == 0
    # What is left of Poisson counts is Poisson.
    column = left[:, 1].toarray().ravel()
    assert column.var() / column.mean() == pytest.approx(1, abs=0.1)
