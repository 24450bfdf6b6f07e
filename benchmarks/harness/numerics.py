"""Normalisation, neighbours and Moran's I, as the baselines need them."""

from __future__ import annotations

import numpy as np
from anndata import AnnData
from scipy import sparse
from sklearn.neighbors import NearestNeighbors


def library(adata: AnnData) -> np.ndarray:
    """Counts of each cell, `(n_cells,)`.

    Parameters
    ----------
    adata
        Cells x genes, raw counts.
    """
    return np.asarray(adata.X.sum(axis=1), dtype=np.float64).ravel()


def normalised(counts: sparse.spmatrix, size: np.ndarray, total: float | None = None) -> sparse.csr_matrix:
    """Counts at the same library size everywhere.

    Parameters
    ----------
    counts
        Cells x genes.
    size
        Library sizes, `(n_cells,)`; cells without counts stay zero.
    total
        The common size; None: the median of the cells with counts.
    """
    total = np.median(size[size > 0]) if total is None else total
    factor = np.divide(total, size, out=np.zeros(len(size)), where=size > 0)
    return sparse.csr_matrix(sparse.diags_array(factor) @ sparse.csr_matrix(counts, dtype=np.float64))


def log_normalised(
    counts: sparse.spmatrix, size: np.ndarray, total: float | None = None
) -> sparse.csr_matrix:
    """Logarithms of one plus `normalised` counts.

    Parameters
    ----------
    counts, size, total
        As there.
    """
    return normalised(counts, size, total).log1p()


def values(adata: AnnData, genes: list[str]) -> np.ndarray:
    """Log-normalised counts of some genes, by the library of all that the object has.

    Parameters
    ----------
    adata
        Cells x genes, raw counts.
    genes
        Names.
    """
    return log_normalised(adata[:, genes].X, library(adata)).toarray()


def zscored(x: np.ndarray, axis: int = 0, least: float = 1e-12) -> np.ndarray:
    """Values at mean 0 and standard deviation 1; what is constant becomes 0.

    Parameters
    ----------
    x
        `(n_cells, n_genes)`.
    axis
        Over which: that of the cells.
    least
        A standard deviation up to this is rounding: the values are constant.
    """
    centred = x - x.mean(axis=axis, keepdims=True)
    spread = centred.std(axis=axis, keepdims=True)
    return centred / np.where(spread > least, spread, 1)


def even_weights(near: np.ndarray, n: int) -> sparse.csr_matrix:
    """Means over some of n rows as a matrix, `(n_means, n)`.

    Parameters
    ----------
    near
        Rows of each mean, `(n_means, n_rows)`.
    n
        How many there are.
    """
    rows = np.repeat(np.arange(len(near)), near.shape[1])
    weight = np.full(near.size, 1 / near.shape[1])
    return sparse.csr_matrix((weight, (rows, near.ravel())), shape=(len(near), n))


def mean_of_nearest(places: np.ndarray, n: int, *, itself: bool = True) -> sparse.csr_matrix:
    """Average over the nearest cells as a matrix, `(n_cells, n_cells)`, n entries a row.

    Parameters
    ----------
    places
        `(n_cells, 2)`.
    n
        How many; fewer where there are fewer.
    itself
        Whether the cell itself is one of them.
    """
    n_cells = len(places)
    search = NearestNeighbors(n_neighbors=min(n, n_cells if itself else n_cells - 1)).fit(places)
    # Without points to look up, sklearn leaves each point out of its own neighbours.
    return even_weights(search.kneighbors(places if itself else None, return_distance=False), n_cells)


def morans_i(z: np.ndarray, near: sparse.csr_matrix) -> np.ndarray:
    """Moran's I of each column, `(n_genes,)`.

    Parameters
    ----------
    z
        From `zscored`, `(n_spots, n_genes)`.
    near
        Means over each spot's nearest, `(n_spots, n_spots)`.
    """
    return (z.T * (near @ z).T).mean(axis=1)  # this way round a row of pixels is summed in pairs
