"""Quadratic forms against all orders of the pixels: standardised values and p-values far into the tail."""

from __future__ import annotations

import numpy as np
from scipy import special

from sigel.stats.kernel import Moments


def permutation_test(
    form: np.ndarray,
    moments: Moments,
    n: int,
    skew: np.ndarray,
    kurtosis: np.ndarray,
    n_nuisance: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Standardised quadratic forms and log p-values, if all orders of the pixels are equally likely.

    Parameters
    ----------
    form
        z'Kz for z of mean 0 and variance 1, `(n_genes,)`.
    moments
        Of the centred kernel.
    n
        Number of pixels.
    skew, kurtosis
        Means of z^3 and z^4, `(n_genes,)`.
    n_nuisance
        Columns that z was cleared of, the constant among them.
    """
    m, free = moments, n - n_nuisance
    mean = m.trace * n / free
    apart = m.square - m.diagonal  # sum of K_ij^2 over i != j
    # The variance of all orders, and what fewer dimensions make of it: nothing where only the mean is gone.
    variance = 2 * apart * (n - kurtosis) / (n - 1) + (kurtosis - 1) * (m.diagonal - m.trace**2 / n)
    fewer = (n**2 - 1) / (free * (free + 2))
    variance = fewer * (variance - 2 * m.trace**2 * (1 / (free + 1) - 1 / n))
    # i != j != k, then the pairs that meet twice: they count where values are skewed.
    chains = m.triangle - 3 * m.mixed + 2 * m.diagonal_cube
    third = fewer**1.5 * (8 * chains + 4 * skew**2 * (m.cube - m.diagonal_cube))
    spread = np.sqrt(np.maximum(variance, 1e-12))
    statistic = (form - mean) / spread
    return statistic, log_upper_tail(statistic, np.maximum(third / spread**3, 1e-3))


def log_upper_tail(x: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """Log upper tail of Pearson's type III distribution of mean 0, variance 1 and some positive skewness.

    Parameters
    ----------
    x, skewness
        Same shape.
    """
    shape = 4 / skewness**2
    at = np.maximum(shape + x * np.sqrt(shape), 1e-300)
    tail = special.gammaincc(shape, at)
    # Where doubles end: the leading terms of the continued fraction.
    beyond = np.maximum(at, shape + 1)
    fraction = beyond + 1 - shape + (shape - 1) / (beyond + 3 - shape)
    far = shape * np.log(beyond) - beyond - special.gammaln(shape) - np.log(fraction)
    with np.errstate(divide="ignore"):
        return np.where(tail > 1e-290, np.log(tail), far)
