"""What a method of spatial domains sees, and what most of them begin with.

Nothing here needs the package itself: peers run this file in an environment of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from anndata import AnnData
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from benchmarks.harness.numerics import library, log_normalised, mean_of_nearest, morans_i, zscored

# Fewer spots say nothing of where a gene is.
LEAST_SPOTS = 10
_GENES = 2000  # handled at a time: never a dense copy of all

# From a seed to the domain of each spot.
Found = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Given:
    """A tissue as a method sees it: labels are not among it.

    Parameters
    ----------
    adata
        Spots x genes, raw counts, places in `obsm["spatial"]`; `obs["section"]`, a number, where there are
        several sections, and the lattice where there is one.
    n_domains
        How many are wanted; None: the method shall choose.
    genes
        Names of the genes to use; None: those of the method's default.
    """

    adata: AnnData
    n_domains: int | None
    genes: list[str] | None = None

    @cached_property
    def section(self) -> np.ndarray:
        """Number of each spot's section, from 0."""
        if "section" not in self.adata.obs:
            return np.zeros(self.adata.n_obs, int)
        return self.adata.obs["section"].to_numpy(int)

    @property
    def places(self) -> np.ndarray:
        """Of the spots, `(n_spots, 2)`."""
        return self.adata.obsm["spatial"]

    @cached_property
    def part(self) -> AnnData:
        """The genes to use; all of them where none are named."""
        return self.adata if self.genes is None else self.adata[:, self.genes].copy()

    def values(self, total: float | None = None) -> sparse.csr_matrix:
        """Log-normalised counts of the genes to use, by the library of all genes.

        Parameters
        ----------
        total
            Common size of the libraries; None: their median.
        """
        return log_normalised(self.part.X, library(self.adata), total)

    def means(self, n: int) -> sparse.csr_matrix:
        """Means over the nearest spots of the same section, `(n_spots, n_spots)`.

        Parameters
        ----------
        n
            How many, the spot itself included.
        """
        parts = [np.flatnonzero(self.section == k) for k in range(self.section.max() + 1)]
        order = np.concatenate(parts)
        blocks = sparse.block_diag([mean_of_nearest(self.places[part], n) for part in parts], "csr")
        back = np.argsort(order)
        return sparse.csr_matrix(blocks[back][:, back])

    def apart(self) -> np.ndarray:
        """Places of all sections in one plane, far from one another, in units of the median spacing."""
        made = np.empty_like(self.places, dtype=float)
        start = 0.0
        for k in range(self.section.max() + 1):
            inside = self.section == k
            here = self.places[inside] - self.places[inside].min(axis=0)
            made[inside] = here / spacing(here) + [start, 0]
            start = 2 * made[inside][:, 0].max() + 1000
        return made


def spacing(places: np.ndarray) -> float:
    """Median distance of spots to their nearest.

    Parameters
    ----------
    places
        `(n_spots, 2)`.
    """
    nearest = NearestNeighbors(n_neighbors=1).fit(places).kneighbors()[0]
    return float(np.median(nearest[nearest > 0]))


def is_square(places: np.ndarray) -> bool:
    """Whether most spots have the four neighbours of a square lattice.

    Parameters
    ----------
    places
        `(n_spots, 2)`.
    """
    near = NearestNeighbors(radius=1.25 * spacing(places)).fit(places).radius_neighbors()[1]
    return np.median([len(each) for each in near]) in (3, 4)


def components(x: np.ndarray, n: int) -> np.ndarray:
    """Scores of the principal components, `(n_spots, n)`, the same at every call.

    Parameters
    ----------
    x
        `(n_spots, n_genes)`.
    n
        How many; fewer where `x` is smaller.
    """
    return PCA(min(n, *x.shape), random_state=0).fit_transform(x)


def most_variable(counts: sparse.csr_matrix, n: int) -> np.ndarray:
    """Columns of the genes that vary most for their mean, in the order of the matrix.

    As Seurat's `vst` ranks them (Stuart et al. 2019): variance of counts that are standardised by the
    variance expected at the gene's mean and clipped; a parabola over log means in place of the loess.

    Parameters
    ----------
    counts
        Spots x genes, raw.
    n
        How many; all that vary where there are fewer.
    """
    counts = sparse.csc_matrix(counts, dtype=np.float64)
    n_spots = counts.shape[0]
    mean = np.asarray(counts.mean(axis=0)).ravel()
    variance = np.asarray(counts.power(2).mean(axis=0)).ravel() - mean**2
    able = np.flatnonzero(variance > 1e-12)
    fit = np.polynomial.Polynomial.fit(
        np.log10(mean[able]), np.log10(variance[able]), min(2, max(len(able) - 1, 0))
    )
    spread = np.sqrt(10 ** fit(np.log10(mean[able])))
    chosen = counts[:, able]
    gene = np.repeat(np.arange(len(able)), np.diff(chosen.indptr))
    scaled = np.minimum((chosen.data - mean[able][gene]) / spread[gene], np.sqrt(n_spots))
    zeros = n_spots - np.diff(chosen.indptr)
    score = np.bincount(gene, scaled**2, len(able)) + zeros * (mean[able] / spread) ** 2
    return np.sort(able[np.argsort(-score, kind="stable")[:n]])


def spatial_ranking(given: Given) -> list[str]:
    """Genes seen in enough spots by falling Moran's I, the mean over sections.

    Parameters
    ----------
    given
        The tissue.
    """
    values = given.values().tocsc()
    able = np.flatnonzero(np.diff(values.indptr) >= LEAST_SPOTS)
    score = np.zeros(len(able))
    for k in range(given.section.max() + 1):
        inside = np.flatnonzero(given.section == k)
        here, near = values[inside], mean_of_nearest(given.places[inside], 6, itself=False)
        for start in range(0, len(able), _GENES):
            block = slice(start, start + _GENES)
            score[block] += len(inside) * morans_i(zscored(here[:, able[block]].toarray()), near)
    return given.part.var_names[able[np.argsort(-score, kind="stable")]].tolist()


def at_number(
    cluster: Callable[[float], np.ndarray], n: int, start: float = 1.0, *, steps: int = 20
) -> tuple[np.ndarray, float]:
    """Labels of the resolution that gives a wanted number of clusters, or as near as it gets.

    Parameters
    ----------
    cluster
        From a resolution to labels.
    n
        The wanted number.
    start
        Tried first: what another seed took is seldom far.
    steps
        Resolutions tried at most.

    Returns
    -------
    labels, resolution
        Of the number that is nearest to the wanted one.
    """
    best, least, resolution = None, np.inf, start
    low, high, stride = 0.0, np.inf, 1.25
    for _ in range(steps):
        labels = cluster(resolution)
        found = len(np.unique(labels))
        if abs(found - n) < least:
            best, least = (labels, resolution), abs(found - n)
        if found == n:
            break
        low, high = (resolution, high) if found < n else (low, resolution)
        if low > 0 and np.isfinite(high):
            resolution = (low * high) ** 0.5
        else:  # ever longer strides until the number lies between two resolutions
            resolution *= stride if found < n else 1 / stride
            stride = min(stride**2, 8)
    assert best is not None
    return best
