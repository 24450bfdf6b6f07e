"""The benchmark of spatial domains: what methods may know, its baselines on known answers, its tables."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import sigel

SIZE = {"n_rows": 16, "n_cols": 16, "n_programmes": 4, "genes_per_programme": 20, "n_background_genes": 30}


@pytest.fixture(scope="module")
def tissue():
    from benchmarks.domains.tissues import labelled

    return labelled("simulated", sigel.datasets.simulated_section(seed=2, **SIZE), "region")


@pytest.fixture(scope="module")
def halves():
    """Two halves of a lattice that three of five genes tell apart, in two sections."""
    rng = np.random.default_rng(0)
    places = np.column_stack([each.ravel() for each in np.mgrid[:14, :14]]).astype(float)
    side = (places[:, 0] < 7).astype(int)
    rate = np.column_stack([4 + 12 * side, 16 - 12 * side, 3 + 9 * side, *np.full((2, len(side)), 6)])
    parts = [
        AnnData(sparse.csr_matrix(rng.poisson(rate).astype(np.float32)), obsm={"spatial": places})
        for _ in range(2)
    ]
    adata = anndata.concat(parts, label="section", keys=["late", "early"], index_unique="-")
    adata.obs["seen"] = np.tile(side, 2).astype(str)
    return adata


# --- what methods see ------------------------------------------------------------------------------------


def test_nothing_that_is_handed_over_depends_on_labels(halves, tmp_path):
    from benchmarks.domains.stages import CHOSEN, MORAN, hand_over

    other = halves.copy()
    other.obs["seen"] = np.random.default_rng(1).permutation(other.obs["seen"].to_numpy())
    other.obs_names = [f"{label}-{n}" for n, label in enumerate(other.obs["seen"])]
    other.uns["labels"], other.obsm["answer"] = list(other.obs["seen"]), np.ones((other.n_obs, 1))
    other.var["marks"] = "L1"
    genes = {MORAN: ["0", "1"], CHOSEN: ["2", "1"]}
    for name, adata in (("a", halves), ("b", other)):
        (tmp_path / name).mkdir()
        hand_over(tmp_path / name, adata, 2, genes, [0, 1])
    a, b = (anndata.read_h5ad(tmp_path / name / "given.h5ad") for name in "ab")
    assert list(b.obs) == ["section"]
    assert list(b.obsm) == ["spatial"]
    assert list(b.uns) == list(b.var) == list(b.layers) == []
    assert a.obs.equals(b.obs)
    assert (a.X != b.X).nnz == 0
    job = json.loads((tmp_path / "b" / "job.json").read_text())
    assert job == {"n_domains": 2, "genes": genes, "seeds": [0, 1]}


def test_each_method_gets_its_genes_and_seeds_and_number(tissue, tmp_path):
    from benchmarks.domains.stages import CHOSEN, METHODS, MORAN, UNGUIDED, given_to, hand_over

    names = tissue.adata.var_names.tolist()
    genes = {MORAN: names[:7], CHOSEN: names[5:9]}
    hand_over(tmp_path, tissue.adata, 3, genes, list(range(10)))
    for name, expected in (
        ("PCA, mixture", names),
        ("19 spots, PCA, mixture; highest Moran's I", names[:7]),
        ("19 spots, PCA, mixture; chosen genes", names[5:9]),
        ("SIGEL, mixture", None),
        ("SIGEL, mixture; chosen genes", names[5:9]),
    ):
        seen, seeds = given_to(METHODS[name], tmp_path)
        assert seen.genes == expected, name
        assert seen.n_domains == 3
        assert seeds == list(range(10))
    seen, seeds = given_to(METHODS[UNGUIDED], tmp_path)
    assert seen.n_domains is None
    assert seeds == list(range(10))


def test_averages_stay_within_a_section_whatever_the_order_of_spots(halves):
    from benchmarks.domains.inputs import Given
    from benchmarks.domains.stages import bare

    seen = bare(halves)
    turned = np.random.default_rng(0).permutation(seen.n_obs)
    means, mixed = (Given(adata, 2).means(7) for adata in (seen, seen[turned].copy()))
    section = seen.obs["section"].to_numpy()
    rows, columns = means.nonzero()
    assert (section[rows] == section[columns]).all()
    assert np.allclose(means.sum(axis=1), 1)
    x = seen.X.toarray()[:, 0]
    inner = np.flatnonzero(np.abs(seen.obsm["spatial"] - 6.5).max(axis=1) < 5)
    back = np.argsort(turned)
    # Ties among the diagonal neighbours may fall either way; the spot and its four nearest cannot.
    for weights in (means[inner], mixed[back][:, back][inner]):
        near = np.abs(seen.obsm["spatial"][inner][:, None] - seen.obsm["spatial"][None]).sum(axis=2) <= 1
        near &= section[inner][:, None] == section[None]
        assert (weights.toarray()[near] > 0).all()
    assert x.shape == (means @ x).shape


def test_sections_lie_apart_in_units_of_the_spacing(halves):
    from scipy.spatial.distance import cdist

    from benchmarks.domains.inputs import Given, is_square
    from benchmarks.domains.stages import bare

    seen = bare(halves)
    seen.obsm["spatial"] = seen.obsm["spatial"] * 37
    seen_by = Given(seen, 2)
    places, section = seen_by.apart(), seen_by.section
    first, second = (places[section == k] for k in (0, 1))
    assert np.allclose(
        cdist(first, first), cdist(seen_by.places[section == 0], seen_by.places[section == 0]) / 37
    )
    assert cdist(first, second).min() > 100
    assert is_square(places)
    hexagonal = first.copy()
    hexagonal[:, 0] *= np.sqrt(0.75)
    hexagonal[:, 1] += 0.5 * (first[:, 0] % 2)
    assert not is_square(hexagonal)


# --- what baselines are made of --------------------------------------------------------------------------


def test_genes_that_vary_for_their_mean_come_first():
    from benchmarks.domains.inputs import most_variable

    rng = np.random.default_rng(0)
    mean = np.exp(rng.uniform(-1, 3, 60))
    x = rng.poisson(np.repeat(mean[None], 300, axis=0)).astype(float)
    x[:, :10] = rng.poisson(mean[:10] * rng.gamma(0.7, 1 / 0.7, (300, 10)))
    assert most_variable(sparse.csr_matrix(x), 10).tolist() == list(range(10))
    x[:, 20:25] = 3  # no variance at all
    assert set(most_variable(sparse.csr_matrix(x), 100)) == set(range(60)) - set(range(20, 25))


def test_the_variance_of_standardised_counts_is_that_of_a_dense_matrix():
    from benchmarks.domains.inputs import most_variable

    rng = np.random.default_rng(1)
    x = rng.negative_binomial(1.5, 0.2, (120, 40)) * (rng.random((120, 40)) < 0.5).astype(float)
    x[0] = 0
    x[3, 7] = 900  # clipped
    mean, variance = x.mean(axis=0), x.var(axis=0)
    fit = np.polyval(np.polyfit(np.log10(mean), np.log10(variance), 2), np.log10(mean))
    score = np.minimum((x - mean) / np.sqrt(10**fit), np.sqrt(120))
    expected = np.sort(np.argsort(-np.square(score).sum(axis=0))[:12])
    assert most_variable(sparse.csr_matrix(x), 12).tolist() == expected.tolist()


def test_the_ranking_by_place_knows_planted_genes_and_leaves_rare_ones_out(tissue):
    from benchmarks.domains.inputs import LEAST_SPOTS, Given, spatial_ranking

    adata = tissue.adata[:, tissue.adata.var["programme"].notna()].copy()
    x = adata.X.tolil()
    x[:, 0] = 0
    x[: LEAST_SPOTS - 1, 0] = 5
    adata.X = x.tocsr()
    ranking = spatial_ranking(Given(adata, 3))
    assert adata.var_names[0] not in ranking
    assert len(set(ranking)) == len(ranking) >= adata.n_vars - 20
    top = adata.var.loc[ranking[:40], "programme"] != "background"
    assert top.mean() > 0.9


def test_edges_are_the_share_of_common_neighbours():
    from benchmarks.domains.baselines import LEAST_SHARED, SEURAT_NEIGHBOURS, shared_neighbours

    x = np.random.default_rng(0).normal(size=(70, 3))
    found = shared_neighbours(x).toarray()
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)
    near = [set(row) for row in np.argsort(distance, axis=1)[:, :SEURAT_NEIGHBOURS]]
    for a in range(70):
        for b in range(70):
            jaccard = len(near[a] & near[b]) / len(near[a] | near[b])
            expected = jaccard if a < b and jaccard >= LEAST_SHARED else 0
            assert found[a, b] == pytest.approx(expected)


@pytest.mark.nightly
@settings(deadline=None, max_examples=40)
@given(st.integers(2, 25), st.floats(0.05, 5), st.floats(0.01, 20))
def test_the_search_finds_a_number_that_grows_with_the_resolution(n, slope, start):
    from benchmarks.domains.inputs import at_number

    def cluster(resolution):
        return np.arange(60) % max(1, min(60, int(1 + slope * 3 * resolution)))

    labels, resolution = at_number(cluster, n, start)
    assert np.array_equal(labels, cluster(resolution))
    possible = [len(np.unique(cluster(r))) for r in np.geomspace(1e-3, 30, 4000)]
    assert abs(len(np.unique(labels)) - n) <= max(0, n - max(possible))


def test_the_search_takes_the_nearest_number_where_there_is_no_exact_one():
    from benchmarks.domains.inputs import at_number

    labels, _ = at_number(lambda r: np.arange(30) % (3 if r < 2 else 9), 5)
    assert len(np.unique(labels)) == 3
    for wanted, most in ((40, 30), (1, 2)):  # beyond what any resolution gives
        labels, _ = at_number(lambda r: np.arange(30) % (30 if r > 1 else 2), wanted)
        assert len(np.unique(labels)) == most


def test_baselines_find_what_is_apart_and_averages_help(halves):
    from benchmarks.domains.inputs import Given
    from benchmarks.domains.stages import METHODS, bare
    from benchmarks.domains.tissues import agreement

    seen = Given(bare(halves), 2, halves.var_names.tolist())
    labels = halves.obs["seen"].to_numpy()
    ari = {}
    for name in ("PCA, mixture", "7 spots, PCA, mixture", "19 spots, PCA, mixture", "Seurat-like, Leiden"):
        found = METHODS[name].prepare(seen)
        ari[name] = agreement(labels, np.array([found(seed) for seed in range(2)]))["ARI"]
        assert ari[name].min() > 0.6, name
    assert ari["7 spots, PCA, mixture"].min() > 0.9


def test_agreement_leaves_out_spots_without_label_and_knows_no_names():
    from benchmarks.domains.tissues import agreement, labelled

    rng = np.random.default_rng(0)
    column = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, 90)]
    truth = column.copy()
    column[:9] = np.nan
    adata = AnnData(sparse.csr_matrix(np.ones((90, 2), dtype=np.float32)))
    adata.obs["layer"] = column
    adata.obs["layer"] = adata.obs["layer"].astype("category")
    made = labelled("s", adata, "layer")
    assert made.n_domains == 3
    answer = np.select([truth == "a", truth == "b"], [7, 1], 4)
    answer[:9] = rng.integers(0, 9, 9)
    found = agreement(made.labels, np.array([answer, np.zeros(90, int)]))
    assert found["ARI"].tolist() == pytest.approx([1, 0])
    assert found["NMI"].tolist() == pytest.approx([1, 0])


# --- processes -------------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_a_process_of_its_own_finds_the_same(tissue, tmp_path):
    from benchmarks.domains.stages import apply, hand_over

    hand_over(tmp_path, tissue.adata, tissue.n_domains, {}, [0, 5])
    for method in ("19 spots, PCA, mixture", "SIGEL, mixture"):
        here, there = (apply(method, tmp_path, alone=alone) for alone in (False, True))
        assert there.labels.shape == (2, tissue.adata.n_obs)
        assert np.mean(here.labels == there.labels) > 0.97, method  # threads of the BLAS differ
        assert there.seconds > 0
        assert there.peak_gb > 0


def test_of_slow_methods_the_first_seeds_are_enough(tissue, tmp_path):
    from benchmarks.domains.stages import apply, hand_over

    hand_over(tmp_path, tissue.adata, tissue.n_domains, {}, [3, 4, 5])
    few, all_ = (apply("PCA, mixture", tmp_path, alone=False, n_seeds=n).labels for n in (1, None))
    assert np.array_equal(few, all_[:1])
    assert len(all_) == 3


@pytest.mark.nightly
def test_a_method_that_fails_says_why(tissue, tmp_path):
    from benchmarks.domains.stages import MORAN, apply, hand_over

    hand_over(tmp_path, tissue.adata, 3, {MORAN: ["NoSuchGene"]}, [0])
    with pytest.raises(RuntimeError, match="NoSuchGene"):
        apply("19 spots, PCA, mixture; highest Moran's I", tmp_path)


# --- tables ----------------------------------------------------------------------------------------------


@pytest.fixture
def rows():
    from benchmarks.domains.stages import METHODS

    made = {
        name: {"ARI median": 0.3, "ARI min": 0.2, "n genes": 50, "method": name, "genes": method.genes}
        for name, method in METHODS.items()
    }
    made["SIGEL, mixture"] |= {"ARI median": 0.7, "ARI min": 0.55}
    made["SIGEL, mixture; chosen genes"] |= {"ARI median": 0.5}
    made["NichePCA, 10 neighbours"] |= {"ARI median": None, "ARI min": None}
    return made


def test_sections_of_one_tissue_count_once_in_the_mean(rows):
    from benchmarks.domains.tables import median_rows

    low = {name: row | {"ARI median": 0.1} for name, row in rows.items()}
    sections = {"a1": rows, "a2": rows, "b": low}
    found = {row["method"]: row for row in median_rows(sections, {"a1": "a", "a2": "a", "b": "b"})}
    assert found["SIGEL, mixture"]["mean"] == pytest.approx((0.7 + 0.1) / 2)
    assert found["SIGEL, mixture"]["a2"] == 0.7
    assert found["NichePCA, 10 neighbours"]["mean"] is None


def test_the_gain_of_the_choice_is_over_all_genes_and_over_morans_i(rows):
    from benchmarks.domains.tables import choice_rows

    found = {row["pipeline"]: row for row in choice_rows("s", rows)}
    assert found["SIGEL, mixture"]["over all"] == pytest.approx(-0.2)
    assert found["SIGEL, mixture"]["over Moran's I"] == pytest.approx(0.2)
    assert found["19 spots, PCA, mixture"]["over all"] == 0
    rows["19 spots, PCA, mixture"]["ARI median"] = None
    assert [row["pipeline"] for row in choice_rows("s", rows)] == ["SIGEL, mixture"]


@pytest.mark.nightly
def test_a_quick_call_makes_every_table(tmp_path):
    from benchmarks.domains.stages import METHODS, OURS
    from benchmarks.domains.tables import domains
    from benchmarks.harness.job import Job
    from benchmarks.harness.report import write

    made = domains(Job(quick=True))
    write("domains", made, tmp_path)
    tables = {table["title"]: table["rows"] for table in made}
    assert len(tables) == 5
    for rows in tables.values():
        assert len({tuple(row) for row in rows}) == 1  # the same columns in every row
    medians, methods, _, _, _ = tables.values()
    assert len(methods) == len(METHODS) - 1  # where no number is given has a table of its own
    own = next(row for row in methods if row["method"] == OURS and row["genes"] == "its default")
    assert medians[0]["mean"] == own["ARI median"] > 0
