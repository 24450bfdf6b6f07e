"""The number of groups on data with known groups, and the mergers on the way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures import COVARIANCES, generator, start, t_sample
from sigel.config import MixtureConfig
from sigel.nn.mixture.density import FlatGenes, MixtureParameters
from sigel.nn.mixture.n_groups import merge_nearest, merge_path, select_n_groups, started
from sigel.nn.mixture.t_mixture import TMixture

OLD = {"logits", "means", "log_scale", "log_dof", "centre", "spread"}


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("density", ["t", "gaussian"])
def test_the_planted_number_of_groups_is_found(covariance, density):
    rng = np.random.default_rng(18)
    means = 12 * rng.standard_normal((6, 5))
    z, labels = t_sample(rng, 80, means, dof=30)
    config = MixtureConfig(covariance=covariance, density=density)
    mixture, bic = select_n_groups(z, 20, config, generator())
    assert mixture.n_groups == 6
    # Past 11 whatever is found, then until two in turn are worse: 13 is the last.
    assert {1, 5, 6, 7} <= set(bic) <= set(range(1, 14))
    found = mixture.posterior(z).argmax(dim=1).numpy()
    assert len(set(zip(labels, found, strict=True))) == 6


def test_numbers_are_tried_until_two_in_turn_are_worse():
    z, _ = t_sample(np.random.default_rng(18), 60, 12 * np.random.default_rng(1).normal(size=(8, 5)), dof=30)
    _, bic = select_n_groups(z, 40, MixtureConfig(density="gaussian"), generator())
    assert min(bic, key=bic.get) == 8
    assert max(bic) == 13  # 10 and 13 are worse; 17 is not tried


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.nightly) for k in (1, 2))])
def test_a_cloud_without_groups_is_one_group(seed):
    z, _ = t_sample(np.random.default_rng(seed), 400, np.zeros((1, 6)), dof=8)
    assert select_n_groups(z, 12, MixtureConfig(), generator(seed))[0].n_groups == 1


@pytest.mark.parametrize(("n_genes", "largest"), [(1, 1), (2, 1), (5, 1), (7, 2)])
def test_groups_never_exceed_a_third_of_the_genes(n_genes, largest):
    z = torch.randn(n_genes, 3, generator=generator(), dtype=torch.float64)
    mixture, bic = select_n_groups(z, 64, MixtureConfig(), generator())
    assert max(bic) <= largest
    assert mixture.posterior(z).shape == (n_genes, mixture.n_groups)


@pytest.mark.nightly
def test_the_choice_over_many_genes_is_that_over_a_seeded_sample_and_fits_all():
    z, _ = t_sample(np.random.default_rng(19), 400, [[0, 0], [9, 0], [0, 9]], dof=30)
    one, bic_one = select_n_groups(z, 8, MixtureConfig(), generator(1), max_genes=300)
    _, bic_two = select_n_groups(z, 8, MixtureConfig(), generator(1), max_genes=300)
    whole, bic_whole = select_n_groups(z, 8, MixtureConfig(), generator(1))
    assert bic_one == bic_two
    assert one.n_groups == whole.n_groups == 3
    assert bic_one[3] < 0.5 * bic_whole[3]
    assert one.log_prob(z).sum().item() == pytest.approx(whole.log_prob(z).sum().item(), rel=1e-3)
    _, few = select_n_groups(z, 9, MixtureConfig(), generator(1), max_genes=10)
    assert math.isfinite(few[3])


@given(k=st.integers(2, 6), d=st.integers(1, 5), full=st.booleans(), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=40)
def test_a_merger_keeps_the_moments_of_the_whole(k, d, full, seed):
    g = generator(seed)
    root = torch.randn(k, d, d, generator=g, dtype=torch.float64)
    covariance = root @ root.mT + 0.1 * torch.eye(d, dtype=torch.float64)
    if not full:
        covariance = covariance.diagonal(dim1=1, dim2=2).clone()
    before = MixtureParameters(
        torch.randn(k, generator=g, dtype=torch.float64).log_softmax(dim=0),
        torch.randn(k, d, generator=g, dtype=torch.float64),
        covariance,
        1 + 10 * torch.rand(k, generator=g, dtype=torch.float64),
    )
    kept = [values.clone() for values in before]
    after = merge_nearest(before)
    assert all(torch.equal(a, b) for a, b in zip(before, kept, strict=True))
    assert len(after.log_weights) == k - 1

    def moments(p):
        w = p.log_weights.exp()
        mean = w @ p.means
        gap = p.means - mean
        spread = gap.square() if p.covariance.ndim == 2 else gap[:, :, None] * gap[:, None, :]
        total = p.covariance + spread
        return w.sum(), mean, torch.einsum("k...,k->...", total, w), w @ p.dof

    for a, b in zip(moments(before), moments(after), strict=True):
        assert torch.allclose(a, b)


def test_the_nearest_pair_is_merged_first():
    means = torch.tensor([[0.0, 0], [50, 0], [0, 1], [0, 50]], dtype=torch.float64)
    parameters = MixtureParameters(
        torch.full((4,), -math.log(4), dtype=torch.float64),
        means,
        torch.ones(4, 2, dtype=torch.float64),
        torch.full((4,), 10.0, dtype=torch.float64),
    )
    merged = merge_nearest(parameters)
    wanted = torch.tensor([[0.0, 0.5], [50, 0], [0, 50]], dtype=torch.float64)
    assert torch.allclose(merged.means, wanted)
    assert float(merged.covariance[0, 1]) == pytest.approx(1.25)


def test_the_path_goes_down_to_one_closed_form_component():
    z, _ = t_sample(np.random.default_rng(3), 50, [[0, 0], [9, 0]], dof=30)
    settings = {"density": "gaussian", "mean_precision": 0.0, "pooling": 0.0}
    config = MixtureConfig(**settings)
    steps = list(merge_path(start(z, 5, **settings), z))
    assert [mixture.n_groups for mixture in steps] == [5, 4, 3, 2, 1]
    direct = TMixture(1, 2, config).double()
    direct.set_prior(z)
    direct.init_from_labels(z, torch.zeros(len(z)))
    assert torch.allclose(steps[-1].means, direct.means)
    assert torch.allclose(steps[-1].covariance(), direct.covariance())


def on_the_sphere(seed=0, n=60, n_flat=300, d=16):
    """Genes of four patterns, weak and strong, and genes without one about the pole, as representations."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(5), [n] * 4 + [n_flat])
    pattern = np.eye(d)[1:5]
    strength = rng.uniform(1, 6, len(label)) * (label < 4)
    away = strength[:, None] * pattern[np.minimum(label, 3)] + 0.12 * rng.standard_normal((len(label), d))
    z = np.eye(d)[0] + away * (np.arange(d) > 0)
    return torch.from_numpy(z / np.linalg.norm(z, axis=1, keepdims=True) * math.sqrt(d)), label


def test_genes_without_a_pattern_own_no_numbered_group():
    z, label = on_the_sphere()
    flat = FlatGenes(z[label == 4][:100], 300 / 540)
    mixture, _ = select_n_groups(z, 20, MixtureConfig(), generator(), flat)
    found = mixture.calibrated(z).argmax(dim=1).numpy()
    assert mixture.n_groups == 4
    assert (found[label == 4] == 4).all()
    assert (found[label < 4] < 4).all()
    assert len(set(zip(label, found, strict=True))) == 5


def test_how_strong_a_gene_is_makes_no_group():
    z, label = on_the_sphere(1)
    z = z[label < 4]
    assert select_n_groups(z, 20, MixtureConfig(), generator())[0].n_groups == 4


@pytest.mark.parametrize(("n", "lens", "used"), [(301, 6.0, 6.0), (300, 6.0, 2.0), (300, 1.5, 1.5)])
def test_a_panel_is_seen_through_a_weaker_lens(n, lens, used):
    z, _ = on_the_sphere(4)
    z = z[torch.randperm(len(z), generator=generator())[:n]]
    mixture = started(z, 4, MixtureConfig(lens=lens), generator())
    along = (z @ mixture.pole)[:, None] * mixture.pole
    longer = along + used * (z - along)
    wanted = longer / longer.norm(dim=1, keepdim=True) * z.shape[1] ** 0.5
    assert torch.allclose(mixture.seen(z), wanted)
    # A saved mixture sees as before, also one of a version that knew one lens alone.
    again = TMixture(4, z.shape[1], MixtureConfig(lens=lens)).double()
    again.load_state_dict(mixture.state_dict())
    assert torch.equal(again.seen(z), mixture.seen(z))
    old = {name: value for name, value in mixture.state_dict().items() if name != "lens"}
    again.load_state_dict(old)
    assert float(again.lens) == lens


@pytest.mark.parametrize("lens", [1.0, 6.0])
def test_em_with_a_held_component_never_falls_and_moves_it_nowhere(lens):
    z, label = on_the_sphere(2)
    flat = FlatGenes(z[label == 4][:50], 0.5)
    mixture = started(z, 7, MixtureConfig(lens=lens), generator(), flat)
    before = mixture.flat_mean.clone(), mixture.flat_log_scale.clone(), float(mixture.share)
    history = mixture.fit_em(z, tol=1e-12)
    assert history == sorted(history)
    assert torch.equal(mixture.flat_mean, before[0])
    assert torch.equal(mixture.flat_log_scale, before[1])
    assert float(mixture.share) == before[2]
    assert torch.allclose(mixture.posterior(z).sum(dim=1), torch.ones(len(z), dtype=z.dtype))


def test_calibrated_posteriors_name_the_same_groups_and_are_less_sure():
    z, _ = on_the_sphere(3)
    mixture = started(z, 6, MixtureConfig(), generator())
    mixture.fit_em(z)
    sure, modest = mixture.posterior(z), mixture.calibrated(z)
    assert torch.equal(sure.argmax(dim=1), modest.argmax(dim=1))
    assert (modest.amax(dim=1) <= sure.amax(dim=1) + 1e-12).all()


def test_parameters_of_earlier_versions_are_read():
    mixture = TMixture(3, 4)
    state = {name: value for name, value in mixture.state_dict().items() if name in OLD}
    again = TMixture(3, 4)
    again.load_state_dict(state)
    assert not again.has_flat


@pytest.mark.parametrize("n_genes", [2, 12, 30, 45])
def test_numbers_that_there_are_too_few_genes_for_are_not_among_those_tried(n_genes):
    z, _ = t_sample(np.random.default_rng(0), n_genes, np.zeros((1, 6)), dof=8)
    _, bic = select_n_groups(z, 15, MixtureConfig(), generator())
    assert 1 in bic
    assert np.isfinite(list(bic.values())).all()
