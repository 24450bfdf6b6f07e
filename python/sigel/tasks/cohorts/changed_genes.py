"""Genes whose spatial pattern, or level, differs between conditions of donors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from sigel.errors import number_of, warn
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.stats.moderated import Fits, Tests, fit_linear, moderated_f, telling_directions
from sigel.stats.q_values import q_values
from sigel.tasks.cohorts.change_map import change_map
from sigel.tasks.cohorts.company import gained_and_lost
from sigel.tasks.cohorts.design import Design, labellings, n_labellings
from sigel.tasks.cohorts.donor_means import levels_of_units, mean_of_those_there, patterns_of_units
from sigel.tasks.cohorts.one_space import in_one_space

# Directions of the space of representations that are tested: those in which genes differ most for what donors
# differ. More add noise, and p-values of donors without a difference are then too small.
N_DIRECTIONS = 8
ALPHA = 0.05

TESTED, TOO_FEW, NOT_SEEN = "tested", "in too few donors", "in no section"


class Changes(NamedTuple):
    """What is known of each gene, and of the test."""

    table: pd.DataFrame
    calibration: pd.DataFrame
    n_labellings: int | None
    least_pval: float | None
    inflation: float
    map: dict[str, list]  # from `change_map`, genes in the order of the table


def changed_genes(
    names: np.ndarray,
    sections: np.ndarray,
    totals: np.ndarray,
    design: Design,
    *,
    seed: int = 0,
    n_directions: int = N_DIRECTIONS,
    progress: Progress | None = None,
) -> Changes:
    """Test every gene for a change of pattern, and of level; see `sigel.tl.disease_genes`.

    Parameters
    ----------
    names
        Of the genes, `(n_genes,)`.
    sections
        What each section alone says of a gene, in one space, `(n_sections, n_genes, n_dims)`; NaN: nothing.
    totals
        Counts of each gene in each section, `(n_sections, n_genes)`; NaN: not measured.
    design
        Of the sections.
    seed
        Of the labellings, where there are many.
    n_directions
        Directions of the space that are tested.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    """
    patterns = patterns_of_units(in_one_space(sections), design.unit_of_section)
    levels = levels_of_units(totals, design.unit_of_section)
    mean = mean_of_those_there(patterns)
    table = pd.DataFrame(index=pd.Index(names, name="gene"))
    calibration = pd.DataFrame()
    if design.df > 0:
        fits, tests = _tested(patterns, mean, design.matrix, design, n_directions)
        level_fits, level_tests = _levels_tested(levels, design)
        calibration = _calibration(patterns, mean, design, tests, n_directions, seed, progress)
    else:
        warn(
            f"{len(design.units)} donors leave no degree of freedom to a model of {design.matrix.shape[1]} "
            "coefficients: effects are returned, p-values are NaN. Add donors: sections of one donor are no "
            "repeats of a condition."
        )
        fits, level_fits = fit_linear(patterns, design.matrix), fit_linear(levels[:, :, None], design.matrix)
        nothing = np.full(len(names), np.nan)
        tests = level_tests = Tests(nothing, nothing, np.nan, 1.0)
    table["effect"] = _effect(fits, mean, design)
    table["stat"], table["pval"], table["qval"] = tests.stat, tests.pval, q_values(tests.pval)
    table["level_effect"] = level_fits.coefficients[:, design.tested[-1], 0]
    table["level_pval"], table["level_qval"] = level_tests.pval, q_values(level_tests.pval)
    table["n_sections"] = np.isfinite(sections).all(axis=2).sum(axis=0)
    table["n_donors"] = np.isfinite(patterns).all(axis=2).sum(axis=0)
    first, last = _ends(fits, design)
    table["gained"], table["lost"] = gained_and_lost(first, last, names, np.arange(len(names)))
    known = np.isfinite(table["pval"]) if design.df > 0 else np.isfinite(table["effect"])
    seen = table["n_donors"] > 0
    table["status"] = np.select([known, seen], [TESTED if design.df > 0 else "not tested", TOO_FEW], NOT_SEEN)
    order = np.lexsort((-table["effect"].fillna(-1), -table["stat"].fillna(-1)))
    n = n_labellings(design)
    places = change_map(names[order], first[order], last[order])
    return Changes(table.iloc[order], calibration, n, _least(design, n), tests.inflation, places)


def _tested(
    patterns: np.ndarray, mean: np.ndarray, matrix: np.ndarray, design: Design, n_directions: int
) -> tuple[Fits, Tests]:
    fits = fit_linear(patterns, matrix)
    centre = np.where(fits.df[:, None] > 0, mean, np.nan)
    directions = telling_directions(fits, centre, n_directions)
    return fits, moderated_f(fits, design.tested, directions, empirical=True)


def _levels_tested(levels: np.ndarray, design: Design) -> tuple[Fits, Tests]:
    fits = fit_linear(levels[:, :, None], design.matrix)
    return fits, moderated_f(fits, design.tested, trend=np.nan_to_num(mean_of_those_there(levels)))


def _effect(fits: Fits, mean: np.ndarray, design: Design) -> np.ndarray:
    """Length of the change over the usual distance of two genes, `(n_genes,)`.

    Of several coefficients the largest.
    """
    change = np.linalg.norm(fits.coefficients[:, design.tested], axis=2)  # (n_genes, n_tested)
    usual = np.sqrt(2 * np.nanvar(mean, axis=0).sum())
    return np.asarray(change.max(axis=1) / max(usual, 1e-12))


def _ends(fits: Fits, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Representations in the first condition and in the last, or at low and high, of the mean donor else.

    `(n_genes, n_dims)` each; NaN where not estimable.
    """
    else_ = design.matrix.mean(axis=0)
    else_[design.tested] = 0.0
    base = np.einsum("c,gcd->gd", else_, fits.coefficients)
    change = fits.coefficients[:, design.tested[-1]]
    low, high = (0.0, 1.0) if design.levels else (-1.0, 1.0)
    return base + low * change, base + high * change


def _calibration(
    patterns: np.ndarray,
    mean: np.ndarray,
    design: Design,
    given: Tests,
    n_directions: int,
    seed: int,
    progress: Progress | None,
) -> pd.DataFrame:
    """p-values of the given labelling, and of others, which should say nothing: one row each."""
    others = labellings(design, stream(seed, "labellings"))
    rows = [_summary("as given", given.pval)]
    for step, order in enumerate(others, 1):
        tests = _tested(patterns, mean, design.with_condition(order), design, n_directions)[1]
        rows.append(_summary(f"labelling {step}", tests.pval))
        if progress is not None:
            progress("labellings", step, len(others), number_of(rows[-1]["n_called"], "gene") + " by chance")
    return pd.DataFrame(rows)


def _summary(name: str, pval: np.ndarray) -> dict[str, Any]:
    known = pval[np.isfinite(pval)]
    return {
        "labelling": name,
        "ks": float(stats.kstest(known, "uniform").statistic) if len(known) else np.nan,
        "share_below_05": float((known < ALPHA).mean()) if len(known) else np.nan,
        "n_called": int((q_values(known) < ALPHA).sum()),
    }


def _least(design: Design, n: int | None) -> float | None:
    """The least p-value that a test by labellings alone could reach."""
    if n is None:
        return None
    first = int((design.condition == design.levels[0]).sum())
    mirrored = design.pairs is not None or 2 * first == len(design.units)
    return (2 if mirrored else 1) / n
