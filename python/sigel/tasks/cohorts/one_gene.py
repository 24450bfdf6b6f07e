"""Counts of one gene in the sections of a cohort, and what makes them comparable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, unknown_name
from sigel.images.section import in_section, joined_genes
from sigel.tasks.cohorts.design import is_numeric, levels_of, named
from sigel.tasks.cohorts.find import Sections


@dataclass(frozen=True)
class SeenGene:
    """Counts of one gene in the spots of sections, and the depth that makes them comparable.

    Parameters
    ----------
    gene
        Its name.
    counts
        Of the gene in the spots of each section, `(n_spots,)`; None where it was not measured.
    library
        Counts of each spot over the genes that all sections measured.
    depth
        Median of those, over all spots that have any.
    """

    gene: str
    counts: tuple[np.ndarray | None, ...]
    library: tuple[np.ndarray, ...]
    depth: float

    def level(self, section: int, place: np.ndarray, n: int) -> np.ndarray:
        """Log of 1 + counts at the median depth, of spots that are pooled.

        Parameters
        ----------
        section
            Its number; one that measured the gene.
        place
            Where each spot belongs, from 0, `(n_spots,)`.
        n
            Number of such places.

        Returns
        -------
        numpy.ndarray
            `(n,)`; 0 where spots have no counts at all.
        """
        counts = self.counts[section]
        assert counts is not None
        seen, library = (np.bincount(place, of_spot, n) for of_spot in (counts, self.library[section]))
        return np.log1p(self.depth * np.divide(seen, library, out=np.zeros(n), where=library > 0))


def see_gene(sections: Sections, gene: str) -> SeenGene:
    """Counts of a gene in every section.

    Parameters
    ----------
    sections
        Counts and places.
    gene
        Its name.

    Raises
    ------
    InputError
        When no section has it.
    """
    if not isinstance(gene, str):
        raise InputError("gene", repr(gene)[:60], "the name of one gene", "Draw one at a time.")
    genes, columns = joined_genes([section.genes for section in sections.sections])
    at = np.flatnonzero(genes == gene)
    if not len(at):
        raise InputError("gene", unknown_name(gene, genes), "a gene of the sections", "See var_names.")
    totals = sections.totals()
    measured = np.isfinite(totals)
    if not measured[:, at[0]].any():
        raise InputError("gene", f"{gene!r}, without a count", "a gene that was seen", "Name another gene.")
    shared = measured.all(axis=0)
    shared = shared if shared.any() else np.ones(len(genes), bool)
    counts: list[np.ndarray | None] = []
    library = []
    for has, place, (name, section) in zip(measured[:, at[0]], columns, sections.named(), strict=True):
        with in_section(name):
            matrix = sparse.csr_matrix(section.in_memory().counts)
        library.append(matrix @ shared[place].astype(np.float64))
        own = matrix @ (place == at[0]).astype(np.float64)
        counts.append(own if has else None)
    depths = np.concatenate(library)
    depth = float(np.median(depths[depths > 0])) if (depths > 0).any() else 1.0
    return SeenGene(gene, tuple(counts), tuple(library), depth)


def conditions_in_order(condition: pd.Series) -> tuple[pd.Series, list[str]]:
    """The condition of each section as text, and those that occur in their order, numbers by size.

    Parameters
    ----------
    condition
        Of each section.
    """
    if is_numeric(condition):
        text = [f"{one:.10g}" for one in sorted(condition.unique())]
        return condition.map("{:.10g}".format), text
    return named(condition), levels_of(condition)


def by_number(name: str) -> tuple[object, ...]:
    """What names are ordered by: D10 comes after D9.

    Parameters
    ----------
    name
        Of a donor or a domain.
    """
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or -1), name
