"""Pair rho: whether genes are as like each other in one section as in another of the same tissue."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from benchmarks.harness.pixels import log_images
from benchmarks.harness.sections import Section
from benchmarks.representations.agreement import Pair, directions

MOST_BINS = 10
# Genes that a bin of level has at least, where there are as many.
LEAST_GENES = 33


def n_bins(n_genes: int, least: int = LEAST_GENES) -> int:
    """Bins of expression level: as many as leave about `least` genes in each, ten at most.

    Parameters
    ----------
    n_genes
        How many genes there are.
    least
        How many a bin shall have.
    """
    return max(1, min(n_genes // least, MOST_BINS))


def by_level(level: np.ndarray, n: int) -> list[np.ndarray]:
    """Positions of genes in bins from low to high level.

    Parameters
    ----------
    level
        Mean expression, `(n_genes,)`.
    n
        How many bins.
    """
    return np.array_split(np.argsort(level, kind="stable"), n)


def all_genes(first: Section, second: Section) -> Pair:
    """All genes of both sections, binned by level for `pair_rho`.

    Parameters
    ----------
    first, second
        Two sections.
    """
    place = {gene: row for row, gene in enumerate(second.images.genes)}
    rows = np.flatnonzero([gene in place for gene in first.images.genes])
    found = np.array([place[gene] for gene in first.images.genes[rows]])
    level = log_images(first)[rows].mean(axis=1)
    return Pair(first, second, rows, found, by_level(level, n_bins(len(rows))))


def pair_rho(pair: Pair, first: np.ndarray, second: np.ndarray) -> float:
    """Spearman correlation of the likenesses of pairs of genes in two sections.

    Parameters
    ----------
    pair
        Sections and genes; pairs are of genes of the same bin.
    first, second
        Representations of all genes of each section, `(n_genes, n_dims)`.

    Returns
    -------
    float
        1 where all pairs have the same order; near 0 by chance.

    Notes
    -----
    The likeness is the cosine of representations centred over all genes, as in `agreement10`. It needs no
    number of neighbours, and a gene that is everybody's neighbour does not raise it.
    """
    likeness = [
        np.concatenate([_cosines(x[rows[within]]) for within in pair.bins])
        for x, rows in ((directions(first), pair.rows_first), (directions(second), pair.rows_second))
    ]
    return float(spearmanr(*likeness).statistic)


def _cosines(x: np.ndarray) -> np.ndarray:
    return (x @ x.T)[np.triu_indices(len(x), 1)]
