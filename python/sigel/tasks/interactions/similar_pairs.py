"""How alike the pictures of two genes are in each section, and pairs of genes that are alike otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sigel.runtime.progress import Progress
from sigel.stats.alike_genes import bins_of_genes
from sigel.stats.partitions import points_of_parts
from sigel.stats.scaling import unit_vectors


class ComparedPairs(NamedTuple):
    """What is found of each pair, `(n_pairs,)` each; NaN where no section has both genes."""

    similarity: np.ndarray
    null_mean: np.ndarray
    null_sd: np.ndarray
    pval: np.ndarray
    n_sections: np.ndarray


@dataclass(frozen=True)
class GeneVectors:
    """Genes by what each section says of them, ready to be compared.

    Parameters
    ----------
    vectors
        Unit vectors about the mean gene of a section, those of all sections side by side,
        `(n_genes, n_sections * n_dims)`; 0 where a section says nothing.
    there
        Whether a section says something, `(n_genes, n_sections)`, as numbers.
    strength
        Mean length before the vectors had length 1: how clear the patterns are, `(n_genes,)`.
    level
        Of expression, `(n_genes,)`; only its order matters.
    """

    vectors: np.ndarray
    there: np.ndarray
    strength: np.ndarray
    level: np.ndarray

    @classmethod
    def of_sections(cls, sections: np.ndarray, level: np.ndarray) -> GeneVectors:
        """From the representations of sections.

        Parameters
        ----------
        sections
            What each section alone says of a gene, `(n_sections, n_genes, n_dims)`; NaN: nothing.
        level
            Of expression, `(n_genes,)`.
        """
        n_sections, n_genes, n_dims = sections.shape
        vectors = np.zeros((n_genes, n_sections, n_dims), dtype=np.float32)
        there = np.isfinite(sections).all(axis=2).T  # (n_genes, n_sections)
        length = np.zeros((n_genes, n_sections))
        for section, own in enumerate(sections):
            known = there[:, section]
            apart = own[known] - own[known].mean(axis=0)
            vectors[known, section] = unit_vectors(apart)
            length[known, section] = np.linalg.norm(apart, axis=1)
        strength = length.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        return cls(vectors.reshape(n_genes, -1), there.astype(np.float32), strength, level)

    @property
    def known(self) -> np.ndarray:
        """Genes that a section says something of, `(n_genes,)`."""
        return np.asarray(self.there.any(axis=1))

    @cached_property
    def mean(self) -> np.ndarray:
        """Unit vectors of the mean over sections, `(n_genes, n_dims)`."""
        apart = self.vectors.reshape(len(self.vectors), self.there.shape[1], -1)
        return unit_vectors(apart.sum(axis=1))

    def similarity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Mean cosine over the sections that have both genes, of each pair, `(n_pairs,)`; else NaN.

        Parameters
        ----------
        first, second
            Numbers of the genes, `(n_pairs,)`.
        """
        made = np.empty(len(first))
        for rows in np.array_split(np.arange(len(first)), max(len(first) // 20_000, 1)):
            a, b = first[rows], second[rows]
            size = np.einsum("ps,ps->p", self.there[a], self.there[b])
            total = np.einsum("pd,pd->p", self.vectors[a], self.vectors[b])
            made[rows] = np.where(size > 0, total / np.maximum(size, 1), np.nan)
        return made

    def block(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same of all pairs of two sets of genes, `(n_first, n_second)`, and their sections.

        Parameters
        ----------
        first, second
            Numbers of the genes.
        """
        size = self.there[first] @ self.there[second].T
        total = self.vectors[first] @ self.vectors[second].T
        return np.where(size > 0, total / np.maximum(size, 1), np.nan), size


def compared_pairs(
    genes: GeneVectors,
    first: np.ndarray,
    second: np.ndarray,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> ComparedPairs:
    """Hold the similarity of each pair against all pairs of genes alike in level and pattern strength.

    Parameters
    ----------
    genes
        All genes.
    first, second
        Numbers of the genes of each pair, `(n_pairs,)`; -1: not in the sections.
    rng
        Orders genes of equal level.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Notes
    -----
    `pval` is the share of pairs of the two genes' bins (`sigel.stats.alike_genes.bins_of_genes`) that are at
    least as similar, the pair itself counted among them, so that it is never 0.
    """
    known = np.flatnonzero(genes.known)
    place = np.full(len(genes.there), -1)
    place[known] = bins_of_genes(genes.level[known], genes.strength[known], rng)
    members = [known[own] for own in points_of_parts(place[known])]
    within = np.zeros(len(place), dtype=np.int64)  # of a gene among those of its bin
    for own in members:
        within[own] = np.arange(len(own))
    nothing = [np.full(len(first), np.nan) for _ in range(4)]
    made = ComparedPairs(nothing[0], nothing[1], nothing[2], nothing[3], np.zeros(len(first), dtype=np.int64))
    there = (np.minimum(first, second) >= 0) & (first != second)
    told = np.flatnonzero(there & (place[first] >= 0) & (place[second] >= 0))
    swap = place[first] > place[second]
    a, b = np.where(swap, second, first), np.where(swap, first, second)
    stratum = place[a[told]] * len(members) + place[b[told]]
    order = told[np.argsort(stratum, kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(np.sort(stratum))) + 1) if len(order) else []
    for step, rows in enumerate(parts, 1):
        one, other = place[a[rows[0]]], place[b[rows[0]]]
        similarity, size = genes.block(members[one], members[other])
        if one == other:
            # Products of a matrix with itself differ in the last digit by the order of two genes.
            similarity = (similarity + similarity.T) / 2
            np.fill_diagonal(similarity, np.nan)
        at = within[a[rows]], within[b[rows]]
        null = np.sort(similarity[np.isfinite(similarity)])
        own, sections = similarity[at], size[at]
        made.n_sections[rows] = sections
        seen = rows[np.isfinite(own)]
        if not len(seen):
            continue
        own = own[np.isfinite(own)]
        made.similarity[seen] = own
        made.null_mean[seen], made.null_sd[seen] = null.mean(), null.std()
        made.pval[seen] = (len(null) - np.searchsorted(null, own, side="left")) / len(null)
        if progress is not None and step % 50 == 0:
            progress("pairs alike", step, len(parts), f"{len(rows)} pairs")
    return made
