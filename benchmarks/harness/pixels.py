"""Dense pixels of all genes of a section, which a benchmark may hold and the package never does."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from benchmarks.harness.sections import Section
from sigel.images.raster import Raster

N_NEAREST = 6


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
        `(n_genes, n_pixels)`.
    """
    centred = values - values.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-6)


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
    z = zscored(section)
    return (z * (six_nearest(section.images.raster) @ z.T).T).mean(axis=1)
