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
        `(n, n_pixels)`; 0 where a pixel has no depth.

    Notes
    -----
    For a count x of a gene with sum t in a pixel with share d of all counts,

        r = (T(x) - E T(X)) / sd T(X),    T(x) = sqrt(x + 3/8),    X ~ Poisson(t d).

    The moments are sums over the Poisson distribution, tabulated on a grid of log means, and from a mean of
    200 on `E T = sqrt(t d + 3/8) - 1 / (8 sqrt(t d))`, `Var T = (1 + 1 / (16 (t d)^2)) / 4`. The transform is
    that of Anscombe 1948 (Biometrika 35:246).
    """
    low, high, n = LOG_MEANS
    table = _table().to(counts.device)
    total = counts.sum(dim=1, keepdim=True).clamp_min(1e-12)
    place = total.log() + depth_share.clamp_min(1e-12).log()  # (n, n_pixels)
    place = ((place - low) * ((n - 1) / (high - low))).clamp_(0, n - 1.001)
    cell = place.long()
    part = place - cell
    mean = torch.lerp(table[0][cell], table[0][cell + 1], part)
    rate = torch.lerp(table[1][cell], table[1][cell + 1], part)
    # A pixel without depth has no counts and says nothing.
    return ((counts + SHIFT).sqrt() - mean) * rate * (depth_share > 0)


@cache
def _table() -> Float32[Tensor, "2 means"]:
    """Mean of T and one over its standard deviation on the grid of log means."""
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
    return torch.stack([first, variance.rsqrt()]).float()
