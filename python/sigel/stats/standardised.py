"""The columns of a sparse matrix as z-scores that are never written out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Num
from scipy import sparse

from sigel.stats.products import sparse_product
from sigel.stats.scaling import divisor


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

    Notes
    -----
    With X the matrix, m the means and D the standard deviations on a diagonal, the z-scores are
    `Z = (X - 1 m') / D`. Hence `Z R = X (R / D) - 1 m' (R / D)` and `Z' L = (X' L - m 1' L) / D`: one sparse
    product each.
    """

    matrix: Num[sparse.csr_matrix, "rows columns"]
    mean: Float[np.ndarray, " columns"]
    sd: Float[np.ndarray, " columns"]
    more: Float[np.ndarray, "rows more"] | None = None

    @classmethod
    def of(cls, matrix: Num[sparse.spmatrix, "rows columns"]) -> Standardised:
        """Take means and standard deviations of the columns.

        Parameters
        ----------
        matrix
            `(n_rows, n_columns)`, sparse.
        """
        matrix = sparse.csr_matrix(matrix)
        mean, variance = column_moments(matrix)
        return cls(matrix, mean, divisor(np.sqrt(variance)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.matrix.shape
        return rows, columns + (0 if self.more is None else self.more.shape[1])

    def joined(self, more: Float[np.ndarray, "rows more"]) -> Standardised:
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

    def __matmul__(self, right: Num[np.ndarray, "columns k"]) -> Float[np.ndarray, "rows k"]:
        """Product of the z-scores `(n_rows, n_columns)` with `(n_columns, k)`; `(n_rows, k)`."""
        n = len(self.mean)
        scaled = right[:n] / self.sd[:, None]
        product = sparse_product(self.matrix, scaled) - self.mean @ scaled
        return product if self.more is None else product + self.more @ right[n:]

    def transposed_product(self, left: Num[np.ndarray, "rows k"]) -> Float[np.ndarray, "columns k"]:
        """Product of the transposed z-scores with `(n_rows, k)`; `(n_columns, k)`; not of further columns.

        Parameters
        ----------
        left
            `(n_rows, k)`.
        """
        by_column = sparse.csr_matrix(self._by_column.T)  # the same memory, seen as rows
        product = sparse_product(by_column, left) - np.outer(self.mean, left.sum(axis=0))
        return product / self.sd[:, None]

    def rows(self, index: np.ndarray | slice) -> Float32[np.ndarray, "some columns"]:
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


def column_moments(
    matrix: Num[sparse.csr_matrix, "rows columns"],
) -> tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
    """Mean and variance of the columns, float64 `(n_columns,)` each.

    Parameters
    ----------
    matrix
        `(n_rows, n_columns)`, CSR.
    """
    n_rows, n_columns = matrix.shape
    # scipy adds up in the precision of the data.
    data = matrix.data.astype(np.float64)
    mean, square = (
        np.bincount(matrix.indices, weights=one, minlength=n_columns) / max(n_rows, 1)
        for one in (data, np.square(data))
    )
    return mean, np.maximum(square - mean**2, 0)
