"""Products of a sparse matrix with a dense one, on as many threads as torch has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy import sparse

# Multiplications that a thread is worth, about a tenth of a second.
LEAST_WORK = 2 * 10**7


def sparse_product(left: sparse.spmatrix, right: np.ndarray) -> np.ndarray:
    """`left @ right`, some rows on each thread.

    The same to the last bit, whatever the number of threads: a row is added up by one of them, and a column
    does not hang on the others, as it does in torch's product.

    Parameters
    ----------
    left
        `(n_rows, n)`, best stored by rows.
    right
        `(n, n_columns)`, dense.

    Returns
    -------
    numpy.ndarray
        `(n_rows, n_columns)`, of the wider of both types.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> sparse_product(sparse.csr_matrix([[1.0, 0.0], [0.0, 2.0]]), np.ones((2, 3))).tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """
    left = sparse.csr_matrix(left)  # the same one where it is CSR
    work = left.nnz * right.shape[1]
    n_threads = int(min(torch.get_num_threads(), work // LEAST_WORK, left.shape[0]))
    if n_threads < 2:
        return np.asarray(left @ right)
    # Rows are parted so that each thread has as many entries.
    parts = np.searchsorted(left.indptr, np.linspace(0, left.nnz, n_threads + 1)[1:-1])
    edges = [0, *map(int, parts), left.shape[0]]
    found = np.empty((left.shape[0], right.shape[1]), np.result_type(left.dtype, right.dtype))

    def fill(part: int) -> None:
        first, last = edges[part], edges[part + 1]
        start, stop = left.indptr[first], left.indptr[last]
        pieces = left.data[start:stop], left.indices[start:stop], left.indptr[first : last + 1] - start
        found[first:last] = sparse.csr_matrix(pieces, shape=(last - first, left.shape[1])) @ right

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(fill, range(n_threads)))
    return found
