"""Pairs of genes: what they are named by, what they are held against, and what known ones teach."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigel.errors import InputError
from sigel.stats.alike_genes import bins_of_genes
from sigel.stats.partitions import points_of_parts
from sigel.tasks.interactions.gene_pairs import pairs_among, pairs_of, pairs_with
from sigel.tasks.interactions.known_pairs import Lesson, features, learn_from_pairs, lesson_of, rewired
from sigel.tasks.interactions.similar_pairs import GeneVectors, compared_pairs


def random_vectors(n_genes: int, seed: int = 0, n_sections: int = 2, n_dims: int = 5) -> GeneVectors:
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_genes, n_dims)) * rng.gamma(2.0, size=(n_genes, 1))
    sections = shared + 0.3 * rng.normal(size=(n_sections, n_genes, n_dims))
    return GeneVectors.of_sections(sections, rng.normal(size=n_genes))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 900), st.integers(0, 5))
def test_bins_hold_genes_of_like_level_and_none_is_small(n_genes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    level, strength = rng.normal(size=n_genes), rng.normal(size=n_genes)
    bins = bins_of_genes(level, strength, rng, size=50)
    members = points_of_parts(bins)
    assert sorted(np.concatenate(members)) == list(range(n_genes))
    assert min(map(len, members)) >= min(n_genes, 40)
    k = int(np.sqrt(len(members)))
    rows = [np.concatenate(members[row * k : (row + 1) * k]) for row in range(k)]
    for low, high in itertools.pairwise(rows):
        assert level[low].max() <= level[high].min()


def test_pairs_come_as_a_table_a_list_or_a_file_each_once(tmp_path: Path) -> None:
    table = pd.DataFrame({"tf": ["A", "B", "C"], "target": ["B", "A", "D"], "confidence": [1, 2, 3]})
    expected = [["A", "B"], ["C", "D"]]
    assert pairs_of(table, "pairs").to_numpy().tolist() == expected
    assert pairs_of([("A", "B"), ["B", "A"], ("C", "D")], "pairs").to_numpy().tolist() == expected
    for name, sep in (("pairs.csv", ","), ("pairs.tsv.gz", "\t")):
        path = tmp_path / name
        table.to_csv(path, sep=sep, index=False)
        assert pairs_of(path, "pairs").to_numpy().tolist() == expected
    named = table[["confidence"]].assign(gene_b=table["target"], gene_a=table["tf"])
    assert pairs_of(named, "pairs").to_numpy().tolist() == expected


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (pd.DataFrame({"tf": ["A"]}), "1 column;"),
        (pd.DataFrame({"tf": ["A"], "confidence": [1]}), "'confidence'"),
        (["AB", "CD"], "AB"),
        ([("A", "B", "C")], "'C'"),
        ("nowhere.csv", "no file"),
        (3, "3"),
        (pd.DataFrame({"gene_a": ["A"], "gene_b": ["B"], "label": [2]}), "other values"),
        (
            pd.DataFrame({"gene_a": ["A", "B"], "gene_b": ["B", "A"], "label": [1, 0]}),
            "A and B with the label",
        ),
        (pd.DataFrame({"gene_a": ["A", None], "gene_b": ["B", "C"]}), "missing names"),
        (pd.DataFrame([["A", "B"]], columns=["gene", "gene"]), "two columns 'gene'"),
    ],
)
def test_what_is_no_pairs_is_refused(wrong: object, found: str) -> None:
    with pytest.raises(InputError, match=found) as error:
        pairs_of(wrong, "known")  # type: ignore[arg-type]
    assert error.value.argument == "known"


def test_pairs_of_chosen_genes_and_of_a_gene_with_all() -> None:
    known = np.array(["A", "B", "C", "D"], dtype=object)
    assert pairs_among(["A", "C", "D"], known).to_numpy().tolist() == [["A", "C"], ["A", "D"], ["C", "D"]]
    assert pairs_with("B", known).to_numpy().tolist() == [["B", "A"], ["B", "C"], ["B", "D"]]
    with pytest.raises(InputError, match="X"):
        pairs_with("X", known)
    with pytest.raises(InputError, match="1 name;"):
        pairs_among(["A"], known)


def test_similarity_is_the_mean_cosine_over_sections_that_have_both_genes() -> None:
    rng = np.random.default_rng(1)
    sections = rng.normal(size=(3, 40, 4))
    sections[0, 7] = np.nan
    sections[:, 9] = np.nan
    genes = GeneVectors.of_sections(sections, np.zeros(40))
    centred = sections - np.nanmean(sections, axis=1, keepdims=True)
    cosine = [own[7] @ own[3] / np.linalg.norm(own[7]) / np.linalg.norm(own[3]) for own in centred[1:]]
    found = compared_pairs(genes, np.array([7, 3, 9, -1]), np.array([3, 3, 3, 3]), rng)
    assert found.similarity[0] == pytest.approx(np.mean(cosine), abs=1e-5)
    assert found.n_sections[0] == 2
    assert np.isnan(found.similarity[1:]).all()
    assert np.isnan(found.pval[1:]).all()


def test_pvalues_of_random_pairs_are_uniform_and_do_not_hang_on_the_order_of_genes() -> None:
    genes = random_vectors(900)
    rng = np.random.default_rng(2)
    first, second = rng.integers(900, size=(2, 4000))
    first, second = first[first != second], second[first != second]
    found = compared_pairs(genes, first, second, np.random.default_rng(0))
    assert stats.kstest(found.pval, "uniform").pvalue > 0.01
    swapped = compared_pairs(genes, second, first, np.random.default_rng(0))
    np.testing.assert_array_equal(found.pval, swapped.pval)
    assert found.pval.min() > 0


def test_strong_genes_are_held_against_strong_genes() -> None:
    """Strong genes share a direction, weak ones do not: among strong ones a usual pair is nothing."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(400, 6))
    direction[:200] += [4, 0, 0, 0, 0, 0]
    direction[:200] *= 5
    genes = GeneVectors.of_sections(direction[None], np.zeros(400))
    first, second = np.arange(0, 198), np.arange(1, 199)
    found = compared_pairs(genes, first, second, rng)
    assert found.similarity.mean() > 0.3
    assert np.mean(found.pval < 0.05) < 0.15


def test_rewired_pairs_are_new_and_keep_how_often_a_gene_occurs() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(300, size=(2, 2000))
    a, b = rewired(first, second, rng)
    given_pairs = {frozenset(pair) for pair in zip(first, second, strict=True)}
    made = [frozenset(pair) for pair in zip(a, b, strict=True)]
    assert not given_pairs & set(made)
    assert len(set(made)) == len(made)
    assert len(made) > 0.97 * len(set(given_pairs))
    assert np.corrcoef(np.bincount(b, minlength=300), np.bincount(second, minlength=300))[0, 1] > 0.95


def test_features_do_not_hang_on_which_gene_comes_first() -> None:
    genes = random_vectors(60)
    a, b = np.arange(0, 30), np.arange(30, 60)
    np.testing.assert_allclose(features(genes, a, b), features(genes, b, a), atol=1e-6)


def test_what_known_pairs_share_is_learnt_and_probabilities_hold() -> None:
    """Pairs belong together more often the more alike they are; probabilities say how often."""
    genes = random_vectors(800, n_sections=1)
    rng = np.random.default_rng(3)
    a, b = rng.integers(800, size=(2, 9000))
    a, b = a[a != b], b[a != b]
    chance = 1 / (1 + np.exp(-4 * genes.similarity(a, b)))
    label = (rng.random(len(a)) < chance).astype(int)
    half = len(a) // 2
    learnt = learn_from_pairs(genes, Lesson(a[:half], b[:half], label[:half]), (a[half:], b[half:]), rng)
    assert learnt.auroc > 0.75
    assert learnt.auroc_level < 0.6
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        there = (learnt.prob > low) & (learnt.prob < high)
        assert label[half:][there].mean() == pytest.approx(learnt.prob[there].mean(), abs=0.07)


def test_pairs_that_share_nothing_are_not_learnt() -> None:
    """Each gene has partners drawn at random: to have seen the gene must not help, as none was seen."""
    genes = random_vectors(300)
    rng = np.random.default_rng(4)
    first, second = rng.integers(300, size=(2, 6000))
    lesson = lesson_of((first, second), None, genes.known, rng)
    learnt = learn_from_pairs(genes, lesson, (first[:10], second[:10]), rng)
    assert abs(learnt.auroc - 0.5) < 0.04


def test_too_few_known_pairs_are_refused() -> None:
    rng = np.random.default_rng(0)
    first, seen = np.full(80, -1), np.ones(100, dtype=bool)
    with pytest.raises(InputError, match="0 pairs that belong together"):
        lesson_of((first, first), None, seen, rng)
    first = np.arange(60)
    assert len(lesson_of((first, first[::-1] + 40), None, seen, rng).label) > 100
    seen[:20] = False
    with pytest.raises(InputError, match="40 pairs that belong together"):
        lesson_of((first, first[::-1] + 40), None, seen, rng)


def test_a_label_means_nothing_where_pairs_are_asked_about_and_factors_are_text() -> None:
    table = pd.DataFrame({"ligand": pd.Categorical(["A", "A"]), "receptor": ["B", "C"], "label": ["x", "y"]})
    assert pairs_of(table, "pairs").to_numpy().tolist() == [["A", "B"], ["A", "C"]]


def test_questions_about_too_many_pairs_are_refused_before_the_work():
    many = np.array([f"Gene{k}" for k in range(2_001)], dtype=object)
    with pytest.raises(InputError, match=r"`genes`.*2,?001 genes.*at most 2,000,000 pairs.*name the pairs"):
        pairs_among(many, many)
    with pytest.raises(InputError, match=r"`partners_of`.*2,?001 genes.*Ask about fewer"):
        pairs_with(many, many)
    with pytest.raises(InputError, match=r"`genes`.*names of genes"):
        pairs_among(3, many)
