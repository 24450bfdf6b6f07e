"""The benchmarks' own measures on cases with known answers, and a small run so that the code stays alive."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import sigel
from sigel.images import GeneImages

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def on_path():
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def images():
    section = sigel.datasets.simulated_section(14, 14, 3, 40, 60, seed=2)
    return GeneImages.from_anndata(section)


@pytest.fixture(scope="module")
def pair(images):
    from agreement import make_pair

    return make_pair(images, images, n_genes=150, n_bins=3)


def test_agreement_is_one_for_the_same_and_chance_for_unrelated(pair, images):
    from agreement import agreement10

    rng = np.random.default_rng(0)
    x = rng.standard_normal((images.n_genes, 12))
    turn = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    assert agreement10(pair, x, x) == 1.0
    # Cosines of centred vectors know nothing of rotations, scales and shifts.
    assert agreement10(pair, x, 3 * x @ turn + 5) > 0.999
    chance = np.mean([agreement10(pair, x, rng.standard_normal(x.shape)) for _ in range(5)])
    assert chance == pytest.approx(10 / 49, abs=0.03)


def test_genes_are_compared_by_name_and_within_their_level(images):
    from agreement import agreement10, make_pair

    order = np.random.default_rng(1).permutation(images.n_genes)
    shuffled = GeneImages(
        counts=images.counts[order],
        depth=images.depth,
        raster=images.raster,
        genes=images.genes[order],
        all_genes=images.all_genes,
        status=images.status,
        integer=True,
        config=images.config,
    )
    pair = make_pair(images, shuffled, n_genes=150, n_bins=3)
    x = np.random.default_rng(0).standard_normal((images.n_genes, 12))
    assert agreement10(pair, x, x[order]) == 1.0
    level = np.asarray(images.counts.sum(axis=1)).ravel()[pair.rows_first]
    assert level[pair.bins[0]].max() <= level[pair.bins[1]].min()


def test_genes_with_a_pattern_have_the_highest_moran(images):
    from agreement import moran

    section = sigel.datasets.simulated_section(14, 14, 3, 40, 60, seed=2)
    planted = (section.var.loc[images.genes, "programme"] != "background").to_numpy()
    found = moran(images)
    assert np.median(found[planted]) > np.quantile(found[~planted], 0.95)


def test_the_wiener_filter_comes_nearer_to_an_independent_half_than_what_it_filters():
    """Two halves of the counts share the signal alone."""
    from baselines import pearson, wiener
    from representations import halves

    section = sigel.datasets.simulated_section(14, 14, 3, 120, 240, median_counts=1500, seed=2)
    first, second = halves(GeneImages.from_anndata(section), 0)
    planted = (section.var.loc[first.genes, "programme"] != "background").to_numpy()
    target = pearson(second)[planted]
    likeness = [
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(x[planted], target, strict=True)])
        for x in (pearson(first), wiener(first))
    ]
    assert likeness[1] > 1.1 * likeness[0]


def test_halves_add_up(images):
    from representations import halves

    first, second = halves(images, 3)
    assert (first.counts + second.counts != images.counts).nnz == 0
    assert first.counts.sum() == pytest.approx(second.counts.sum(), rel=0.02)


def test_a_small_run_writes_both_tables(tmp_path):
    from representations import main

    text = main(quick=True, seed=0, folder=tmp_path)
    saved = json.loads((tmp_path / "representations-quick.json").read_text())
    assert (tmp_path / "representations-quick.md").read_text() == text
    rows = {row["representation"]: row["agreement10"] for row in saved["tables"][0]["rows"]}
    assert rows["SIGEL, 8"] > rows["random, 32"]
    assert {"machine", "settings"} <= set(saved)
