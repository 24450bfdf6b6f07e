"""One answer from those to several completions of data that were not measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy import stats


class Pooled(NamedTuple):
    """What several completions say together, `(n_genes,)` each."""

    estimate: Float64[np.ndarray, " genes"]
    se: Float64[np.ndarray, " genes"]
    pval: Float64[np.ndarray, " genes"]
    share: Float64[np.ndarray, " genes"]  # of the variance that is between completions


def pooled(
    estimate: Float64[np.ndarray, "draws genes"], variance: Float64[np.ndarray, "draws genes"], df: float
) -> Pooled:
    """Pool estimates by Rubin's rules, with p-values of 0 as their truth; NaN where nothing varies.

    Parameters
    ----------
    estimate, variance
        Of each completion, two or more, `(n_draws, n_genes)`.
    df
        Degrees of freedom that complete data have.

    Notes
    -----
    With W the mean variance, B the variance of the m estimates and `T = W + (1 + 1 / m) B`, the mean estimate
    over the root of T follows a t-distribution (Rubin 1987) whose degrees of freedom are those of Barnard and
    Rubin 1999: `1 / (1 / a + 1 / b)`, with g = (1 + 1 / m) B / T, `a = (m - 1) / g^2` and
    `b = (df + 1) / (df + 3) df (1 - g)`.

    Examples
    --------
    >>> import numpy as np
    >>> found = pooled(np.array([[1.0], [1.2], [0.8]]), np.full((3, 1), 0.04), df=50)
    >>> found.estimate.round(2).tolist(), found.se.round(2).tolist(), found.share.round(2).tolist()
    ([1.0], [0.31], [0.57])
    """
    m = len(estimate)
    mean, within = estimate.mean(axis=0), variance.mean(axis=0)
    between = (1 + 1 / m) * estimate.var(axis=0, ddof=1)
    total = within + between
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, between / total, 0.0)
        a, b = (m - 1) / share**2, (df + 1) / (df + 3) * df * (1 - share)
        freedom = 1 / (1 / a + 1 / b)
        pval = 2 * stats.t.sf(np.abs(mean) / np.sqrt(total), np.maximum(freedom, 1e-3))
    pval = np.where(total > 0, pval, np.nan)
    return Pooled(mean, np.sqrt(total), pval, share)
