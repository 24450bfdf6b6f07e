"""Posteriors of new spots against a peer, and offsets that were planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sigel.config.domains import DomainConfig
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.labelled_inputs import classes_of
from sigel.tasks.domains.labelled_posterior import mean_posterior
from sigel.tasks.domains.windows import Tissue, View

PLAIN = DomainConfig(section_offsets=False, ridge=1e-9)


def clouds(n=400, d=5, k=4, apart=3.0, seed=0):
    """Points of classes with one covariance, and their classes."""
    rng = np.random.default_rng(seed)
    code = rng.integers(k, size=n)
    code[:k] = np.arange(k)
    mix = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    return apart * rng.normal(size=(k, d))[code] + rng.normal(size=(n, d)) @ mix, code


def described(views, section):
    places = np.zeros((len(section), 2))
    empty = sparse.csr_matrix((len(section), 0))
    named = tuple(
        View(window, view, np.zeros((0, 0)), np.zeros((1, 0))) for window, view in enumerate(views, 1)
    )
    return Described(Tissue(places, section), empty, np.array([]), 1, views[0], named, None)


@settings(max_examples=15, deadline=None)
@given(d=st.integers(1, 8), k=st.integers(2, 6), seed=st.integers(0, 99))
def test_one_view_gives_what_discriminant_analysis_gives(d, k, seed):
    x, code = clouds(d=d, k=k, seed=seed, apart=1.0)
    section = (np.arange(400) >= 250).astype(int)
    found = mean_posterior(described([x], section), code[:250], PLAIN)
    peer = LinearDiscriminantAnalysis(solver="lsqr").fit(x[:250], code[:250])
    np.testing.assert_allclose(found, peer.predict_proba(x[250:]), atol=1e-5)


def test_views_are_averaged_and_spots_without_a_class_teach_nothing():
    x, code = clouds()
    section = (np.arange(400) >= 250).astype(int)
    known = np.where(np.arange(250) % 3, code[:250], -1)
    one, two = (mean_posterior(described([view], section), known, PLAIN) for view in (x, x[:, :2]))
    both = mean_posterior(described([x, x[:, :2]], section), known, PLAIN)
    np.testing.assert_allclose(both, (one + two) / 2)
    np.testing.assert_allclose(both.sum(axis=1), 1)
    spoiled = x.copy()
    spoiled[:250][known < 0] = 1e3
    np.testing.assert_array_equal(mean_posterior(described([spoiled], section), known, PLAIN), one)


@pytest.mark.parametrize("alone", [False, True])
def test_offsets_of_sections_are_taken_out(alone):
    """Of two sections of the reference and two new ones, one of which may hold a single class."""
    x, code = clouds(n=1000, apart=4.0)
    section = np.repeat(np.arange(4), 250)
    if alone:
        keep = (section < 3) | (code == 1)
        x, code, section = x[keep], code[keep], section[keep]
    shift = np.random.default_rng(1).normal(scale=1.5, size=(4, 5))
    moved = x + shift[section]
    n = int((section < 2).sum())

    def right(view, config):
        return (
            mean_posterior(described([view], section), code[:n], config).argmax(axis=1) == code[n:]
        ).mean()

    kept, taken = right(moved, PLAIN), right(moved, DomainConfig())
    assert taken > 0.95 * right(x, PLAIN)
    assert taken > kept


def test_classes_are_those_of_two_spots_or_more():
    names, code = classes_of(np.array(["b", "", "a", "b", "a"], dtype=object))
    assert names.tolist() == ["a", "b"]
    assert code.tolist() == [1, -1, 0, 1, 0]
    with pytest.warns(UserWarning, match="'c'"):
        names, code = classes_of(np.array(["b", "c", "a", "b", "a"], dtype=object))
    assert code.tolist() == [1, -1, 0, 1, 0]
