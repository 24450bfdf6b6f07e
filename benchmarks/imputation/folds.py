"""One fold of a split as methods of imputation see it, and what most of them begin with.

Nothing here needs the package itself: peers run this file in an environment of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from sklearn.neighbors import NearestNeighbors


@dataclass(frozen=True)
class Fold:
    """What a method sees, and the names of what it shall find.

    Parameters
    ----------
    target
        Cells x genes still measured, raw counts, `obsm["spatial"]`; nothing in it knows the genes held out.
    references
        Spots x genes, raw counts, `obsm["spatial"]`.
    held
        Genes held out; every reference has them.
    seed
        Of whatever the method draws.
    quick
        Whether it shall only show that it runs: the package then takes settings for seconds.
    """

    target: AnnData
    references: list[AnnData]
    held: list[str]
    seed: int = 0
    quick: bool = False

    @cached_property
    def panel(self) -> list[str]:
        """Genes of the target that every reference has, in the target's order."""
        known = set.intersection(*(set(reference.var_names) for reference in self.references))
        return [gene for gene in self.target.var_names if gene in known]

    @cached_property
    def measured(self) -> np.ndarray:
        """Log-normalised counts of the panel in the target, `(n_cells, n_panel)`."""
        return values(self.target, self.panel)

    def known(self, genes: list[str]) -> list[np.ndarray]:
        """Log-normalised counts of some genes in each reference, each `(n_spots, n_genes)`.

        Parameters
        ----------
        genes
            Names.
        """
        return [values(reference, genes) for reference in self.references]


@dataclass(frozen=True)
class Predicted:
    """What a method found for the genes held out.

    Parameters
    ----------
    values
        `(n_cells, n_held)`; NaN where there is no answer.
    lower, upper
        Ends of the intervals in the units of `values`, where the method has any.
    genes
        What the method says of each gene beforehand, a row for each of `held`.
    about
        What it says of itself.
    """

    values: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    genes: pd.DataFrame | None = None
    about: dict[str, float] | None = None


def fold_of(
    target: AnnData, references: list[AnnData], held: list[str], seed: int = 0, *, quick: bool = False
) -> Fold:
    """Take genes out of a target, with all that could tell of them.

    Parameters
    ----------
    target, references
        As in `Fold`, with the genes still in the target.
    held
        Genes to take out.
    seed, quick
        As in `Fold`.
    """
    keep = ~target.var_names.isin(held)
    bare = AnnData(
        target.X[:, keep],
        obs=target.obs[[]],
        var=target.var.loc[keep, []],
        obsm={"spatial": target.obsm["spatial"]},
    )
    return Fold(bare, references, held, seed, quick)


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


def nearest_reference(known: np.ndarray, measured: np.ndarray, n: int = 50) -> sparse.csr_matrix:
    """Even weights of the reference spots most like each cell by cosine, `(n_cells, n_spots)`.

    Parameters
    ----------
    known, measured
        Features of spots and of cells.
    n
        How many; fewer where there are fewer spots.
    """
    n = min(n, len(known))
    search = NearestNeighbors(n_neighbors=n, metric="cosine").fit(known)
    near = search.kneighbors(measured, return_distance=False)
    rows = np.repeat(np.arange(len(measured)), n)
    shape = (len(measured), len(known))
    return sparse.csr_matrix((np.full(rows.size, 1 / n), (rows, near.ravel())), shape=shape)
