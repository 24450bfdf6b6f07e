"""Module II: the density, MAP-EM, its priors, seeds and edges."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.metrics import adjusted_rand_score

from mixtures import COVARIANCES, generator, scattered, start, t_sample
from sigel.config import MixtureConfig
from sigel.errors import ConfigError, InputError, TrainingError
from sigel.nn.mixture.n_groups import select_n_groups
from sigel.nn.mixture.student_t import solve_dof, sturdy_cholesky
from sigel.nn.mixture.t_mixture import Statistics, TMixture

# --- the density -----------------------------------------------------------------------------------------


def scale_matrix(mixture, k):
    found = mixture.estimates().covariance[k].numpy()
    return np.diag(found) if found.ndim == 1 else found


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("n_dims", [1, 2, 7])
def test_log_joint_is_scipys_student_density(covariance, n_dims):
    mixture = scattered(3, n_dims, covariance=covariance)
    z = torch.cat([torch.randn(20, n_dims, generator=generator(1)), 1e4 * torch.ones(1, n_dims)]).double()
    now = mixture.estimates()
    expected = np.column_stack(
        [
            stats.multivariate_t(now.means[k].numpy(), scale_matrix(mixture, k), float(now.dof[k])).logpdf(z)
            + float(now.log_weights[k])
            for k in range(3)
        ]
    )
    np.testing.assert_allclose(mixture.log_joint(z).detach(), expected, rtol=1e-9)
    np.testing.assert_allclose(mixture.log_prob(z).detach(), np.logaddexp.reduce(expected, axis=1), rtol=1e-9)
    assert float(now.log_weights.exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_gaussian_components_have_scipys_density_and_no_degrees_of_freedom(covariance):
    mixture = scattered(2, 4, covariance=covariance, density="gaussian")
    z = torch.randn(9, 4, generator=generator(1)).double()
    now = mixture.estimates()
    for k in range(2):
        normal = stats.multivariate_normal(now.means[k].numpy(), scale_matrix(mixture, k))
        ours = (mixture.log_joint(z)[:, k] - now.log_weights[k]).detach()
        np.testing.assert_allclose(ours, normal.logpdf(z), rtol=1e-10)
    assert torch.isinf(mixture.dof).all()
    assert "log_dof" not in dict(mixture.named_parameters())


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("density", ["t", "gaussian"])
def test_gradients_of_log_joint_are_right(covariance, shared, density):
    mixture = scattered(3, 3, covariance=covariance, shared_dof=shared, density=density)
    z = torch.randn(4, 3, generator=generator(2), dtype=torch.float64).requires_grad_()
    names, values = zip(*mixture.named_parameters(), strict=True)

    def joint(z, *parameters):
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(mixture, given, (z,))

    mixture.forward = mixture.log_joint
    assert torch.autograd.gradcheck(joint, (z, *values))
    mixture.log_joint(z).softmax(dim=1).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in mixture.parameters())


@pytest.mark.parametrize("n_dims", [64, 128])
@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("density", ["t", "gaussian"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_posteriors_sum_to_one_in_many_dimensions_and_far_from_every_centre(
    n_dims, covariance, density, dtype
):
    mixture = scattered(6, n_dims, covariance=covariance, density=density).to(dtype)
    z = torch.randn(12, n_dims, generator=generator(3)).to(dtype)
    z = z * torch.logspace(-3, 6, 12, dtype=dtype)[:, None]
    posterior = mixture.posterior(z).detach()
    assert posterior.dtype == dtype
    assert torch.isfinite(mixture.log_joint(z)).all()
    torch.testing.assert_close(posterior.sum(dim=1), torch.ones(12, dtype=dtype))


def test_estimates_and_assign_are_inverse():
    for covariance, shared in itertools.product(COVARIANCES, [False, True]):
        one = scattered(4, 3, seed=1, covariance=covariance, shared_dof=shared)
        two = scattered(4, 3, seed=2, covariance=covariance, shared_dof=shared)
        two.assign(one.estimates())
        for a, b in zip(one.estimates(), two.estimates(), strict=True):
            torch.testing.assert_close(a, b)


def test_unconstrained_parameters_make_a_valid_mixture_wherever_gradients_take_them():
    mixture = scattered(4, 3, covariance="full")
    with torch.no_grad():
        for parameter in mixture.parameters():
            parameter.mul_(20)
    now = mixture.estimates()
    low, high = mixture.config.dof_bounds
    assert ((now.dof >= low * (1 - 1e-12)) & (now.dof <= high * (1 + 1e-12))).all()
    assert (now.covariance.diagonal(dim1=1, dim2=2) > 0).all()
    assert float(now.log_weights.exp().sum()) == pytest.approx(1)


# --- the equation of the degrees of freedom --------------------------------------------------------------


def dof_slope(nu, size, mean_tail, old, n_dims, prior):
    """The equation as written in the sources, per gene; mean_tail is the mean of ln zeta - zeta."""
    half = (old + n_dims) / 2
    value = -special.digamma(nu / 2) + math.log(nu / 2) + 1 + mean_tail
    value += special.digamma(half) - math.log(half)
    return value + (2 / size * ((prior[0] - 1) / nu - prior[1]) if prior else 0.0)


@pytest.mark.parametrize("prior", [None, (2.0, 0.1), (1.0, 0.0)])
@pytest.mark.parametrize("mean_tail", [-1.001, -1.05, -1.3, -3.0])
def test_solved_dof_is_a_root_or_the_bound_beyond_which_it_lies(prior, mean_tail):
    size, old, n_dims, bounds = 25.0, 7.0, 6, (1.0, 200.0)
    arguments = [torch.tensor([x]).double() for x in (size, size * (mean_tail + 1), old)]
    found = float(solve_dof(*arguments, n_dims, bounds, prior))
    at = [dof_slope(nu, size, mean_tail, old, n_dims, prior) for nu in (bounds[0], found, bounds[1])]
    if at[0] < 0:
        assert found == pytest.approx(bounds[0])
    elif at[2] > 0:
        assert found == pytest.approx(bounds[1])
    else:
        assert abs(at[1]) < 1e-9


def test_dof_of_an_empty_group_is_the_priors_mode_or_stays():
    nothing, old = torch.zeros(2).double(), torch.tensor([3.0, 50.0]).double()
    with_prior = solve_dof(nothing, nothing, old, 8, (1.0, 200.0), (2.0, 0.1))
    torch.testing.assert_close(with_prior, torch.full((2,), 10.0).double())  # (a - 1) / b
    torch.testing.assert_close(solve_dof(nothing, nothing, old, 8, (1.0, 200.0), None), old)


# --- EM --------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(
    n=st.integers(4, 60),
    n_dims=st.integers(1, 5),
    n_groups=st.integers(1, 4),
    covariance=st.sampled_from(COVARIANCES),
    density=st.sampled_from(["t", "t", "gaussian"]),
    shared_dof=st.booleans(),
    dof_prior=st.sampled_from([None, (2.0, 0.1), (1.0, 0.0), (5.0, 2.0)]),
    dof_bounds=st.sampled_from([(1.0, 200.0), (0.2, 5.0), (30.0, 40.0)]),
    concentration=st.sampled_from([1.0, 1.5, 4.0]),
    mean_precision=st.sampled_from([0.0, 0.01, 3.0]),
    scale_dof=st.sampled_from([None, 1.0, 30.0]),
    shape=st.sampled_from(["groups", "heavy", "duplicates", "flat column"]),
    random_start=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_penalised_objective_never_falls(
    n, n_dims, n_groups, shape, random_start, seed, **settings_of_mixture
):
    rng = np.random.default_rng(seed)
    z = 3 * rng.integers(0, 3, (n, 1)) + rng.standard_normal((n, n_dims)) * rng.uniform(0.1, 4, n_dims)
    if shape == "heavy":
        z = z / rng.chisquare(1, (n, 1))
    elif shape == "duplicates":
        z = z[rng.integers(0, 3, n)]
    elif shape == "flat column":
        z[:, 0] = 7.0
    z = torch.from_numpy(z)
    if random_start:
        mixture = scattered(n_groups, n_dims, seed, **settings_of_mixture)
        mixture.set_prior(z)
    else:
        mixture = TMixture(n_groups, n_dims, MixtureConfig(**settings_of_mixture)).double()
        mixture.set_prior(z)
        mixture.init_from_labels(z, torch.from_numpy(rng.integers(0, n_groups, n)))
    before = float(mixture.penalised_log_likelihood(z))
    for _ in range(12):
        assert mixture.em_step(z) == pytest.approx(before, rel=1e-9, abs=1e-7)
        after = float(mixture.penalised_log_likelihood(z))
        assert after >= before - 1e-8 * max(abs(before), 1)
        before = after
    now = mixture.estimates()
    assert all(torch.isfinite(value).all() for value in now[:3])
    assert float(now.log_weights.exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_a_step_is_what_its_formulas_say(covariance):
    rng = np.random.default_rng(4)
    z, _ = t_sample(rng, 12, 2 * rng.standard_normal((3, 2)), dof=8)
    mixture = start(z, 3, covariance=covariance, mean_precision=4.0, concentration=2.5)
    before, x = mixture.estimates(), z.numpy()
    xi = mixture.posterior(z).detach().numpy()
    centre, spread, kappa = mixture.centre.numpy(), np.diag(mixture.spread.numpy()), 4.0
    mixture.update(mixture.statistics(z))
    after, size = mixture.estimates(), xi.sum(axis=0)
    np.testing.assert_allclose(after.log_weights.exp(), (size + 1.5) / (size + 1.5).sum(), rtol=1e-9)
    for k, dof in enumerate(before.dof.numpy()):
        scale = before.covariance[k].numpy()
        inverse = np.linalg.inv(np.diag(scale) if scale.ndim == 1 else scale)
        rest = x - before.means[k].numpy()
        w = xi[:, k] * (dof + 2) / (dof + np.einsum("nd,de,ne->n", rest, inverse, rest))
        mean = (w @ x + kappa * centre) / (w.sum() + kappa)
        np.testing.assert_allclose(after.means[k], mean, rtol=1e-9)
        scatter = spread + (x - mean).T @ (w[:, None] * (x - mean))
        scatter += kappa * np.outer(mean - centre, mean - centre)
        expected = scatter / (size[k] + mixture.scale_dof + 2 + 2)
        found = after.covariance[k].numpy()
        np.testing.assert_allclose(found, np.diag(expected) if found.ndim == 1 else expected, rtol=1e-8)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("shared", [False, True])
def test_the_log_prior_is_that_of_its_densities(covariance, shared):
    """Written out in matrices, without constants of the settings."""
    prior = {"mean_precision": 3.0, "concentration": 1.7, "dof_prior": (2.0, 0.1), "shared_dof": shared}
    mixture = scattered(3, 2, covariance=covariance, **prior)
    mixture.centre.copy_(torch.tensor([0.5, -2.0]))
    mixture.spread.copy_(torch.tensor([0.3, 4.0]))
    now = mixture.estimates()
    expected = 0.7 * float(now.log_weights.sum())
    dofs = now.dof[:1] if shared else now.dof
    expected += float((dofs.log() - 0.1 * dofs).sum())
    for k in range(3):
        inverse, gap = np.linalg.inv(scale_matrix(mixture, k)), (now.means[k] - mixture.centre).numpy()
        log_det = np.linalg.slogdet(scale_matrix(mixture, k))[1]
        trace = np.trace(np.diag(mixture.spread.numpy()) @ inverse)
        expected -= 0.5 * (mixture.pseudo_genes * log_det + trace + 3 * gap @ inverse @ gap)
    assert float(mixture.log_prior()) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_history_is_the_objective_before_each_step_and_stops_at_the_tolerance(covariance):
    z, _ = t_sample(np.random.default_rng(0), 60, [[0, 0, 0], [4, 4, 4]], dof=4)
    mixture = start(z, 2, covariance=covariance)
    first = float(mixture.penalised_log_likelihood(z))
    history = mixture.fit_em(z, max_iter=200, tol=1e-9)
    assert history[0] == pytest.approx(first)
    assert history == sorted(history)
    assert 3 < len(history) < 200
    assert len(start(z, 2).fit_em(z, max_iter=3, tol=1e-12)) == 3
    assert len(start(z, 2).fit_em(z, tol=1.0)) == 2


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("shared", [False, True])
def test_known_parameters_are_found_again(covariance, shared):
    means, true_dof = [[0, 0, 0, 0], [6, 0, 0, 0], [0, 7, 0, 5]], 5.0
    z, labels = t_sample(np.random.default_rng(1), 1500, means, true_dof, scale=0.8)
    mixture = start(z, 3, covariance=covariance, shared_dof=shared, dof_prior=None)
    mixture.fit_em(z, max_iter=300, tol=1e-9)
    now = mixture.estimates()
    order = [int(torch.cdist(torch.tensor([m]).double(), now.means).argmin()) for m in means]
    assert sorted(order) == [0, 1, 2]
    torch.testing.assert_close(now.means[order], torch.tensor(means).double(), atol=0.1, rtol=0)
    torch.testing.assert_close(now.log_weights.exp(), torch.full((3,), 1 / 3).double(), atol=0.03, rtol=0)
    assert ((now.dof > 0.75 * true_dof) & (now.dof < 1.3 * true_dof)).all()
    diagonal = now.covariance if covariance == "diag" else now.covariance.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(diagonal, torch.full((3, 4), 0.64).double(), atol=0.08, rtol=0)
    assert adjusted_rand_score(labels, mixture.posterior(z).argmax(dim=1)) > 0.97


# --- priors and starts -----------------------------------------------------------------------------------


def test_prior_is_column_means_and_variances_shrunk_by_the_number_of_groups():
    z = torch.randn(200, 4, generator=generator(7)).double() * torch.tensor([1.0, 2, 3, 0]) + 5
    mixture = TMixture(9, 4).double()
    mixture.set_prior(z)
    torch.testing.assert_close(mixture.centre, z.mean(dim=0))
    wanted = 9 ** (-1 / 4) * z.var(dim=0, unbiased=False)
    torch.testing.assert_close(mixture.spread[:3], wanted[:3])
    assert float(mixture.spread[3]) > 0
    assert mixture.scale_dof == 6.0
    assert {"centre", "spread"} <= set(mixture.state_dict())


def test_the_prior_keeps_small_groups_wide_and_pulls_only_empty_ones_to_the_centre():
    z, _ = t_sample(np.random.default_rng(8), 40, [[0, 0, 0, 0], [8, 8, 8, 8]], dof=50)
    mixture = TMixture(3, 4, MixtureConfig(concentration=1.0)).double()
    mixture.set_prior(z)
    labels = torch.zeros(80, dtype=torch.long)
    labels[40:] = 1  # nobody in the third group
    mixture.init_from_labels(z, labels)
    now = mixture.estimates()
    torch.testing.assert_close(now.means[2], mixture.centre)
    torch.testing.assert_close(now.covariance[2], mixture.spread / (mixture.scale_dof + 4 + 2))
    torch.testing.assert_close(now.means[0], z[:40].mean(dim=0), atol=0.01, rtol=0)
    assert torch.isfinite(now.log_weights).all()
    assert float(now.log_weights[2].exp()) < 1e-12
    assert mixture.fit_em(z)[-1] == pytest.approx(mixture.fit_em(z)[0], rel=1e-3)


def test_a_larger_concentration_evens_the_weights():
    z, _ = t_sample(np.random.default_rng(9), 30, [[0, 0]] * 4 + [[9, 9]], dof=20)
    smallest = []
    for concentration in (1.0, 20.0, 1000.0):
        mixture = start(z, 2, concentration=concentration)
        mixture.fit_em(z)
        smallest.append(float(mixture.log_weights.exp().min().detach()))
    assert smallest == sorted(smallest)
    assert smallest[0] == pytest.approx(0.2, abs=0.02)
    assert smallest[-1] == pytest.approx(0.5, abs=0.05)


def test_dof_priors_bounds_and_sharing_are_respected():
    z, _ = t_sample(np.random.default_rng(10), 200, [[0] * 5, [9] * 5], dof=3)

    def dof(**settings):
        mixture = start(z, 2, **settings)
        mixture.fit_em(z, max_iter=60)
        return mixture.estimates().dof

    free, pulled = dof(dof_prior=None), dof(dof_prior=(400.0, 10.0))
    assert (free < 5).all()
    assert (pulled > 10).all()
    torch.testing.assert_close(dof(dof_bounds=(20.0, 30.0), dof_prior=None), torch.full((2,), 20.0).double())
    shared = dof(shared_dof=True, dof_prior=None)
    assert shared[0] == shared[1]
    assert free.min() <= shared[0] <= free.max()


def test_sums_of_parts_are_the_sums_of_the_whole():
    z, _ = t_sample(np.random.default_rng(11), 50, [[0, 0, 0], [4, 4, 0]], dof=5)
    for covariance, density in itertools.product(COVARIANCES, ["t", "gaussian"]):
        whole, parts = (start(z, 3, covariance=covariance, density=density) for _ in range(2))
        sums = parts.statistics(z[:7]).plus(parts.statistics(z[7:60])).plus(parts.statistics(z[60:]))
        for a, b in zip(whole.statistics(z), sums, strict=True):
            torch.testing.assert_close(a, b)
        whole.em_step(z)
        parts.update(sums)
        for a, b in zip(whole.estimates(), parts.estimates(), strict=True):
            torch.testing.assert_close(a, b)


def test_blocks_do_not_change_the_result(monkeypatch):
    z, _ = t_sample(np.random.default_rng(12), 60, [[0, 0, 0], [4, 4, 0]], dof=5)
    for covariance in COVARIANCES:
        whole = start(z, 3, covariance=covariance)
        whole.fit_em(z, max_iter=5)
        joint = whole.log_joint(z).detach()
        with monkeypatch.context() as patch:
            patch.setattr("sigel.nn.mixture.student_t.BLOCK", 16)
            blocks = start(z, 3, covariance=covariance)
            blocks.fit_em(z, max_iter=5)
            torch.testing.assert_close(blocks.log_joint(z).detach(), joint)


def test_reduce_makes_one_step_of_many_processes():
    """Two processes with the same shard are one with every gene twice."""
    z, _ = t_sample(np.random.default_rng(13), 40, [[0, 0], [5, 5]], dof=5)
    one, many = start(z, 2), start(z, 2)
    objective = one.em_step(torch.cat([z, z]))
    assert many.em_step(z, reduce=lambda value: 2 * value) == pytest.approx(objective)
    for a, b in zip(one.estimates(), many.estimates(), strict=True):
        torch.testing.assert_close(a, b)


# --- empty groups ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_groups_that_all_genes_have_left_stay_finite(covariance):
    """Where every gene is one without a pattern, no gene is left for the others."""
    mixture = scattered(2, 3, covariance=covariance)
    z = torch.randn(9, 3, generator=generator(1)).double()
    mixture.update(Statistics(*map(torch.zeros_like, mixture.statistics(z))))
    assert mixture.log_prob(z).isfinite().all()
    assert all(parameter.isfinite().all() for parameter in mixture.parameters())


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_empty_groups_move_to_genes_that_nothing_explains(covariance):
    z, _ = t_sample(np.random.default_rng(14), 60, [[0, 0, 0], [6, 6, 6]], dof=30)
    z = torch.cat([z, torch.tensor([15.0, -15, 0]).double() + 0.1 * z[:10]])
    mixture = start(z, 4, covariance=covariance)
    known = z[:120]  # the last ten are new to the mixture
    mixture.init_from_labels(known, torch.arange(120) // 60)
    mixture.fit_em(known, max_iter=3)
    before, density = mixture.estimates(), mixture.log_prob(z).detach()
    moved = mixture.reseed_empty(z, generator())
    now = mixture.estimates()
    assert moved.tolist() == [2, 3]
    worst = set(density.argsort()[:2].tolist())
    assert {int(torch.cdist(now.means[k][None], z).argmin()) for k in moved} == worst
    fresh = mixture.spread / (mixture.scale_dof + 3 + 2)
    torch.testing.assert_close(now.covariance[2], torch.diag(fresh) if covariance == "full" else fresh)
    assert float(now.log_weights.exp().sum()) == pytest.approx(1)
    kept = (now.log_weights - before.log_weights)[:2]
    assert float(kept[0]) == pytest.approx(float(kept[1]))
    torch.testing.assert_close(now.means[:2], before.means[:2])
    mixture.fit_em(z)
    assert set(mixture.posterior(z[-10:]).argmax(dim=1).tolist()) <= {2, 3}


def test_reseeding_leaves_full_groups_alone_and_never_puts_two_on_one_place():
    z, _ = t_sample(np.random.default_rng(15), 30, [[0, 0], [9, 9]], dof=30)
    mixture = start(z, 2)
    before = mixture.estimates()
    assert len(mixture.reseed_empty(z, generator())) == 0
    torch.testing.assert_close(mixture.estimates().means, before.means)
    z[40:] = z[40]  # twenty copies of one gene
    crowd = TMixture(8, 2).double()
    crowd.set_prior(z)
    crowd.init_from_labels(z, torch.zeros(60, dtype=torch.long))
    moved = crowd.reseed_empty(z, generator())
    assert len(moved) == 7
    assert len(torch.unique(crowd.means[moved], dim=0)) == 7


# --- seeds, edges, errors --------------------------------------------------------------------------------


def test_seeds_decide_and_global_random_states_are_left_alone():
    z = torch.randn(120, 3, generator=generator(20)).double()
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002

    def fitted(seed):
        mixture = start(z, 7, seed)
        mixture.fit_em(z, max_iter=10)
        mixture.reseed_empty(z, generator(seed))
        select_n_groups(z, 3, MixtureConfig(), generator(seed))
        return mixture.estimates().means

    assert torch.equal(fitted(1), fitted(1))
    assert not torch.equal(fitted(1), fitted(2))
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_single_precision_finds_the_same_groups(covariance, dtype):
    z, labels = t_sample(np.random.default_rng(21), 300, [[0] * 8, [3] * 8, [-3] * 8], dof=6)
    z = z.to(dtype) + 50
    mixture = start(z, 3, covariance=covariance)
    history = mixture.fit_em(z)
    assert mixture.means.dtype == mixture.posterior(z).dtype == dtype
    assert adjusted_rand_score(labels, mixture.posterior(z).argmax(dim=1)) > 0.98
    assert min(b - a for a, b in itertools.pairwise(history)) > -1e-5 * abs(history[-1])


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize(
    "z",
    [
        torch.zeros(1, 3),
        torch.ones(6, 3),
        torch.tensor([[1.0, 2, 3]] * 5 + [[4.0, 2, 3]] * 5),
        torch.randn(2, 3, generator=generator(22)),
    ],
    ids=["one gene", "equal genes", "constant columns", "two genes"],
)
def test_degenerate_data_give_finite_groups(z, covariance):
    z = z.double()
    for n_groups in {1, min(2, len(torch.unique(z, dim=0)))}:
        mixture = start(z, n_groups, covariance=covariance)
        history = mixture.fit_em(z)
        assert all(map(math.isfinite, history))
        assert all(torch.isfinite(p).all() for p in mixture.parameters())
        torch.testing.assert_close(mixture.posterior(z).sum(dim=1).detach(), torch.ones(len(z)).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_full_scale_matrix_lost_in_rounding_is_mended(dtype):
    """Equal genes far from where the groups start: their scatter is a difference of large numbers."""
    z = torch.full((17, 2), 7.0, dtype=dtype)
    mixture = scattered(3, 2, seed=979, covariance="full", mean_precision=0.0).to(dtype)
    mixture.set_prior(z)
    mixture.fit_em(z)
    assert torch.isfinite(mixture.log_joint(z)).all()
    indefinite = torch.tensor([[[1.0, 2.0], [2.0, 1.0]]], dtype=dtype)
    with pytest.raises(TrainingError, match="diag"):
        sturdy_cholesky(indefinite, torch.full((1,), 1e-7, dtype=dtype))


def test_what_rounding_made_negative_is_added_ten_times_more_each_round():
    rounding = torch.tensor([1e-12, 1e-12]).double()
    given = torch.diag_embed(torch.tensor([[1.0, -5e-9], [2.0, 3.0]]).double())
    factor = sturdy_cholesky(given, rounding)
    # 1 + 10 + 100 + 1000 + 10000 of it, to the one that needs it.
    torch.testing.assert_close(factor[0].diagonal().square(), torch.tensor([1.0, 6.111e-9]).double())
    torch.testing.assert_close(factor[1], given[1].sqrt(), rtol=1e-15, atol=0.0)


def test_state_survives_saving(tmp_path):
    from safetensors.torch import load_file, save_file

    z = torch.randn(60, 3, generator=generator(23)).double()
    mixture = start(z, 4, covariance="full")
    save_file(mixture.state_dict(), tmp_path / "mixture.safetensors")
    again = TMixture(4, 3, mixture.config).double()
    again.load_state_dict(load_file(tmp_path / "mixture.safetensors"))
    torch.testing.assert_close(again.log_joint(z), mixture.log_joint(z))


def test_errors_name_what_is_wrong():
    z = torch.randn(5, 3, generator=generator(24)).double()
    with pytest.raises(InputError, match="`n_groups`: found 6 groups for 5 genes"):
        start(z, 6)
    bad = z.clone()
    bad[1, 2] = math.nan
    with pytest.raises(InputError, match="`z`: found 1 of 5 rows with values that are not finite"):
        start(bad, 2)
    mixture = start(z, 2)
    with pytest.raises(InputError, match="not finite"):
        mixture.fit_em(bad)
    with pytest.raises(InputError, match="shape"):
        mixture.fit_em(z[:, :2])
    with pytest.raises(InputError, match="at least one row"):
        mixture.set_prior(z[:0])
    with pytest.raises(ConfigError, match="dof_prior"):
        TMixture(2, 3, MixtureConfig(dof_prior=(0.5, 1.0)))
    mixture.means.data[0, 0] = math.inf
    with pytest.raises(TrainingError, match="refine_lr"):
        mixture.em_step(z)
