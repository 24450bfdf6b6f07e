"""The benchmarks' own measures on cases with known answers, and a small run so that the code stays alive."""

from __future__ import annotations

import gzip
import json

import anndata
import numpy as np
import pytest

import sigel
from conftest import SHARED

SIZE = {"n_rows": 14, "n_cols": 14, "n_programmes": 3, "genes_per_programme": 40, "n_background_genes": 60}


@pytest.fixture(scope="module")
def section():
    from benchmarks.harness.sections import simulated

    return simulated(2, **SIZE)


@pytest.fixture(scope="module")
def pair(section):
    from benchmarks.representations.agreement import make_pair

    return make_pair(section, section, n_genes=150, n_bins=3)


def planted_genes(section):
    return (section.adata.var.loc[section.images.genes, "programme"] != "background").to_numpy()


# --- agreement -------------------------------------------------------------------------------------------


def test_agreement_is_one_for_the_same_and_chance_for_unrelated(pair, section):
    from benchmarks.representations.agreement import agreement10

    rng = np.random.default_rng(0)
    x = rng.standard_normal((section.images.n_genes, 12))
    turn = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    assert agreement10(pair, x, x) == 1.0
    # Cosines of centred vectors know nothing of rotations, scales and shifts.
    assert agreement10(pair, x, 3 * x @ turn + 5) > 0.999
    chance = np.mean([agreement10(pair, x, rng.standard_normal(x.shape)) for _ in range(5)])
    assert chance == pytest.approx(10 / 49, abs=0.03)


def test_a_representation_that_is_not_finite_is_refused(pair, section):
    from benchmarks.representations.agreement import agreement10

    x = np.ones((section.images.n_genes, 4))
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        agreement10(pair, x, x)


def test_genes_are_compared_by_name_and_within_their_level(section):
    from benchmarks.harness.pixels import log_images
    from benchmarks.harness.sections import Section
    from benchmarks.representations.agreement import agreement10, make_pair

    order = np.random.default_rng(1).permutation(section.adata.n_vars)
    shuffled = Section.of("shuffled", section.adata[:, order].copy())
    pair = make_pair(section, shuffled, n_genes=150, n_bins=3)
    x = np.random.default_rng(0).standard_normal((section.images.n_genes, 12))
    row = {gene: n for n, gene in enumerate(section.images.genes)}
    assert agreement10(pair, x, x[[row[gene] for gene in shuffled.images.genes]]) == 1.0
    level = log_images(section)[pair.rows_first].mean(axis=1)
    assert level[pair.bins[0]].max() <= level[pair.bins[1]].min()
    assert level[pair.bins[1]].max() <= level[pair.bins[2]].min()


def test_six_neighbours_are_those_of_the_lattice(section):
    """Inside a hexagonal lattice the six nearest by coordinates are its own six neighbours."""
    from benchmarks.harness.pixels import six_nearest

    raster = section.images.raster
    near = six_nearest(raster)
    assert np.allclose(near.sum(axis=1), 1)
    assert (np.diff(near.indptr) == 6).all()
    assert near.diagonal().sum() == 0
    inside = np.diff(raster.neighbors.indptr) == 6
    assert inside.sum() > 50
    assert abs(near[inside] - raster.neighbors[inside]).max() < 1e-6


def test_smoothing_keeps_what_is_flat_and_halves_a_lone_pixel(section):
    from benchmarks.harness.pixels import six_nearest, smoothed

    n = section.images.raster.n_pixels
    flat, lone = np.full(n, 3.0), np.zeros(n)
    lone[n // 2] = 1.0
    got = smoothed(section, np.stack([flat, lone]))
    assert np.allclose(got[0], 3.0)
    assert got[1, n // 2] == pytest.approx(0.5)
    # Whoever counts the pixel among its six gets half a sixth of it.
    seen = six_nearest(section.images.raster).toarray()[:, n // 2] > 0
    assert np.allclose(got[1, seen], 1 / 12)


def test_genes_with_a_pattern_have_the_highest_moran(section):
    from benchmarks.harness.pixels import moran

    found, planted = moran(section), planted_genes(section)
    assert np.median(found[planted]) > np.quantile(found[~planted], 0.95)


def test_log_images_divide_by_the_library_of_all_genes(section):
    """Genes that have no image, the mitochondrial ones, count for the library."""
    from benchmarks.harness.pixels import log_images

    adata = section.adata
    library = np.asarray(adata.X.sum(axis=1)).ravel()
    gene = section.images.genes[5]
    by_hand = np.log1p(adata[:, gene].X.toarray().ravel() / library * np.median(library))
    assert np.allclose(section.images.raster.to_spots(log_images(section)[5]), by_hand, atol=1e-5)


# --- baselines and sections ------------------------------------------------------------------------------


def test_principal_components_are_those_of_a_singular_value_decomposition(section):
    from benchmarks.harness.pixels import pca
    from benchmarks.representations.baselines import smooth

    images = smooth(section)
    u, s, _ = np.linalg.svd(images - images.mean(axis=0), full_matrices=False)
    got = pca(images, 5)
    assert np.allclose(np.abs(got), np.abs(u[:, :5] * s[:5]), atol=2e-2 * s[4] / np.sqrt(len(u)))
    assert pca(images, 10_000).shape == (len(images), min(len(images) - 1, images.shape[1]))


def test_the_wiener_filter_comes_nearer_to_an_independent_half_than_what_it_filters():
    """Two halves of the counts share the signal alone."""
    from benchmarks.harness.pixels import pearson, wiener
    from benchmarks.harness.sections import halves, simulated

    whole = simulated(2, **SIZE | {"genes_per_programme": 120, "n_background_genes": 240}, median_counts=1500)
    first, second = halves(whole, 0)
    shared = [gene for gene in first.images.genes if gene in set(second.images.genes)]
    shared = [gene for gene in shared if whole.adata.var.loc[gene, "programme"] != "background"]
    rows, target = first.images.index(shared), pearson(second)[second.images.index(shared)]
    likeness = [
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(x[rows], target, strict=True)])
        for x in (pearson(first), wiener(first))
    ]
    assert likeness[1] > 1.1 * likeness[0]


def test_halves_add_up(section):
    from benchmarks.harness.sections import halves

    first, second = halves(section, 3)
    assert (first.adata.X + second.adata.X != section.adata.X).nnz == 0
    assert first.adata.X.sum() == pytest.approx(second.adata.X.sum(), rel=0.02)
    assert np.allclose(first.library + second.library, section.library)
    assert first.name != second.name


def test_random_rows_differ_between_sections_but_not_between_calls(section):
    from benchmarks.harness.sections import halves
    from benchmarks.representations.baselines import table

    other = halves(section, 3)[0]
    one, two = table(0)["random, 32"], table(0)["random, 32"]
    assert np.array_equal(one(section), two(section))
    assert not np.allclose(one(section)[:20], one(other)[:20])


def test_pairs_are_sections_that_are_there_and_large_enough():
    from benchmarks.harness.sections import LEAST_SPOTS, pairs, section

    if not (SHARED / "data").is_dir():
        pytest.skip("the shared data folder is missing")
    found = list(pairs())
    assert ("adjacent", "st_mousebrain_hippo1", "st_mousebrain_hippo2") in found
    assert [kind for kind, *_ in found].count("replicates") == 1
    stacked = [names for _, *names in found if ":" in names[0]]
    assert len(stacked) == 6
    assert all(a < b for a, b in stacked)
    made = section(stacked[0][0])
    assert made.adata.n_obs >= LEAST_SPOTS
    assert made.adata.obs["section"].nunique() == 1


# --- known pairs -----------------------------------------------------------------------------------------


def test_matched_pairs_have_the_levels_of_the_known_and_are_not_known():
    from benchmarks.representations.matched_pairs import matched_pairs

    rng = np.random.default_rng(0)
    level = rng.integers(0, 5, 200)
    known = np.unique(np.sort(rng.integers(0, 150, (400, 2)), axis=1), axis=0)
    known = known[known[:, 0] != known[:, 1]]
    drawn = matched_pairs(known, known, level, rng)
    assert (drawn >= 0).all()
    assert np.array_equal(level[drawn], level[known])
    assert not {tuple(sorted(p)) for p in drawn.tolist()} & {tuple(p) for p in known.tolist()}
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert set(drawn.ravel()) <= set(known.ravel())  # of genes that the source knows


def test_a_level_whose_genes_are_all_known_to_each_other_has_no_random_pair():
    from benchmarks.representations.matched_pairs import matched_pairs

    known = np.array([[0, 1], [2, 3]])
    drawn = matched_pairs(known, known, np.array([0, 0, 1, 2]), np.random.default_rng(0))
    assert (drawn == -1).all()


def test_expression_alone_scores_chance_against_matched_pairs():
    """All known pairs are of strong genes: against any genes level would look like knowledge."""
    from benchmarks.representations.matched_pairs import auroc, draw, level_bins

    rng = np.random.default_rng(0)
    mean = rng.normal(size=2000)
    strong = np.argsort(mean)[-400:]
    known = np.sort(np.concatenate([rng.choice(strong, (1500, 2)), rng.choice(2000, (300, 2))]), axis=1)
    known = np.unique(known[known[:, 0] != known[:, 1]], axis=0)
    ((a, b),) = draw({"strong": known}, level_bins(mean), 0).values()
    likeness = [mean[pairs].min(axis=1) for pairs in (a, b, rng.choice(2000, (2000, 2)))]
    assert auroc(likeness[0], likeness[1]) == pytest.approx(0.5, abs=0.03)
    assert auroc(likeness[0], likeness[2]) > 0.8


def test_auroc_is_one_for_a_perfect_representation_and_half_for_a_random_one():
    from benchmarks.representations.gene_sets import unique_pairs
    from benchmarks.representations.matched_pairs import auroc, cosines, draw

    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 15)
    known = unique_pairs(zip(*np.nonzero(group[:, None] == group), strict=True))
    assert len(known) == 20 * 15 * 14 // 2
    ((a, b),) = draw({"group": known}, np.zeros(len(group), dtype=int), 0).values()
    perfect, random = np.eye(20)[group] + 7, rng.standard_normal((len(group), 16))
    assert auroc(cosines(perfect, a), cosines(perfect, b)) == 1.0
    # 2100 known and at least as many random pairs: a standard error of 0.01.
    assert auroc(cosines(random, a), cosines(random, b)) == pytest.approx(0.5, abs=0.04)


def test_cosines_are_those_of_centred_vectors():
    from benchmarks.representations.matched_pairs import cosines

    x = np.random.default_rng(0).normal(3, 1, (30, 5))
    pairs = np.array([[0, 1], [4, 9], [2, 2]])
    centred = x - x.mean(axis=0)
    by_hand = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(*centred[pairs.T], strict=True)]
    assert np.allclose(cosines(x, pairs, chunk=2), by_hand)


def test_levels_hold_equally_many_of_the_genes_that_take_part():
    from benchmarks.representations.matched_pairs import level_bins

    mean = np.array([5.0, np.nan, 1.0, 2.0, 8.0, np.nan, 3.0, 4.0])
    assert level_bins(mean, 3).tolist() == [2, 0, 0, 0, 2, 0, 1, 1]


def test_gene_sets_are_read_sized_and_translated(tmp_path):
    from benchmarks.representations.gene_sets import (
        ORTHOLOGS,
        gene_sets,
        ligand_receptor,
        orthologs,
        pairs_of_names,
        pairs_of_sets,
        rows_of,
        unique_pairs,
    )

    sets = tmp_path / "sets.gmt"
    sets.write_text("small\t\tA,1.0\tB,1.0\t\nfine\t\tA,1.0\tB,1.0\tC,1.0\t\nlarge\tx\tA\tB\tC\tD\n")
    assert list(gene_sets(sets, (3, 3))) == [["A", "B", "C"]]
    with gzip.open(tmp_path / ORTHOLOGS, "wt") as file:
        file.write("hid\thuman\tmouse\n1\tA\ta1\n1\tA\ta2\n2\tB\tb\n3\tC\tc\n")
    rows = rows_of(np.array(["b", "a1", "a2", "z"]), orthologs(tmp_path))
    assert rows == {"A": [1, 2], "B": [0]}
    assert unique_pairs(pairs_of_sets([["A", "B"], ["B", "A", "C"]], rows)).tolist() == [
        [0, 1],
        [0, 2],
        [1, 2],
    ]
    table = tmp_path / "pairs.tsv"
    table.write_text("interaction_name\tpathway_name\tligand\treceptor\nX1_B_C\tp\tA\tB complex\n")
    assert list(ligand_receptor(table)) == [("A", "B"), ("A", "C")]
    assert unique_pairs(pairs_of_names(ligand_receptor(table), rows)).tolist() == [[0, 1], [0, 2]]


@pytest.mark.nightly
@pytest.mark.parametrize(("species", "file"), [("mouse", "mouse_homologs"), ("human", "symbols")])
def test_every_source_knows_pairs_of_real_genes(species, file):
    from benchmarks.representations.gene_sets import FOLDER as SETS
    from benchmarks.representations.gene_sets import gene_sets, known_pairs

    if not SETS.is_dir():
        pytest.skip("the shared gene sets are missing")
    genes = sorted({gene for members in gene_sets(SETS / f"h.all.v7.0.{file}.gmt") for gene in members})
    found = known_pairs(np.array(genes[::3]), species)
    assert all(len(pairs) > 20 for pairs in found.values()), {k: len(v) for k, v in found.items()}
    for pairs in found.values():
        assert (pairs[:, 0] < pairs[:, 1]).all()
        assert len(np.unique(pairs, axis=0)) == len(pairs)


# --- runs, presets, ablations ----------------------------------------------------------------------------


def test_a_run_is_made_once_for_each_section(section):
    from benchmarks.harness.job import Runs

    calls = []

    def method(section):
        calls.append(section.name)
        return np.zeros((section.images.n_genes, 4))

    runs = Runs()
    assert runs.get("zeros", method, section)[0] is runs.get("zeros", method, section)[0]
    runs.get("other name", method, section)
    assert len(calls) == 2
    Runs(widest=3).get("wide", method, section)
    assert len(calls) == 3


def test_presets_are_the_packages_own_or_its_defaults(monkeypatch):
    from benchmarks.harness.sigel_rows import merged, preset

    assert isinstance(preset("default"), sigel.SIGELConfig)
    monkeypatch.setattr(
        sigel.SIGELConfig,
        "preset",
        staticmethod(lambda name: merged(sigel.SIGELConfig(), {"n_dims": len(name)})),
        raising=False,
    )
    assert preset("fast").n_dims == 4
    monkeypatch.delattr(sigel.SIGELConfig, "preset")
    assert preset("fast") is None
    assert preset("default") == sigel.SIGELConfig()


def test_merging_changes_nested_settings_and_nothing_else():
    from benchmarks.harness.sigel_rows import merged

    usual = sigel.SIGELConfig()
    changed = merged(usual, {"n_dims": 8, "train": {"pretrain_epochs": 1}})
    assert (changed.n_dims, changed.train.pretrain_epochs) == (8, 1)
    assert changed.train.refine_epochs == usual.train.refine_epochs
    assert changed.encoder == usual.encoder


def test_ablations_start_from_the_default_and_most_of_them_are_offered():
    from benchmarks.harness.sigel_rows import offered
    from benchmarks.representations.ablation import ABLATIONS, QUICK_ABLATIONS

    usual = sigel.SIGELConfig()
    made = {name: offered(usual, settings) for name, settings in ABLATIONS.items()}
    assert made["Modules I, II and III (default)"] == usual
    changed = [config for config in made.values() if isinstance(config, sigel.SIGELConfig)]
    assert len(changed) > 8
    assert sum(config == usual for config in changed) == 1
    assert set(QUICK_ABLATIONS) <= set(ABLATIONS)


def test_a_setting_that_is_not_offered_is_left_out_with_the_reason():
    from benchmarks.harness.sigel_rows import offered

    usual = sigel.SIGELConfig()
    assert "no_such_setting" in offered(usual, {"train": {"no_such_setting": 1}})
    assert offered(usual, {"n_dims": usual.n_dims}) == "the default already"
    assert offered(usual, {}) == usual


def test_ari_is_one_for_the_planted_groups_and_zero_by_chance(section):
    from benchmarks.representations.planted import ari, clustered

    truth = section.adata.var.loc[section.images.genes, "programme"].astype(str).to_numpy()
    background = truth == "background"
    split = np.where(background, np.char.add("b", np.arange(len(truth)).astype(str)), truth)
    assert ari(section, split) == 1.0  # genes without a pattern may lie anywhere
    chance = [ari(section, np.random.default_rng(n).permutation(truth)) for n in range(5)]
    assert np.mean(chance) == pytest.approx(0.0, abs=0.05)
    codes = np.unique(truth, return_inverse=True)[1]
    assert ari(section, clustered(section, np.eye(4)[codes], 0)) == 1.0


# --- time and memory -------------------------------------------------------------------------------------


def test_the_floor_counts_the_products_that_encoding_makes(section):
    """Against torch's own counter, which also counts the code of the patches' shapes, once a batch."""
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.harness.sigel_rows import QUICK, merged
    from benchmarks.speed.hardware_floor import floor
    from benchmarks.speed.stages import n_patches

    # Nothing is held out, so that the transformer is kept, and encodes.
    config = merged(merged(sigel.SIGELConfig(), QUICK), {"train": {"holdout": 0.0}})
    images = sigel.GeneImages.from_anndata(section.adata, sigel.ImageConfig(smooth=0.0))
    model = sigel.SIGEL(config).fit(images)
    with FlopCounterMode(display=False) as counter:
        model.transform(images)
    config = model.config
    tokens = n_patches(images.raster, config.encoder.patch_size)
    need = floor(config, images.n_genes, images.raster.n_pixels, tokens)["encode"].flops
    # Some versions of torch leave out attention on a CPU; a sparse product is counted as if it were dense.
    attention = 4 * config.encoder.depth * images.n_genes * tokens**2 * config.encoder.dim
    sparse = 2 * images.n_genes * images.raster.n_pixels**2
    counted = [need - less + more for less in (0, attention) for more in (0, sparse)]
    assert min(abs(counter.get_total_flops() - flops) for flops in counted) < 1e-3 * need


def test_the_floor_grows_with_genes_and_epochs():
    from benchmarks.harness.sigel_rows import merged
    from benchmarks.speed.hardware_floor import Rates, Work, floor

    config = merged(sigel.SIGELConfig(), {"encoder": {"patch_size": 4}})
    one, two = (floor(config, n, 1000, 80, epochs=(4, 0), n_groups=5) for n in (100, 200))
    assert two["encode"].flops == 2 * one["encode"].flops
    assert one["pretrain"].flops == 3 * 4 * one["encode"].flops
    assert one["refine"] == Work(0.0, 0.0)
    assert Work(10.0, 40.0).seconds(Rates(10.0, 10.0)) == 4.0
    assert Work(90.0, 40.0).seconds(Rates(10.0, 10.0)) == 9.0


def test_patches_are_counted_as_the_engine_cuts_them(section):
    from benchmarks.speed.stages import n_patches
    from sigel.nn.encoder.patches import Patches

    for side in (1, 3, 4):
        assert (
            n_patches(section.images.raster, side)
            == Patches.from_raster(section.images.raster, side).n_patches
        )


@pytest.mark.nightly
def test_a_stage_is_measured_without_the_memory_of_its_parent(section, tmp_path):
    from benchmarks.harness.processes import memory_gb
    from benchmarks.speed.stages import measure

    path = tmp_path / "section.h5ad"
    section.adata.write_h5ad(path)
    ballast = np.ones(125_000_000)
    found = measure("images", path=str(path), times=1)
    assert memory_gb("VmHWM") > ballast.nbytes / 1e9
    assert 0.05 < found["before_gb"] <= found["peak_gb"] < 0.9
    assert found["n_genes"] == section.images.n_genes
    with pytest.raises(RuntimeError, match="nonsense"):
        measure("images", nonsense=1)


def test_scattered_cells_have_the_counts_asked_for_whatever_the_chunk():
    from benchmarks.harness.large_sections import scattered_cells

    counts, places = scattered_cells(3000, 40, 25.0, seed=1, chunk=700)
    assert counts.shape == (3000, 40)
    assert counts.sum() / 3000 == pytest.approx(25.0, rel=0.05)
    assert (counts.data == np.round(counts.data)).all()
    assert counts.has_canonical_format
    images = sigel.GeneImages.from_arrays(counts, [f"g{n}" for n in range(40)], places)
    assert images.depth.sum() == pytest.approx(counts.sum())


def test_cells_streamed_from_disk_are_those_in_memory(tmp_path):
    from benchmarks.harness.large_sections import scattered_cells
    from benchmarks.speed.stages import measure

    size = {"n_cells": 9000, "n_genes": 30, "counts": 20.0, "seed": 2}
    written = measure("write_cells", alone=False, path=str(tmp_path / "cells.h5ad"), **size)
    streamed = measure("streamed", alone=False, path=str(tmp_path / "cells.h5ad"))
    counts, places = scattered_cells(**size)
    stored = anndata.read_h5ad(tmp_path / "cells.h5ad")
    assert (counts != stored.X).nnz == 0
    assert np.array_equal(stored.obsm["spatial"], places)
    assert counts.nnz == written["entries"] == streamed["entries"]
    assert streamed["shape"] == measure("cells", alone=False, **size)["shape"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (3, "3L"),
        (0.002, "0.002"),
        ('a "b" \\d', '"a \\"b\\" \\\\d"'),
        ([], "character()"),
        ((1.0, 200.0), "c(1.0, 200.0)"),
        ({"train": {"thin": None, "patience": 2}}, "list(train = list(thin = NULL, patience = 2L))"),
    ],
)
def test_settings_are_written_as_r_reads_them(value, code):
    from benchmarks.harness.r_process import in_r

    assert in_r(value) == code


def test_without_r_the_reason_is_said(monkeypatch):
    from benchmarks.harness.r_process import find_r

    monkeypatch.setenv("PATH", "")
    assert "no Rscript" in find_r()


# --- what is written -------------------------------------------------------------------------------------


def test_tables_say_when_and_where_and_leave_cells_empty(tmp_path):
    from benchmarks.harness.report import write

    rows = [{"a": 1.23456, "b": None}, {"a": float("nan"), "b": 1234.5}]
    text = write("name", [{"title": "t", "note": "n", "rows": rows}], tmp_path, seed=7)
    assert "| 1.235 |  |" in text
    assert "|  | 1234.5 |" in text
    saved = json.loads((tmp_path / "name.json").read_text())
    assert saved["settings"]["seed"] == 7
    assert len(saved["settings"]["date"]) == 10
    assert {"cores", "threads", "device", "torch", "sigel"} <= set(saved["machine"])


# Those whose quick call has a test beside the tests of their parts.
OF_THEIR_OWN = {"domains", "domain_judges", "domain_settings", "imputation", "clusters", "imputation_cells"}
OF_THEIR_OWN |= {"imputation_scale", "cohorts", "cohort_scale", "interactions", "spatial"}


@pytest.mark.nightly
def test_a_small_run_writes_every_table(tmp_path):
    from benchmarks.harness.job import Job
    from benchmarks.run import BENCHMARKS, run

    assert set(BENCHMARKS) > OF_THEIR_OWN
    names = [name for name in BENCHMARKS if name not in OF_THEIR_OWN]
    texts = run(names, Job(quick=True), tmp_path)
    assert len(texts) == len(names)
    saved = {}
    for name, text in zip(names, texts, strict=True):
        assert (tmp_path / f"{name}-quick.md").read_text() == text
        saved[name] = json.loads((tmp_path / f"{name}-quick.json").read_text())["tables"]
    figures = {row["representation"]: row["agreement10"] for row in saved["agreement"][0]["rows"]}
    assert figures["SIGEL, default, 32"] > figures["random, 32"]
    few = {row["representation"]: row["rho 33"] for row in saved["panels"][1]["rows"]}
    assert few["SIGEL, default, 32"] > 0.5
    known = {row["representation"]: row["same programme"] for row in saved["annotations"][0]["rows"]}
    assert known["SIGEL, default, 32"] > 0.8
    assert abs(known["random, 32"] - 0.5) < 0.1
    work = {row["work"]: row for row in saved["speed"][0]["rows"]}
    fit = work["tl.embed, default"]
    parts = {name: row["seconds"] for name, row in work.items() if name.startswith("- default: ")}
    after = parts.pop("- default: encoding all genes by the saved model, afterwards")
    assert after > 0
    assert min(parts.values()) > 0
    assert sum(parts.values()) == pytest.approx(fit["seconds"])
    assert fit["peak GB"] > fit["held before, GB"] > 0
    assert all(row["share reached"] > 0 for row in saved["speed"][2]["rows"])
    seeds = {row["representation"]: row["agreement10"] for row in saved["stability"][0]["rows"]}
    assert seeds["PCA 32 of smoothed z-scored"] == 1.0
