"""Dense pixels of all genes of a section, which a benchmark may hold and the package never does."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds
from scipy.spatial import cKDTree

from benchmarks.harness import numerics
from benchmarks.harness.sections import Section
from sigel.images.raster import Raster

N_NEAREST = 6
# Matrices with a longer smaller side are not decomposed as a whole.
LONG = 1500


def six_nearest(raster: Raster) -> sparse.csr_matrix:
    """Mean over the six nearest other pixels by coordinates, row-normalised, `(n_pixels, n_pixels)`.

    The targets are defined by these on every platform: on a square array the four neighbours and two of the
    corners.

    Parameters
    ----------
    raster
        Of a section.
    """
    places = raster.coordinates()
    n, k = len(places), min(N_NEAREST, len(places) - 1)
    # Not `mean_of_nearest`: which corners of a square array are taken is the search's own affair, and the
    # targets hang on it.
    found = cKDTree(places).query(places, k=k + 1)[1][:, 1:]
    weight = np.full(n * k, 1 / k, dtype=np.float32)
    return sparse.csr_matrix((weight, found.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def log_images(section: Section) -> np.ndarray:
    """Counts at the median library size, then log1p, float32 `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        Its library is that of all genes, mitochondrial ones too.
    """
    library = np.where(section.library > 0, section.library, np.inf)
    scale = sparse.diags_array(np.median(section.library) / library)
    return np.log1p((section.images.counts @ scale).toarray()).astype(np.float32)


def zscore(values: np.ndarray) -> np.ndarray:
    """Each gene with mean 0 and standard deviation 1 over its pixels.

    Parameters
    ----------
    values
        `(n_genes, n_pixels)`, float32.
    """
    return numerics.zscored(values, axis=1, least=1e-6)


def zscored(section: Section) -> np.ndarray:
    """Z-scored log-normalised pixels, `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        As in `log_images`.
    """
    return zscore(log_images(section))


def smoothed(section: Section, values: np.ndarray) -> np.ndarray:
    """Half the own value, half the mean of the six nearest pixels.

    Parameters
    ----------
    section
        Where the pixels lie.
    values
        `(n_genes, n_pixels)`.
    """
    return 0.5 * values + 0.5 * (six_nearest(section.images.raster) @ values.T).T


def moran(section: Section) -> np.ndarray:
    """Moran's I over the six nearest pixels of z-scored log-normalised values, `(n_genes,)`.

    Parameters
    ----------
    section
        As in `log_images`.
    """
    return numerics.morans_i(zscored(section).T, six_nearest(section.images.raster))


def pearson(section: Section, theta: float = 100.0) -> np.ndarray:
    """Analytic Pearson residuals (Lause, Berens and Kobak 2021), `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        The section.
    theta
        Of the negative binomial variance `mu + mu^2 / theta`.
    """
    counts, depth = section.images.counts.toarray(), section.images.depth
    mu = counts.sum(axis=1, keepdims=True) * (depth / depth.sum())
    largest = np.sqrt(counts.shape[1])
    residual = (counts - mu) / np.sqrt(np.maximum(mu + mu**2 / theta, 1e-12))
    return np.clip(residual, -largest, largest).astype(np.float32)


def wiener(section: Section) -> np.ndarray:
    """Posterior means of the residual images under a normal prior shared by all genes.

    The covariance of the signal is that of the z-scored residuals less the noise; each gene is then
    shrunk along its eigenvectors by its own signal-to-noise ratio. Noise is read off the difference
    between a pixel and the mean of its neighbours.

    Parameters
    ----------
    section
        The section.
    """
    residual = pearson(section)
    residual = residual - residual.mean(axis=1, keepdims=True)
    rough = residual - (six_nearest(section.images.raster) @ residual.T).T
    variance = residual.var(axis=1)
    # The mean of six neighbours carries a sixth of the noise, and a little of the roughness is signal.
    noise = np.minimum(0.9 * rough.var(axis=1) / (1 + 1 / 6) / np.maximum(variance, 1e-12), 0.999)
    z = residual / np.sqrt(np.maximum(variance, 1e-12))[:, None]
    covariance = z.T @ z / len(z) - np.eye(z.shape[1], dtype=np.float32) * noise.mean()
    spectrum, basis = np.linalg.eigh(covariance.astype(np.float64))
    spectrum, basis = spectrum[spectrum > 0], basis[:, spectrum > 0]
    basis = basis.astype(np.float32)
    score = z @ basis
    strength = np.maximum(((score**2 - noise[:, None]).sum(axis=1)) / spectrum.sum(), 0.02)[:, None]
    signal = (spectrum * strength).astype(np.float32)
    return score * signal / (signal + noise[:, None].astype(np.float32)) @ basis.T


def pca(values: np.ndarray, n_dims: int) -> np.ndarray:
    """Scores of the first principal components over genes, exact, by the smaller side of the matrix.

    Where both sides are long, by Lanczos' method to the last digits.

    Parameters
    ----------
    values
        `(n_genes, n_pixels)`.
    n_dims
        How many; never more than there are.
    """
    centred = (values - values.mean(axis=0)).astype(np.float64)
    n_dims = min(n_dims, len(values) - 1, values.shape[1])
    if min(centred.shape) > max(LONG, 4 * n_dims):
        start = np.random.default_rng(0).standard_normal(min(centred.shape))
        turn, size, _ = svds(centred, k=n_dims, v0=start)
        return (turn * size)[:, ::-1]
    wide = centred.shape[0] < centred.shape[1]
    square, turn = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    turn = turn[:, ::-1][:, :n_dims]
    return turn * np.sqrt(np.maximum(square[::-1][:n_dims], 0)) if wide else centred @ turn
