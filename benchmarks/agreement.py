"""Level-free agreement at 10: whether genes have the same neighbours in two sections of one tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sigel.images import GeneImages


@dataclass(frozen=True)
class Pair:
    """Two sections and the genes that are compared, binned by level so that level is not rewarded.

    Parameters
    ----------
    first, second
        Gene images.
    rows_first, rows_second
        Rows of the same genes in both, `(n_genes,)`.
    bins
        Positions within these, ten arrays, from low to high mean expression in the first section.
    """

    first: GeneImages
    second: GeneImages
    rows_first: np.ndarray
    rows_second: np.ndarray
    bins: list[np.ndarray]


def log_images(images: GeneImages) -> np.ndarray:
    """Log-normalised pixels, dense float32 `(n_genes, n_pixels)`; a benchmark may, the package never does."""
    depth = np.where(images.depth > 0, images.depth, np.inf)
    scale = sparse.diags_array(np.median(images.depth) / depth)
    return np.log1p((images.counts @ scale).toarray()).astype(np.float32)


def zscore(values: np.ndarray) -> np.ndarray:
    """Each gene with mean 0 and standard deviation 1 over its pixels."""
    centred = values - values.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-6)


def moran(images: GeneImages) -> np.ndarray:
    """Moran's I of each gene's z-scored log-normalised image over neighbouring pixels, `(n_genes,)`."""
    z = zscore(log_images(images))
    return (z * (images.raster.neighbors @ z.T).T).mean(axis=1)


def make_pair(first: GeneImages, second: GeneImages, n_genes: int = 1500, n_bins: int = 10) -> Pair:
    """Genes of both sections with the highest Moran's I in the first.

    Parameters
    ----------
    first, second
        Gene images of two sections.
    n_genes
        How many genes.
    n_bins
        How many bins of mean expression.
    """
    place = {gene: row for row, gene in enumerate(second.genes)}
    shared = np.array([gene in place for gene in first.genes])
    rows = np.argsort(-np.where(shared, moran(first), -np.inf), kind="stable")[: min(n_genes, shared.sum())]
    level = np.asarray(first.counts.sum(axis=1)).ravel()[rows]
    bins = np.array_split(np.argsort(level, kind="stable"), n_bins)
    return Pair(first, second, rows, np.array([place[gene] for gene in first.genes[rows]]), bins)


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
    """
    shares = []
    for within in pair.bins:
        a = _nearest(first, pair.rows_first[within], n_neighbors)
        b = _nearest(second, pair.rows_second[within], n_neighbors)
        both = (a[:, :, None] == b[:, None, :]).any(axis=2)  # (bin, neighbours)
        shares.append(both.mean())
    return float(np.mean(shares))


def _nearest(representations: np.ndarray, rows: np.ndarray, n_neighbors: int) -> np.ndarray:
    x = (representations - representations.mean(axis=0))[rows]
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    cosine = x @ x.T
    np.fill_diagonal(cosine, -np.inf)
    return np.argsort(-cosine, axis=1, kind="stable")[:, :n_neighbors]
