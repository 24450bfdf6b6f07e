"""Representations without training, a row per gene: what SIGEL must beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from agreement import log_images, zscore
from scipy.sparse.linalg import svds

from sigel.images import GeneImages

Baseline = Callable[[GeneImages], np.ndarray]


def smoothed(images: GeneImages, values: np.ndarray) -> np.ndarray:
    """Half the own value, half the mean of the neighbours."""
    return 0.5 * values + 0.5 * (images.raster.neighbors @ values.T).T


def pearson(images: GeneImages, theta: float = 100.0) -> np.ndarray:
    """Analytic Pearson residuals (Lause, Berens and Kobak 2021), `(n_genes, n_pixels)`."""
    counts = images.counts.toarray()
    mu = counts.sum(axis=1, keepdims=True) * (images.depth / images.depth.sum())
    largest = np.sqrt(counts.shape[1])
    residual = (counts - mu) / np.sqrt(np.maximum(mu + mu**2 / theta, 1e-12))
    return np.clip(residual, -largest, largest).astype(np.float32)


def wiener(images: GeneImages) -> np.ndarray:
    """Posterior means of the residual images under a normal prior shared by all genes.

    The covariance of the signal is that of the z-scored residuals less the noise; each gene is then
    shrunk along its eigenvectors by its own signal-to-noise ratio. Noise is read off the difference
    between a pixel and the mean of its neighbours.
    """
    residual = pearson(images)
    residual = residual - residual.mean(axis=1, keepdims=True)
    rough = residual - (images.raster.neighbors @ residual.T).T
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
    """Scores of the first principal components over genes."""
    n_dims = min(n_dims, min(values.shape) - 1)
    u, s, _ = svds((values - values.mean(axis=0)).astype(np.float32), k=n_dims, random_state=0)
    return u * s


def level(images: GeneImages) -> np.ndarray:
    """Mean expression and detection rate, nothing else."""
    total = np.asarray(images.counts.sum(axis=1)).ravel()
    detected = np.diff(images.counts.indptr) / images.counts.shape[1]
    return zscore(np.stack([np.log(total), detected])).T


def table(seed: int = 0) -> dict[str, Baseline]:
    """Baselines by name.

    Parameters
    ----------
    seed
        Of the random row.
    """
    raw = log_images

    def z(images: GeneImages) -> np.ndarray:
        return zscore(log_images(images))

    def smooth(images: GeneImages) -> np.ndarray:
        return zscore(smoothed(images, log_images(images)))

    def smooth_pearson(images: GeneImages) -> np.ndarray:
        return zscore(smoothed(images, pearson(images)))

    rng = np.random.default_rng(seed)
    return {
        "random, 32": lambda images: rng.standard_normal((images.n_genes, 32)),
        "expression level and detection": level,
        "raw log images, all pixels": raw,
        "z-scored images, all pixels": z,
        "smoothed z-scored images, all pixels": smooth,
        "PCA 32 of raw": lambda images: pca(raw(images), 32),
        "PCA 32 of z-scored": lambda images: pca(z(images), 32),
        "PCA 32 of smoothed z-scored": lambda images: pca(smooth(images), 32),
        "PCA 64 of smoothed z-scored": lambda images: pca(smooth(images), 64),
        "smoothed Pearson residuals, all pixels": smooth_pearson,
        "PCA 32 of smoothed Pearson residuals": lambda images: pca(smooth_pearson(images), 32),
        "Wiener-filtered residuals, all pixels": wiener,
        "PCA 32 of Wiener-filtered residuals": lambda images: pca(wiener(images), 32),
    }
