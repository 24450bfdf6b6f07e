"""What describes a spot: genes in its window of the tissue, as principal components."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from sigel.stats.nearest_means import mean_of_nearest

# Directions beyond those wanted, and rounds: axes of patterns are exact, those of noise are not.
OVERSAMPLED = 20
ITERATIONS = 8


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
        Genes, `(n_spots, n_genes)`.
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
    axes = principal_axes(means[drawn], values, n_components, rng)
    scores = np.asarray(means @ (values @ axes), dtype=np.float64)  # (n_spots, n_components)
    return scores - scores.mean(axis=0)


def principal_axes(
    means: sparse.csr_matrix, values: sparse.csr_matrix, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Axes of largest variance of `means @ values`, a product that is never made; `(n_columns, n)`.

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
    Subspace iteration from random directions, more of them than axes (Halko, Martinsson and Tropp 2011,
    algorithm 4.4).

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
    n = min(n, n_columns, n_rows - 1)
    width = min(n + OVERSAMPLED, n_columns, n_rows)
    back, spread = sparse.csr_matrix(values.T), sparse.csr_matrix(means.T)
    mean = back @ np.asarray(spread.sum(axis=1), dtype=np.float64).ravel() / n_rows  # (n_columns,)
    axes = np.linalg.qr(rng.standard_normal((n_columns, width)))[0]
    for _ in range(ITERATIONS):
        scores = np.linalg.qr(means @ (values @ axes) - mean @ axes)[0]  # (n_rows, width)
        axes = np.linalg.qr(back @ (spread @ scores) - np.outer(mean, scores.sum(axis=0)))[0]
    found = np.linalg.svd(means @ (values @ axes) - mean @ axes, full_matrices=False)[2]
    axes = axes @ found[:n].T
    # The sign is the solver's whim: the largest entry of an axis is positive.
    return axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(n)])
