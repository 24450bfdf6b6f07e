"""Domains against labels: counts, the order that makes the diagonal heavy, both indices."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from sigel.tasks.domains.agreement import agreement


def codes(rng, n, n_spots):
    return np.concatenate([np.arange(n), rng.integers(0, n, n_spots)]).astype(np.int8)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_counts_and_indices_are_those_of_others(n_domains, n_labels, seed):
    rng = np.random.default_rng(seed)
    n = 40
    domain, label = (rng.permutation(codes(rng, k, n))[:n] for k in (n_domains, n_labels))
    domain, label = (np.unique(one, return_inverse=True)[1] for one in (domain, label))
    found = agreement(domain, label)
    np.testing.assert_array_equal(found.table, pd.crosstab(domain, label).to_numpy()[found.order])
    assert sorted(found.order) == list(range(domain.max() + 1))
    assert found.ari == pytest.approx(adjusted_rand_score(label, domain))
    assert found.nmi == pytest.approx(normalized_mutual_info_score(label, domain))


def test_no_order_has_more_on_the_diagonal():
    rng = np.random.default_rng(0)
    for _ in range(5):
        domain, label = (rng.permutation(codes(rng, 4, 60)) for _ in range(2))
        table = pd.crosstab(domain, label).to_numpy()
        most = max(np.trace(table[list(order)]) for order in itertools.permutations(range(4)))
        assert np.trace(agreement(domain, label).table) == most


def test_a_domain_without_a_label_of_its_own_follows_the_one_that_it_overlaps_most():
    label = np.repeat([0, 1, 2], [30, 30, 30])
    domain = np.repeat([2, 3, 1, 0], [20, 10, 30, 30])
    assert agreement(domain, label).order.tolist() == [2, 3, 1, 0]
