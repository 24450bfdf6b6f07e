"""The benchmark of imputation: its measures against other formulas, its folds, what methods may know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.spatial.distance import jensenshannon

import sigel

SIZE = {"n_rows": 16, "n_cols": 16, "n_programmes": 4, "genes_per_programme": 20, "n_background_genes": 30}


@pytest.fixture(scope="module")
def pair():
    target, reference, _ = sigel.datasets.simulated_panel(60, seed=1, **SIZE)
    return target, reference


@pytest.fixture(scope="module")
def split(pair):
    from benchmarks.imputation.splits import split_of

    return split_of("simulated", pair[0], [pair[1]], 0)


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    truth = np.log1p(rng.poisson(rng.uniform(0.2, 3, 6), (80, 6))).astype(float)
    return np.abs(truth + rng.normal(0, 1, truth.shape)), truth


# --- measures --------------------------------------------------------------------------------------------


def test_measures_are_their_definitions(columns):
    from benchmarks.imputation.metrics import per_gene

    predicted, truth = columns
    found = per_gene(predicted, truth)
    for gene in range(truth.shape[1]):
        x, y = truth[:, gene], predicted[:, gene]
        assert found["PCC"][gene] == pytest.approx(stats.pearsonr(x, y).statistic)
        difference = stats.zscore(x) - stats.zscore(y)
        assert found["RMSE"][gene] == pytest.approx(np.sqrt(np.mean(difference**2)))
        assert found["JS"][gene] == pytest.approx(jensenshannon(x, y) ** 2)
        x, y = x / x.max(), y / y.max()
        cov = np.cov(x, y, bias=True)
        # With C3 = C2 / 2 contrast and structure are one fraction, as usually written.
        usual = (2 * x.mean() * y.mean() + 1e-4) * (2 * cov[0, 1] + 9e-4)
        usual /= (x.mean() ** 2 + y.mean() ** 2 + 1e-4) * (cov[0, 0] + cov[1, 1] + 9e-4)
        assert found["SSIM"][gene] == pytest.approx(usual)


def test_the_truth_itself_is_perfect_and_nothing_depends_on_the_scale(columns):
    from benchmarks.imputation.metrics import per_gene

    predicted, truth = columns
    best = per_gene(truth, truth)
    assert np.allclose([best["PCC"], best["SSIM"]], 1)
    assert np.allclose([best["RMSE"], best["JS"]], 0, atol=1e-6)
    for name, values in per_gene(predicted, truth).items():
        assert np.allclose(per_gene(7 * predicted, truth)[name], values), name


def test_a_constant_or_missing_prediction_is_worth_no_more_than_an_unrelated_one(columns):
    from benchmarks.imputation.metrics import per_gene

    _, truth = columns
    for prediction in (np.full(truth.shape, 0.7), np.full(truth.shape, np.nan), np.zeros(truth.shape)):
        found = per_gene(prediction, truth)
        assert np.allclose(found["PCC"], 0)
        assert np.allclose(found["RMSE"], np.sqrt(2))
        assert np.isfinite([found["SSIM"], found["JS"]]).all()
        assert (found["SSIM"] < 0.2).all()
        even = [jensenshannon(x, np.ones(len(x))) ** 2 for x in truth.T]
        assert np.allclose(found["JS"], even)


def test_a_gene_without_counts_is_left_out(columns):
    from benchmarks.imputation.metrics import per_gene

    predicted, truth = columns
    truth[:, 2] = 0
    for values in per_gene(predicted, truth).values():
        assert np.flatnonzero(np.isnan(values)).tolist() == [2]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_measures_stay_in_their_ranges(seed):
    from benchmarks.imputation.metrics import per_gene

    rng = np.random.default_rng(seed)
    truth = rng.poisson(rng.uniform(0.05, 2, 4), (25, 4)).astype(float)
    found = per_gene(rng.normal(0, 1, truth.shape), truth)
    known = truth.max(axis=0) > 0
    assert (np.abs(found["PCC"][known]) <= 1 + 1e-9).all()
    assert (np.abs(found["SSIM"][known]) <= 1 + 1e-9).all()
    assert ((found["RMSE"][known] >= 0) & (found["RMSE"][known] <= 2 + 1e-9)).all()
    assert ((found["JS"][known] >= -1e-12) & (found["JS"][known] <= np.log(2) + 1e-9)).all()


def test_the_score_is_the_mean_rank_share():
    from benchmarks.imputation.metrics import accuracy_score

    means = {
        "best": {"PCC": 0.5, "SSIM": 0.4, "RMSE": 0.9, "JS": 0.2},
        "mixed": {"PCC": 0.3, "SSIM": 0.3, "RMSE": 1.2, "JS": 0.1},
        "worst": {"PCC": 0.1, "SSIM": 0.1, "RMSE": 1.4, "JS": 0.4},
        "as bad": {"PCC": 0.1, "SSIM": 0.2, "RMSE": 1.3, "JS": 0.3},
    }
    found = accuracy_score(means)
    assert found["best"] == pytest.approx((1 + 1 + 1 + 0.75) / 4)
    assert found["mixed"] == pytest.approx((0.75 + 0.75 + 0.75 + 1) / 4)
    assert found["worst"] == pytest.approx((0.375 + 0.25 + 0.25 + 0.25) / 4)
    assert sum(found.values()) == pytest.approx(sum(range(1, 5)) / 4)


# --- splits ----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.integers(5, 60), st.integers(2, 5), st.integers(0, 1000))
def test_folds_hold_each_gene_once_and_are_of_even_size(n_genes, n_folds, seed):
    from benchmarks.imputation.splits import in_folds

    genes = [f"g{n}" for n in range(n_genes)]
    folds = in_folds(genes, n_folds, np.random.default_rng(seed))
    assert sorted(gene for fold in folds for gene in fold) == sorted(genes)
    assert max(map(len, folds)) - min(map(len, folds)) <= 1


def test_the_truth_is_log_normalised_by_the_whole_library(split, pair):
    counts = pair[0].to_df()
    library = counts.sum(axis=1)
    expected = np.log1p(counts[split.genes].div(library, axis=0) * library.median())
    assert np.allclose(split.truth, expected, atol=1e-5)


def test_rare_genes_and_those_that_no_panel_has_teach_nobody(pair):
    from benchmarks.imputation.splits import LEAST_SPOTS, split_of

    target, reference = (adata.copy() for adata in pair)
    weak, strong = target.var_names[:2]
    seen = np.zeros(target.n_obs)
    for gene, n in ((weak, LEAST_SPOTS - 1), (strong, LEAST_SPOTS)):
        seen[:] = 0
        seen[:n] = 1
        x = target.X.tolil()
        x[:, target.var_names.get_loc(gene)] = seen[:, None]
        target.X = x.tocsr()
    extra = AnnData(sparse.csr_matrix(np.ones((target.n_obs, 1), dtype=np.float32)), obs=target.obs)
    extra.var_names = ["mt-Nd1"]
    import anndata

    target = anndata.concat([target, extra], axis=1, merge="first")
    made = split_of("s", target, [reference], 0)
    assert strong in made.genes
    for gene in (weak, "mt-Nd1"):
        assert gene not in made.genes
        assert gene in reference.var_names
        assert gene not in made.references[0].var_names


def test_a_chosen_panel_is_that_of_the_most_spatial_genes(pair):
    from benchmarks.imputation.splits import split_of

    made = split_of("s", pair[0], [pair[1]], 0, panel=20)
    assert sorted(made.genes) == sorted(made.target.var_names)
    assert len(made.genes) == 20
    planted = pair[1].var.loc[made.genes, "programme"] != "background"
    everywhere = pair[1].var.loc[pair[0].var_names, "programme"] != "background"
    assert planted.mean() > everywhere.mean() + 0.1


def test_a_crop_is_what_lies_nearest_the_middle(pair):
    from benchmarks.harness.sections import crop

    kept = crop(pair[0], 50)
    middle = np.median(pair[0].obsm["spatial"], axis=0)
    far = np.linalg.norm(kept.obsm["spatial"] - middle, axis=1).max()
    inside = np.linalg.norm(pair[0].obsm["spatial"] - middle, axis=1) <= far
    assert kept.n_obs == 50 == inside.sum()
    assert crop(pair[0], None) is pair[0]


# --- methods ---------------------------------------------------------------------------------------------


def test_a_fold_knows_nothing_of_the_genes_held_out(split):
    from benchmarks.imputation.folds import fold_of

    held = split.folds[0]
    fold = fold_of(split.target, split.references, held)
    assert not set(held) & set(fold.target.var_names)
    assert not set(held) & set(fold.panel)
    assert list(fold.target.obs) == list(fold.target.var) == list(fold.target.layers) == []
    assert list(fold.target.obsm) == ["spatial"]


@pytest.fixture(scope="module")
def runnable():
    from benchmarks.imputation.stages import AUTO, BASELINES

    return [*BASELINES, AUTO]


@pytest.mark.nightly
def test_no_method_sees_the_counts_that_are_held_out(split, runnable):
    from benchmarks.imputation.folds import fold_of
    from benchmarks.imputation.stages import METHODS

    held = split.folds[1]
    other = split.target.copy()
    x = other.X.toarray()
    at = other.var_names.get_indexer(held)
    x[:, at] = np.random.default_rng(0).permutation(3 * x[:, at] + 1)
    other.X = sparse.csr_matrix(x)
    for name in runnable:
        first, second = (
            METHODS[name].call(fold_of(t, split.references, held, quick=True)).values
            for t in (split.target, other)
        )
        assert np.array_equal(first, second), name


@pytest.mark.nightly
def test_every_method_answers_for_each_gene_in_order(split, runnable):
    from benchmarks.imputation.folds import fold_of
    from benchmarks.imputation.metrics import pcc
    from benchmarks.imputation.stages import METHODS

    held = split.folds[0]
    turned = held[::-1]
    for name in runnable:
        first, second = (
            METHODS[name].call(fold_of(split.target, split.references, genes, quick=True)).values
            for genes in (held, turned)
        )
        assert first.shape == (split.target.n_obs, len(held))
        assert np.allclose(first, second[:, ::-1], atol=1e-5), name
        if name != "mean image":
            truth = split.truth[:, : len(held)]
            planted = (split.references[0].var.loc[held, "programme"] != "background").to_numpy()
            assert pcc(first, truth)[planted].mean() > 0.3, name


def test_two_references_are_used_together(split, pair):
    from benchmarks.imputation.folds import fold_of
    from benchmarks.imputation.stages import BASELINES

    held, reference = split.folds[0], split.references[0]
    for name, method in BASELINES.items():
        once, twice = (method.call(fold_of(split.target, [reference] * n, held)).values for n in (1, 2))
        # The same section again: neighbours come in pairs, so there are half as many; a penalty weighs half.
        likeness = [np.corrcoef(a, b)[0, 1] for a, b in zip(once.T, twice.T, strict=True)]
        assert np.mean(likeness) > (0.99 if "image" in name else 0.6), name
        double = reference.copy()
        x = double.X.toarray()
        x[:, double.var_names.isin(held)] = x[::-1, double.var_names.isin(held)]
        double.X = sparse.csr_matrix(x)  # its spots now say something else of these genes
        other = method.call(fold_of(split.target, [reference, double], held)).values
        assert name == "mean image" or not np.allclose(other, twice), name


def test_principal_vectors_are_those_of_the_angles_between_the_spaces():
    from scipy.linalg import subspace_angles

    from benchmarks.imputation.baselines import principal_vectors

    rng = np.random.default_rng(0)
    source, target = (rng.normal(size=(60, 4)) @ rng.normal(size=(4, 12)) for _ in range(2))
    target[:, :] += 0.3 * source
    source, target = source - source.mean(axis=0), target - target.mean(axis=0)
    vectors, cosines = principal_vectors(source, target, 4)
    basis = [np.linalg.svd(x, full_matrices=False)[2][:4] for x in (source, target)]
    assert np.allclose(np.sort(cosines), np.sort(np.cos(subspace_angles(basis[0].T, basis[1].T))))
    assert np.allclose(vectors @ vectors.T, np.eye(4), atol=1e-8)
    assert np.allclose(np.linalg.norm(vectors @ basis[1].T, axis=1), cosines)


def test_means_of_the_nearest_leave_the_cell_itself_out_where_asked():
    from benchmarks.harness.numerics import mean_of_nearest, morans_i, zscored

    places = np.column_stack([np.arange(10.0) ** 1.1, np.zeros(10)])
    with_it, without = (mean_of_nearest(places, 3, itself=itself).toarray() for itself in (True, False))
    assert np.allclose(with_it.diagonal(), 1 / 3)
    assert np.allclose(without.diagonal(), 0)
    for weights in (with_it, without):
        assert np.allclose(weights.sum(axis=1), 1)
    assert without[5, [4, 6]].min() > 0
    rng = np.random.default_rng(0)
    grid = np.column_stack([a.ravel() for a in np.mgrid[:15, :15]]).astype(float)
    z = zscored(np.column_stack([grid[:, 0], rng.normal(size=len(grid))]))
    smooth, noise = morans_i(z, mean_of_nearest(grid, 6, itself=False))
    assert smooth > 0.9
    assert abs(noise) < 0.15


@pytest.mark.nightly
@pytest.mark.usefixtures("all_trees")
def test_a_process_of_its_own_finds_the_same(split, tmp_path):
    from benchmarks.imputation.stages import apply, hand_over

    hand_over(tmp_path, split.target, split.references, split.folds[:1], 0, quick=True)
    for method in ("ridge on PCA", "SIGEL, auto"):
        here, there = (apply(method, tmp_path, alone=alone) for alone in (False, True))
        assert len(there.folds) == len(there.seconds) == 1
        assert there.peak_gb > 0
        for a, b in zip(here.folds, there.folds, strict=True):
            assert np.allclose(a.values, b.values, atol=1e-5)
            if a.genes is not None:
                pd.testing.assert_frame_equal(a.genes, b.genes, check_names=False)


@pytest.mark.nightly
def test_a_method_that_fails_says_why_and_costs_the_others_nothing(split, tmp_path):
    from benchmarks.imputation.stages import apply, hand_over

    hand_over(tmp_path, split.target, split.references, [["NoSuchGene"]], 0)
    with pytest.raises(RuntimeError, match="NoSuchGene"):
        apply("kNN of spots", tmp_path)


# --- trust -----------------------------------------------------------------------------------------------


def outcome_of(split, values, half):
    from benchmarks.harness.numerics import library
    from benchmarks.imputation.folds import fold_of
    from benchmarks.imputation.stages import Outcome, Predicted

    folds = []
    for held in split.folds:
        at = [split.genes.index(gene) for gene in held]
        table = pd.DataFrame(0.5, index=held, columns=["expected_pcc", "trusted", "level"])
        table["level"] = values[:, at].mean(axis=0)
        size = library(fold_of(split.target, [], held).target)
        about = {"target_sum": float(np.median(size)), "spearman": 0.5}
        x = values[:, at]
        folds.append(Predicted(x, x - half, x + half, table, about))
    return Outcome(folds, [1.0] * len(folds), [1.0] * len(folds), 0.1)


def test_coverage_counts_values_between_the_ends(split):
    from benchmarks.harness.numerics import library, log_normalised
    from benchmarks.imputation.folds import fold_of
    from benchmarks.imputation.trust import coverage_rows, gene_table

    seen = np.empty(split.truth.shape)
    for held in split.folds:
        at = [split.genes.index(gene) for gene in held]
        size = library(fold_of(split.target, [], held).target)
        seen[:, at] = log_normalised(split.target[:, held].X, size).toarray()
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, seen.shape)
    rows = coverage_rows("s", gene_table(split, outcome_of(split, seen + noise, 1.6449)))
    by = {(row["fifths by"], row["share"]): row for row in rows}
    for level in ("level in the reference", "level measured"):
        covered = by[level, "covered"]
        assert [covered[key] for key in ("all", "1", "5")] == pytest.approx([0.9] * 3, abs=0.03)
        assert by[level, "width"]["all"] == pytest.approx(2 * 1.6449)
        assert by[level, "zeros"]["1"] > by[level, "zeros"]["5"]
        assert by[level, "zeros"]["all"] == pytest.approx((seen == 0).mean())
    exact = gene_table(split, outcome_of(split, seen, 0.0))
    assert (exact["covered"] == 1).all()
    assert np.allclose(exact["achieved"], 1)
    shifted = gene_table(split, outcome_of(split, seen + 0.01, 0.0))
    assert (shifted["covered"] == 0).all()


def test_fifths_hold_as_many_genes_each_the_weakest_first():
    from benchmarks.imputation.trust import strata

    level = np.random.default_rng(0).normal(size=57)
    fifth = strata(level)
    assert set(np.bincount(fifth)) <= {11, 12}
    assert all(level[fifth == n].max() < level[fifth == n + 1].min() for n in range(4))


def test_trust_splits_genes_by_what_was_expected():
    from benchmarks.imputation.trust import trust_row

    table = pd.DataFrame(
        {
            "expected_pcc": [0.1, 0.2, 0.3, 0.4],
            "trusted": [0.0, 0.0, 1.0, 1.0],
            "achieved": [0.0, 0.2, 0.1, 0.5],
            "claimed spearman": 0.7,
        }
    )
    row = trust_row("s", table)
    assert row["Spearman"] == pytest.approx(0.8)
    assert row["share trusted"] == 0.5
    assert row["PCC of trusted"] == pytest.approx(0.3)
    assert row["PCC of the others"] == pytest.approx(0.1)
    assert row["mean absolute difference"] == pytest.approx(0.1)


# --- clusters --------------------------------------------------------------------------------------------


def test_ways_of_clustering_find_what_is_apart_and_as_many_as_wanted():
    from benchmarks.imputation.clusters import WAYS, _spread

    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 40)
    scores = 12 * np.eye(4)[labels] + rng.normal(size=(160, 4))
    for way, cluster in WAYS.items():
        made = cluster(scores, 4, 2)
        if made is None:
            continue
        assert made.shape == (2, 160)
        assert all(len(np.unique(found)) == 4 for found in made), way
        assert _spread(labels, made)["ARI max"] > 0.95, way


# --- all of it -------------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_a_quick_call_makes_every_table(tmp_path):
    from benchmarks.harness.job import Job
    from benchmarks.harness.report import write
    from benchmarks.imputation.clusters import cluster_tables
    from benchmarks.imputation.stages import AUTO, METHODS
    from benchmarks.imputation.tables import imputation

    made = [*imputation(Job(quick=True)), *cluster_tables(Job(quick=True))]
    write("imputation", made, tmp_path)
    tables = {table["title"]: table["rows"] for table in made}
    assert len(tables) == 5
    for rows in tables.values():
        assert len({tuple(row) for row in rows}) == 1  # the same columns in every row
    goals, methods, coverage, trust, clusters = tables.values()
    assert [row["method"] for row in methods if row["score"] is None][-1].startswith("ceiling")
    named = {row["method"]: row for row in methods}
    assert len(named) == len(METHODS) + 1
    assert goals[0]["PCC"] == named[AUTO]["PCC"] > named["mean image"]["PCC"]
    assert named[AUTO]["score"] > named["mean image"]["score"]
    assert any("Tangram" in name and "quick" in name for name in named)
    assert len(coverage) == 6
    assert 0 < trust[0]["share trusted"] <= 1
    assert {row["features"] for row in clusters} > {"panel", "panel + 30 imputed genes"}
    assert clusters[-1]["ARI median"] == 0.442
