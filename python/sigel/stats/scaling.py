"""The columns of a sparse matrix as z-scores that are never written out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

# Columns that vary less have nothing to say; they become zeros.
LEAST_SPREAD = 1e-6


def log_normalised(counts: sparse.csr_matrix, library: np.ndarray, target_sum: float) -> sparse.csr_matrix:
    """`log1p` of counts scaled to a common library size; cells without counts stay empty.

    Parameters
    ----------
    counts
        `(n_cells, n_genes)`.
    library
        Library size of each cell, `(n_cells,)`.
    target_sum
        Counts of a cell after scaling.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 `(n_cells, n_genes)`; zeros stay zeros.
    """
    factor = np.divide(target_sum, library, out=np.zeros(len(library)), where=library > 0)
    scaled = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
    scaled.data = np.log1p(scaled.data * np.repeat(factor, np.diff(scaled.indptr))).astype(np.float32)
    return scaled


@dataclass(frozen=True)
class Standardised:
    """Columns as z-scores over the rows: products and blocks of rows are made on demand.

    Parameters
    ----------
    matrix
        `(n_rows, n_columns)`, CSR.
    mean, sd
        Of the columns, float64 `(n_columns,)`; `sd` is 1 where a column does not vary.
    more
        Further columns that are used as they are, dense `(n_rows, n_more)`, or None.
    """

    matrix: sparse.csr_matrix
    mean: np.ndarray
    sd: np.ndarray
    more: np.ndarray | None = None

    @classmethod
    def of(cls, matrix: sparse.csr_matrix) -> Standardised:
        """Take means and standard deviations of the columns.

        Parameters
        ----------
        matrix
            `(n_rows, n_columns)`, sparse.
        """
        matrix = sparse.csr_matrix(matrix)
        mean = np.asarray(matrix.mean(axis=0, dtype=np.float64)).ravel()
        square = np.bincount(
            matrix.indices, weights=np.square(matrix.data, dtype=np.float64), minlength=matrix.shape[1]
        )
        sd = np.sqrt(np.maximum(square / max(matrix.shape[0], 1) - mean**2, 0))
        return cls(matrix, mean, np.where(sd > LEAST_SPREAD, sd, 1.0))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.matrix.shape
        return rows, columns + (0 if self.more is None else self.more.shape[1])

    def joined(self, more: np.ndarray) -> Standardised:
        """With further columns that are used as they are.

        Parameters
        ----------
        more
            `(n_rows, n_more)`.
        """
        before = [] if self.more is None else [self.more]
        return Standardised(self.matrix, self.mean, self.sd, np.hstack([*before, more]))

    def columns(self, index: np.ndarray | Sequence[int]) -> Standardised:
        """Some of the columns; not for one with further columns.

        Parameters
        ----------
        index
            Column numbers, in the order wanted.
        """
        return Standardised(sparse.csr_matrix(self._by_column[:, index]), self.mean[index], self.sd[index])

    @cached_property
    def _by_column(self) -> sparse.csc_matrix:
        """The matrix stored by columns, of which some are cheap to take."""
        return sparse.csc_matrix(self.matrix)

    def __matmul__(self, right: np.ndarray) -> np.ndarray:
        """Product of the z-scores `(n_rows, n_columns)` with `(n_columns, k)`; `(n_rows, k)`."""
        n = len(self.mean)
        scaled = right[:n] / self.sd[:, None]
        product = self.matrix @ scaled - self.mean @ scaled
        return product if self.more is None else product + self.more @ right[n:]

    def transposed_product(self, left: np.ndarray) -> np.ndarray:
        """Product of the transposed z-scores with `(n_rows, k)`; `(n_columns, k)`; not of further columns.

        Parameters
        ----------
        left
            `(n_rows, k)`.
        """
        product = self.matrix.T @ left - np.outer(self.mean, left.sum(axis=0))
        return product / self.sd[:, None]

    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        """Some rows of the z-scores, dense float32 `(len(index), n_columns)`.

        Parameters
        ----------
        index
            Row numbers.
        """
        dense = (self.matrix[index].toarray() - self.mean) / self.sd
        if self.more is not None:
            dense = np.hstack([dense, self.more[index]])
        return dense.astype(np.float32)


def centred(representations: np.ndarray) -> np.ndarray:
    """Unit vectors of representations `(n, d)` about the mean of all: the product of two is a similarity."""
    return unit(representations - representations.mean(axis=0))


def unit(z: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays what it is."""
    return z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)


def zscored(values: np.ndarray) -> np.ndarray:
    """Columns as z-scores, float32; those that do not vary become zeros."""
    sd = values.std(axis=0)
    return ((values - values.mean(axis=0)) / np.where(sd > 1e-6, sd, 1.0)).astype(np.float32)
