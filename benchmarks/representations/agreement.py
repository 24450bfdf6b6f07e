"""Level-free agreement at 10: whether genes have the same neighbours in two sections of one tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.harness.pixels import log_images, moran
from benchmarks.harness.sections import Section


@dataclass(frozen=True)
class Pair:
    """Two sections and the genes that are compared, binned by level so that level is not rewarded.

    Parameters
    ----------
    first, second
        The sections.
    rows_first, rows_second
        Rows of the same genes in both, `(n_genes,)`.
    bins
        Positions within these, ten arrays, from low to high mean expression in the first section.
    """

    first: Section
    second: Section
    rows_first: np.ndarray
    rows_second: np.ndarray
    bins: list[np.ndarray]


def make_pair(first: Section, second: Section, n_genes: int = 1500, n_bins: int = 10) -> Pair:
    """Genes of both sections with the highest Moran's I in the first.

    Parameters
    ----------
    first, second
        Two sections.
    n_genes
        How many genes.
    n_bins
        How many bins of mean log-normalised expression.
    """
    genes = first.images.genes
    place = {gene: row for row, gene in enumerate(second.images.genes)}
    shared = np.array([gene in place for gene in genes])
    rows = np.argsort(-np.where(shared, moran(first), -np.inf), kind="stable")[: min(n_genes, shared.sum())]
    level = log_images(first)[rows].mean(axis=1)
    bins = np.array_split(np.argsort(level, kind="stable"), n_bins)
    return Pair(first, second, rows, np.array([place[gene] for gene in genes[rows]]), bins)


def agreement10(pair: Pair, first: np.ndarray, second: np.ndarray, n_neighbors: int = 10) -> float:
    """Mean share of neighbours in common, within bins of level.

    Parameters
    ----------
    pair
        Sections and genes.
    first, second
        Representations of all genes of each section, `(n_genes, n_dims)`.
    n_neighbors
        Neighbours of a gene, by cosine of representations centred over all genes.

    Returns
    -------
    float
        1 where all neighbours are the same; near `n_neighbors / (bin size - 1)` by chance.
    """
    shares = []
    for within in pair.bins:
        a = _nearest(first, pair.rows_first[within], n_neighbors)
        b = _nearest(second, pair.rows_second[within], n_neighbors)
        both = (a[:, :, None] == b[:, None, :]).any(axis=2)  # (bin, neighbours)
        shares.append(both.mean())
    return float(np.mean(shares))


def directions(representations: np.ndarray) -> np.ndarray:
    """Representations centred over all genes, of length 1: their products are the cosines.

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`.

    Raises
    ------
    ValueError
        When some are not finite: a row of NaN would be nobody's neighbour and everybody's.
    """
    x = representations - representations.mean(axis=0)
    if not np.isfinite(x).all():
        msg = "representations that are not finite"
        raise ValueError(msg)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _nearest(representations: np.ndarray, rows: np.ndarray, n_neighbors: int) -> np.ndarray:
    x = directions(representations)[rows]
    cosine = x @ x.T
    np.fill_diagonal(cosine, -np.inf)
    return np.argsort(-cosine, axis=1, kind="stable")[:, :n_neighbors]
