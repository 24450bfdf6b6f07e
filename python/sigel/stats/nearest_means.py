"""Means over the nearest cells, as sparse matrices of weights."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Int, Num
from scipy import sparse
from scipy.spatial import cKDTree

from sigel.stats.rounded_lattice import rounding_slack

# Distances that differ by a smaller share are equal. So many equal ones are looked for at most: a ring of a
# hexagonal lattice holds 12 at most within the scales in use.
TIE = 1e-6
MOST_TIED = 24
# Cells handled at a time: of a lattice each looks at many others before the ties are settled.
_BLOCK = 100_000


def mean_of_nearest(
    coordinates: Num[np.ndarray, "cells axes"], n: int, cells: Int[np.ndarray, " some"] | None = None
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

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 `(n_some, n_cells)`; rows sum to 1. Cells as far as the last of the `n` share its weight.
        Where more than 24 lie at one place, a cell may be left out of its own mean.

    Notes
    -----
    A cell nearer than the n-th nearest weighs 1 / n; what these leave of n is shared out equally among the
    cells that are as far as the n-th, within one part in a million. On a lattice whose coordinates were
    rounded, as those of Visium to whole pixels, within what rounding makes of equal distances.

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
    starts = range(0, max(len(cells), 1), _BLOCK)
    slack = rounding_slack(coordinates, tree)
    blocks = [_nearest(tree, coordinates[cells[start : start + _BLOCK]], n, slack) for start in starts]
    return blocks[0] if len(blocks) == 1 else sparse.vstack(blocks, "csr")


def _nearest(tree: cKDTree, at: np.ndarray, n: int, slack: float) -> sparse.csr_matrix:
    """Rows of weights of the cells at some places; distances that differ by `slack` are equal."""
    n_cells, workers = tree.n, torch.get_num_threads()
    distance, near = tree.query(at, min(n + 1, n_cells), workers=workers)
    # Of cells equally far, as on a lattice, each gets its share: rounding must not choose among them.
    tied = np.zeros(len(at), bool)
    if n < n_cells:
        tied = distance[:, -1] <= distance[:, n - 1] + np.maximum(distance[:, n - 1] * TIE, slack)
    alone = ~tied
    weights = np.full((int(alone.sum()), n), 1 / n, np.float32)
    parts = [_rows(weights, near[alone, :n], n_cells)]
    if tied.any():
        distance, near = tree.query(at[tied], min(n + MOST_TIED, n_cells), workers=workers)
        parts.append(_rows(_shared_out(distance, n, slack), near, n_cells))
    # Whose cells are not tied come first: back to the order that is wanted.
    found = parts[0] if alone.all() else sparse.vstack(parts, "csr")
    if not (alone.all() or tied.all()):
        found = found[np.argsort(np.concatenate([np.flatnonzero(alone), np.flatnonzero(tied)]))]
    found.eliminate_zeros()
    found.sort_indices()
    return found


def _shared_out(distance: np.ndarray, n: int, slack: float) -> Float32[np.ndarray, "some look"]:
    """Weights of cells by falling nearness, of which those as far as the n-th share what is left."""
    last = distance[:, n - 1 : n]
    equal = np.maximum(last * TIE, slack)
    nearer, tied = distance < last - equal, abs(distance - last) <= equal
    share = (n - nearer.sum(axis=1, keepdims=True)) / np.maximum(tied.sum(axis=1, keepdims=True), 1)
    return ((nearer + tied * share) / n).astype(np.float32)


def _rows(
    weights: Float32[np.ndarray, "some look"], near: Int[np.ndarray, "some look"], n_cells: int
) -> sparse.csr_matrix:
    n_rows, width = near.shape
    pointers = np.arange(0, near.size + 1, width)
    return sparse.csr_matrix((weights.ravel(), near.ravel(), pointers), shape=(n_rows, n_cells))
