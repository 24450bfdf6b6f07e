"""What describes a spot: genes in its window of the tissue, as principal components."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sigel.stats.nearest_means import mean_of_nearest
from sigel.stats.partitions import points_of_parts
from sigel.stats.products import sparse_product

# Spots hang together where one is among the other's nearest, and no farther away than so many times what
# either has its third nearest at. What does not is an island, and a window does not cross to it.
LINKED, REACH = 12, 3.0
# Blocks of the Krylov space: axes of patterns are exact, those of noise are not.
BLOCKS = 5


@dataclass(frozen=True)
class Tissue:
    """Places of the spots, in one section or several.

    Parameters
    ----------
    coordinates
        `(n_spots, 2)`, in any unit.
    section
        Number of each spot's section, `(n_spots,)`, from 0.
    names
        Of the sections; none where nobody named them.
    """

    coordinates: np.ndarray
    section: np.ndarray
    names: tuple[str, ...] = ()

    @property
    def n_sections(self) -> int:
        """How many sections."""
        return int(self.section.max()) + 1

    @property
    def widest(self) -> int:
        """Spots of the widest window that makes sense: half of the smallest section."""
        return max(1, int(np.bincount(self.section).min()) // 2)

    def name(self, k: int) -> str | None:
        """Of a section among several, for messages; None where there is one only.

        Parameters
        ----------
        k
            Its number.
        """
        if self.n_sections == 1:
            return None
        return self.names[k] if self.names else str(k)

    @cached_property
    def parts(self) -> list[np.ndarray]:
        """Spots of each section, in order."""
        return points_of_parts(self.section)

    @cached_property
    def _means(self) -> dict[int, sparse.csr_matrix]:
        return {}

    def means(self, n: int, spots: np.ndarray | None = None) -> sparse.csr_matrix:
        """Means over the `n` nearest spots of the same section, sparse `(n_some, n_spots)`.

        Parameters
        ----------
        n
            Spots of a mean, the spot itself included.
        spots
            Numbers of the spots whose means are wanted; None: all, which are made once and kept.
        """
        if n in self._means:
            return self._means[n] if spots is None else self._means[n][spots]
        if spots is not None:
            return self._nearest(n, spots)
        self._means[n] = self._nearest(n, np.arange(len(self.section)))
        return self._means[n]

    @cached_property
    def _pieces(self) -> list[np.ndarray]:
        """Spots of each island of each section, in order."""
        made = []
        for part in self.parts:
            made += [part[own] for own in points_of_parts(islands(self.coordinates[part]))]
        return made

    def _nearest(self, n: int, spots: np.ndarray) -> sparse.csr_matrix:
        if len(self._pieces) == 1:
            return mean_of_nearest(self.coordinates, n, spots)
        within, piece_of = np.empty(len(self.section), int), np.empty(len(self.section), int)
        for k, piece in enumerate(self._pieces):
            within[piece], piece_of[piece] = np.arange(len(piece)), k
        order = np.argsort(piece_of[spots], kind="stable")
        ends = np.cumsum(np.bincount(piece_of[spots], minlength=len(self._pieces)))
        blocks = [
            mean_of_nearest(self.coordinates[piece], n, within[spots[asked]])
            for piece, asked in zip(self._pieces, np.split(order, ends[:-1]), strict=True)
        ]
        found = sparse.csr_matrix(sparse.block_diag(blocks, "csr"))
        found.indices = np.concatenate(self._pieces).astype(found.indices.dtype)[found.indices]
        found = found[np.argsort(order)]
        found.sort_indices()
        return found


def islands(coordinates: np.ndarray) -> np.ndarray:
    """Number of the island that each spot of a section is on, from 0, `(n_spots,)`.

    Parameters
    ----------
    coordinates
        `(n_spots, 2)`, in any unit.

    Notes
    -----
    Connected components of the spots and their 12 nearest, where a pair is linked that is no farther apart
    than three times the larger of the two spots' distances to their third nearest: how densely spots lie may
    differ between parts of the tissue, and a spot or two alone belong to what is nearest.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.stack(np.divmod(np.arange(20.0), 5), axis=1)
    >>> islands(np.vstack([places, places + 50])).tolist() == [0] * 20 + [1] * 20
    True
    """
    n_spots = len(coordinates)
    k = min(LINKED + 1, n_spots)
    if k <= 4:
        return np.zeros(n_spots, int)
    distance, near = cKDTree(coordinates).query(coordinates, k, workers=torch.get_num_threads())
    own = distance[:, 3]
    linked = distance <= REACH * np.maximum(own[:, None], own[near])
    row = np.repeat(np.arange(n_spots), linked.sum(axis=1))
    graph = sparse.csr_matrix((np.ones(len(row), bool), (row, near[linked])), shape=(n_spots, n_spots))
    return connected_components(graph, directed=False)[1]


@dataclass(frozen=True)
class View:
    """Principal components of genes averaged over windows.

    Parameters
    ----------
    window
        Spots of a window.
    scores
        Of the spots that were asked for, `(n_some, n_components)`, columns with mean 0, the one of largest
        variance first.
    axes
        `(n_genes, n_components)`.
    middle
        What is taken from the scores of the spots of each section, `(n_sections, n_components)`.
    """

    window: int
    scores: np.ndarray
    axes: np.ndarray
    middle: np.ndarray

    def apart_from(self, offset: np.ndarray, section: np.ndarray) -> View:
        """The view without what sets sections apart.

        Parameters
        ----------
        offset
            Of each section, `(n_sections, n_components)`.
        section
            Of each spot with scores, `(n_some,)`.
        """
        return View(self.window, self.scores - offset[section], self.axes, self.middle + offset)

    def of_all(self, values: sparse.csr_matrix, tissue: Tissue) -> np.ndarray:
        """Scores of all spots, float32 `(n_spots, n_components)`.

        Parameters
        ----------
        values, tissue
            Those that the view was made of.
        """
        found = sparse_product(values, self.axes.astype(np.float32))
        if self.window > 1:
            found = sparse_product(tissue.means(self.window), found)
        found -= self.middle.astype(np.float32)[tissue.section]
        return np.asarray(found, dtype=np.float32)


def view_of(
    values: sparse.csr_matrix,
    tissue: Tissue,
    window: int,
    n_components: int,
    rng: np.random.Generator,
    spots: np.ndarray | None = None,
) -> View:
    """Principal components of genes averaged over windows.

    Parameters
    ----------
    values
        Genes, `(n_spots, n_genes)`.
    tissue
        Where the spots lie.
    window
        Spots of a window.
    n_components
        Components at most.
    rng
        Of the start of the solver.
    spots
        Numbers of the spots that the components are made from and that get scores; None: all.
    """
    means = tissue.means(window, spots)
    if spots is not None:  # what lies in no window is not looked at
        seen = np.unique(means.indices)
        means, values = means[:, seen], values[seen]
    axes = principal_axes(means, values, n_components, rng)
    scores = sparse_product(means, sparse_product(values, axes)).astype(np.float64)  # (n_some, n_components)
    middle = scores.mean(axis=0)
    return View(window, scores - middle, axes, np.tile(middle, (tissue.n_sections, 1)))


def principal_axes(
    means: sparse.csr_matrix, values: sparse.csr_matrix, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Axes of largest variance of `means @ values`, `(n_columns, n)`.

    The product is made only where it holds fewer numbers than the values.

    Parameters
    ----------
    means
        `(n_rows, n_spots)`.
    values
        `(n_spots, n_columns)`.
    n
        How many; fewer where there are fewer rows or columns.
    rng
        Of the start.

    Notes
    -----
    Block Krylov iteration from random directions (Musco and Musco 2015, algorithm 2): what each block adds is
    kept, so that five of them come as near as eight rounds of subspace iteration of twice the cost.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> x = np.random.default_rng(0).normal(size=(50, 5)) * [1, 9, 1, 4, 1]
    >>> axes = principal_axes(sparse.eye_array(50, format="csr"), sparse.csr_matrix(x), 2,
    ...                       np.random.default_rng(0))
    >>> np.abs(axes).argmax(axis=0).tolist()
    [1, 3]
    """
    n_rows, n_columns = means.shape[0], values.shape[1]
    if n_rows * n_columns < values.nnz:  # of few windows of many spots the product is the smaller
        means, values = sparse.eye_array(n_rows, format="csr"), sparse.csr_matrix(means @ values)
    n = min(n, n_columns, n_rows - 1)
    back, spread = sparse.csr_matrix(values.T), sparse.csr_matrix(means.T)
    mean = back @ np.asarray(spread.sum(axis=1), dtype=np.float64).ravel() / n_rows  # (n_columns,)

    def scores_of(axes: np.ndarray) -> np.ndarray:  # (n_rows, n_axes), columns with mean 0
        return sparse_product(means, sparse_product(values, axes)) - mean @ axes

    blocks = [np.linalg.qr(rng.standard_normal((n_columns, n)))[0]]
    for _ in range(BLOCKS):
        scores = scores_of(blocks[-1])  # (n_rows, n)
        summed = sparse_product(back, sparse_product(spread, scores))  # (n_columns, n)
        blocks.append(np.linalg.qr(summed - np.outer(mean, scores.sum(axis=0)))[0])
    space = np.linalg.qr(np.concatenate(blocks[1:], axis=1))[0]  # (n_columns, up to BLOCKS * n)
    scores = scores_of(space)
    turned = np.linalg.eigh(scores.T @ scores)[1][:, ::-1]  # the largest first
    axes = space @ turned[:, :n]
    # The sign is the solver's whim: the largest entry of an axis is positive.
    return axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(n)])
