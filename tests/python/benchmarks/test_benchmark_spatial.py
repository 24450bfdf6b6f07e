"""The benchmark of spatial genes on cases with known answers, and peers against independent computation."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

import sigel

SIZE = {"n_rows": 20, "n_cols": 20, "n_programmes": 3, "genes_per_programme": 20, "n_background_genes": 40}


@pytest.fixture(scope="module")
def tissue():
    return sigel.datasets.simulated_section(seed=3, median_counts=2000.0, **SIZE)


@pytest.fixture(scope="module")
def made(tissue):
    from benchmarks.spatial_genes.simulation import surfaces

    return surfaces(tissue, 12)


@pytest.fixture(scope="module")
def drawn(made):
    from benchmarks.spatial_genes.simulation import DESIGNS, draw

    return {design: draw(made, design, np.random.default_rng(0)) for design in DESIGNS}


# --- simulation ------------------------------------------------------------------------------------------


def test_surfaces_are_those_of_genes_with_a_pattern(made, tissue):
    planted = tissue.var.loc[made.genes, "programme"] != "background"
    assert planted.all()
    truth = tissue.obsm["programmes"]
    names = list(tissue.uns["simulation"]["programmes"])
    likeness = np.corrcoef(made.rate.T, truth[:, : len(names)].T)[: len(made.genes), len(made.genes) :]
    own = np.array([names.index(programme) for programme in tissue.var.loc[made.genes, "programme"]])
    assert np.array_equal(likeness.argmax(axis=1), own)
    assert likeness.max(axis=1).mean() > 0.6


def test_a_surface_keeps_the_genes_counts(made):
    counts = made.adata[:, made.genes].X.toarray()
    expected = (made.rate * made.library[:, None]).sum(axis=0)
    assert np.allclose(expected / counts.sum(axis=0), 1, atol=0.1)
    assert (made.rate > 0).all()
    assert (made.mean > 0).all()


def test_the_smoother_leaves_a_flat_gene_flat_and_follows_a_sharp_one():
    from benchmarks.spatial_genes.simulation import smooth

    rng = np.random.default_rng(0)
    places = np.column_stack([a.ravel() for a in np.mgrid[:25, :25]]).astype(float)
    size = rng.uniform(50, 150, len(places))
    rate = np.stack([np.full(len(places), 0.1), np.where(places[:, 0] < 12, 0.02, 0.3)], axis=1)
    got = smooth(rng.poisson(rate * size[:, None]).astype(float), size, places)
    assert got[:, 0].std() / got[:, 0].mean() < 0.05
    assert np.corrcoef(got[:, 1], rate[:, 1])[0, 1] > 0.95


def test_dispersions_are_found_again():
    from benchmarks.spatial_genes.simulation import dispersions

    rng = np.random.default_rng(1)
    phi = np.array([0.01, 0.1, 1.0])
    mean = rng.uniform(2, 20, (4000, 1)) * np.ones(3)
    counts = rng.poisson(rng.gamma(1 / phi, mean * phi)).astype(float)
    assert np.allclose(np.log(dispersions(counts, mean) / phi), 0, atol=0.35)  # a step of the grid is 0.29


def test_families_have_every_weight_once_and_the_same_expected_counts(drawn, made):
    from benchmarks.spatial_genes.simulation import REST, WEIGHTS

    for adata in drawn.values():
        table = adata.var[adata.var["family"] != REST]
        assert (table.groupby("family", observed=True)["weight"].nunique() == len(WEIGHTS)).all()
        assert len(table) == len(made.genes) * len(WEIGHTS)
        total = np.asarray(adata.X.sum(axis=0)).ravel()[: len(table)].reshape(len(WEIGHTS), -1)
        assert np.abs(np.log(total[0] / total[-1])).max() < 0.4


def test_weight_one_follows_the_surface_and_weight_zero_does_not(drawn):
    for adata in drawn.values():
        surface, n = adata.obsm["surface"], len(adata.uns["families"])
        library = np.asarray(adata.X.sum(axis=1)).ravel() if "rest" in set(adata.var["family"]) else 1.0
        for column in range(n):
            shape = surface[:, column] / library
            first, last = (
                np.corrcoef(adata.X[:, k].toarray().ravel() / library, shape)[0, 1]
                for k in (column, 10 * n + column)
            )
            assert abs(first) < 0.25
            assert last > first + 0.15


def test_the_library_is_the_sections_own(drawn, made):
    library = np.asarray(drawn["library"].X.sum(axis=1)).ravel()
    assert np.corrcoef(library, made.library)[0, 1] > 0.95
    assert not (drawn["open problems"].var["family"] == "rest").any()


def test_draws_follow_the_generator(made):
    from benchmarks.spatial_genes.simulation import draw

    one, two, other = (draw(made, "library", np.random.default_rng(s)).X for s in (5, 5, 6))
    assert (one != two).nnz == 0
    assert (one != other).nnz > 0


def test_tau_is_one_for_the_weights_minus_one_against_them_and_ignores_the_rest(drawn):
    from benchmarks.spatial_genes.simulation import taus

    var = drawn["library"].var
    weight = var["weight"].to_numpy()
    assert np.allclose(taus(3 * weight - 7, var), 1)
    assert np.allclose(taus(-weight, var), -1)
    assert np.allclose(taus(np.ones(len(var)), var), 0)
    noise = np.random.default_rng(0).random(len(var))
    assert abs(taus(noise, var).mean()) < 0.25
    assert "rest" not in taus(noise, var).index


def test_tau_takes_what_is_not_known_as_lowest_and_what_is_infinite_as_it_stands(drawn):
    from benchmarks.spatial_genes.simulation import taus

    var = drawn["open problems"].var
    score = var["weight"].to_numpy().copy()
    score[var["weight"] == 0], score[var["weight"] == 1] = np.nan, np.inf
    assert np.allclose(taus(score, var), 1)


def test_the_surface_itself_orders_better_than_any_method(drawn):
    from benchmarks.spatial_genes.peers import KNOWN, moran_i, spark_x
    from benchmarks.spatial_genes.simulation import taus

    for adata in drawn.values():
        best, *others = (
            taus(call(adata)["score"].to_numpy(), adata.var).mean() for call in (KNOWN.call, moran_i, spark_x)
        )
        assert best > 0.85
        assert best > max(others) - 0.02


# --- peers -----------------------------------------------------------------------------------------------


def reference_spark_x(y, places):
    """The score test by its definition, with dense kernels and their eigenvalues; one p-value a transform."""
    n = len(y)
    centre = np.eye(n) - 1 / n
    expression = centre @ np.outer(y, y) @ centre / (y @ y)
    xy = places - places.mean(axis=0)
    scale = [np.quantile(np.abs(xy), q, axis=0) for q in (0.2, 0.4, 0.6, 0.8, 1.0)]
    columns = [
        xy,
        *(np.exp(-(xy**2) / 2 / s**2) for s in scale),
        *(np.cos(2 * np.pi * xy / s) for s in scale),
    ]
    found = []
    for x in columns:
        c = x - x.mean(axis=0)
        kernel = c @ np.linalg.inv(c.T @ c) @ c.T
        weights = np.linalg.eigvalsh(kernel)[-2:, None] * np.linalg.eigvalsh(expression)[-1:]
        statistic = n * np.trace(kernel @ expression)
        # Two equal weights: an exponential distribution.
        assert weights[0] == pytest.approx(weights[1])
        found.append(np.exp(-statistic / (2 * weights[0, 0])))
    return np.array(found)


def test_spark_x_is_its_definition(tissue):
    from benchmarks.spatial_genes.peers import cauchy, spark_x

    few = tissue[:, :15].copy()
    table = spark_x(few)
    for gene in range(15):
        p = reference_spark_x(few.X[:, gene].toarray().ravel().astype(float), few.obsm["spatial"])
        # combined by scipy's own formula of the Cauchy tail
        combined = stats.cauchy.sf(np.tan((0.5 - p) * np.pi).mean())
        assert table["pval"].iloc[gene] == pytest.approx(combined, rel=1e-6)
        assert cauchy(np.log(p)[:, None])[0] == pytest.approx(np.log(combined), rel=1e-6)


def test_spark_x_has_no_answer_for_a_gene_that_is_the_same_everywhere(tissue):
    from benchmarks.spatial_genes.peers import spark_x

    counts = sparse.csr_matrix(np.column_stack([np.full(tissue.n_obs, 3.0), np.zeros(tissue.n_obs)]))
    table = spark_x(AnnData(counts, obsm={"spatial": tissue.obsm["spatial"]}))
    assert table.isna().all().all()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-600, -1e-6), min_size=1, max_size=11), st.floats(0.5, 50))
def test_the_cauchy_combination_is_ordered_and_stays_finite_far_below_the_smallest_float(log_p, lower):
    from benchmarks.spatial_genes.peers import cauchy

    values = np.array(log_p)[:, None]
    one, two = cauchy(values)[0], cauchy(values - lower)[0]
    assert np.isfinite([one, two]).all()
    assert two <= one + 1e-9
    assert one >= values.min() - 1e-6
    deep = np.full((11, 1), -2000.0)
    assert cauchy(deep)[0] == pytest.approx(-2000, abs=1e-6)


def test_moran_is_its_definition_and_its_p_values_are_those_of_permutations(tissue):
    from benchmarks.harness.pixels import six_nearest
    from benchmarks.harness.sections import Section
    from benchmarks.spatial_genes.calibration import permuted
    from benchmarks.spatial_genes.peers import moran_i

    table = moran_i(tissue)
    section = Section.of("s", tissue)
    weight = six_nearest(section.images.raster).toarray()
    gene = section.images.genes[0]
    library = np.asarray(tissue.X.sum(axis=1)).ravel()
    x = np.log1p(tissue[:, gene].X.toarray().ravel() / library * np.median(library))
    pixel = section.images.raster.pixel_of_spot
    z = np.empty(len(x))
    z[pixel] = x - x.mean()
    assert table.loc[gene, "score"] == pytest.approx(z @ weight @ z / (z @ z), abs=1e-4)
    rng = np.random.default_rng(0)
    pval = np.concatenate([moran_i(permuted(tissue, rng))["pval"].dropna() for _ in range(6)])
    assert stats.kstest(pval, "uniform").statistic < 0.08


@pytest.mark.nightly
def test_rows_name_columns_that_the_tables_have(tissue):
    from benchmarks.spatial_genes.peers import PEERS
    from benchmarks.spatial_genes.stages import apply, why_not

    for method, peer in PEERS.items():
        if why_not(method) is None and peer.package is None:
            table = apply(method, [tissue], alone=False).tables[0]
            assert set(peer.orders.values()) <= set(table), method
            assert len(table) == tissue.n_vars
            assert table["pval"].dropna().between(0, 1).all()


def test_a_package_that_is_not_there_is_said_to_be_missing(monkeypatch):
    from benchmarks.spatial_genes import stages as spatial_stages

    monkeypatch.delenv("SIGEL_PEERS", raising=False)
    spatial_stages.python_with.cache_clear()
    try:
        assert spatial_stages.python_with("no_such_package_anywhere") is None
        assert spatial_stages.python_with("numpy") == sys.executable
    finally:
        spatial_stages.python_with.cache_clear()
    assert spatial_stages.why_not("Moran's I") is None


@pytest.mark.nightly
def test_a_process_of_its_own_finds_the_same(tissue):
    from benchmarks.spatial_genes.stages import apply

    here, there = (apply("SPARK-X", [tissue], alone=alone) for alone in (False, True))
    pd.testing.assert_frame_equal(here.tables[0], there.tables[0], rtol=1e-9)
    assert there.peak_gb >= there.before_gb > 0


@pytest.mark.nightly
def test_a_method_that_fails_says_why(tissue):
    from benchmarks.spatial_genes.stages import apply

    broken = AnnData(tissue.X, var=tissue.var[[]])
    with pytest.raises(RuntimeError, match="spatial"):
        apply("SPARK-X", [broken])


# --- calibration -----------------------------------------------------------------------------------------


def test_whole_profiles_move_together(tissue):
    from benchmarks.spatial_genes.calibration import permuted

    moved = permuted(tissue, np.random.default_rng(0))
    before = {tuple(row) for row in tissue.X.toarray().astype(int).tolist()}
    assert {tuple(row) for row in moved.X.toarray().astype(int).tolist()} == before
    assert (moved.X != tissue.X).nnz > 0
    assert np.array_equal(moved.obsm["spatial"], tissue.obsm["spatial"])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(0, 5))
def test_thinned_spots_have_the_same_counts_and_no_gene_gains_any(depth, seed):
    from benchmarks.spatial_genes.calibration import thinned

    rng = np.random.default_rng(seed)
    counts = sparse.csr_matrix(rng.poisson(1.5, (30, 12)).astype(np.float32))
    got = thinned(counts, depth, rng)
    assert (got.toarray() <= counts.toarray()).all()
    total = np.asarray(counts.sum(axis=1)).ravel()
    assert np.array_equal(np.asarray(got.sum(axis=1)).ravel(), np.minimum(total, depth))


def test_thinning_takes_all_genes_alike():
    from benchmarks.spatial_genes.calibration import thinned

    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(np.tile([60.0, 30.0, 10.0], (400, 1)))
    mean = np.asarray(thinned(counts, 20, rng).mean(axis=0)).ravel()
    assert np.allclose(mean, [12, 6, 2], atol=0.4)  # standard errors of some 0.1


def test_a_mixed_section_keeps_the_real_half_and_permutes_the_other(tissue):
    from benchmarks.spatial_genes.calibration import mixed

    made = mixed(tissue, np.random.default_rng(0))
    wrong = made.var["permuted"].to_numpy()
    assert wrong.sum() == made.n_vars // 2
    assert not made.var_names.str.lower().str.startswith("mt-").any()
    assert 0.7 * tissue.n_obs < made.n_obs < tissue.n_obs
    for half in (made.X[:, wrong], made.X[:, ~wrong]):
        assert len(np.unique(np.asarray(half.sum(axis=1)))) == 1
    source = tissue[made.obs_names, made.var_names].X
    assert (made.X[:, ~wrong].toarray() <= source[:, ~wrong].toarray()).all()
    assert not (made.X[:, wrong].toarray() <= source[:, wrong].toarray()).all()


def test_uniform_p_values_are_near_and_others_far():
    from benchmarks.spatial_genes.calibration import uniformity

    rng = np.random.default_rng(0)
    pval, level = rng.random((20, 500)), np.arange(500.0)
    pval[:, 7] = np.nan
    found = uniformity(pval, level)
    assert found["gene-permutations"] == 20 * 499
    assert found["KS"] < 0.02
    assert found["worst tenth"] < 0.06
    assert found["p < 0.05"] == pytest.approx(0.05, abs=0.01)
    pval[:, 450:] **= 3  # too small in the strongest tenth alone
    found = uniformity(pval, level)
    assert found["tenth 10"] > 0.3
    assert found["tenth 1"] < 0.06
    assert found["worst tenth"] == found["tenth 10"]


def test_false_calls_are_counted(tissue):
    from benchmarks.spatial_genes.calibration import _shares, mixed

    made = [mixed(tissue, np.random.default_rng(s)) for s in (0, 1)]
    right = [pd.DataFrame({"pval": np.where(m.var["permuted"], 1.0, 1e-9)}) for m in made]
    wrong = [pd.DataFrame({"pval": np.where(m.var["permuted"], 1e-9, np.nan)}) for m in made]
    assert _shares(made, right)["share permuted"] == 0
    assert _shares(made, right)["share of real genes called"] == 1
    assert _shares(made, wrong)["share permuted"] == 1


# --- tissue ----------------------------------------------------------------------------------------------


def test_ranks_begin_with_the_highest_and_end_with_what_is_unknown():
    from benchmarks.spatial_genes.tissue import ranks

    assert ranks(np.array([0.5, np.nan, 3.0, 0.5])).tolist() == [2.5, 4.0, 1.0, 2.5]


def test_copies_of_markers_are_permuted_and_come_after_them(tissue):
    from benchmarks.spatial_genes.tissue import marker_rows

    genes = list(tissue.var_names[tissue.var["programme"] != "background"][:3])
    rows = marker_rows({"s": (tissue, genes)}, {"Moran's I": "score"}, 0, alone=False)
    assert [row["marker"] for row in rows] == genes
    assert all(row["rank, thinned"] < row["copies: best rank"] for row in rows)
    assert all(row["copies: q < 0.05"] <= 2 for row in rows)


def test_a_turned_section_is_the_same_section(tissue):
    from benchmarks.spatial_genes.tissue import turned

    scattered = AnnData(tissue.X, obsm={"spatial": tissue.obsm["spatial"].astype(float)}, var=tissue.var)
    scattered.obsm["spatial"] += np.random.default_rng(0).uniform(-0.4, 0.4, (tissue.n_obs, 2))
    kept = scattered.obsm["spatial"].copy()
    first = np.linalg.norm(kept[:30, None] - kept[None, :30], axis=-1)
    for name, made in turned(scattered).items():
        xy = made.obsm["spatial"]
        if not name.startswith("raster"):
            ratio = np.linalg.norm(xy[:30, None] - xy[None, :30], axis=-1) / np.where(first > 0, first, 1)
            assert np.allclose(ratio[first > 0], 3 if "scaled" in name else 1), name
    assert np.array_equal(scattered.obsm["spatial"], kept)


def test_published_orders_agree_with_themselves(tissue):
    from benchmarks.spatial_genes.peers import spark_x
    from benchmarks.spatial_genes.tissue import published_rows

    published = {"same": spark_x(tissue)["pval"]}
    rows = published_rows(tissue, {"SPARK-X": "score"}, published, alone=False)
    assert [row["method"] for row in rows] == ["SPARK-X", "same"]
    assert rows[0]["Spearman with same"] == pytest.approx(1.0)


def test_published_results_are_of_the_sections_genes(real_section):
    from benchmarks.spatial_genes.tissue import MARKERS, read_published

    adata = real_section("mob_rep11.h5ad")
    for pval in read_published().values():
        assert pval.index.isin(adata.var_names).mean() > 0.9
        assert pval.between(0, 1).all()
    for name, genes in MARKERS.items():
        assert set(genes) <= set(real_section(f"{name}.h5ad").var_names)


# --- all of it -------------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_a_quick_call_makes_every_table(monkeypatch, tmp_path):
    from benchmarks.harness.job import Job
    from benchmarks.harness.report import write
    from benchmarks.spatial_genes import stages as spatial_stages
    from benchmarks.spatial_genes.tables import spatial

    monkeypatch.delenv("SIGEL_PEERS", raising=False)
    spatial_stages.python_with.cache_clear()
    made = spatial(Job(quick=True))
    write("spatial", made, tmp_path)
    tables = {table["title"]: table["rows"] for table in made}
    spatial_stages.python_with.cache_clear()
    assert len(tables) == 8
    for rows in tables.values():
        assert len({tuple(row) for row in rows}) == 1  # the same columns in every row
    means = {row["order"]: row for row in next(iter(tables.values()))}
    best = means["the surface itself"]
    assert best["tau, library"] > 0.7
    assert best["tau, library"] >= means["Moran's I"]["tau, library"]
