"""The number of groups of a panel, by values that its genes foretell of each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import sigel
from sigel.nn.mixture.density import FEW_GENES
from sigel.training.groups import with_pattern
from sigel.training.number_test import UNGROUPED, _Halves, foretold_number, is_few
from told_genes import Told, shared


def number(genes, z, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return foretold_number(Told(z), genes, None, generator)


def around(centres, label, sd=0.3, seed=0):
    return centres[label] + sd * np.random.default_rng(seed).standard_normal((len(label), centres.shape[1]))


@pytest.fixture(scope="module")
def three(toy):
    """Genes 0, 3, 6, ... have one pattern, 1, 4, 7, ... another, the rest a third."""
    return shared(toy(n_genes=60))


def test_groups_that_share_patterns_are_told_from_groups_that_do_not(three):
    centres = 6 * np.eye(3, 8)
    pattern = np.arange(60) % 3
    found = number(three, around(centres, pattern))
    assert found.n_groups == 3
    assert max(found.foretold.values()) == pytest.approx(found.foretold[3], abs=0.02)
    assert found.foretold[3] > 0.1
    # As well apart, but no gene has the pattern of its group.
    mixed = number(three, around(centres, np.random.default_rng(1).permutation(pattern)))
    assert mixed.n_groups == 1
    assert mixed.foretold[3] < 0.05


def test_scores_are_correlations_with_the_other_genes_of_the_group():
    rng = np.random.default_rng(0)
    whole, seen = rng.standard_normal((2, 12, 200))
    label = np.array([0] * 5 + [1] * 4 + [2] * 2 + [3])
    whole -= whole.mean(axis=1, keepdims=True)
    seen -= seen.mean(axis=1, keepdims=True)
    length = np.linalg.norm(seen, axis=1, keepdims=True)
    halves = _Halves(
        torch.zeros(12, 2), torch.from_numpy(seen / length @ whole.T), torch.from_numpy(whole @ whole.T)
    )
    found = halves.scores(torch.from_numpy(label)).numpy()
    for gene in range(11):
        others = np.arange(12) != gene
        contrast = whole[others & (label == label[gene])].mean(axis=0) - whole[others].mean(axis=0)
        assert found[gene] == pytest.approx(np.corrcoef(contrast, seen[gene])[0, 1], abs=1e-12)
    assert found[11] == 0  # alone in its group
    label[:2] = UNGROUPED
    assert (halves.scores(torch.from_numpy(label)).numpy()[:2] == 0).all()
    assert (halves.scores(torch.zeros(12, dtype=torch.long)) == 0).all()


@pytest.mark.parametrize(
    ("n_genes", "whole"), [(30, True), pytest.param(60, False, marks=pytest.mark.nightly)]
)
def test_noise_seldom_has_groups(n_genes, whole):
    row, col = (one.ravel().astype(float) for one in np.mgrid[:20, :20])
    genes = [f"G{at}" for at in range(n_genes)]
    config = sigel.SIGELConfig.preset("fast")
    n_groups = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(rng.uniform(0.5, 4, n_genes), (400, n_genes)).astype(np.float32)
        values = sparse.csr_matrix(counts) if whole else per_volume(sparse.csr_matrix(counts))
        images = sigel.GeneImages.from_arrays(values, genes, np.column_stack([col, row]), None, config.image)
        labels = sigel.SIGEL(config, seed=seed, device="cpu").fit(images).group_labels
        n_groups.append(len(set(labels) - {"no pattern"}))
    # Of 60 such panels each, 4 and 5 had more than one.
    assert sum(n > 1 for n in n_groups) <= 2


@pytest.mark.parametrize(
    ("seed", "whole"),
    [(0, True), (0, False), *(pytest.param(1, whole, marks=pytest.mark.nightly) for whole in (True, False))],
)
def test_a_small_panel_has_the_groups_that_were_planted(seed, whole):
    adata = sigel.datasets.simulated_section(
        22, 22, 3, genes_per_programme=20, n_background_genes=20, median_counts=600, seed=seed
    )
    if not whole:
        adata.X = per_volume(adata.X)
    sigel.tl.embed(adata, preset="fast", progress=False, device="cpu")
    programme, group = adata.var["programme"].astype(str), adata.var["sigel_group"].astype(str)
    planted = programme[programme.str.fullmatch("layer|blob|ring")]
    both = pd.crosstab(group[planted.index], planted)
    assert (both.loc[["1", "2", "3"]].max(axis=1) >= 13).all()
    assert set(group) <= {"1", "2", "3", "no pattern", "nan"}
    assert adata.uns["sigel"]["bic"] == {}
    assert np.nanmax(adata.uns["sigel"]["history"]["foretold"]) > 0.1
    # Another resolution starts from the number that was chosen.
    assert len(sigel.tl.gene_groups(adata, resolution=2, key_added="fine", device="cpu")) in (6, 7)


def test_more_genes_are_left_to_bic(toy):
    assert is_few(shared(toy(n_genes=FEW_GENES)))
    assert not is_few(shared(toy(n_genes=FEW_GENES + 1)))
    # So are fractions where the tissue is one patch, of which no half can be hidden.
    counts, *rest = toy(n_genes=40)
    fractions = shared((per_volume(counts), *rest))
    assert is_few(fractions)
    names = ("index", "inside", "position")
    one_patch = replace(fractions.grid, **{name: getattr(fractions.grid, name)[:1] for name in names})
    assert not is_few(replace(fractions, grid=one_patch))


def per_volume(counts, seed=0):
    """Counts of each cell, divided by a volume of its own."""
    volume = np.random.default_rng(seed).uniform(0.5, 2, counts.shape[0])
    return sparse.csr_matrix(counts.multiply(1 / volume[:, None]), dtype=np.float32)


def test_values_that_are_no_counts_are_foretold_on_the_other_half_of_the_tissue(toy):
    counts, *rest = toy(n_genes=60)
    genes, centres = shared((per_volume(counts), *rest)), 6 * np.eye(3, 8)
    assert not genes.views.integer
    told = Told(around(centres, np.arange(60) % 3))
    found = foretold_number(told, genes, None, torch.Generator().manual_seed(0))
    assert found.n_groups == 3
    assert found.foretold[3] > 0.1
    # All genes are shown the same half of the patches, each once.
    assert told.kept.shape == (60, -(-genes.grid.n_patches // 2))
    assert (told.kept == told.kept[0]).all()
    assert len(told.kept[0].unique()) == told.kept.shape[1]
    mixed = number(genes, around(centres, np.random.default_rng(1).permutation(60) % 3))
    assert mixed.n_groups == 1
    assert mixed.foretold[3] < 0.05


def test_a_gene_that_has_a_pattern_is_in_a_group():
    posterior = torch.tensor([[0.1, 0.3, 0.6], [0.0, 0.0, 1.0], [0.2, 0.1, 0.7]], dtype=torch.float64)
    patterned = torch.tensor([True, True, False])
    made = with_pattern(posterior, 2, patterned)
    assert made[0].tolist() == pytest.approx([0.25, 0.75, 0])
    assert torch.equal(made[1:], posterior[1:])  # of the second no group is known
    assert torch.equal(with_pattern(posterior, 3, patterned), posterior)
    assert torch.equal(with_pattern(posterior, 2, None), posterior)


def test_a_lone_strong_pattern_of_a_panel_is_not_called_flat():
    rng = np.random.default_rng(0)
    row, col = (one.ravel().astype(float) for one in np.mgrid[:20, :20])
    rate = np.full((400, 40), 2.0)
    rate[(row > 15) & (col > 15), 0] = 40  # alone in a corner
    rate[:, 1:9] *= np.where(row < 10, 3, 1)[:, None]
    rate[:, 9:17] *= np.where(row < 10, 1, 3)[:, None]
    counts = sparse.csr_matrix(rng.poisson(rate).astype(np.float32))
    genes = [f"G{at}" for at in range(40)]
    config = sigel.SIGELConfig.preset("fast")
    images = sigel.GeneImages.from_arrays(counts, genes, np.column_stack([col, row]), None, config.image)
    model = sigel.SIGEL(config, seed=0, device="cpu").fit(images)
    labels = dict(zip(images.genes, model.group_labels, strict=True))
    assert "no pattern" in labels.values()
    assert labels["G0"] != "no pattern"
    np.testing.assert_allclose(model.posterior.sum(axis=1), 1, atol=1e-5)
