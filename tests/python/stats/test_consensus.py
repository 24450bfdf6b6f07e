"""The vote of partitions: names of parts say nothing, and the majority is right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

from sigel.stats.consensus import agreeing, consensus, support


def spoiled(truth, k, n_partitions, share, rng):
    """Copies of a partition with a share of the points at random, under names of their own."""
    copies = []
    for _ in range(n_partitions):
        wrong = rng.random(len(truth)) < share
        copies.append(rng.permutation(k)[np.where(wrong, rng.integers(k, size=len(truth)), truth)])
    return np.stack(copies)


partitions = st.tuples(
    st.integers(1, 5), st.integers(1, 5), st.integers(2, 60), st.integers(0, 10**6)
)  # n_partitions, k, n_points, seed


@settings(max_examples=25, deadline=None)
@given(partitions)
def test_similarity_is_sklearns_adjusted_rand_index(shape):
    n_partitions, k, n_points, seed = shape
    labels = np.random.default_rng(seed).integers(k, size=(n_partitions, n_points))
    similarity = consensus(labels, k).similarity
    expected = [[adjusted_rand_score(a, b) for b in labels] for a in labels]
    np.testing.assert_allclose(similarity, expected, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(partitions)
def test_identical_partitions_agree_fully_whatever_their_names(shape):
    n_partitions, k, n_points, seed = shape
    rng = np.random.default_rng(seed)
    one = rng.integers(k, size=n_points)
    found = consensus(np.stack([rng.permutation(k)[one] for _ in range(n_partitions)]), k)
    assert adjusted_rand_score(one, found.label) == pytest.approx(1)
    assert (found.agreement == 1).all()
    np.testing.assert_allclose(found.similarity, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(3, 9), st.integers(0, 10**6))
def test_names_of_parts_change_nothing(k, n_partitions, seed):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), 30)
    labels = spoiled(truth, k, n_partitions, 0.15, rng)
    renamed = np.stack([rng.permutation(k)[one] for one in labels])
    one, two = consensus(labels, k), consensus(renamed, k)
    np.testing.assert_array_equal(one.agreement, two.agreement)
    np.testing.assert_allclose(one.similarity, two.similarity)
    sure = one.agreement > 0.5  # among equal votes the lowest name wins
    assert sure.mean() > 0.8
    assert adjusted_rand_score(one.label[sure], two.label[sure]) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10**6))
def test_the_order_of_points_changes_nothing(k, seed):
    rng = np.random.default_rng(seed)
    labels = spoiled(np.repeat(np.arange(k), 25), k, 7, 0.2, rng)
    order = rng.permutation(labels.shape[1])
    one, two = consensus(labels, k), consensus(labels[:, order], k)
    np.testing.assert_array_equal(one.agreement[order], two.agreement)
    np.testing.assert_array_equal(one.label[order], two.label)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10**6))
def test_the_majority_recovers_planted_truth_that_no_partition_has(k, seed):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), 40)
    labels = spoiled(truth, k, 25, 0.3, rng)
    found = consensus(labels, k)
    single = max(adjusted_rand_score(truth, one) for one in labels)
    # A point of 80 or two may have a majority against it: one in the smallest case is 0.950, two 0.902.
    assert adjusted_rand_score(truth, found.label) > max(single, 0.9)
    right = 1 - 0.3 * (k - 1) / k  # a random part is the true one once in k
    assert found.agreement.mean() == pytest.approx(right, abs=0.05)


def test_agreement_is_the_share_of_votes():
    labels = np.array([[0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1]])
    found = consensus(labels, 2)
    assert found.agreement.tolist() == [1, 1, 0.75, 1, 1, 1]
    assert adjusted_rand_score(labels[0], found.label) == 1


def test_one_partition_is_its_own_consensus():
    labels = np.array([[2, 0, 0, 1]])
    found = consensus(labels, 3)
    assert found.label.tolist() == [2, 0, 0, 1]
    assert found.agreement.tolist() == [1, 1, 1, 1]
    assert found.similarity.tolist() == [[1]]


def test_parts_may_be_empty():
    labels = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 0, 0]])
    found = consensus(labels, 4)
    assert adjusted_rand_score([0, 0, 1, 1], found.label) == 1
    assert found.agreement.max() == 1


# --- no part is lost ---------------------------------------------------------------------------------------


def test_a_part_in_a_minority_everywhere_comes_back():
    """Each partition cuts another piece off the second part: no point of it has a majority."""
    labels = np.zeros((5, 60), dtype=int)
    labels[:, 30:] = 1
    for at, one in enumerate(labels):
        one[6 * at : 6 * at + 6] = 2
    found = consensus(labels, 3)
    assert sorted(np.unique(found.label)) == [0, 1, 2]
    assert np.bincount(found.label).tolist() in (
        [24, 30, 6],
        [24, 6, 30],
        [30, 24, 6],
        [6, 24, 30],
        [6, 30, 24],
    )
    small = found.label == np.argmin(np.bincount(found.label))
    assert any((small == (one == 2)).all() for one in labels)  # the piece of one of the partitions
    np.testing.assert_allclose(found.agreement[small], 1 / 5)
    assert (found.agreement[~small] >= 4 / 5).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(2, 8), st.integers(0, 10**6))
def test_as_many_parts_come_out_as_one_partition_has(n_partitions, k, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(k, size=(n_partitions, 40))
    most = max(len(np.unique(one)) for one in labels)
    assert len(np.unique(consensus(labels, k).label)) >= most


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 9), st.integers(2, 6), st.integers(0, 10**6))
def test_agreement_is_the_share_that_a_matching_to_the_answer_gives(n_partitions, k, seed):
    rng = np.random.default_rng(seed)
    labels = spoiled(rng.integers(k, size=50), k, n_partitions, rng.uniform(0.2, 1), rng)
    found = consensus(labels, k)
    votes = np.zeros(50)
    for one in labels:
        overlap = np.array([[((one == a) & (found.label == b)).sum() for b in range(k)] for a in range(k)])
        votes += linear_sum_assignment(-overlap)[1][one] == found.label
    np.testing.assert_allclose(found.agreement, votes / n_partitions)


# --- which partitions agree --------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.floats(0.01, 1), st.integers(0, 10**6))
def test_the_medoid_comes_first_and_those_most_like_it_follow(n_partitions, k, share, seed):
    rng = np.random.default_rng(seed)
    labels = spoiled(rng.integers(k, size=50), k, n_partitions, rng.uniform(0.1, 1), rng)
    found = agreeing(labels, k, share)
    assert len(found) == math.ceil(share * n_partitions)
    assert len(set(found)) == len(found)
    rand = np.array([[adjusted_rand_score(a, b) for b in labels] for a in labels])
    n_parts = np.array([len(set(one)) for one in labels])
    most = n_parts == n_parts.max()  # a partition that lost a part is no medoid
    assert most[found[0]]
    assert rand[found[0]].sum() == pytest.approx(rand.sum(axis=1)[most].max())
    like = rand[found[0], found[1:]]
    assert (np.diff(like) <= 1e-9).all()
    left = np.setdiff1d(np.arange(n_partitions), found)
    if len(like) and len(left):
        assert rand[found[0], left].max() <= like.min() + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(3, 9), st.integers(0, 10**6))
def test_names_of_parts_change_neither_who_agrees_nor_the_support(k, n_partitions, seed):
    rng = np.random.default_rng(seed)
    labels = spoiled(np.repeat(np.arange(k), 30), k, n_partitions, 0.15, rng)
    renamed = np.stack([rng.permutation(k)[one] for one in labels])
    np.testing.assert_array_equal(agreeing(labels, k, 0.6), agreeing(renamed, k, 0.6))
    expected = support(labels, labels[0], k)
    np.testing.assert_allclose(support(renamed, rng.permutation(k)[labels[0]], k), expected)


@pytest.mark.parametrize(
    ("n", "share", "expected"), [(10, 0.7, 7), (30, 0.1, 3), (120, 0.2, 24), (5, 0.01, 1)]
)
def test_a_share_is_rounded_up_but_not_for_the_sake_of_rounding(n, share, expected):
    labels = np.random.default_rng(0).integers(3, size=(n, 20))
    assert len(agreeing(labels, 3, share)) == expected


def test_those_that_agree_are_told_from_those_that_err_each_in_their_own_way():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 30)
    right, wrong = spoiled(truth, 4, 6, 0.1, rng), spoiled(truth, 4, 14, 0.7, rng)
    labels = np.vstack([wrong, right])
    assert set(agreeing(labels, 4, 0.3)) == set(range(14, 20))


@settings(max_examples=25, deadline=None)
@given(partitions)
def test_support_is_a_share_of_partitions_and_one_where_all_are_the_same(shape):
    n_partitions, k, n_points, seed = shape
    rng = np.random.default_rng(seed)
    label, labels = rng.integers(k, size=n_points), rng.integers(k, size=(n_partitions, n_points))
    found = support(labels, label, k)
    assert found.shape == (n_points,)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(n_partitions * found, (n_partitions * found).round(), atol=1e-9)
    # The best of k! matchings agrees on as many points as a random one does on average, or more.
    assert found.sum() >= n_points / k - 1e-9
    same = np.stack([rng.permutation(k)[label] for _ in range(n_partitions)])
    assert (support(same, label, k) == 1).all()
