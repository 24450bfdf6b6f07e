"""Module II beside closed forms, a general optimiser and other programs; the number of groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from mixtures import COVARIANCES, generator, start, t_sample, without_prior
from sigel.config import MixtureConfig
from sigel.nn.mixture.density import MixtureParameters
from sigel.nn.mixture.t_mixture import TMixture

# --- closed forms and general programs -------------------------------------------------------------------


@pytest.mark.parametrize("kappa", [0.0, 0.5])
def test_one_gaussian_component_is_the_closed_form_map(kappa):
    z = torch.randn(50, 3, generator=generator(4)).double() @ torch.tensor(
        [[2.0, 0.3, 0], [0, 1, 0.5], [0, 0, 0.2]]
    ).double() + torch.tensor([5.0, -3.0, 100.0])
    mixture = start(z, 1, density="gaussian", covariance="full", mean_precision=kappa, scale_dof=6.0)
    mixture.centre.add_(1.0)  # a prior mean that is not the data's
    mixture.fit_em(z, tol=1e-14)
    mean = (z.sum(dim=0) + kappa * mixture.centre) / (50 + kappa)
    apart = mean - mixture.centre
    scatter = (z - mean).T @ (z - mean) + kappa * torch.outer(apart, apart)
    now = mixture.estimates()
    torch.testing.assert_close(now.means[0], mean)
    torch.testing.assert_close(now.covariance[0], (torch.diag(mixture.spread) + scatter) / (50 + 6.0 + 3 + 2))


def test_one_student_component_is_what_a_general_optimiser_finds():
    """Penalised likelihood written with scipy's density and climbed by L-BFGS, nothing shared with EM."""
    rng = np.random.default_rng(5)
    z, _ = t_sample(rng, 150, [[1.0, -2.0]], dof=4)
    z = z @ torch.tensor([[1.5, 0.7], [0.0, 0.6]]).double()
    kappa, rho, (shape, rate) = 0.4, 5.0, (2.0, 0.1)
    mixture = start(z, 1, covariance="full", mean_precision=kappa, scale_dof=rho, dof_prior=(shape, rate))
    mixture.fit_em(z, max_iter=2000, tol=1e-14)
    m0, s0 = mixture.centre.numpy(), np.diag(mixture.spread.numpy())

    def loss(x):
        mean, dof = x[:2], math.exp(x[5])
        factor = np.array([[math.exp(x[2]), 0], [x[3], math.exp(x[4])]])
        sigma, inverse = factor @ factor.T, np.linalg.inv(factor @ factor.T)
        pull = kappa * (mean - m0) @ inverse @ (mean - m0)
        niw = -0.5 * ((rho + 4) * np.linalg.slogdet(sigma)[1] + np.trace(s0 @ inverse) + pull)
        gamma = (shape - 1) * math.log(dof) - rate * dof
        return -(stats.multivariate_t(mean, sigma, dof).logpdf(z.numpy()).sum() + niw + gamma)

    best = optimize.minimize(loss, np.array([0, 0, 0, 0, 0, 1.0]), method="L-BFGS-B", tol=1e-12)
    factor = np.array([[math.exp(best.x[2]), 0], [best.x[3], math.exp(best.x[4])]])
    now = mixture.estimates()
    assert float(mixture.penalised_log_likelihood(z)) == pytest.approx(-best.fun, abs=1e-5)
    np.testing.assert_allclose(now.means[0], best.x[:2], atol=1e-3)
    np.testing.assert_allclose(now.covariance[0], factor @ factor.T, rtol=5e-3, atol=1e-3)
    assert float(now.dof[0]) == pytest.approx(math.exp(best.x[5]), rel=5e-3)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("density", ["gaussian", "t"])
def test_without_priors_and_with_many_degrees_of_freedom_it_is_sklearns_gaussian_mixture(covariance, density):
    rng = np.random.default_rng(6)
    z, _ = t_sample(rng, 80, [[0, 0, 0], [3, 1, 0], [0, 2, 2]], dof=30)
    mixture = TMixture(
        3,
        3,
        MixtureConfig(
            density=density, covariance=covariance, mean_precision=0.0, scale_dof=-5.0, dof_bounds=(1e8, 1e9)
        ),
    ).double()
    mixture.set_prior(z)
    mixture.init_from_labels(z, torch.from_numpy(rng.integers(0, 3, len(z))))
    mixture.means.data += torch.tensor([[0.0, 0, 0], [2, 1, 0], [0, 1, 1]]).double()
    without_prior(mixture)
    now = mixture.estimates()
    sigma = now.covariance.numpy()
    precision = 1 / sigma if covariance == "diag" else np.linalg.inv(sigma)
    theirs = GaussianMixture(
        3,
        covariance_type=covariance,
        reg_covar=0.0,
        tol=0.0,
        max_iter=25,
        weights_init=now.log_weights.exp().numpy(),
        means_init=now.means.numpy(),
        precisions_init=precision,
        random_state=0,
    )
    with pytest.warns(UserWarning, match="converge"):
        theirs.fit(z.numpy())
    for _ in range(25):
        mixture.em_step(z)
    tolerance = 1e-8 if density == "gaussian" else 1e-5
    now = mixture.estimates()
    np.testing.assert_allclose(now.means, theirs.means_, atol=tolerance)
    np.testing.assert_allclose(now.covariance, theirs.covariances_, atol=tolerance)
    np.testing.assert_allclose(now.log_weights.exp(), theirs.weights_, atol=tolerance)
    np.testing.assert_allclose(mixture.log_prob(z).detach(), theirs.score_samples(z.numpy()), atol=tolerance)


# --- other programs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def apart():
    means = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 3]])
    z, _ = t_sample(np.random.default_rng(16), 400, means, dof=4)
    mixture = start(
        z, 3, covariance="full", dof_prior=None, mean_precision=0.0, scale_dof=-5.0, dof_bounds=(1.0, 200.0)
    )
    without_prior(mixture).fit_em(z, max_iter=500, tol=1e-10)
    now = mixture.estimates()
    order = [int(torch.cdist(torch.tensor([m]), now.means).argmin()) for m in means]
    found = MixtureParameters(now.log_weights[order], now.means[order], now.covariance[order], now.dof[order])
    return z.numpy(), means, found, mixture.posterior(z).argmax(dim=1).numpy(), mixture


def match(means, found):
    return [int(np.square(found - m).sum(axis=1).argmin()) for m in means]


@pytest.mark.filterwarnings("ignore")
def test_it_agrees_with_student_mixture(apart, monkeypatch):
    package = pytest.importorskip("student_mixture")
    # The package predates NumPy 2 and the array namespaces of scikit-learn.
    monkeypatch.setattr(np, "infty", np.inf, raising=False)

    class Current(package.StudentMixture):
        def _estimate_weighted_log_prob(self, X, xp=None):
            return self._estimate_log_prob(X) + self._estimate_log_weights()

    z, means, ours, labels, mixture = apart
    theirs = Current(
        3, scale_type="full", tol=1e-8, max_iter=500, dof_tol=1e-8, reg_scale=0.0, random_state=0
    ).fit(z)
    order = match(means, theirs.locations_)
    np.testing.assert_allclose(ours.means, theirs.locations_[order], atol=0.01)
    np.testing.assert_allclose(ours.covariance, theirs.scales_[order], atol=0.02, rtol=0.02)
    np.testing.assert_allclose(ours.dof, theirs.dofs_[order], rtol=0.03)
    np.testing.assert_allclose(ours.log_weights.exp(), theirs.weights_[order], atol=1e-3)
    assert adjusted_rand_score(labels, theirs.predict(z)) == 1.0
    likelihood = float(mixture.log_prob(torch.from_numpy(z)).sum())
    assert likelihood == pytest.approx(float(theirs.score_samples(z).sum()), abs=0.05)


@pytest.mark.filterwarnings("ignore")
def test_it_agrees_with_studenttmixture(apart):
    package = pytest.importorskip("studenttmixture")
    z, means, ours, labels, mixture = apart
    theirs = package.EMStudentMixture(
        n_components=3, tol=1e-8, max_iter=1000, reg_covar=1e-12, fixed_df=False, random_state=0
    )
    theirs.fit(z)
    order = match(means, theirs.location)
    np.testing.assert_allclose(ours.means, theirs.location[order], atol=0.01)
    np.testing.assert_allclose(ours.covariance, np.moveaxis(theirs.scale, -1, 0)[order], atol=0.02, rtol=0.02)
    np.testing.assert_allclose(ours.dof, theirs.degrees_of_freedom[order], rtol=0.03)
    assert adjusted_rand_score(labels, theirs.predict(z)) == 1.0
    likelihood = float(mixture.log_prob(torch.from_numpy(z)).sum())
    assert likelihood == pytest.approx(float(np.sum(theirs.score_samples(z))), abs=0.05)


def test_outliers_hurt_it_less_than_a_gaussian_mixture():
    rng = np.random.default_rng(17)
    means = np.array([[0.0, 0, 0, 0], [4, 4, 0, 0]])
    z, _ = t_sample(rng, 200, means, dof=100)
    z = torch.cat([z, torch.from_numpy(rng.uniform(-40, 40, (24, 4)))])
    error = {}
    for density in ("t", "gaussian"):
        mixture = start(z, 2, density=density, seed=3)
        labels = torch.tensor([0] * 200 + [1] * 200 + rng.integers(0, 2, 24).tolist())
        mixture.init_from_labels(z, labels)
        mixture.fit_em(z, max_iter=200, tol=1e-8)
        distance = torch.cdist(torch.from_numpy(means), mixture.means.detach())
        error[density] = float(distance.min(dim=1).values.max())
    assert error["t"] < 0.4
    assert error["gaussian"] > 3 * error["t"]


# --- number of groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("density", "covariance", "shared", "wanted"),
    [
        ("t", "diag", False, 2 + 3 * (4 + 4 + 1)),
        ("t", "diag", True, 2 + 3 * (4 + 4) + 1),
        ("t", "full", False, 2 + 3 * (4 + 10 + 1)),
        ("gaussian", "full", False, 2 + 3 * (4 + 10)),
        ("gaussian", "diag", True, 2 + 3 * (4 + 4)),
    ],
)
def test_free_parameters_are_counted(density, covariance, shared, wanted):
    config = MixtureConfig(density=density, covariance=covariance, shared_dof=shared)
    assert TMixture(3, 4, config).n_parameters() == wanted
