"""What describes a spot: chosen genes in its window of the tissue, as principal components."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from sigel.stats.nearest_means import mean_of_nearest

GENES_AT_A_TIME = 512


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
        order = np.argsort(self.section, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.section))[:-1])

    @cached_property
    def _means(self) -> dict[int, sparse.csr_matrix]:
        return {}

    def means(self, n: int) -> sparse.csr_matrix:
        """Means over the `n` nearest spots of the same section, sparse `(n_spots, n_spots)`; made once.

        Parameters
        ----------
        n
            Spots of a mean, the spot itself included.
        """
        if n not in self._means:
            self._means[n] = self._nearest(n)
        return self._means[n]

    def _nearest(self, n: int) -> sparse.csr_matrix:
        if self.n_sections == 1:
            return mean_of_nearest(self.coordinates, n)
        blocks = sparse.block_diag([mean_of_nearest(self.coordinates[part], n) for part in self.parts], "csr")
        back = np.argsort(np.concatenate(self.parts), kind="stable")
        return sparse.csr_matrix(blocks[back][:, back])


def reach(
    values: sparse.csr_matrix, tissue: Tissue, rings: tuple[int, ...], least: float
) -> tuple[int, np.ndarray]:
    """How many nearest spots still look like a spot: the window within which patterns hold together.

    Parameters
    ----------
    values
        Weighted genes, `(n_spots, n_genes)`.
    tissue
        Where the spots lie.
    rings
        Rising numbers of nearest spots, the first 1.
    least
        Correlation, as a share of that of a spot with itself, that the outermost ring must have.

    Returns
    -------
    window, correlation
        The largest of `rings` in reach, and the correlation of each ring, `(len(rings),)`, 1 first.

    Notes
    -----
    A correlogram summed over genes (Cressie 1993, chapter 2), each weighted by its correlation with the
    nearest ring, so that genes without a pattern have no say. What a spot shares with itself is signal and
    noise; signal alone is extrapolated from the first two rings, as if it fell off exponentially.
    """
    if len(rings) < 2:
        return rings[0], np.ones(1)
    n_spots, offered = len(tissue.section), len(rings)
    if offered == 2:  # the fall of the signal takes two rings
        rings = (*rings, 3 * rings[1])
    means = [tissue.means(n) for n in rings]
    of_section = np.bincount(tissue.section)[tissue.section]
    n_near = [np.minimum(n, of_section)[:, None] for n in rings]  # spots that a mean is over
    member = sparse.csr_matrix((np.ones(n_spots), (tissue.section, np.arange(n_spots))))
    size = np.asarray(member.sum(axis=1))
    sums = np.zeros(len(rings))
    for block in _column_blocks(values):
        within = block - (member.T @ ((member @ block) / size))  # centred in every section
        # Covariance with the sum over each window, gene by gene: (n_rings, n_genes of the block).
        each = np.stack(
            [(n * within * (near @ within)).sum(axis=0) for n, near in zip(n_near, means, strict=True)]
        )
        spatial = np.clip((each[1] - each[0]) / (rings[1] - rings[0]) / np.maximum(each[0], 1e-12), 0, 1)
        sums += each @ spatial
    sizes = np.diff([n.mean() for n in n_near])
    rings_only = np.diff(sums)[sizes > 0] / sizes[sizes > 0]
    if len(rings_only) < 2 or rings_only[0] <= 0 or rings_only[1] <= 0:
        return rings[0], np.array([1.0, *np.zeros(offered - 1)])
    alone = rings_only[0] ** 2 / rings_only[1]
    correlation = np.array([1.0, *np.minimum(rings_only / max(alone, rings_only[0]), 1.0)])[:offered]
    out = np.flatnonzero(correlation < least)
    last = (out[0] if len(out) else len(correlation)) - 1
    padded = np.zeros(offered)
    padded[: len(correlation)] = correlation
    return int(rings[last]), padded


def _column_blocks(values: sparse.csr_matrix) -> Iterator[np.ndarray]:
    by_column = sparse.csc_matrix(values)
    for first in range(0, values.shape[1], GENES_AT_A_TIME):
        yield by_column[:, first : first + GENES_AT_A_TIME].toarray()


def window_scores(
    values: sparse.csr_matrix,
    tissue: Tissue,
    window: int,
    n_components: int,
    max_spots: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Principal components of genes averaged over windows.

    Parameters
    ----------
    values
        Weighted genes, `(n_spots, n_genes)`.
    tissue
        Where the spots lie.
    window
        Spots of a window.
    n_components
        Components at most.
    max_spots
        Spots that the components are made from; all get scores.
    rng
        Draws them, and the start of the solver.

    Returns
    -------
    numpy.ndarray
        `(n_spots, n_components)`, columns with mean 0, the one of largest variance first.
    """
    means = tissue.means(window)
    n_spots = len(tissue.section)
    drawn = np.sort(rng.choice(n_spots, max_spots, replace=False)) if n_spots > max_spots else slice(None)
    axes = principal_axes(sparse.csr_matrix(means[drawn] @ values), n_components, rng)
    scores = np.asarray(means @ (values @ axes), dtype=np.float64)  # (n_spots, n_components)
    return scores - scores.mean(axis=0)


def principal_axes(x: sparse.csr_matrix, n: int, rng: np.random.Generator) -> np.ndarray:
    """Axes of largest variance, `(n_columns, n)`, in falling order; `x` is never made dense.

    Parameters
    ----------
    x
        `(n_rows, n_columns)`.
    n
        How many; fewer where `x` is smaller.
    rng
        Of the start.
    """
    n_rows, n_columns = x.shape
    n = min(n, n_columns, n_rows - 1)
    mean = np.asarray(x.mean(axis=0), dtype=np.float64).ravel()
    if min(x.shape) <= 3 * n:  # too small for an iterative solver
        axes = np.linalg.svd(x.toarray() - mean, full_matrices=False)[2][:n].T
    else:
        back = sparse.csr_matrix(x.T)
        centred = LinearOperator(
            (n_rows, n_columns),
            matvec=lambda v: x @ v.ravel() - mean @ v.ravel(),
            rmatvec=lambda u: back @ u.ravel() - mean * u.sum(),
            dtype=np.float64,
        )
        found = svds(centred, k=n, v0=rng.standard_normal(min(x.shape)), return_singular_vectors="vh")
        axes = found[2][np.argsort(-found[1])].T
    # The sign is the solver's whim: the largest entry of an axis is positive.
    return axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
