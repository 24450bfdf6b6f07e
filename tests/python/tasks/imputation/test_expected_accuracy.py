"""Expected accuracy: planted relations and steps, none, few genes, bounds, honesty, wrong input."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sigel.errors import InputError
from sigel.tasks.imputation.expected_accuracy import FEATURES, LEAST_KNOWN, expected_accuracy

# How well it does is what the whole forest does.
well = pytest.mark.usefixtures("all_trees")


def features(rng, n):
    values = [rng.uniform(0, 1, n), rng.normal(-2, 1, n), rng.beta(1, 6, n), rng.gamma(2, 0.1, n)]
    return pd.DataFrame(dict(zip(FEATURES, values, strict=True)))


def even(x):
    return (0.3 * x["similarity"] + 0.02 * x["level"] + 0.6 * x["spread"]).to_numpy()


def step(x):
    """Genes that have a spatial pattern are imputed well, the others not at all."""
    return np.where(x["spatial"] > 0.15, 0.5, 0.0)


@well
@pytest.mark.parametrize("kind", [even, step])
def test_a_planted_relation_is_found(kind):
    rng = np.random.default_rng(0)
    known, asked = features(rng, 200), features(rng, 300)
    achieved = kind(known) + 0.03 * rng.normal(size=200)
    found = expected_accuracy(known, achieved, asked)
    # Ranks of the two values of a step are equal within each, which no estimate reaches.
    assert spearmanr(found.asked, kind(asked))[0] > (0.95 if kind is even else 0.8)
    assert np.abs(found.asked - kind(asked)).mean() < 0.06
    assert found.spearman == pytest.approx(spearmanr(found.known_crossfitted, achieved)[0])
    assert found.spearman > 0.6


@well
def test_genes_on_either_side_of_a_step_are_told_apart_as_no_line_can():
    rng = np.random.default_rng(1)
    known, asked = features(rng, 200), features(rng, 400)
    found = expected_accuracy(known, step(known) + 0.05 * rng.normal(size=200), asked).asked
    near = np.abs(asked["spatial"] - 0.15) < 0.03
    u = np.column_stack([np.ones(200), known.to_numpy()])
    line = np.linalg.lstsq(u, step(known), rcond=None)[0]
    straight = np.column_stack([np.ones(400), asked.to_numpy()]) @ line
    wrong = [((one > 0.1) & (step(asked) == 0) & ~near).sum() for one in (found, straight)]
    assert wrong[0] < wrong[1] / 2
    assert (found[(step(asked) > 0) & ~near] > 0.1).all()


@well
def test_features_that_say_nothing_give_about_the_mean():
    rng = np.random.default_rng(2)
    known, asked = features(rng, 300), features(rng, 300)
    achieved = rng.normal(0.3, 0.1, 300)
    found = expected_accuracy(known, achieved, asked)
    assert abs(found.spearman) < 0.15
    assert found.asked.mean() == pytest.approx(achieved.mean(), abs=0.02)
    assert np.abs(found.asked - achieved.mean()).mean() < 0.5 * achieved.std()


@pytest.mark.parametrize("n", [1, 2, 6, LEAST_KNOWN - 1])
def test_of_few_genes_the_mean_is_all_that_is_learned(n):
    rng = np.random.default_rng(3)
    known, asked = features(rng, n), features(rng, 7)
    achieved = even(known)
    found = expected_accuracy(known, achieved, asked)
    np.testing.assert_allclose(found.asked, achieved.mean())
    assert np.isfinite(found.known_crossfitted).all()
    more = features(rng, LEAST_KNOWN)
    assert np.ptp(expected_accuracy(more, even(more), asked).asked) > 0


def test_nothing_is_expected_that_no_known_gene_achieved():
    rng = np.random.default_rng(4)
    known, asked = features(rng, 100), features(rng, 3)
    asked.loc[0] = [1.0, 4.0, 1.0, 50.0]
    asked.loc[1] = [-9.0, -60.0, -1.0, 0.0]
    achieved = even(known)
    found = expected_accuracy(known, achieved, asked)
    assert found.asked[0] == achieved.max()
    assert found.asked[1] == achieved.min()
    assert found.known_crossfitted.max() <= achieved.max()


def test_no_gene_is_asked_about_itself():
    """A gene's own accuracy changes what is expected of others, never what is expected of itself."""
    rng = np.random.default_rng(5)
    known = features(rng, 60)
    achieved = even(known) + 0.05 * rng.normal(size=60)
    plain = expected_accuracy(known, achieved, known)
    for gene in (0, 31):
        changed = achieved.copy()
        changed[gene] += 0.4
        found = expected_accuracy(known, changed, known)
        assert found.known_crossfitted[gene] == plain.known_crossfitted[gene]
        assert (found.known_crossfitted != plain.known_crossfitted).sum() > 30
        assert found.asked[gene] > plain.asked[gene]


@well
def test_noise_is_not_learned_by_heart():
    rng = np.random.default_rng(6)
    known = features(rng, 100)
    achieved = rng.normal(0.3, 0.1, 100)
    found = expected_accuracy(known, achieved, known)
    assert spearmanr(found.asked, achieved)[0] > found.spearman + 0.2


def test_the_seed_decides_and_columns_go_by_name():
    rng = np.random.default_rng(7)
    known, asked = features(rng, 80), features(rng, 20)
    achieved = even(known) + 0.05 * rng.normal(size=80)
    plain = expected_accuracy(known, achieved, asked, seed=1)
    again = expected_accuracy(known[[*FEATURES[::-1]]].assign(other=1), achieved, asked, seed=1)
    other = expected_accuracy(known, achieved, asked, seed=2)
    for a, b in zip(plain, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (plain.known_crossfitted != other.known_crossfitted).any()


@given(
    n=st.integers(1, 30),
    odd=st.sampled_from([np.nan, np.inf, -np.inf, 0.0]),
    share=st.sampled_from([0, 0.3, 1]),
    constant=st.booleans(),
    seed=st.integers(0, 9),
)
@settings(max_examples=12, deadline=None)
def test_whatever_the_features_the_numbers_are_finite(n, odd, share, constant, seed):
    rng = np.random.default_rng(seed)
    known, asked = features(rng, n), features(rng, 5)
    achieved = np.full(n, 0.25) if constant else rng.normal(0.2, 0.1, n)
    known, asked = (one.mask(rng.random(one.shape) < share, odd) for one in (known, asked))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = expected_accuracy(known, achieved, asked)
    low, high = achieved.min() - 1e-12, achieved.max() + 1e-12
    for part in found[:2]:
        assert ((part >= low) & (part <= high)).all()
    assert -1 <= found.spearman <= 1
    if constant:
        assert found.spearman == 0


def test_nothing_may_be_asked():
    known = features(np.random.default_rng(8), 40)
    assert expected_accuracy(known, even(known), known.iloc[:0]).asked.shape == (0,)


def test_wrong_input_is_named():
    known = features(np.random.default_rng(9), 40)
    achieved = even(known)
    for argument, given_ in {
        "known": (known.drop(columns="level"), achieved, known),
        "asked": (known, achieved, known.drop(columns="spread")),
        "achieved": (known, achieved[1:], known),
        "folds": (known, achieved, known, 1),
        "seed": (known, achieved, known, 5, -1),
    }.items():
        with pytest.raises(InputError) as error:
            expected_accuracy(*given_)
        assert error.value.argument == argument
    for wrong in (np.where(np.arange(40) == 3, np.nan, achieved), np.ones((40, 1))):
        with pytest.raises(InputError, match="`achieved`"):
            expected_accuracy(known, wrong, known)
    with pytest.raises(InputError, match="`achieved`"):
        expected_accuracy(known.iloc[:0], achieved[:0], known)


def test_any_seed_will_do():
    """Random states are below 2^32, whatever the seed."""
    known = features(np.random.default_rng(10), 40)
    assert np.isfinite(expected_accuracy(known, even(known), known, seed=2**70).asked).all()
