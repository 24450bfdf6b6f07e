"""Sections that ways to find changed genes are given, and what several of them share: domains."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import cached_property

import anndata
import numpy as np
from scipy import sparse

import sigel

N_DOMAINS = 6


@dataclass(frozen=True)
class Parts:
    """Pseudobulks of the domains of each section; a domain that a section lacks has none there.

    Parameters
    ----------
    counts
        `(n_parts, n_genes)`, each part with at least one.
    section, domain
        Of each part, `(n_parts,)`.
    seconds
        That the domains and the sums took.
    """

    counts: np.ndarray
    section: np.ndarray
    domain: np.ndarray
    seconds: float = 0.0


@dataclass(frozen=True)
class Cohort:
    """Sections of the same genes, each of a donor of its own.

    Parameters
    ----------
    sections
        Spots x genes, counts and `obsm["spatial"]`.
    seed
        Of everything random that is done with them.
    """

    sections: list[anndata.AnnData]
    seed: int

    @cached_property
    def whole(self) -> np.ndarray:
        """Pseudobulks of whole sections, `(n_sections, n_genes)`."""
        return np.array([np.asarray(one.X.sum(axis=0), dtype=float).ravel() for one in self.sections])

    @cached_property
    def parts(self) -> Parts:
        """Pseudobulks of the domains that all sections share; found once, as they know no condition."""
        started = time.perf_counter()
        joined = anndata.concat(self.sections, label="section", index_unique="_")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sigel.tl.domains(joined, N_DOMAINS, section_key="section", seed=self.seed, progress=False)
        domain = joined.obs["sigel_domain"].cat.codes.to_numpy()
        section = joined.obs["section"].cat.codes.to_numpy()
        made = parts_of(joined.X, section, domain)
        return Parts(made.counts, made.section, made.domain, time.perf_counter() - started)


def parts_of(counts: sparse.csr_matrix, section: np.ndarray, domain: np.ndarray) -> Parts:
    """Sums of counts over the spots of each domain of each section.

    Parameters
    ----------
    counts
        Spots x genes.
    section, domain
        Of each spot, from 0.
    """
    n_domains = int(domain.max()) + 1
    cell = section.astype(int) * n_domains + domain
    member = sparse.csr_matrix((np.ones(len(cell)), (cell, np.arange(len(cell)))))
    sums = np.asarray((member @ counts).todense(), dtype=float)
    used = np.flatnonzero(sums.sum(axis=1) > 0)
    of_section, of_domain = np.divmod(used, n_domains)
    return Parts(sums[used], of_section, of_domain)


def interaction_design(parts: Parts, condition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A design of full rank: sections as blocks, domains, and what domains do in the second condition only.

    Parameters
    ----------
    parts
        Of the sections.
    condition
        0 or 1 of each section.

    Returns
    -------
    design, tested
        `(n_parts, n_columns)`, and which of its columns are the interaction. A column that others already
        make up (of a domain that one condition lacks) is left out.
    """
    domains = np.eye(int(parts.domain.max()) + 1)[parts.domain][:, 1:]
    sections = np.eye(len(condition))[parts.section]
    interaction = domains * condition[parts.section, None]
    every = np.hstack([sections, domains, interaction])
    kept: list[int] = []
    for column in range(every.shape[1]):
        if np.linalg.matrix_rank(every[:, [*kept, column]]) > len(kept):
            kept.append(column)
    first = sections.shape[1] + domains.shape[1]
    return every[:, kept], np.flatnonzero(np.array(kept) >= first)
