"""Distances, the Student t density and the equation of its degrees of freedom, all components at once."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import digamma
from torch import Tensor

from sigel.errors import TrainingError

# Elements of the largest temporary; a block of this size stays near the cache.
BLOCK = 2**21


def block_rows(*per_row: int) -> int:
    """Rows of a block whose temporaries hold `per_row` (factors) elements for each row."""
    return max(BLOCK // math.prod(per_row), 16)


def diagonal_distance(
    x: Float[Tensor, "n n_dims"],
    means: Float[Tensor, "n_groups n_dims"],
    log_scale: Float[Tensor, "n_groups n_dims"],
) -> Float[Tensor, "n n_groups"]:
    """Squared Mahalanobis distances under diagonal scale matrices, as three matrix products.

    Parameters
    ----------
    x
        `(n, n_dims)`, in coordinates whose origin is near the data: the squares cancel.
    means, log_scale
        `(n_groups, n_dims)`; `log_scale` is half of ln of the diagonal.

    Returns
    -------
    Tensor
        `(n, n_groups)`.
    """
    precision = (-2 * log_scale).exp()  # (n_groups, n_dims)
    weighted = means * precision  # (n_groups, n_dims)
    constant = (means * weighted).sum(dim=1)  # (n_groups,)
    cross = torch.addmm(constant, x, weighted.T, alpha=-2)  # (n, n_groups)
    return torch.addmm(cross, x.square(), precision.T).clamp_min(0)


def full_distance(
    z: Float[Tensor, "n n_dims"],
    means: Float[Tensor, "n_groups n_dims"],
    factor: Float[Tensor, "n_groups n_dims n_dims"],
) -> tuple[Float[Tensor, "n n_groups"], Float[Tensor, "n_groups n_dims n"]]:
    """Squared Mahalanobis distances under full scale matrices, by batched triangular solves.

    Parameters
    ----------
    z
        `(n, n_dims)`.
    means
        `(n_groups, n_dims)`.
    factor
        Lower Cholesky factors, `(n_groups, n_dims, n_dims)`.

    Returns
    -------
    distance, rest
        `(n, n_groups)`, and `z - mu`, `(n_groups, n_dims, n)`.
    """
    rest = z.T - means[:, :, None]  # (n_groups, n_dims, n)
    white = torch.linalg.solve_triangular(factor, rest, upper=False)  # (n_groups, n_dims, n)
    return white.square().sum(dim=1).T, rest


def sturdy_cholesky(
    matrices: Float[Tensor, "n_groups n_dims n_dims"], rounding: Float[Tensor, " n_groups"]
) -> Float[Tensor, "n_groups n_dims n_dims"]:
    """Lower Cholesky factors of matrices that are positive definite up to rounding.

    Parameters
    ----------
    matrices
        Symmetric, `(n_groups, n_dims, n_dims)`.
    rounding
        Size of the rounding error of each, `(n_groups,)`. Only where a factorisation fails, it is added to
        the diagonal, ten times more in each of a few rounds.

    Raises
    ------
    TrainingError
        When a matrix is indefinite beyond rounding, or not finite.
    """
    unit = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    for power in range(6):
        factors, failed = torch.linalg.cholesky_ex(matrices)
        if not failed.any():
            return factors
        slack = torch.where(failed > 0, rounding * 10.0**power, torch.zeros_like(rounding))
        matrices = matrices + slack[:, None, None] * unit
    msg = 'mixture: a scale matrix is not positive definite; use covariance="diag" (MixtureConfig).'
    raise TrainingError(msg)


def log_t_constant(dof: Float[Tensor, " n_groups"], n_dims: int) -> Float[Tensor, " n_groups"]:
    """What of ln t depends on the degrees of freedom alone."""
    log_gamma = torch.lgamma((dof + n_dims) / 2) - torch.lgamma(dof / 2)
    return log_gamma - n_dims / 2 * (dof * math.pi).log()


def solve_dof(
    size: Float[Tensor, " n"],
    tail: Float[Tensor, " n"],
    old: Float[Tensor, " n"],
    n_dims: int,
    bounds: tuple[float, float],
    prior: tuple[float, float] | None,
    steps: int = 45,
) -> Float[Tensor, " n"]:
    """Degrees of freedom that maximise the M-step's objective, by bisection in ln nu.

    Parameters
    ----------
    size
        `N_k = sum_i xi_ik`, `(n,)`; one entry, the sum over groups, where one number is shared.
    tail
        `sum_i xi_ik (ln zeta_ik - zeta_ik + 1)`, `(n,)`, never above 0.
    old
        Degrees of freedom at which `tail` was computed, `(n,)`.
    n_dims
        D.
    bounds
        Least and largest value.
    prior
        Shape (at least 1) and rate of a Gamma prior, or None.
    steps
        Halvings; 45 reach the precision of double numbers.

    Returns
    -------
    Tensor
        `(n,)`; a bound where there is no root between them, `old` where neither genes nor a prior say
        anything.

    Notes
    -----
    Root of `-psi(nu/2) + ln(nu/2) + 1 + sum_i xi (ln zeta - zeta) / N + psi(h) - ln(h)
    + 2/N ((a - 1)/nu - b)`, where `h = (nu_old + D)/2` (Peel and McLachlan 2000; Liu and Rubin 1995). It
    is multiplied by `N/2` here, so that an empty group is decided by the prior without a division by 0.
    The left side falls strictly in nu. The few numbers are solved for on the host and by numpy: some 400
    kernels, each for one number a group, would cost a GPU more than the rest of an EM step, and torch on the
    host four times what numpy takes.
    """
    n, of_tail, start = (one.detach().cpu().double().numpy() for one in (size, tail, old))
    half = (start + n_dims) / 2
    known = of_tail + n * (digamma(half) - np.log(half))
    low, high = (np.full_like(start, math.log(bound)) for bound in bounds)
    for _ in range(steps):
        middle = (low + high) / 2
        nu = np.exp(middle)
        slope = (known + n * (middle - math.log(2) - digamma(nu / 2))) / 2
        if prior is not None:
            slope += (prior[0] - 1) / nu - prior[1]
        rising = slope > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    found = np.exp((low + high) / 2)
    if prior is None:
        found = np.where(n <= torch.finfo(size.dtype).tiny, start, found)
    return torch.from_numpy(found.clip(*bounds)).to(old)
