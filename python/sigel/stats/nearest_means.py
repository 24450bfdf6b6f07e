"""Means over the nearest cells, as sparse matrices of weights."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Num
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

# Distances that differ by a smaller share are equal. So many equal ones are looked for at most: a ring of a
# hexagonal lattice holds 12 at most within the scales in use.
TIE = 1e-6
MOST_TIED = 24


def mean_of_nearest(
    coordinates: Num[np.ndarray, "cells axes"], n: int
) -> Float32[sparse.csr_matrix | sparse.csr_array, "cells cells"]:
    """Weights that replace each cell's value by the mean over the cells nearest to it, itself included.

    Numbers of cells, not distances, say how far that reaches: the units of the coordinates don't matter.

    Parameters
    ----------
    coordinates
        Places of the cells, `(n_cells, 2)` or `(n_cells, 3)`, in any unit.
    n
        Cells of a mean; all of them where there are fewer.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 `(n_cells, n_cells)`; rows sum to 1. Cells as far as the last of the `n` share its weight.

    Notes
    -----
    A cell nearer than the n-th nearest weighs 1 / n; what these leave of n is shared out equally among the
    cells that are as far as the n-th, within one part in a million.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    >>> (mean_of_nearest(places, 2) @ np.array([0.0, 2.0, 4.0])).tolist()
    [1.0, 1.0, 3.0]
    """
    n_cells = len(coordinates)
    n = min(n, n_cells)
    if n == 1:
        return sparse.eye_array(n_cells, dtype=np.float32, format="csr")
    # Of cells equally far, as on a lattice, each gets its share: rounding must not choose among them.
    look = min(n + MOST_TIED, n_cells)
    distance, near = NearestNeighbors(n_neighbors=look).fit(coordinates).kneighbors(coordinates)
    last = distance[:, n - 1 : n]
    nearer, tied = distance < last * (1 - TIE), abs(distance - last) <= last * TIE
    share = (n - nearer.sum(axis=1, keepdims=True)) / np.maximum(tied.sum(axis=1, keepdims=True), 1)
    weights = ((nearer + tied * share) / n).astype(np.float32)
    pointers = np.arange(0, n_cells * look + 1, look)
    found = sparse.csr_matrix((weights.ravel(), near.ravel(), pointers), shape=(n_cells, n_cells))
    found.eliminate_zeros()
    found.sort_indices()
    return found
