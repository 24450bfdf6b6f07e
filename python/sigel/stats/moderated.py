"""Linear models of many genes at once, in several dimensions, with variances that genes lend one another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int
from scipy import linalg, special, stats

NEWTON_STEPS = 50
# Of the covariance's mean variance, added to its diagonal.
RIDGE = 1e-6


class Fits(NamedTuple):
    """A linear model for each gene, by least squares over the units where it was measured."""

    coefficients: Float64[np.ndarray, "genes coefs dims"]  # NaN where not estimable
    unscaled: Float64[np.ndarray, "genes coefs coefs"]  # inverse of X'X
    residuals: Float64[np.ndarray, "units genes dims"]  # 0 where not measured
    df: Float64[np.ndarray, " genes"]  # residual degrees of freedom; 0 where not estimable


class Tests(NamedTuple):
    """Moderated F tests of some coefficients, one for each gene."""

    stat: Float64[np.ndarray, " genes"]
    pval: Float64[np.ndarray, " genes"]
    prior_df: float  # degrees of freedom that all genes lend to each
    inflation: float  # what the statistics were divided by; 1 where they were not


def fit_linear(
    y: Float64[np.ndarray, "units genes dims"], design: Float64[np.ndarray, "units coefs"]
) -> Fits:
    """Fit a linear model to each gene.

    Parameters
    ----------
    y
        `(n_units, n_genes, n_dims)`; NaN where a gene was not measured in a unit.
    design
        `(n_units, n_coefs)`, of full rank.

    Notes
    -----
    A gene that lacks units has a design of its own: where that is not of full rank, or leaves no degree of
    freedom, the gene is not estimable.
    """
    n_coefs = design.shape[1]
    there: Bool[np.ndarray, "units genes"] = np.isfinite(y).all(axis=2)
    filled = np.where(there[:, :, None], y, 0.0)
    weight = there.astype(float)
    gram = np.einsum("ng,np,nq->gpq", weight, design, design)  # (n_genes, n_coefs, n_coefs)
    able = (np.linalg.matrix_rank(gram, hermitian=True) == n_coefs) & (weight.sum(axis=0) >= n_coefs)
    unscaled = np.full_like(gram, np.nan)
    unscaled[able] = np.linalg.inv(gram[able])
    moments = np.tensordot(design.T, filled, 1).transpose(1, 0, 2)  # (n_genes, n_coefs, n_dims)
    coefficients = unscaled @ moments
    fitted = np.tensordot(design, np.nan_to_num(coefficients).transpose(1, 0, 2), 1)
    residuals = np.where((there & able)[:, :, None], filled - fitted, 0.0)
    df = np.where(able, weight.sum(axis=0) - n_coefs, 0.0)
    return Fits(coefficients, unscaled, residuals, df)


def telling_directions(
    fits: Fits, centre: Float64[np.ndarray, "genes dims"], n: int
) -> Float64[np.ndarray, "dims n"]:
    """Directions in which genes differ most for what units of one gene differ.

    Residuals have covariance 1 along them.

    Parameters
    ----------
    fits
        From `fit_linear`.
    centre
        Mean of each gene over its units, `(n_genes, n_dims)`; NaN: left out.
    n
        How many; all dimensions where there are fewer.

    Notes
    -----
    Generalised eigenvectors of the covariance of genes' means and of the residuals, as in linear discriminant
    analysis with a gene as a class.
    """
    used = fits.df > 0
    n_dims = centre.shape[1]
    residuals = fits.residuals[:, used].reshape(-1, n_dims)
    within = residuals.T @ residuals / fits.df[used].sum()
    within += RIDGE * max(np.trace(within) / n_dims, 1e-300) * np.eye(n_dims)
    between = np.cov(centre[np.isfinite(centre).all(axis=1)].T).reshape(n_dims, n_dims)
    vectors = linalg.eigh(between, within)[1]  # by rising ratio
    return vectors[:, ::-1][:, :n]


def moderated_f(
    fits: Fits,
    tested: Int[np.ndarray, " tested"],
    directions: Float64[np.ndarray, "dims n"] | None = None,
    trend: Float64[np.ndarray, " genes"] | None = None,
    *,
    empirical: bool = False,
) -> Tests:
    """Test coefficients of each gene in some directions, with variances shrunk over genes.

    Parameters
    ----------
    fits
        From `fit_linear`.
    tested
        Numbers of the coefficients that are 0 under the null hypothesis.
    directions
        Columns in which residuals are uncorrelated with equal variance, as from `telling_directions`; None:
        the dimensions as they are.
    trend
        What variances rise and fall with, as the mean of a gene, `(n_genes,)`; None: nothing.
    empirical
        Divide the statistics by what their median is too large, or too small: most genes don't change, and
        what they show together is how units differ anyway. Default False.

    Returns
    -------
    Tests
        NaN where a gene is not estimable.

    Notes
    -----
    With r directions, f degrees of freedom, and b the q tested coefficients of unscaled covariance V::

        s^2 = |residuals|^2 / (f r),   F = tr(b' V^-1 b) / (q r) / s~^2

    where s~^2 is the variance shrunk towards that of all genes (Smyth 2004, Statistical Applications in
    Genetics and Molecular Biology 3:3; with a trend as in limma), F with q r and f r + d0 degrees of freedom.
    The empirical null: Efron 2004; its scale by the median as in genomic control (Devlin and Roeder 1999).
    """
    b, residuals = fits.coefficients[:, tested], fits.residuals
    if directions is not None:
        b, residuals = b @ directions, residuals @ directions
    n_dims = b.shape[2]
    able = fits.df > 0
    precision = np.full((len(b), len(tested), len(tested)), np.nan)
    precision[able] = np.linalg.inv(fits.unscaled[able][:, tested][:, :, tested])
    size = np.einsum("gpd,gpq,gqd->g", b, precision, b) / (len(tested) * n_dims)
    df = fits.df * n_dims
    variance = np.square(residuals).sum(axis=(0, 2)) / np.maximum(df, 1)
    shrunk, prior_df = np.full(len(b), np.nan), np.inf
    shrunk[able], prior_df = shrunk_variances(
        variance[able], df[able], None if trend is None else trend[able]
    )
    stat = size / shrunk
    # Beyond so many the distribution is that of infinitely many.
    top, below = len(tested) * n_dims, np.minimum(df + prior_df, 1e9)
    inflation = 1.0
    if empirical and able.any():
        inflation = float(np.median(stat[able] / stats.f.median(top, below[able])))
        stat = stat / max(inflation, 1e-12)
    pval = np.where(able, stats.f.sf(stat, top, below), np.nan)
    return Tests(stat, pval, float(prior_df), inflation)


def shrunk_variances(
    variance: Float64[np.ndarray, " genes"],
    df: Float64[np.ndarray, " genes"],
    trend: Float64[np.ndarray, " genes"] | None = None,
) -> tuple[Float64[np.ndarray, " genes"], float]:
    """Variances shrunk towards what all genes have in common, and the degrees of freedom of that.

    Parameters
    ----------
    variance, df
        Of each gene, with its degrees of freedom.
    trend
        What the common variance depends on, by a polynomial of its rank; None: nothing.

    Notes
    -----
    Variances are scaled inverse chi-square over genes; mean and variance of their logarithms give its
    parameters (Smyth 2004).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found, prior_df = shrunk_variances(rng.chisquare(4, 5000) / 4, np.full(5000, 4.0))
    >>> bool(prior_df > 50), bool(abs(found - 1).max() < 0.2)
    (True, True)
    """
    floor = 1e-12 * max(float(np.median(variance)), 1e-300)
    e = np.log(np.maximum(variance, floor)) - special.digamma(df / 2) + np.log(df / 2)
    common, n_terms = np.full(len(e), e.mean()), 1
    if trend is not None and len(e) > 20:
        place = stats.rankdata(trend) / len(e)
        series = np.polynomial.Legendre.fit(place, e, 4, domain=[0, 1])
        common, n_terms = series(place), 5
    rest = np.square(e - common).sum() / max(len(e) - n_terms, 1) - special.polygamma(1, df / 2).mean()
    if rest <= 0:  # no more than chance: all have the common variance
        return np.exp(common), np.inf
    prior_df = 2 * inverse_trigamma(rest)
    prior = np.exp(common + special.digamma(prior_df / 2) - np.log(prior_df / 2))
    return (prior_df * prior + df * variance) / (prior_df + df), prior_df


def inverse_trigamma(value: float) -> float:
    """The number whose trigamma is a value.

    Parameters
    ----------
    value
        Above 0.

    Examples
    --------
    >>> round(inverse_trigamma(1.6449340668), 4)
    1.0
    """
    y = 0.5 + 1 / value
    for _ in range(NEWTON_STEPS):
        trigamma = special.polygamma(1, y)
        step = trigamma * (1 - trigamma / value) / special.polygamma(2, y)
        y += step
        if abs(step) < 1e-12 * y:
            break
    return float(y)
