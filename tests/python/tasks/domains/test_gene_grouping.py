"""Groups of genes for the choice: they hold together what belongs together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.stats.partitions import in_order
from sigel.tasks.domains.gene_grouping import N_GROUPS, gene_grouping


def named(n):
    return [f"G{i}" for i in range(n)]


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 120), st.integers(0, 999))
def test_every_fitted_gene_has_a_group_and_no_other(n_fitted, seed):
    rng = np.random.default_rng(seed)
    names = named(n_fitted + 7)
    fitted = rng.permutation(names)[:n_fitted]
    group = gene_grouping(rng.normal(size=(n_fitted, 4)), fitted, names, np.random.default_rng(seed))
    assert group.shape == (n_fitted + 7,)
    assert ((group != "") == np.isin(names, fitted)).all()
    found, sizes = np.unique(group[group != ""], return_counts=True)
    assert len(found) <= min(N_GROUPS, max(1, n_fitted // 3))
    assert sizes[found == "1"][0] == sizes.max()


def test_what_lies_apart_is_never_in_one_group_and_a_seed_repeats_it():
    rng = np.random.default_rng(0)
    planted = np.repeat(np.arange(4), 40)
    z = 20 * np.eye(4)[planted] + rng.normal(size=(160, 4))
    group, again = (gene_grouping(z, named(160), named(160), np.random.default_rng(1)) for _ in range(2))
    assert all(len(set(planted[group == one])) == 1 for one in set(group))
    assert (group == again).all()


def test_names_of_parts_begin_with_the_largest():
    label = np.array(["b", "c", "a", "c", "b", "d"])
    assert in_order(label).tolist() == ["1", "2", "3", "2", "1", "4"]
    assert in_order(np.array([5])).tolist() == ["1"]
