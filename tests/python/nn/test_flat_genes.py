"""The component of genes without a pattern, and the prior of all groups, against plain computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from mixtures import generator, scattered, start, t_sample
from sigel.config import MixtureConfig
from sigel.nn.mixture.density import FlatGenes
from sigel.nn.mixture.n_groups import COST, _criterion
from sigel.nn.mixture.t_mixture import TMixture

SHARE = 0.3


def with_flat(density, n_dims=3):
    mixture = scattered(2, n_dims, density=density)
    points = torch.randn(200, n_dims, generator=generator(5)).double() * torch.arange(1, n_dims + 1) - 1
    mixture.set_flat(FlatGenes(points, SHARE))
    return mixture


@pytest.mark.parametrize("density", ["t", "gaussian"])
def test_flat_genes_have_scipys_density_and_their_share(density):
    mixture = with_flat(density)
    z = 3 * torch.randn(20, 3, generator=generator(1)).double()
    mean, scale = mixture.flat_mean.numpy(), np.diag((2 * mixture.flat_log_scale).exp().numpy())
    own = stats.multivariate_normal(mean, scale)
    if density == "t":
        own = stats.multivariate_t(mean, scale, 10)
    joint = mixture.log_joint(z).detach().numpy()
    np.testing.assert_allclose(joint[:, 2], np.log(SHARE) + own.logpdf(z), rtol=1e-10)
    alone = scattered(2, 3, density=density).log_joint(z).detach().numpy()
    np.testing.assert_allclose(joint[:, :2], alone + np.log(1 - SHARE), rtol=1e-10)


@pytest.mark.parametrize("density", ["t", "gaussian"])
def test_em_sees_what_the_density_says_where_genes_are_flat(density):
    mixture = with_flat(density)
    z = 3 * torch.randn(50, 3, generator=generator(2)).double()
    sums = mixture.statistics(z)
    assert float(sums.log_likelihood) == pytest.approx(float(mixture.log_prob(z).detach().sum()))
    torch.testing.assert_close(sums.size, mixture.posterior(z)[:, :2].sum(dim=0))


@pytest.mark.parametrize("weighted", [False, True])
def test_flat_genes_have_the_moments_of_those_given_drawn_to_an_even_spread(weighted):
    rng = np.random.default_rng(0)
    points, weight = rng.normal(size=(40, 3)) * [0.5, 1, 4] + 2, np.ones(40)
    if weighted:
        weight = rng.uniform(0, 1, 40)
        weight[:5], points[:5] = 0, 1e3  # of no weight, wherever they lie
    mixture = TMixture(2, 3).double()
    given = torch.from_numpy(weight) if weighted else None
    mixture.set_flat(FlatGenes(torch.from_numpy(points), SHARE, given))
    mean = np.average(points, axis=0, weights=weight)
    variance = np.average((points - mean) ** 2, axis=0, weights=weight)
    # Ten genes' worth of a spread that is the same in all dimensions.
    expected = (weight.sum() * variance + 10 * variance.mean()) / (weight.sum() + 10)
    np.testing.assert_allclose(mixture.flat_mean, mean, rtol=1e-10)
    np.testing.assert_allclose((2 * mixture.flat_log_scale).exp(), expected, rtol=1e-10)
    assert float(mixture.share) == pytest.approx(SHARE)


def test_without_flat_genes_there_is_no_such_component():
    points = torch.randn(9, 3, generator=generator()).double()
    for flat in (None, FlatGenes(points, 0.0), FlatGenes(points, 0.5, torch.zeros(9))):
        mixture = with_flat("t")
        assert mixture.log_joint(points).shape == (9, 3)
        mixture.set_flat(flat)
        assert mixture.log_joint(points).shape == (9, 2)
    mixture.set_flat(FlatGenes(points, 1.0))
    assert float(mixture.share) == pytest.approx(0.99)  # a few may have a pattern, however many seem flat
    assert torch.isfinite(mixture.log_joint(points)).all()


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_the_pooled_prior_is_the_width_within_groups(covariance):
    """Groups far apart, so that genes have one each; every mean has cost a gene."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), 5)
    z = 1e3 * np.eye(3, 2)[labels] + rng.normal(size=(15, 2)) * [1, 3]
    mixture = TMixture(3, 2, MixtureConfig(density="gaussian", covariance=covariance)).double()
    mixture.set_prior(torch.from_numpy(z))
    before = mixture.spread.numpy().copy()
    mixture.init_from_labels(torch.from_numpy(z), torch.from_numpy(labels))
    means = mixture.means.detach().numpy()
    within = np.square(z - np.stack([z[labels == k].mean(axis=0) for k in range(3)])[labels]).sum(axis=0)
    mixture.pool_prior(torch.from_numpy(z))
    assert np.abs(means).max() > 900
    expected = (within + 10 * before) / (15 - 3 + 10)
    # Sums of squares about a far centre keep some seven digits less.
    np.testing.assert_allclose(mixture.spread.numpy() / mixture.pseudo_genes, expected, rtol=1e-6)
    assert mixture.pseudo_genes == pytest.approx(max(mixture.config.pooling, 2 * 2 + 4))


def test_the_criterion_is_twice_the_likelihood_and_a_cost_for_each_parameter():
    z, _ = t_sample(np.random.default_rng(0), 30, 20 * np.eye(3, 4), dof=30)
    mixture = start(z, 3)
    likelihood = float(mixture.log_prob(z).sum().detach())
    # Three groups: two need three genes each at least.
    expected = -2 * likelihood + COST * mixture.effective_parameters(90) * 90 / (90 - 2 * 3)
    assert _criterion(mixture, z) == pytest.approx(expected)
    assert _criterion(start(z[::3], 11), z[::3]) == float("inf")  # 30 genes are as many as ten need
