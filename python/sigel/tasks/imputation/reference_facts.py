"""What the references say of genes: level, spatial signal, likeness to the panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sigel.tasks.imputation.target_reference import BLOCK, Reference

# Panel genes whose likeness is averaged: one alone may be alike by chance.
MOST_SIMILAR = 5
# Panel genes that say where a gene may be at all.
N_WITNESSES = 3


@dataclass(frozen=True)
class GeneFacts:
    """Facts of some genes, means over the references that have them.

    Parameters
    ----------
    names
        `(n_genes,)`.
    mean, sd
        Of the normalised values over the spots, `(n_genes,)`.
    spatial
        Moran's I, of dissociated cells the share of variance along axes of co-expression, `(n_genes,)`.
    similarity
        Mean cosine of the representation to the five most similar panel genes, `(n_genes,)`.
    nearest
        The most similar panel gene, `(n_genes,)` names.
    witnesses
        Positions in the panel of the three most similar genes, `(n_genes, 3)`.
    """

    names: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    spatial: np.ndarray
    similarity: np.ndarray
    nearest: np.ndarray
    witnesses: np.ndarray

    def take(self, at: np.ndarray) -> GeneFacts:
        """Some of the genes.

        Parameters
        ----------
        at
            Positions.
        """
        return GeneFacts(
            self.names[at],
            self.mean[at],
            self.sd[at],
            self.spatial[at],
            self.similarity[at],
            self.nearest[at],
            self.witnesses[at],
        )

    def features(self, spread: np.ndarray) -> pd.DataFrame:
        """What the accuracy of a prediction depends on, a row for each gene.

        Parameters
        ----------
        spread
            Standard deviation of the predicted z-scores over the cells, `(n_genes,)`.
        """
        return pd.DataFrame(
            {
                "similarity": self.similarity,
                "level": np.log(np.maximum(self.mean, 1e-6)),
                "spatial": self.spatial,
                "spread": spread.astype(np.float64),
            },
            index=pd.Index(self.names, dtype=object),
        )


def facts_of(
    genes: np.ndarray,
    references: Sequence[Reference],
    panel: np.ndarray,
    fold: np.ndarray | None = None,
) -> GeneFacts:
    """Gather what the references say of genes.

    Parameters
    ----------
    genes
        Names; each is known to one reference at least. A gene of the panel is compared with the others.
    references
        Sections with all genes.
    panel
        Names of the panel's genes.
    fold
        Where the genes are the panel's own, the fold of each: genes of one fold are not compared.
    """
    n = len(genes)
    sums, times = np.zeros((3, n)), np.zeros(n)
    for one in references:
        known = np.array([str(gene) in one.row for gene in genes], dtype=bool)
        rows = one.rows(genes[known])
        sums[:, known] += np.stack([one.values.mean[rows], one.values.sd[rows], one.pattern[rows]])
        times[known] += 1
    mean, sd, spatial = sums / times
    similarity, witnesses = np.empty(n), np.empty((n, N_WITNESSES), dtype=np.int64)
    for start in range(0, n, BLOCK):
        block = slice(start, min(start + BLOCK, n))
        alike = _alike(genes[block], references, panel)  # (m, p)
        if fold is not None:
            alike[fold[block, None] == fold[None, :]] = -np.inf
        best = np.argsort(-alike, axis=1, kind="stable")
        top = np.take_along_axis(alike, best[:, :MOST_SIMILAR], axis=1)
        similarity[block] = np.where(np.isfinite(top), top, 0).mean(axis=1)
        witnesses[block] = best[:, :N_WITNESSES]
    return GeneFacts(genes, mean, sd, spatial, similarity, panel[witnesses[:, 0]], witnesses)


def _alike(genes: np.ndarray, references: Sequence[Reference], panel: np.ndarray) -> np.ndarray:
    """Cosine of representations `(len(genes), len(panel))`, mean over references; -inf for itself."""
    total, times = np.zeros((len(genes), len(panel))), np.zeros((len(genes), len(panel)))
    for one in references:
        here = np.array([str(gene) in one.row for gene in genes], dtype=bool)
        there = np.array([str(gene) in one.row for gene in panel], dtype=bool)
        z = one.representations
        total[np.ix_(here, there)] += z[one.rows(genes[here])] @ z[one.rows(panel[there])].T
        times[np.ix_(here, there)] += 1
    alike = np.where(times > 0, total / np.maximum(times, 1), -np.inf)
    return np.where(genes[:, None] == panel[None, :], -np.inf, alike)
