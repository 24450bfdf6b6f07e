"""Pair rho, panels and the filters in closed form, on cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest

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


def planted(section):
    return section.adata.var.loc[section.images.genes, "programme"].astype(str).to_numpy()


def likeness_within_programmes(section, representations):
    """Area under the curve of pairs of one programme against pairs of two, by cosine."""
    from benchmarks.representations.matched_pairs import auroc, cosines

    of = planted(section)
    genes = np.flatnonzero(of != "background")
    i, j = np.triu_indices(len(genes), 1)
    pairs = np.stack([genes[i], genes[j]], axis=1)
    same = of[pairs[:, 0]] == of[pairs[:, 1]]
    return auroc(cosines(representations, pairs[same]), cosines(representations, pairs[~same]))


# --- pair rho --------------------------------------------------------------------------------------------


def test_pair_rho_is_one_for_the_same_and_nought_for_unrelated(pair, section):
    from benchmarks.representations.pair_rho import pair_rho

    rng = np.random.default_rng(0)
    x = rng.standard_normal((section.images.n_genes, 12))
    turn = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    assert pair_rho(pair, x, x) == pytest.approx(1.0)
    # Cosines of centred vectors know nothing of rotations, scales and shifts.
    assert pair_rho(pair, x, 3 * x @ turn + 5) == pytest.approx(1.0)
    # 3,675 pairs of 150 genes: a standard error of 0.02.
    assert pair_rho(pair, x, rng.standard_normal(x.shape)) == pytest.approx(0.0, abs=0.07)


def test_pair_rho_falls_with_noise(pair, section):
    from benchmarks.representations.pair_rho import pair_rho

    rng = np.random.default_rng(1)
    x = rng.standard_normal((section.images.n_genes, 12))
    noisy = [pair_rho(pair, x, x + s * rng.standard_normal(x.shape)) for s in (0.1, 0.5, 1.0, 3.0)]
    assert noisy == sorted(noisy, reverse=True)
    assert noisy[0] > 0.95
    assert noisy[-1] < 0.4


def test_pair_rho_does_not_reward_what_lies_between_bins_of_level(pair, section):
    """Vectors that tell the bins apart and nothing else: much likeness over all pairs, none within bins."""
    from dataclasses import replace

    from benchmarks.representations.pair_rho import pair_rho

    rng = np.random.default_rng(2)
    level = np.zeros((section.images.n_genes, 4))
    for n, within in enumerate(pair.bins):
        level[pair.rows_first[within], n] = 3.0
    a, b = (level + rng.standard_normal(level.shape) for _ in range(2))
    one_bin = replace(pair, bins=[np.concatenate(pair.bins)])
    assert pair_rho(one_bin, a, b) > 0.5
    assert abs(pair_rho(pair, a, b)) < 0.2


def test_bins_leave_genes_enough_and_are_ten_at_most():
    from benchmarks.representations.pair_rho import by_level, n_bins

    assert [n_bins(n) for n in (5, 33, 65, 100, 300, 1000, 20_000)] == [1, 1, 1, 3, 9, 10, 10]
    bins = by_level(np.array([5.0, 1.0, 4.0, 2.0, 3.0, 0.0]), 3)
    assert [sorted(b.tolist()) for b in bins] == [[1, 5], [3, 4], [0, 2]]


def test_all_genes_of_both_sections_are_paired_by_name(section):
    from benchmarks.harness.sections import Section
    from benchmarks.representations.pair_rho import all_genes, pair_rho

    rng = np.random.default_rng(3)
    some = rng.permutation(section.adata.n_vars)[:120]
    other = Section.of("some genes in another order", section.adata[:, some].copy())
    both = all_genes(section, other)
    names = section.images.genes[both.rows_first]
    assert np.array_equal(names, other.images.genes[both.rows_second])
    assert set(names) == set(section.images.genes) & set(other.images.genes)
    assert sorted(np.concatenate(both.bins)) == list(range(len(names)))
    x = rng.standard_normal((section.images.n_genes, 6))
    x[both.rows_first] -= x[both.rows_first].mean(axis=0)  # centred alike in both
    place = {gene: row for row, gene in enumerate(section.images.genes)}
    assert pair_rho(both, x, x[[place[gene] for gene in other.images.genes]]) > 0.9


# --- filters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(30, 60), (60, 30)])
@pytest.mark.parametrize("long", [1500, 10])
def test_components_are_those_of_a_singular_value_decomposition(shape, long, monkeypatch):
    """By the smaller side of the matrix, whichever that is, and by Lanczos' method."""
    from benchmarks.harness import pixels

    monkeypatch.setattr(pixels, "LONG", long)
    x = np.random.default_rng(0).standard_normal(shape)
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(pixels.pca(x, 5)), np.abs(u[:, :5] * s[:5]))
    assert pixels.pca(x, 1000).shape == (shape[0], min(shape[0] - 1, shape[1]))


def test_modes_of_the_kernel_are_those_of_its_matrix(section, monkeypatch):
    from scipy.spatial.distance import cdist

    from benchmarks.representations import closed_forms

    raster = section.images.raster
    modes, variance = closed_forms.kernel_modes(raster)
    assert np.allclose(modes.T @ modes, np.eye(len(variance)), atol=1e-3)
    xy = raster.coordinates()
    apart = cdist(xy, xy)
    spacing = np.median(np.sort(apart, axis=1)[:, 1])
    kernel = np.mean([np.exp(-np.square(apart / spacing / s) / 2) for s in (1.5, 3, 6, 12)], axis=0)
    centre = np.eye(len(xy)) - 1 / len(xy)
    assert np.allclose((modes * variance) @ modes.T, centre @ kernel @ centre, atol=2e-3)
    # From half the pixels the modes that matter are the same.
    monkeypatch.setattr(closed_forms, "MOST_LANDMARKS", len(xy) // 2)
    closed_forms._kernel_modes.cache_clear()
    fewer = closed_forms.kernel_modes(raster)[1]
    closed_forms._kernel_modes.cache_clear()
    assert np.allclose(fewer[:10], variance[:10], rtol=0.1)


def test_the_gaussian_process_is_that_of_dense_matrices(section):
    """Against the likelihood and the posterior mean by the whole covariance, for some genes."""
    from scipy.stats import multivariate_normal

    from benchmarks.representations.closed_forms import (
        SHARES,
        gaussian_process,
        kernel_modes,
        residuals,
    )

    z, noise = residuals(section)
    modes, variance = kernel_modes(section.images.raster)
    found = gaussian_process(section) @ modes.T
    kernel, one = (modes.astype(float) * variance) @ modes.T, np.eye(z.shape[1])
    for gene in (0, 50, 100, 150, 175):
        own = float(noise[gene, 0])
        total = [share * (1 - own) * kernel + own * one for share in SHARES]
        best = max(total, key=lambda c, gene=gene: multivariate_normal(cov=c).logpdf(z[gene].astype(float)))
        by_hand = (best - own * one) @ np.linalg.solve(best, z[gene])
        assert np.allclose(found[gene], by_hand, atol=1e-2 * np.abs(by_hand).max() + 1e-4)


def test_crossed_eigenimages_bring_genes_of_a_programme_together():
    from benchmarks.harness.sections import simulated
    from benchmarks.representations.closed_forms import crossed, residuals

    section = simulated(2, **SIZE, median_counts=300)
    noisy, found = residuals(section)[0], crossed(section)
    assert found.shape == noisy.shape
    assert likeness_within_programmes(section, found) > likeness_within_programmes(section, noisy) + 0.02


def test_a_gene_without_a_pattern_is_shrunk_by_its_likelihood(section):
    from benchmarks.representations.closed_forms import gaussian_process

    size, flat = np.linalg.norm(gaussian_process(section), axis=1), planted(section) == "background"
    assert np.median(size[flat]) < 0.5 * np.median(size[~flat])


def test_the_posterior_keeps_what_is_certain_and_drops_what_is_noise():
    from benchmarks.representations.closed_forms import posterior

    score = np.array([[3.0, 1.0], [3.0, 1.0]])
    variance = np.array([10.0, 0.0])
    found = posterior(score, np.array([[1e-6], [50.0]]), variance)
    assert np.allclose(found[0], [3.0, 0.0], atol=1e-3)
    assert np.abs(found[1]).max() < 0.1


def test_no_genes_noise_is_in_its_own_prior(section):
    """Of genes without a pattern eigenimages of their own keep far more than those of the other genes."""
    from benchmarks.harness.sections import Section
    from benchmarks.representations.closed_forms import CROSSED, crossed, eigenimages, posterior, residuals

    flat = Section.of("flat", section.adata[:, section.images.genes[planted(section) == "background"]].copy())
    z, noise = residuals(flat)
    basis, spectrum = eigenimages(flat, z, float(noise.mean()), CROSSED[0])
    own = posterior(z @ basis, noise, spectrum) @ basis.T
    kept = [np.sum(z * images) / np.sum(z * z) for images in (crossed(flat), own)]
    assert kept[0] < 0.5 * kept[1]


# --- panels ----------------------------------------------------------------------------------------------


def test_a_panel_is_cut_before_anything_else(section):
    from benchmarks.harness.numerics import library
    from benchmarks.representations.closed_forms import on_pixels_of
    from benchmarks.representations.panels import cut

    genes = section.images.genes[[3, 5, 8, 13, 21]]
    panel = cut(section, genes, "five genes")
    counts = section.adata[:, list(genes)]
    assert set(panel.images.genes) == set(genes)
    assert panel.adata.n_obs == (library(counts) > 0).sum() <= section.adata.n_obs
    assert panel.library.sum() == counts.X.sum() < section.library.sum()
    assert panel.images.depth.sum() == counts.X.sum()
    # The oracle sees the same counts and depth, on the pixels of the whole section.
    there = on_pixels_of(section, panel)
    assert there.images.depth.sum() == counts.X.sum()
    assert list(there.images.genes) == list(panel.images.genes)
    assert there.images.counts.shape[1] == section.images.raster.n_pixels


def test_leads_are_means_over_draws_and_what_is_short_is_named():
    from benchmarks.representations.panels import REFERENCE, Figure, shortfalls, tables

    def figure(pair, n, row, rho, tissue="liver"):
        return Figure(tissue, pair, n, row, rho, 0.5, 1.0)

    found = [
        *(figure("a and b", 33, REFERENCE, rho) for rho in (0.5, 0.7)),
        *(figure("a and b", 33, "SIGEL, default, 32", rho) for rho in (0.6, 0.7)),
        *(figure("c and d", 33, REFERENCE, rho, "breast") for rho in (0.4,)),
        *(figure("c and d", 33, "SIGEL, default, 32", rho, "breast") for rho in (0.42,)),
        figure("c and d", 0, REFERENCE, 0.8, "breast"),
        figure("c and d", 0, "SIGEL, default, 32", 0.9, "breast"),
    ]
    (line,) = shortfalls(found)
    assert "2 of 3" in line
    assert line.endswith("short: c and d: 33 (+0.020).")
    leads, *_, whole = tables(found)
    assert leads["rows"][0]["33"] == pytest.approx(0.05)
    assert np.isnan(leads["rows"][0]["whole section"])
    assert leads["rows"][1]["judged"] == "among those chosen on"
    assert [row["representation"] for row in whole["rows"]] == [REFERENCE, "SIGEL, default, 32"]


def test_pairs_of_tissues_are_there_and_planes_are_apart():
    from benchmarks.harness.sections import FURTHER, pairs, read, tissue_pairs

    if not (SHARED / "data").is_dir():
        pytest.skip("the shared data folder is missing")
    found = list(tissue_pairs())
    assert len(found) == len(set(found)) == len(list(pairs())) + len(FURTHER)
    assert found[0][0] == "hippocampus"
    planes = [read(name) for tissue, *names in found if tissue == "embryo" for name in names]
    assert [plane.obs["z"].nunique() for plane in planes] == [1, 1]
    assert not set(planes[0].obs_names) & set(planes[1].obs_names)


@pytest.mark.nightly
def test_a_small_run_of_panels_has_every_row(monkeypatch):
    """Without the default, which the small run of all benchmarks has."""
    from benchmarks.harness.job import Job
    from benchmarks.representations.panels import ORACLE, REFERENCE, panels

    monkeypatch.setattr(Job, "default", lambda self: {})
    leads, first, tissue, whole = panels(Job(quick=True))
    assert [row["representation"] for row in leads["rows"]] == ["SIGEL, fast, 32"]
    names = {row["representation"]: row for row in first["rows"]}
    assert {"SIGEL, fast, 32", REFERENCE, ORACLE} <= set(names)
    assert first["rows"] == tissue["rows"]  # one pair of one tissue
    assert all(row[f"rho {n}"] > 0.5 for row in names.values() for n in (33, 90))
    assert all(row["rho, all genes"] > 0.5 for row in whole["rows"])
    assert names[REFERENCE]["chosen on"] == "nothing" != names["SIGEL, fast, 32"]["chosen on"]
