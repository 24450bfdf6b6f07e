"""Quadratic forms against all orders of the pixels: standardised values and p-values far into the tail."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from scipy import special

from sigel.stats.kernel import Moments


def permutation_test(
    form: Float[np.ndarray, " genes"],
    moments: Moments,
    n: int,
    skew: Float[np.ndarray, "#genes"],
    kurtosis: Float[np.ndarray, "#genes"],
    n_nuisance: int = 1,
) -> tuple[Float[np.ndarray, " genes"], Float[np.ndarray, " genes"]]:
    """Standardised quadratic forms and log p-values, if all orders of the pixels are equally likely.

    Parameters
    ----------
    form
        z'Kz for z of mean 0 and variance 1, `(n_genes,)`.
    moments
        Of the centred kernel.
    n
        Number of pixels, four or more.
    skew, kurtosis
        Means of z^3 and z^4, `(n_genes,)` or one for all.
    n_nuisance
        Columns that z was cleared of, the constant among them.

    Returns
    -------
    tuple
        Statistics and natural logarithms of p-values, `(n_genes,)` each.

    Notes
    -----
    Let Q = z'Kz, b3 and b4 the means of z^3 and z^4, m the dimensions that nuisance columns leave, t the
    trace of K, s and d the sums of all K_ij^2 and of K_ii^2, and `c = (n^2 - 1) / (m (m + 2))`. Over all
    orders of the pixels

        E Q = n t / m
        V = 2 n^2 ((n - 1) s - t^2) / ((n - 1)^2 (n + 1))
            + n (n (n + 1) d - (n - 1) (t^2 + 2 s)) ((n + 1) b4 - 3 (n - 1))
              / ((n + 1) (n - 1) (n - 2) (n - 3))
        E (Q - E Q)^2 = c (V - 2 t^2 (1 / (m + 1) - 1 / n))
        E (Q - E Q)^3 = c^(3/2) (8 * sum of K_ij K_jk K_ki over i != j != k != i
                                 + 4 b3^2 * sum of K_ij^3 over i != j),

    the first two exact where only the mean is gone, when c is 1 and the variance V; else, and the third, up
    to terms of order 1/n.

    The p-value is the upper tail of Pearson's type III, a shifted gamma distribution, with these three
    moments. Moments over permutations: Mantel 1967 (Cancer Research 27:209), Siemiatycki 1978 (Journal of
    Statistical Computation and Simulation 7:13), the variance and the tail: Kazi-Aoual et al. 1995
    (Computational Statistics and Data Analysis 20:643).
    """
    m, free = moments, n - n_nuisance
    mean = m.trace * n / free
    # The variance of all orders, and what fewer dimensions make of it: nothing where only the mean is gone.
    normal = 2 * n**2 * ((n - 1) * m.square - m.trace**2) / ((n - 1) ** 2 * (n + 1))
    uneven = n * (n * (n + 1) * m.diagonal - (n - 1) * (m.trace**2 + 2 * m.square))
    heavy = ((n + 1) * kurtosis - 3 * (n - 1)) / ((n + 1) * (n - 1) * (n - 2) * (n - 3))
    fewer = (n**2 - 1) / (free * (free + 2))
    variance = fewer * (normal + uneven * heavy - 2 * m.trace**2 * (1 / (free + 1) - 1 / n))
    # i != j != k, then the pairs that meet twice: they count where values are skewed.
    chains = m.triangle - 3 * m.mixed + 2 * m.diagonal_cube
    third = fewer**1.5 * (8 * chains + 4 * skew**2 * (m.cube - m.diagonal_cube))
    spread = np.sqrt(np.maximum(variance, 1e-12))
    statistic = (form - mean) / spread
    return statistic, log_upper_tail(statistic, np.maximum(third / spread**3, 1e-3))


def log_upper_tail(
    x: Float[np.ndarray, " n"], skewness: Float[np.ndarray, "#n"]
) -> Float64[np.ndarray, " n"]:
    """Log upper tail of Pearson's type III distribution of mean 0, variance 1 and some positive skewness.

    Parameters
    ----------
    x, skewness
        `(n,)` each, or one skewness for all.

    Notes
    -----
    With g the skewness and `a = 4 / g^2`, x is `(G - a) / sqrt(a)` of a gamma variable G of shape a: the tail
    is the incomplete gamma function Q(a, a + x sqrt(a)).
    """
    shape = 4 / skewness**2
    return log_gamma_tail(shape, np.maximum(shape + x * np.sqrt(shape), 1e-300))


def log_gamma_tail(shape: Float[np.ndarray, "#n"], at: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Log upper tail of the gamma distribution, also where the tail itself is below what doubles hold.

    Parameters
    ----------
    shape, at
        `(n,)` each, or one shape for all; of scale 1.

    Notes
    -----
    The incomplete gamma function Q(a, t). Below 1e-290 its logarithm is that of
    `t^a exp(-t) / (Gamma(a) f)`, f the leading terms of the continued fraction (DLMF 8.9.2).
    """
    tail = special.gammaincc(shape, at)
    # Where doubles end: the leading terms of the continued fraction.
    beyond = np.maximum(at, shape + 1)
    fraction = beyond + 1 - shape + (shape - 1) / (beyond + 3 - shape)
    far = shape * np.log(beyond) - beyond - special.gammaln(shape) - np.log(fraction)
    with np.errstate(divide="ignore"):
        return np.where(tail > 1e-290, np.log(tail), far)
