"""Representations without training, a row per gene: what SIGEL must beat."""

from __future__ import annotations

import numpy as np

from benchmarks.harness.pixels import log_images, pca, pearson, smoothed, wiener, zscore, zscored
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


def smooth_pearson(section: Section) -> np.ndarray:
    """Smoothed Pearson residuals, z-scored, `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        The section.
    """
    return zscore(smoothed(section, pearson(section)))


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
