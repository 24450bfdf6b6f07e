"""Residuals of counts: mean 0 and variance 1 at every depth, by the Poisson distribution itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigel.stats.stabilised_residuals import Residuals, stabilised_residuals


def moments(total: float, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the residual of each pixel if its count is Poisson of mean total x share."""
    mean = total * share
    most = int(mean.max() + 12 * np.sqrt(mean.max()) + 30)
    counts = np.arange(most + 1)
    p = stats.poisson.pmf(counts, mean[:, None])  # (n_pixels, n_counts)
    values = np.empty_like(p)
    rest = 1 - share.sum()
    for count in counts:
        # One more pixel takes what is missing, so that the gene's sum is what it is said to be.
        image = torch.full((1, len(share) + 1), float(count))
        image[0, -1] = total - count * len(share)
        shares = torch.from_numpy(np.append(share, rest).astype(np.float32))
        values[:, count] = stabilised_residuals(image, shares)[0, :-1].double().numpy()
    first = (p * values).sum(axis=1)
    return first, (p * (values - first[:, None]) ** 2).sum(axis=1)


@settings(max_examples=5, deadline=None)
@given(st.floats(0.05, 3000.0))
def test_mean_and_variance_are_right_at_every_depth(total):
    share = np.array([0.001, 0.01, 0.05, 0.3])
    first, second = moments(total, share)
    # float32, and lines between the points of a table of log means.
    np.testing.assert_allclose(first, 0, atol=5e-3)
    np.testing.assert_allclose(second, 1, rtol=5e-3)


def test_a_gene_that_follows_the_depth_has_no_pattern():
    rng = np.random.default_rng(0)
    share = np.concatenate([np.full(2000, 1.0), np.full(2000, 9.0)])
    share /= share.sum()
    counts = rng.poisson(400 * share, size=(200, 4000))
    z = stabilised_residuals(
        torch.from_numpy(counts.astype(np.float32)), torch.from_numpy(share.astype(np.float32))
    )
    gap = z[:, 2000:].mean(dim=1) - z[:, :2000].mean(dim=1)  # shallow and deep halves, 200 genes
    assert float(gap.mean()) == pytest.approx(0, abs=4 * np.sqrt(2 / 2000 / 200))


def test_pixels_without_depth_say_nothing():
    counts = torch.tensor([[0.0, 3.0, 1.0]])
    assert stabilised_residuals(counts, torch.tensor([0.0, 0.5, 0.5]))[0, 0] == 0


def test_more_counts_give_a_larger_residual():
    counts = torch.eye(4) * torch.tensor([1.0, 2.0, 5.0, 40.0])[:, None] + 1
    z = stabilised_residuals(counts, torch.full((4,), 0.25))
    assert (z.diagonal() > 0).all()
    assert (z.argmax(dim=1) == torch.arange(4)).all()


def test_residuals_of_any_total_are_those_of_the_poisson_distribution():
    """Interpolated between totals; the reference takes each gene's own."""
    rng = np.random.default_rng(0)
    share = rng.gamma(2.0, size=60)
    share /= share.sum()
    counts = rng.poisson(np.geomspace(20, 20_000, 40)[:, None] * share).astype(np.float64)
    mean = counts.sum(axis=1)[:, None] * share
    every = np.arange(int(mean.max() + 12 * np.sqrt(mean.max())))[:, None, None]
    p, value = stats.poisson.pmf(every, mean), np.sqrt(every + 0.375)
    first = (p * value).sum(axis=0)
    spread = np.sqrt((p * (value - first) ** 2).sum(axis=0))
    found = stabilised_residuals(
        torch.from_numpy(counts.astype(np.float32)), torch.from_numpy(share.astype(np.float32))
    )
    np.testing.assert_allclose(found.numpy(), (np.sqrt(counts + 0.375) - first) / spread, atol=2e-3)


def test_a_gene_does_not_depend_on_its_batch():
    rng = np.random.default_rng(1)
    share = torch.full((50,), 1 / 50)
    counts = rng.poisson(np.geomspace(0.1, 300, 30)[:, None], size=(30, 50)).astype(np.float32)
    counts = torch.from_numpy(counts[np.argsort(counts.sum(axis=1))])
    whole = stabilised_residuals(counts, share)
    residuals = Residuals(share)
    for rows in torch.arange(30).split(7):
        columns = residuals.of_columns_(counts[rows].T.clone(), counts[rows].sum(dim=1).numpy())
        torch.testing.assert_close(columns.T, whole[rows], atol=1e-5, rtol=1e-5)
