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


def log_normalised(
    counts: sparse.spmatrix, size: np.ndarray, total: float | None = None
) -> sparse.csr_matrix:
    """Logarithms of one plus counts at the same library size everywhere.

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
    return sparse.csr_matrix(sparse.diags_array(factor) @ sparse.csr_matrix(counts, dtype=np.float64)).log1p()


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


def zscored(x: np.ndarray) -> np.ndarray:
    """Columns at mean 0 and standard deviation 1; constant ones become 0.

    Parameters
    ----------
    x
        `(n_cells, n_genes)`.
    """
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)


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
    n = min(n, n_cells if itself else n_cells - 1)
    search = NearestNeighbors(n_neighbors=n).fit(places)
    # Without points to look up, sklearn leaves each point out of its own neighbours.
    near = search.kneighbors(places if itself else None, return_distance=False)
    rows = np.repeat(np.arange(n_cells), n)
    return sparse.csr_matrix((np.full(rows.size, 1 / n), (rows, near.ravel())), shape=(n_cells, n_cells))


def morans_i(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Moran's I of each column over the six nearest.

    Parameters
    ----------
    x
        `(n_spots, n_genes)`.
    places
        `(n_spots, 2)`.
    """
    z = zscored(x)
    return (z * (mean_of_nearest(places, 6, itself=False) @ z)).mean(axis=0)
