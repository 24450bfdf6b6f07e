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
from sigel.nn.mixture.density import MixtureParameters
from sigel.nn.mixture.n_groups import merge_nearest, merge_path, select_n_groups
from sigel.nn.mixture.t_mixture import TMixture


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("density", ["t", "gaussian"])
def test_the_planted_number_of_groups_is_found(covariance, density):
    rng = np.random.default_rng(18)
    means = 12 * rng.standard_normal((6, 5))
    z, labels = t_sample(rng, 80, means, dof=30)
    config = MixtureConfig(covariance=covariance, density=density)
    mixture, bic = select_n_groups(z, 20, config, generator())
    assert mixture.n_groups == 6
    assert list(bic) == list(range(1, 21))
    found = mixture.posterior(z).argmax(dim=1).numpy()
    assert len(set(zip(labels, found, strict=True))) == 6


@pytest.mark.parametrize("seed", range(3))
def test_a_cloud_without_groups_is_one_group(seed):
    z, _ = t_sample(np.random.default_rng(seed), 400, np.zeros((1, 6)), dof=8)
    assert select_n_groups(z, 12, MixtureConfig(), generator(seed))[0].n_groups == 1


@pytest.mark.parametrize(("n_genes", "largest"), [(1, 1), (2, 1), (5, 1), (7, 2), (30, 10)])
def test_groups_never_exceed_a_third_of_the_genes(n_genes, largest):
    z = torch.randn(n_genes, 3, generator=generator(), dtype=torch.float64)
    mixture, bic = select_n_groups(z, 64, MixtureConfig(), generator())
    assert max(bic) == largest
    assert mixture.posterior(z).shape == (n_genes, mixture.n_groups)


def test_the_choice_over_many_genes_is_that_over_a_seeded_sample_and_fits_all():
    z, _ = t_sample(np.random.default_rng(19), 400, [[0, 0], [9, 0], [0, 9]], dof=30)
    one, bic_one = select_n_groups(z, 8, MixtureConfig(), generator(1), max_genes=300)
    _, bic_two = select_n_groups(z, 8, MixtureConfig(), generator(1), max_genes=300)
    whole, bic_whole = select_n_groups(z, 8, MixtureConfig(), generator(1))
    assert bic_one == bic_two
    assert one.n_groups == whole.n_groups == 3
    assert bic_one[3] < 0.5 * bic_whole[3]
    assert one.log_prob(z).sum().item() == pytest.approx(whole.log_prob(z).sum().item(), rel=1e-3)
    _, few = select_n_groups(z, 100, MixtureConfig(), generator(1), max_genes=10)
    assert math.isfinite(few[100])


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
    config = MixtureConfig(density="gaussian", mean_precision=0.0)
    steps = list(merge_path(start(z, 5, density="gaussian", mean_precision=0.0), z))
    assert [mixture.n_groups for mixture in steps] == [5, 4, 3, 2, 1]
    direct = TMixture(1, 2, config).double()
    direct.set_prior(z)
    direct.init_from_labels(z, torch.zeros(len(z)))
    assert torch.allclose(steps[-1].means, direct.means)
    assert torch.allclose(steps[-1].covariance(), direct.covariance())
