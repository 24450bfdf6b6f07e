"""Counts thinned so that a gene is as often seen in one condition as in the other.

A gene with fewer counts has a noisier picture, whose representation lies nearer to that of noise: a change of
the level, or of the depth, would be taken for one of the pattern.
"""

from __future__ import annotations

import numpy as np

from sigel.stats.moderated import fit_linear
from sigel.tasks.cohorts.design import Design
from sigel.tasks.cohorts.donor_means import totals_of_units

# Counts added to a gene in a unit before logarithms.
PRIOR = 1.0
# Of a gene's counts that are kept at least: one that is hardly there in a condition is not blotted out.
LEAST = 0.05


def shares_to_keep(totals: np.ndarray, n_spots: np.ndarray, design: Design) -> np.ndarray:
    """The share of each gene's counts in each section that makes conditions alike.

    Parameters
    ----------
    totals
        Counts of each gene in each section, `(n_sections, n_genes)`; NaN: not measured.
    n_spots
        Of each section, `(n_sections,)`.
    design
        Of the sections.

    Returns
    -------
    numpy.ndarray
        `(n_sections, n_genes)`, from `LEAST` to 1.

    Notes
    -----
    The model of the design explains the logarithm of a gene's counts for each spot; what the condition adds
    in a unit, over the least that it adds in any, is taken away.
    """
    counts, spots = totals_of_units(totals, design.unit_of_section, n_spots)  # (n_units, n_genes)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.where(spots > 0, np.log((counts + PRIOR) / spots), np.nan)
    fits = fit_linear(level[:, :, None], design.matrix)
    by_condition = design.matrix[:, design.tested] @ fits.coefficients[:, design.tested, 0].T
    by_condition = np.nan_to_num(
        by_condition
    )  # (n_units, n_genes); genes without an estimate stay as they are
    share = np.exp(by_condition.min(axis=0) - by_condition)
    return np.clip(share, LEAST, 1.0)[design.unit_of_section]
