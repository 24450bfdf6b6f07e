"""Counts as residuals of equal variance, whose mean and spread are right at every depth."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

# Grid of log means on which the moments of the transform are tabulated.
LOG_MEANS = (-14.0, 12.0, 1041)
# Anscombe's constant.
SHIFT = 0.375
# Distance of the log totals between which residuals are interpolated: the cubic through four of them is off
# by less than 1e-5 of a residual, less than the table is.
TOTAL_STEP = 0.125
# So many of them are looked up at once.
AHEAD = 8
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
    columns = counts.T.clone(memory_format=torch.contiguous_format)
    return Residuals(depth_share).of_columns_(columns, columns.sum(dim=0).cpu().numpy()).T


class Residuals:
    """The same for batches of genes by rising totals: what depends on the total is kept from batch to batch.

    Parameters
    ----------
    depth_share
        As in `stabilised_residuals`.
    """

    def __init__(self, depth_share: Float[Tensor, " pixels"]) -> None:
        self._known = depth_share > 0
        self._log_share = depth_share.clamp_min(1e-12).log()
        self._table = _table().to(depth_share.device)
        self._range = range(0)
        self._rows: list[Tensor] = []
        self._rate = depth_share.new_empty(0, 0)

    def of_columns_(
        self, columns: Float[Tensor, "pixels genes"], totals: Float[np.ndarray, " genes"]
    ) -> Float[Tensor, "pixels genes"]:
        """Counts made residuals in place.

        Parameters
        ----------
        columns
            `(n_pixels, n)`, one gene a column; contiguous.
        totals
            Their sums, `(n,)`.
        """
        nodes, weight = _neighbours(np.log(np.maximum(totals.astype(np.float64), 1e-12)))
        if nodes.start not in self._range or nodes[-1] not in self._range:
            self._range = range(nodes.start, max(nodes.stop, nodes.start + AHEAD))
            self._rows = self._moments()
        first = nodes.start - self._range.start
        at_zero, rate = (row[first : first + len(nodes)] for row in self._rows)
        weights = torch.from_numpy(weight).to(columns)  # (k, n)
        if self._rate.shape != columns.shape:
            self._rate = torch.empty_like(columns)
        torch.mm(rate.T, weights, out=self._rate)
        raised = columns.add_(SHIFT).sqrt_().sub_(math.sqrt(SHIFT)).mul_(self._rate)
        return raised.addmm_(at_zero.T, weights)

    def _moments(self) -> list[Float[Tensor, "totals pixels"]]:
        """Residual of a count of zero, and one over the standard deviation of T, for totals at all depths."""
        low, high, n = LOG_MEANS
        log_total = torch.arange(self._range.start, self._range.stop) * TOTAL_STEP
        place = log_total.to(self._log_share)[:, None] + self._log_share
        place = ((place - low) * ((n - 1) / (high - low))).clamp_(0, n - 1.001)
        cell = place.long()
        part = place - cell
        # A pixel without depth has no counts and says nothing.
        return [torch.lerp(row[cell], row[cell + 1], part) * self._known for row in self._table]


def _neighbours(
    log_total: Float64[np.ndarray, " genes"],
) -> tuple[range, Float32[np.ndarray, "totals genes"]]:
    """Numbers of the totals that lie about those of genes, and the weights of the cubic through four."""
    place = log_total / TOTAL_STEP
    cell = np.floor(place).astype(np.int64)
    u = place - cell
    four = [
        -u * (u - 1) * (u - 2) / 6,
        (u + 1) * (u - 1) * (u - 2) / 2,
        -(u + 1) * u * (u - 2) / 2,
        (u + 1) * u * (u - 1) / 6,
    ]
    nodes = range(int(cell.min()) - 1, int(cell.max()) + 3)
    weights = np.zeros((len(nodes), len(cell)), dtype=np.float32)
    for step, weight in enumerate(four):
        weights[cell - 1 + step - nodes.start, np.arange(len(cell))] = weight
    return nodes, weights


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
