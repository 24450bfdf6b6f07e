"""Parts of points held against those of other seeds."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.stats import partitions
from sigel.stats.partitions import jaccard, stability_table


def test_the_examples():
    assert doctest.testmod(partitions).failed == 0


@settings(max_examples=30, deadline=None)
@given(n_seeds=st.integers(1, 6), n_parts=st.integers(1, 5), seed=st.integers(0, 99))
def test_a_stability_table_is_mean_and_minimum_over_seeds(n_seeds, n_parts, seed):
    rng = np.random.default_rng(seed)
    names, sizes = np.array([f"p{k}" for k in range(n_parts)], dtype=object), rng.integers(1, 50, n_parts)
    overlap, rand = rng.uniform(size=(n_seeds, n_parts)), rng.uniform(size=n_seeds).tolist()
    seeds = list(range(n_seeds))
    table = stability_table("domain", names, sizes, overlap, rand, seeds, size_column="n_spots")
    assert list(table.columns) == ["domain", "n_spots", "stability", "lowest"]
    assert table["domain"].tolist() == names.tolist()
    assert table["n_spots"].tolist() == sizes.tolist()
    for part in range(n_parts):
        assert table["stability"][part] == pytest.approx(sum(overlap[:, part]) / n_seeds)
        assert table["lowest"][part] == min(overlap[:, part])
    assert table.attrs == {"ari": pytest.approx(sum(rand) / n_seeds), "ari_by_seed": rand, "seeds": seeds}


def test_jaccard_is_what_two_parts_share_over_what_is_in_either():
    one, other = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, 0, 1])
    expected = [
        [
            len(set(np.flatnonzero(one == a)) & set(np.flatnonzero(other == b)))
            / len(set(np.flatnonzero(one == a)) | set(np.flatnonzero(other == b)))
            for b in range(2)
        ]
        for a in range(3)
    ]
    np.testing.assert_allclose(jaccard(one, other), expected)
    relabelled = pd.factorize(one[::-1])[0][::-1]
    np.testing.assert_allclose(jaccard(one, relabelled).max(axis=1), 1)
