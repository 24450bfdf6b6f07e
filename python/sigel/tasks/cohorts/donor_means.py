"""What each donor says of each gene: where its pattern lies, and how much of it there is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from sigel.stats.partitions import members

# Counts added to a gene in each section before logarithms, of a million.
PRIOR = 0.5


def patterns_of_units(sections: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Mean representation of each gene over the sections of each unit.

    Parameters
    ----------
    sections
        What each section alone says of a gene, in one space, `(n_sections, n_genes, n_dims)`; NaN: not
        measured.
    unit
        Number of each section's unit, from 0, `(n_sections,)`.

    Returns
    -------
    numpy.ndarray
        `(n_units, n_genes, n_dims)`, NaN where none of the unit's sections has the gene.
    """
    there = np.isfinite(sections).all(axis=2)
    member = members(unit)  # (n_sections, n_units)
    size = member.T @ there  # (n_units, n_genes)
    total = np.einsum("su,sgd->ugd", member, np.where(there[:, :, None], sections, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(size[:, :, None] > 0, total / size[:, :, None], np.nan)


def levels_of_units(totals: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Level of each gene in each unit: log2 of its share of the counts, in a million.

    Parameters
    ----------
    totals
        Counts of each gene in each section, `(n_sections, n_genes)`; NaN: not measured.
    unit
        As in `patterns_of_units`.

    Returns
    -------
    numpy.ndarray
        `(n_units, n_genes)`, NaN where not measured. Units are scaled so that most genes do not change: the
        median difference from the mean unit is 0.

    Notes
    -----
    Shares are of the genes that all sections measured. The median of ratios is that of Anders and Huber 2010.
    """
    counts, in_sections = totals_of_units(totals, unit)
    measured = in_sections > 0
    library = counts[:, measured.all(axis=0)].sum(axis=1, keepdims=True)
    level = np.log2(counts / np.maximum(library, 1) * 1e6 + PRIOR)
    level[~measured] = np.nan
    seen = measured.all(axis=0) & (counts > 0).all(axis=0)
    if seen.any():
        middle = level[:, seen].mean(axis=0)
        level -= np.median(level[:, seen] - middle, axis=1, keepdims=True)
    return level


def totals_of_units(
    totals: np.ndarray, unit: np.ndarray, weight: np.ndarray | float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of each gene in each unit, and in how many of its sections the gene was measured.

    Parameters
    ----------
    totals, unit
        As in `levels_of_units`.
    weight
        What a section counts as, `(n_sections,)`, for example its spots; default 1.

    Returns
    -------
    counts, measured
        `(n_units, n_genes)` each.
    """
    there, member = np.isfinite(totals), members(unit)
    of_section = there * np.broadcast_to(weight, len(totals))[:, None]
    return member.T @ np.where(there, totals, 0.0), member.T @ of_section


def mean_of_those_there(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of the values that there are; NaN where there is none.

    Parameters
    ----------
    values
        For example of units, `(n_units, ...)`; NaN: not there.
    """
    there = np.isfinite(values)
    size = there.sum(axis=0)
    return np.where(size > 0, np.where(there, values, 0).sum(axis=0) / np.maximum(size, 1), np.nan)


def totals_of_sections(
    counts: Sequence[sparse.csr_matrix], columns: Sequence[np.ndarray], n: int
) -> np.ndarray:
    """Counts of each gene in each section, `(n_sections, n_genes)`; NaN where a section does not have it.

    Parameters
    ----------
    counts
        Of each section, spots x its genes.
    columns
        Place of each section's genes among all.
    n
        Number of all genes.
    """
    totals = np.full((len(counts), n), np.nan)
    for row, one, place in zip(totals, counts, columns, strict=True):
        row[place] = np.asarray(one.sum(axis=0), dtype=float).ravel()
    return totals
