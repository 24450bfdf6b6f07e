"""Means over the nearest cells, as sparse matrices of weights."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Int, Num
from scipy import sparse
from scipy.spatial import cKDTree

# Distances that differ by a smaller share are equal. So many equal ones are looked for at most: a ring of a
# hexagonal lattice holds 12 at most within the scales in use.
TIE = 1e-6
MOST_TIED = 24


# Cells whose distances to their n-th nearest say what is usual.
MOST_LOOKED_AT = 1000


def mean_of_nearest(
    coordinates: Num[np.ndarray, "cells axes"],
    n: int,
    cells: Int[np.ndarray, " some"] | None = None,
    *,
    reach: float = np.inf,
) -> Float32[sparse.csr_matrix | sparse.csr_array, "some cells"]:
    """Weights that replace each cell's value by the mean over the cells nearest to it, itself included.

    Numbers of cells, not distances, say how far that reaches: the units of the coordinates don't matter.

    Parameters
    ----------
    coordinates
        Places of the cells, `(n_cells, 2)` or `(n_cells, 3)`, in any unit.
    n
        Cells of a mean; all of them where there are fewer.
    cells
        Numbers of the cells whose means are wanted, `(n_some,)`; None: all.
    reach
        Cells farther away than so many times the usual distance to the n-th nearest don't count: of an island
        only its own do. Default: all count.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 `(n_some, n_cells)`; rows sum to 1. Cells as far as the last of the `n` share its weight.

    Notes
    -----
    A cell nearer than the n-th nearest weighs 1 / n; what these leave of n is shared out equally among the
    cells that are as far as the n-th, within one part in a million. What is usual is the median over cells.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    >>> (mean_of_nearest(places, 2) @ np.array([0.0, 2.0, 4.0])).tolist()
    [1.0, 1.0, 3.0]
    """
    n_cells = len(coordinates)
    cells = np.arange(n_cells) if cells is None else cells
    n = min(n, n_cells)
    if n == 1:
        return sparse.csr_matrix(
            (np.ones(len(cells), np.float32), cells, np.arange(len(cells) + 1)), shape=(len(cells), n_cells)
        )
    tree = cKDTree(coordinates)
    at = coordinates[cells]
    distance, near = tree.query(at, min(n + 1, n_cells), workers=torch.get_num_threads())
    # Of cells equally far, as on a lattice, each gets its share: rounding must not choose among them.
    last = distance[:, n - 1]
    tied = distance[:, -1] <= last * (1 + TIE) if n < n_cells else np.zeros(len(cells), bool)
    alone = ~tied
    limit = np.inf
    if np.isfinite(reach):
        some = coordinates[:: max(1, n_cells // MOST_LOOKED_AT)]
        usual = tree.query(some, n)[0][:, -1]
        usual = usual[usual > 0]  # not of cells that lie one on the other
        limit = reach * np.median(usual) if len(usual) else np.inf
    weights = np.full((int(alone.sum()), n), 1 / n, np.float32)
    parts = [_rows(weights, near[alone, :n], distance[alone, :n], limit, n_cells)]
    if tied.any():
        look = min(n + MOST_TIED, n_cells)
        distance, near = tree.query(at[tied], look, workers=torch.get_num_threads())
        parts.append(_rows(_shared_out(distance, n), near, distance, limit, n_cells))
    # Whose cells are not tied come first: back to the order that is wanted.
    found = parts[0] if alone.all() else sparse.vstack(parts, "csr")
    if not (alone.all() or tied.all()):
        found = found[np.argsort(np.concatenate([np.flatnonzero(alone), np.flatnonzero(tied)]))]
    found.eliminate_zeros()
    found.sort_indices()
    return found


def _shared_out(distance: np.ndarray, n: int) -> Float32[np.ndarray, "some look"]:
    """Weights of cells by falling nearness, of which those as far as the n-th share what is left."""
    last = distance[:, n - 1 : n]
    nearer, tied = distance < last * (1 - TIE), abs(distance - last) <= last * TIE
    share = (n - nearer.sum(axis=1, keepdims=True)) / np.maximum(tied.sum(axis=1, keepdims=True), 1)
    return ((nearer + tied * share) / n).astype(np.float32)


def _rows(
    weights: Float32[np.ndarray, "some look"],
    near: np.ndarray,
    distance: np.ndarray,
    limit: float,
    n_cells: int,
) -> sparse.csr_matrix:
    """Rows of weights that add up to 1, without those of cells beyond a limit."""
    if (distance[:, -1:] > limit).any():
        weights = np.where(distance <= limit, weights, 0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    n_rows, width = near.shape
    pointers = np.arange(0, near.size + 1, width)
    return sparse.csr_matrix((weights.ravel(), near.ravel(), pointers), shape=(n_rows, n_cells))
