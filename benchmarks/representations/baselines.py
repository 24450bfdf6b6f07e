"""Representations without training, a row per gene: what SIGEL must beat."""

from __future__ import annotations

import numpy as np

from benchmarks.harness.pixels import log_images, six_nearest, smoothed, zscore, zscored
from benchmarks.harness.sections import Method, Section

# Values that a table's rows name often.
PCA_SMOOTHED = "PCA 32 of smoothed z-scored"
PCA_WIENER = "PCA 32 of Wiener-filtered residuals"
ALL_SMOOTHED = "smoothed z-scored images, all pixels"


def smooth(section: Section) -> np.ndarray:
    """Smoothed z-scored log-normalised images, z-scored again, `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        The section.
    """
    return zscore(smoothed(section, zscored(section)))


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


def smooth_pearson(section: Section) -> np.ndarray:
    """Smoothed Pearson residuals, z-scored, `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        The section.
    """
    return zscore(smoothed(section, pearson(section)))


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
    """Scores of the first principal components over genes, exact, by the covariance of the pixels.

    Parameters
    ----------
    values
        `(n_genes, n_pixels)`.
    n_dims
        How many; never more than there are.
    """
    centred = (values - values.mean(axis=0)).astype(np.float32)
    _, basis = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    n_dims = min(n_dims, len(values) - 1, values.shape[1])
    return centred @ basis[:, ::-1][:, :n_dims].astype(np.float32)


def level(section: Section) -> np.ndarray:
    """Mean expression and detection rate, nothing else.

    Parameters
    ----------
    section
        The section.
    """
    counts = section.images.counts
    total = np.asarray(counts.sum(axis=1)).ravel()
    detected = np.diff(counts.indptr) / counts.shape[1]
    return zscore(np.stack([np.log(total), detected])).T


def table(seed: int = 0) -> dict[str, Method]:
    """Baselines by name.

    Parameters
    ----------
    seed
        Of the random row.
    """

    def random(section: Section) -> np.ndarray:
        # Two sections must not draw the same numbers.
        words = [seed, *section.name.encode()]
        return np.random.default_rng(words).standard_normal((section.images.n_genes, 32))

    def first(n_dims: int, images: Method) -> Method:
        return lambda section: pca(images(section), n_dims)

    methods: dict[str, Method] = {
        "random, 32": random,
        "expression level and detection": level,
        "raw log images, all pixels": log_images,
        "z-scored images, all pixels": zscored,
        ALL_SMOOTHED: smooth,
        "PCA 32 of raw": first(32, log_images),
        "PCA 32 of z-scored": first(32, zscored),
    }
    methods |= {f"PCA {n} of smoothed z-scored": first(n, smooth) for n in (32, 64, 128)}
    methods |= {
        "smoothed Pearson residuals, all pixels": smooth_pearson,
        "PCA 32 of smoothed Pearson residuals": first(32, smooth_pearson),
        "Wiener-filtered residuals, all pixels": wiener,
    }
    return methods | {f"PCA {n} of Wiener-filtered residuals": first(n, wiener) for n in (32, 64, 128)}


def chosen(seed: int, *names: str) -> dict[str, Method]:
    """Some baselines, in the order of their names.

    Parameters
    ----------
    seed
        Of the random row.
    *names
        Keys of `table`.
    """
    every = table(seed)
    return {name: every[name] for name in names}
