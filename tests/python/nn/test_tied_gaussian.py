"""Mixtures with one covariance: scikit-learn's own numbers, starts side by side, and neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, jaxtyped
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from torch import Tensor

from sigel.images.tensors import as_torch_by_rows
from sigel.nn.mixture.tied_gaussian import fit_tied, maximise, with_neighbours
from sigel.tasks.domains.windows import Tissue

NEVER = -float("inf")  # a tolerance that no step is below: all steps are taken


def clouds(n=180, d=3, k=3, apart=2.0, seed=0):
    """Points of k clouds of one covariance, centred, and the cloud of each."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % k
    shape = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    x = apart * rng.normal(size=(k, d))[label] + rng.normal(size=(n, d)) @ shape
    return torch.from_numpy(x - x.mean(axis=0)), torch.from_numpy(label)


def random_starts(n_starts, n, k, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(k, size=(n_starts, n)))


class FromLabels(GaussianMixture):
    """Scikit-learn's mixture, begun with given labels."""

    def _initialize_parameters(self, X, random_state, **rest):
        self._initialize(X, np.eye(self.n_components)[self.labels])


def by_sklearn(x, labels, k, *, ridge, n_steps):
    variance = float(x.square().sum() / x.numel())
    peer = FromLabels(k, covariance_type="tied", tol=0, max_iter=n_steps, reg_covar=ridge * variance)
    peer.labels = labels.numpy()
    return peer.fit(x.numpy())


# --- the same as elsewhere ---------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_steps", [1, 2, 15])
@pytest.mark.parametrize(("d", "k"), [(1, 2), (3, 3), (8, 5)])
def test_every_step_is_that_of_sklearn(d, k, n_steps):
    x, _ = clouds(d=d, k=k)
    start = random_starts(1, len(x), k)
    ours = fit_tied(x, start, k, ridge=1e-4, max_steps=n_steps, tolerance=NEVER)
    peer = by_sklearn(x, start[0], k, ridge=1e-4, n_steps=n_steps)
    # The same operations in another order: rounding only, which each step carries on.
    np.testing.assert_allclose(ours.posterior(x)[:, 0], peer.predict_proba(x.numpy()), atol=1e-8)
    assert float(ours.log_likelihood[0]) == pytest.approx(peer.score(x.numpy()), abs=1e-8)
    slope = peer.means_ @ np.linalg.inv(peer.covariances_)
    np.testing.assert_allclose(ours.slope[0], slope, rtol=1e-6, atol=1e-8)


def test_the_likelihood_never_falls():
    x, _ = clouds(d=4, k=4)
    start = random_starts(5, len(x), 4, seed=1)
    seen = torch.stack(
        [
            fit_tied(x, start, 4, ridge=1e-9, max_steps=n, tolerance=NEVER).log_likelihood
            for n in range(0, 40, 3)
        ]
    )
    assert (seen.diff(dim=0) > -1e-9).all()  # a ridge of 1e-9 is not likelihood's own
    assert (seen[-1] > seen[0] + 0.01).all()


def test_planted_clouds_are_found():
    x, truth = clouds(n=400, d=4, k=3, apart=4.0)
    wrong = torch.where(torch.arange(400) % 5 == 0, (truth + 1) % 3, truth)
    found = fit_tied(x, wrong[None], 3).posterior(x).argmax(dim=2)[:, 0]
    assert adjusted_rand_score(truth, found) > 0.95


def test_em_ends_where_it_has_converged():
    x, truth = clouds(apart=4.0)
    known = truth[None]
    one = fit_tied(x, known, 3)
    assert torch.equal(one.slope, fit_tied(x, known, 3, max_steps=10**6).slope)
    last = fit_tied(x, known, 3, max_steps=80, tolerance=NEVER)
    torch.testing.assert_close(one.posterior(x), last.posterior(x), atol=0.02, rtol=0)


# --- starts and shapes -------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    n_starts=st.integers(1, 5),
    d=st.integers(1, 6),
    k=st.integers(1, 6),
    n_steps=st.integers(0, 8),
    seed=st.integers(0, 99),
)
def test_starts_know_nothing_of_each_other(n_starts, d, k, n_steps, seed):
    x, _ = clouds(n=60, d=d, k=max(k, 2), seed=seed)
    start = random_starts(n_starts, 60, k, seed)
    together = fit_tied(x, start, k, max_steps=n_steps, tolerance=NEVER)
    with jaxtyped("context"):  # one letter, one size
        assert isinstance(together.slope, Float[Tensor, "s k d"])
        assert isinstance(together.offset, Float[Tensor, "s k"])
        assert isinstance(together.log_likelihood, Float[Tensor, "s"])
        assert isinstance(together.posterior(x), Float[Tensor, "n s k"])
        assert isinstance(x, Float[Tensor, "n d"])
    torch.testing.assert_close(
        together.posterior(x).sum(dim=2), torch.ones(60, n_starts, dtype=torch.float64)
    )
    for at in range(n_starts):
        alone = fit_tied(x, start[at : at + 1], k, max_steps=n_steps, tolerance=NEVER)
        torch.testing.assert_close(alone.posterior(x)[:, 0], together.posterior(x)[:, at], atol=1e-7, rtol=0)


def test_those_of_some_starts_are_the_same_ones():
    x, _ = clouds()
    all_ = fit_tied(x, random_starts(4, len(x), 3), 3)
    for starts in ([2], [3, 0], range(1, 3), range(4)):
        some = all_.of(starts)
        rows = list(starts)
        assert torch.equal(some.slope, all_.slope[rows])
        assert torch.equal(some.log_likelihood, all_.log_likelihood[rows])
        torch.testing.assert_close(some.posterior(x), all_.posterior(x)[:, rows])


def test_names_of_components_and_the_origin_do_not_matter():
    x, _ = clouds(n=90, d=3, k=3)
    start = random_starts(2, 90, 3)
    once = fit_tied(x, start, 3, max_steps=20, tolerance=NEVER).posterior(x)
    renamed = fit_tied(x, (start + 1) % 3, 3, max_steps=20, tolerance=NEVER).posterior(x)
    torch.testing.assert_close(renamed.roll(-1, dims=2), once, atol=1e-8, rtol=0)


def test_awkward_points_give_finite_numbers():
    rng = np.random.default_rng(0)
    flat = torch.from_numpy(np.column_stack([rng.normal(size=50), np.zeros(50)]))
    few = torch.from_numpy(rng.normal(size=(12, 20)))
    twice = torch.from_numpy(np.repeat(rng.normal(size=(4, 3)), 10, axis=0))
    for points in (flat, few, twice):
        x = points - points.mean(dim=0)
        labels = random_starts(3, len(x), 4)
        labels[0] = 0  # empty components
        made = fit_tied(x, labels, 4)
        assert torch.isfinite(made.log_likelihood).all()
        assert torch.isfinite(made.posterior(x)).all()
    assert fit_tied(few, torch.zeros(1, 12, dtype=torch.long), 1).posterior(few).eq(1).all()


# --- neighbours --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def field():
    """A 20 x 20 tissue of two halves that single spots show badly."""
    places = np.stack(np.divmod(np.arange(400), 20), axis=1).astype(float)
    truth = (places[:, 0] >= 10).astype(int)
    x = 1.5 * (truth[:, None] - 0.5) * np.array([1.0, 1.0]) + np.random.default_rng(0).normal(size=(400, 2))
    near = as_torch_by_rows(Tissue(places, np.zeros(400, int)).means(9), "cpu", torch.float64)
    return torch.from_numpy(x - x.mean(axis=0)), truth, near


def test_neighbours_without_strength_change_nothing(field):
    x, truth, near = field
    fitted = fit_tied(x, torch.from_numpy(truth)[None], 2)
    assert torch.equal(with_neighbours(x, fitted, near, 0.0), fitted.posterior(x))
    steps = with_neighbours(x, fitted, near, 1e-12, max_steps=1)
    torch.testing.assert_close(steps, fitted.posterior(x), atol=1e-9, rtol=0)


def test_neighbours_remove_what_noise_planted(field):
    x, truth, near = field
    start = random_starts(3, 400, 2, seed=2)
    start[0] = torch.from_numpy(truth)
    fitted = fit_tied(x, start, 2)
    alone = adjusted_rand_score(truth, fitted.posterior(x).argmax(dim=2)[:, 0])
    posterior = with_neighbours(x, fitted, near, 10.0)
    assert posterior.shape == (400, 3, 2)
    torch.testing.assert_close(posterior.sum(dim=2), torch.ones(400, 3, dtype=torch.float64))
    found = posterior.argmax(dim=2)[:, 0]
    assert alone < 0.7
    assert adjusted_rand_score(truth, found) > 0.9


def test_spots_without_a_view_of_their_own_follow_their_neighbours(field):
    """Values at 0 say nothing; the field alone decides."""
    x, truth, near = field
    silent = np.random.default_rng(1).choice(400, 40, replace=False)
    blank = x.clone()
    blank[silent] = 0
    fitted = fit_tied(blank, torch.from_numpy(truth)[None], 2)
    found = with_neighbours(blank, fitted, near, 10.0).argmax(dim=2)[:, 0].numpy()
    assert (found[silent] == truth[silent]).mean() > 0.9


def test_starts_know_nothing_of_each_other_with_neighbours(field):
    x, _, near = field
    start = random_starts(3, 400, 2, seed=5)
    fitted = fit_tied(x, start, 2, max_steps=5, tolerance=NEVER)
    together = with_neighbours(x, fitted, near, 4.0, max_steps=5, tolerance=NEVER)
    for at in range(3):
        one = fit_tied(x, start[at : at + 1], 2, max_steps=5, tolerance=NEVER)
        alone = with_neighbours(x, one, near, 4.0, max_steps=5, tolerance=NEVER)
        torch.testing.assert_close(alone[:, 0], together[:, at], atol=1e-7, rtol=0)


def test_a_field_step_is_what_its_words_say(field):
    x, truth, near = field
    fitted = fit_tied(x, torch.from_numpy(truth)[None], 2)
    before = fitted.posterior(x)
    step = with_neighbours(x, fitted, near, 3.0, max_steps=1)
    by_hand = (before[:, 0].log() + 3.0 * near.to_dense() @ before[:, 0]).softmax(dim=1)
    torch.testing.assert_close(step[:, 0], by_hand, atol=1e-9, rtol=0)


def test_single_precision_gives_the_same_labels(field):
    x, truth, near = field
    fitted = fit_tied(x, torch.from_numpy(truth)[None], 2)
    exact = with_neighbours(x, fitted, near, 10.0)
    short = with_neighbours(x.float(), fitted.to(torch.float32), near.float(), 10.0)
    assert short.dtype == torch.float32
    torch.testing.assert_close(short.double(), exact, atol=0.01, rtol=0)


def test_maximise_takes_soft_labels():
    x, _ = clouds(n=50, d=2, k=2)
    soft = torch.from_numpy(np.random.default_rng(0).dirichlet([1, 1], size=50))
    made = maximise(x, soft[:, None], 1e-12)
    mean = (soft.T @ x) / soft.sum(dim=0)[:, None]
    scatter = sum((soft[:, k, None] * (x - mean[k])).T @ (x - mean[k]) for k in range(2)) / len(x)
    np.testing.assert_allclose(made.slope[0], mean.numpy() @ np.linalg.inv(scatter.numpy()), rtol=1e-7)
