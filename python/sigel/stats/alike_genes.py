"""Genes alike in level and in the strength of their patterns: what chance gives a pair of such genes."""

from __future__ import annotations

import numpy as np

# Genes of a bin: pairs of two bins are then some 10,000, so that p-values go down to 1e-4.
GENES_IN_A_BIN = 100


def bins_of_genes(
    level: np.ndarray, strength: np.ndarray, rng: np.random.Generator, size: int = GENES_IN_A_BIN
) -> np.ndarray:
    """Bins of genes alike in level and pattern strength, `(n_genes,)`, numbered from 0.

    Parameters
    ----------
    level, strength
        Of each gene, `(n_genes,)`; only their order matters.
    rng
        Orders genes of equal level or strength: the order of names means something (families, pseudogenes).
    size
        Genes of a bin, about.

    Notes
    -----
    Genes in order of level are cut into k parts of equal size, each in order of strength into k again, with
    k^2 bins of at least `size` genes; too few genes for four bins are one.
    """
    n = len(level)
    k = max(int(np.sqrt(n / size)), 1)
    ties = rng.random(n)
    bins = np.empty(n, dtype=np.int64)
    for row, part in enumerate(np.array_split(np.lexsort((ties, level)), k)):
        within = part[np.lexsort((ties[part], strength[part]))]
        for column, own in enumerate(np.array_split(within, k)):
            bins[own] = row * k + column
    return bins
