"""Counts as residuals of equal variance, whose mean and spread are right at every depth."""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Float, Float32
from torch import Tensor

# Grid of log means on which the moments of the transform are tabulated.
LOG_MEANS = (-14.0, 12.0, 1041)
# Anscombe's constant.
SHIFT = 0.375
# Distance of the totals between which residuals are interpolated: the cubic through four of them is off by less
# than 1e-5 of a residual, less than the table is.
TOTAL_STEP = 0.125
# Above this mean the Poisson sum is replaced by its expansion.
LARGE = 200.0


def stabilised_residuals(
    counts: Float[Tensor, "genes pixels"], depth_share: Float[Tensor, " pixels"]
) -> Float[Tensor, "genes pixels"]:
    """Variance-stabilised residuals of counts, given genes' sums and the pixels' depths.

    Few counts and deep pixels pull no residual off zero, as they do with a plain square root, and a single
    large count does not own the image, as it does with Pearson's residuals.

    Parameters
    ----------
    counts
        `(n, n_pixels)`.
    depth_share
        Share of each pixel in all counts, `(n_pixels,)`.

    Returns
    -------
    torch.Tensor
        `(n, n_pixels)`; 0 where a pixel has no depth. Pixel by pixel in memory: the transpose of a contiguous
        tensor.

    Notes
    -----
    For a count x of a gene with sum t in a pixel with share d of all counts,

        r = (T(x) - E T(X)) / sd T(X),    T(x) = sqrt(x + 3/8),    X ~ Poisson(t d).

    The moments are sums over the Poisson distribution, tabulated on a grid of log means, and from a mean of
    200 on `E T = sqrt(t d + 3/8) - 1 / (8 sqrt(t d))`, `Var T = (1 + 1 / (16 (t d)^2)) / 4`. The transform is
    that of Anscombe 1948 (Biometrika 35:246).

    The residual is `r = (T(x) - T(0)) s(t d) + r_0(t d)`, where r_0 is that of a count of zero and s one over
    the standard deviation. Both are smooth functions of log t for every pixel: they are read off the table
    for a few totals only, and those of genes are sums over the four that lie next to theirs. Genes of like
    totals share them: a batch of such is cheaper than one of any.
    """
    columns = counts.T.contiguous()
    total, weight = _neighbours(columns.sum(dim=0).clamp_min(1e-12).log())
    at_zero, rate = _moments(total[:, None], depth_share)
    # A pixel without depth has no counts and says nothing.
    known = depth_share > 0
    raised = (columns + SHIFT).sqrt_().sub_(math.sqrt(SHIFT))
    raised *= (rate * known).T @ weight.T
    return raised.addmm_((at_zero * known).T, weight.T).T


def _neighbours(
    log_total: Float[Tensor, " genes"],
) -> tuple[Float[Tensor, " totals"], Float[Tensor, "genes totals"]]:
    """Log totals of a grid that lie about those of genes, and the weights of the cubic through four of them."""
    place = log_total / TOTAL_STEP
    cell = place.floor()
    u = (place - cell)[:, None]
    four = torch.cat(
        [
            -u * (u - 1) * (u - 2) / 6,
            (u + 1) * (u - 1) * (u - 2) / 2,
            -(u + 1) * u * (u - 2) / 2,
            (u + 1) * u * (u - 1) / 6,
        ],
        dim=1,
    )
    beside = cell[:, None] + torch.arange(-1, 3, device=cell.device)
    first = beside.min()
    place = (beside - first).long()
    there = torch.bincount(place.flatten()) > 0
    column = there.cumsum(0)[place] - 1
    used = there.nonzero()[:, 0]
    return (first + used) * TOTAL_STEP, four.new_zeros(len(cell), len(used)).scatter_(1, column, four)


def _moments(
    log_total: Float[Tensor, "totals 1"], depth_share: Float[Tensor, " pixels"]
) -> tuple[Float[Tensor, "totals pixels"], Float[Tensor, "totals pixels"]]:
    """Residual of a count of zero, and one over the standard deviation of T, for some totals at all depths."""
    low, high, n = LOG_MEANS
    table = _table().to(depth_share.device)
    place = log_total + depth_share.clamp_min(1e-12).log()
    place = ((place - low) * ((n - 1) / (high - low))).clamp_(0, n - 1.001)
    cell = place.long()
    part = place - cell
    at_zero, rate = (torch.lerp(row[cell], row[cell + 1], part) for row in table)
    return at_zero, rate


@cache
def _table() -> Float32[Tensor, "2 means"]:
    """Residual of a count of zero and one over the standard deviation of T on the grid of log means."""
    mean = torch.linspace(*LOG_MEANS[:2], LOG_MEANS[2], dtype=torch.float64).exp()
    count = torch.arange(int(LARGE + 14 * math.sqrt(LARGE)), dtype=torch.float64)
    small = mean[mean <= LARGE]
    log_p = count * small[:, None].log() - small[:, None] - torch.lgamma(count + 1)
    p = log_p.exp()  # (n_small, n_counts)
    value = (count + SHIFT).sqrt()
    first = p @ value
    variance = (p * (value - first[:, None]).square()).sum(dim=1)
    large = mean[mean > LARGE]
    first = torch.cat([first, (large + SHIFT).sqrt() - 1 / (8 * large.sqrt())])
    variance = torch.cat([variance, (0.25 * (1 + 1 / (16 * large.square())))])
    rate = variance.rsqrt()
    return torch.stack([(math.sqrt(SHIFT) - first) * rate, rate]).float()
