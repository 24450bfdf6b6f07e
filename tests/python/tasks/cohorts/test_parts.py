"""The steps of the comparison, each on planted answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sigel.errors import InputError
from sigel.tasks.cohorts.company import gained_and_lost, nearest_genes
from sigel.tasks.cohorts.design import design_of, labellings, n_labellings
from sigel.tasks.cohorts.donor_means import levels_of_units, patterns_of_units
from sigel.tasks.cohorts.equal_levels import shares_to_keep
from sigel.tasks.cohorts.one_space import in_one_space

NAMES = list("abcdefgh")


def design(condition, donor=None, covariates=None, *, paired=False):
    index = NAMES[: len(condition)]
    of = None if donor is None else pd.Series(donor, index)
    other = None if covariates is None else pd.DataFrame(covariates, index)
    return design_of(pd.Series(condition, index), of, other, paired=paired)


# --- design ----------------------------------------------------------------------------------------------


def test_sections_nest_in_donors_and_donors_in_conditions():
    found = design(["x", "x", "y", "y", "x"], ["1", "1", "2", "3", "4"])
    assert found.units.tolist() == ["1", "2", "3", "4"]
    assert found.unit_of_section.tolist() == [0, 0, 1, 2, 3]
    np.testing.assert_array_equal(found.matrix, [[1, 0], [1, 1], [1, 1], [1, 0]])
    assert found.levels == ("x", "y")
    assert found.df == 2


def test_the_order_of_categories_says_what_is_compared_with_what():
    order = pd.Categorical(["b", "a", "b"], categories=["b", "a"])
    assert design_of(pd.Series(order, NAMES[:3]), None, None, paired=False).levels == ("b", "a")
    assert design(["b", "a", "b"]).levels == ("a", "b")
    unused = pd.Categorical(["b", "a", "b"], categories=["b", "c", "a"])
    found = design_of(pd.Series(unused, NAMES[:3]), None, None, paired=False)
    assert found.levels == ("b", "a")
    assert found.matrix.shape == (3, 2)


def test_more_than_two_numbers_are_a_quantity_and_two_are_conditions():
    dose = design([0.0, 1.0, 2.0, 4.0])
    assert dose.levels == ()
    assert dose.matrix.shape == (4, 2)
    assert np.corrcoef(dose.matrix[:, 1], [0, 1, 2, 4])[0, 1] == pytest.approx(1)
    assert design([0, 1, 1, 0]).levels == ("0", "1")


def test_paired_donors_are_compared_with_themselves():
    found = design(["x", "y", "x", "y", "x", "y"], ["1", "1", "2", "2", "3", "3"], paired=True)
    assert len(found.units) == 6
    assert np.linalg.matrix_rank(found.matrix) == found.matrix.shape[1] == 4
    assert n_labellings(found) == 8
    for order in labellings(found, np.random.default_rng(0)):
        assert (found.pairs[order] == found.pairs).all()
    others = {tuple(found.condition[order]) for order in labellings(found, np.random.default_rng(0))}
    assert len(others) == 7  # all but the given one
    assert tuple(found.condition) not in others


def test_a_paired_donor_of_one_condition_has_no_other_labelling():
    found = design(["x", "y", "x", "y", "x"], ["1", "1", "2", "2", "3"], paired=True)
    assert n_labellings(found) == 4
    assert len(labellings(found, np.random.default_rng(0))) == 3


def test_covariates_of_donors_enter_and_those_that_say_the_same_are_refused():
    found = design(
        ["x", "x", "y", "y", "x", "y"], covariates={"age": [1, 2, 3, 5, 8, 13], "batch": list("aababb")}
    )
    assert found.matrix.shape == (6, 4)
    with pytest.raises(InputError, match=r"`covariates`.*'batch', from which the condition follows"):
        design(["x", "x", "y", "y"], covariates={"batch": list("aabb")})
    with pytest.raises(InputError, match=r"`covariates`.*no 'age' for the section 'c'"):
        design(["x", "x", "y", "y"], covariates={"age": [1.0, 2.0, np.nan, 4.0]})
    age = np.array([1.0, 2, 3, 5, 8, 13])
    with pytest.raises(InputError, match=r"`covariates`.*6 donors for 4 coefficients that follow from one"):
        design(["x", "x", "y", "y", "x", "y"], covariates={"age": age, "months": 12 * age})
    with pytest.raises(InputError, match=r"`covariates`.*several values of 'batch' for one donor"):
        design(["x", "x", "y", "y"], ["1", "1", "2", "3"], {"batch": list("abab")})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"condition": ["x", "y", "x"], "donor": ["1", "1", "2"]},
            r"`donor`.*'1' in 2 conditions.*paired=True",
        ),
        ({"condition": ["x", "x"]}, r"`condition`.*one condition, 'x'"),
        ({"condition": ["x", None]}, r"`condition`.*no value for the section 'b'"),
        ({"condition": ["x", "y"], "donor": ["1", "2"], "paired": True}, r"`paired`.*one condition each"),
    ],
)
def test_what_cannot_be_compared_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        design(**given)


@pytest.mark.parametrize(("n", "first", "expected"), [(6, 3, 9), (7, 3, 34), (4, 2, 2)])
def test_other_labellings_are_all_that_tell_another_story(n, first, expected):
    found = design(["x"] * first + ["y"] * (n - first))
    others = labellings(found, np.random.default_rng(0))
    told = {tuple(found.with_condition(order)[:, 1]) for order in others}
    assert len(told) == len(others) == expected
    given = tuple(found.matrix[:, 1])
    mirrored = tuple(1 - found.matrix[:, 1])
    assert given not in told
    assert mirrored not in told
    assert all(sum(one) == n - first for one in told)


# --- means, levels, thinning -----------------------------------------------------------------------------


def test_a_unit_is_the_mean_of_its_sections_that_have_a_gene():
    z = np.arange(12.0).reshape(3, 2, 2)
    z[1, 0] = np.nan
    found = patterns_of_units(z, np.array([0, 0, 1]))
    np.testing.assert_allclose(found[0], [z[0, 0], (z[0, 1] + z[1, 1]) / 2])
    z[0, 0] = np.nan
    assert np.isnan(patterns_of_units(z, np.array([0, 0, 1]))[0, 0]).all()


def test_levels_are_free_of_depth_and_of_one_gene_that_rises():
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.full(200, 5.0))
    totals = rng.poisson(share * np.array([[1e6], [4e6], [2e6]])).astype(float)
    totals[2, 0] *= 50
    level = levels_of_units(totals, np.arange(3))
    assert np.abs(level[0, 1:] - level[1, 1:]).mean() < 0.1
    assert np.abs(level[2, 1:] - level[1, 1:]).mean() < 0.1
    assert level[2, 0] - level[1, 0] == pytest.approx(np.log2(50), abs=0.3)
    totals[0, 5] = np.nan
    assert np.isnan(levels_of_units(totals, np.arange(3))[0, 5])


def test_a_level_is_the_logarithm_of_counts_in_a_million():
    totals = np.array([[700.0, 250, 50, 0]] * 2)
    expected = np.log2(totals * 1e3 + 0.5)
    np.testing.assert_allclose(levels_of_units(totals, np.arange(2)), expected, rtol=1e-12)
    # Twice the depth in the other, and a gene that only it has: the rest stays where it is.
    totals[1] = [1400, 500, 100, 700]
    level = levels_of_units(totals, np.arange(2))
    np.testing.assert_allclose(level[0, :3], level[1, :3], atol=0.01)
    assert level[1, 3] > level[0, 3] + 5


def test_a_gene_that_is_hardly_there_in_one_condition_is_thinned_as_if_seen_once_more():
    totals = np.array([[0.0, 300], [0, 300], [9, 300], [9, 300]])
    share = shares_to_keep(totals, np.full(4, 100.0), design(["x", "x", "y", "y"]))
    np.testing.assert_allclose(share, [[1, 1], [1, 1], [0.1, 1], [0.1, 1]])
    totals[2:, 0] = 1000
    share = shares_to_keep(totals, np.full(4, 100.0), design(["x", "x", "y", "y"]))
    np.testing.assert_allclose(share[:, 0], [1, 1, 0.05, 0.05])  # some are kept whatever the counts


def test_what_a_condition_adds_is_what_is_thinned_away():
    found = design(["x", "x", "y", "y"])
    totals = np.array([[100, 50.0, 200], [100, 50, 200], [300, 50, np.nan], [300, 50, np.nan]]) * 10
    share = shares_to_keep(totals, np.full(4, 100.0), found)
    np.testing.assert_allclose(share[:, 0], [1, 1, 1 / 3, 1 / 3], rtol=0.01)
    np.testing.assert_allclose(share[:, 1:], 1)
    # Twice as many spots with as many counts: each is seen half as well.
    by_depth = shares_to_keep(totals, np.array([100.0, 100, 200, 200]), found)
    np.testing.assert_allclose(by_depth[:, 1], [0.5, 0.5, 1, 1], rtol=0.01)


# --- space -----------------------------------------------------------------------------------------------


def test_sections_are_laid_over_each_other_by_the_genes_that_stay():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(400, 6))
    maps = np.stack([np.eye(6) + 0.15 * rng.normal(size=(6, 6)) for _ in range(6)])
    sections = np.einsum("gd,sde->sge", true, maps) + 0.02 * rng.normal(size=(6, 400, 6))
    sections[3:, :60] = -sections[3:, :60]  # these change their place
    sections[0, 399] = np.nan
    found = in_one_space(sections)
    apart = np.linalg.norm(found[3:].mean(axis=0) - np.nanmean(found[:3], axis=0), axis=1)
    before = np.linalg.norm(sections[3:].mean(axis=0) - np.nanmean(sections[:3], axis=0), axis=1)
    assert np.median(apart[60:]) < 0.1 * np.median(before[60:])
    assert apart[:60].min() > 5 * np.median(apart[60:])
    assert np.isnan(found[0, 399]).all()
    assert np.isfinite(found[1:, 399]).all()


def test_sections_that_lie_elsewhere_are_shifted_onto_each_other():
    rng = np.random.default_rng(1)
    true = rng.normal(size=(300, 5))
    sections = true + np.array([1.5, -1.0, 0.5, 0.0])[:, None, None] * np.arange(1, 6)
    found = in_one_space(sections)
    before = np.ptp(sections, axis=0).mean()
    # The ridge, a thousandth, draws maps a little towards nothing.
    assert np.ptp(found, axis=0).mean() < 0.05 * before


def test_genes_that_one_section_alone_has_do_not_draw_it_away():
    rng = np.random.default_rng(2)
    both = rng.normal(size=(30, 5))
    sections = np.stack([np.concatenate([both, rng.normal(size=(200, 5))])] * 2)
    sections[1, 30:] = np.nan
    found = in_one_space(sections)
    # Sections that agree stay where they are; the ridge draws a map a little towards nothing.
    for own, seen in zip(found, sections, strict=True):
        there = np.isfinite(seen)
        assert (own[there] * seen[there]).sum() / np.square(seen[there]).sum() == pytest.approx(1, abs=0.02)


def test_neighbours_are_the_nearest_and_a_gene_that_moves_changes_them():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 5)) * 5
    before = np.repeat(centres, 10, axis=0) + 0.1 * rng.normal(size=(30, 5))
    after = before.copy()
    after[0] = centres[2] + 0.1
    before[29] = np.nan
    before[28, 2] = np.nan
    nearest = nearest_genes(before, np.array([3]), 9)
    assert set(nearest[0]) == set(range(10)) - {3}
    names = np.array([f"G{k}" for k in range(30)], dtype=object)
    gained, lost = gained_and_lost(before, after, names, np.arange(30))
    assert {int(one[1:]) // 10 for one in gained[0].split(", ")} == {2}
    assert gained[29] == lost[29] == ""
    assert not {"G28", "G29"} & set(", ".join(lost).split(", "))


def test_of_two_genes_each_has_one_neighbour():
    two = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]])
    assert nearest_genes(two, np.array([0, 1]), 5).tolist() == [[1], [0]]


@pytest.mark.parametrize("n", [1, 2, 7, 59])
def test_neighbours_are_those_of_the_largest_cosines(n):
    """However long a representation is: a gene of few counts lies among strong ones of its pattern."""
    rng = np.random.default_rng(n)
    means = rng.normal(size=(60, 4)) * rng.uniform(0.1, 10, (60, 1)) + 1
    centred = means - means.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    found = nearest_genes(means, np.arange(60), n)
    np.testing.assert_array_equal(found, np.argsort(-alike, axis=1)[:, :n])
