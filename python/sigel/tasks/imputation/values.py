"""From predicted z-scores to values of the target: level, spread, intervals, zeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.config.imputation import ImputeConfig
from sigel.stats.conformal import ConformalIntervals
from sigel.stats.nearest_means import mean_of_nearest
from sigel.stats.standardised import column_moments
from sigel.tasks.imputation.ensemble import HeldOut
from sigel.tasks.imputation.expression_levels import LevelModel, Levels
from sigel.tasks.imputation.reference_facts import GeneFacts
from sigel.tasks.imputation.target_reference import Target

# Strata of genes by level, for which intervals are calibrated one by one: at most so many, of so many genes.
N_STRATA = 5
GENES_OF_A_STRATUM = 20
# Levels of quantiles that are tried, as shares of the way from the promised coverage to 1, on so many cells.
TRIED_LEVELS = (0.0, 0.5, 0.8)
CELLS_TRIED = 1000
LEAST_SPREAD = 1e-6
# Cells in which the panel genes are looked for that say where a gene may be at all.
AROUND = 7


def values_from(z: np.ndarray, levels: Levels) -> np.ndarray:
    """Values of genes from their predicted z-scores, float32, never below zero; same shape.

    A prediction with the least squared error varies less than the gene does, by about the correlation r
    between the two: all genes then look flat. Full contrast would claim to know more than is known. The
    values vary in between, by the root of r: `mean + sd * z / sqrt(spread of z)`.

    Parameters
    ----------
    z
        `(n_cells, n_genes)`.
    levels
        What mean and standard deviation the genes would have in the target.
    """
    spread = np.sqrt(np.maximum(z.std(axis=0), LEAST_SPREAD))
    return np.maximum(levels.mean + levels.sd * z / spread, 0).astype(np.float32)


@dataclass(frozen=True)
class Calibration:
    """What the shared genes, each imputed without itself, teach about levels and errors.

    Parameters
    ----------
    level_model
        From a gene's level in the reference to its level in the target.
    edges
        Between the strata of predicted level, `(N_STRATA - 1,)`.
    intervals
        Calibrated on all shared genes; None where they are not wanted.
    coverage
        Of intervals calibrated without a gene's fold: `stratum` (1 is the weakest), `coverage`, `n`.
    """

    level_model: LevelModel
    edges: np.ndarray
    intervals: ConformalIntervals | None
    coverage: pd.DataFrame

    def strata(self, levels: Levels) -> np.ndarray:
        """Stratum of genes, 0 is the weakest, `(n_genes,)`.

        Parameters
        ----------
        levels
            What the genes would have in the target.
        """
        return np.searchsorted(self.edges, levels.mean)


def calibrate(
    target: Target,
    shared: np.ndarray,
    held: HeldOut,
    reference_mean: np.ndarray,
    reference_sd: np.ndarray,
    config: ImputeConfig,
    *,
    intervals: bool,
) -> Calibration:
    """Learn levels and errors from the shared genes.

    Parameters
    ----------
    target
        The section with the panel.
    shared
        Names of the shared genes.
    held
        Their cross-validated predictions.
    reference_mean, reference_sd
        Of their normalised values in the reference, `(n_shared,)`.
    config
        Settings.
    intervals
        Whether to calibrate intervals.
    """
    measured = target.measured(shared)
    mean, variance = column_moments(measured)
    zeros = 1 - measured.getnnz(axis=0) / max(measured.shape[0], 1)
    sd = np.sqrt(variance)

    def learned(genes: np.ndarray) -> LevelModel:
        return LevelModel.fit(
            reference_mean[genes], reference_sd[genes], mean[genes], sd[genes], zeros[genes]
        )

    model = learned(np.ones(len(shared), dtype=bool))
    # The level of a shared gene, too, is predicted by what was learned without its fold.
    levels = Levels(*np.empty((3, len(shared))))
    for k in np.unique(held.fold):
        out = held.fold == k
        of_fold = learned(~out).predict(reference_mean[out], reference_sd[out])
        for column, part in zip(levels, of_fold, strict=True):
            column[out] = part
    n_strata = int(np.clip(len(shared) // GENES_OF_A_STRATUM, 1, N_STRATA))
    edges = np.quantile(levels.mean, np.arange(1, n_strata) / n_strata)
    none = pd.DataFrame({"stratum": [], "coverage": [], "n": []})
    if not intervals:
        return Calibration(model, edges, None, none)
    stratum = np.searchsorted(edges, levels.mean)
    predicted = values_from(held.predicted, levels)
    seen = measured[held.cells].toarray()
    level = _quantile_level(predicted, seen, stratum, held.fold, config.coverage)
    inside = _held_out(predicted, seen, stratum, held.fold, level)
    coverage = [
        {"stratum": s + 1, "coverage": float(inside[:, stratum == s].mean()), "n": int((stratum == s).sum())}
        for s in np.unique(stratum)
    ]
    whole = ConformalIntervals.calibrate(predicted, seen, stratum, level)
    return Calibration(model, edges, whole, pd.DataFrame(coverage))


def _held_out(
    predicted: np.ndarray, seen: np.ndarray, stratum: np.ndarray, fold: np.ndarray, level: float
) -> np.ndarray:
    """Whether each value lies in an interval calibrated without its gene's fold, `(n_cells, n_genes)`."""
    inside = np.empty(predicted.shape, dtype=bool)
    for k in np.unique(fold):
        out = fold == k
        made = ConformalIntervals.calibrate(predicted[:, ~out], seen[:, ~out], stratum[~out], level)
        inside[:, out] = made.covered(predicted[:, out], seen[:, out], stratum[out])
    return inside


def _quantile_level(
    predicted: np.ndarray, seen: np.ndarray, stratum: np.ndarray, fold: np.ndarray, coverage: float
) -> float:
    """Quantile level whose intervals hold the promised share of the values of genes they have not seen.

    Values of one gene err together. With few genes, intervals at the promised level are therefore too narrow
    for the next gene; how much wider they must be is found by cross-validation.
    """
    some = slice(None, None, max(len(predicted) // CELLS_TRIED, 1))
    levels = [coverage + share * (1 - coverage) for share in TRIED_LEVELS]
    held = [_held_out(predicted[some], seen[some], stratum, fold, level).mean() for level in levels]
    if held[0] >= coverage:
        return coverage
    return float(np.interp(coverage, np.maximum.accumulate(held), levels))


def values_and_bounds(
    z: np.ndarray,
    facts: GeneFacts,
    target: Target,
    shared: np.ndarray,
    calibration: Calibration,
    config: ImputeConfig,
) -> tuple[np.ndarray | sparse.csr_matrix, np.ndarray | None, np.ndarray | None]:
    """Values of genes, and the bounds of their intervals where these were calibrated.

    Parameters
    ----------
    z
        Predicted z-scores, float32 `(n_cells, n_genes)`; written over.
    facts
        What the references say of the genes.
    target
        The section with the panel.
    shared
        Names of the shared genes.
    calibration
        What the shared genes teach.
    config
        Settings.
    """
    values, sparse_parts = z, []
    wanted = calibration.intervals is not None
    lower, upper = (np.empty_like(z), np.empty_like(z)) if wanted else (None, None)
    for start in range(0, z.shape[1], config.batch_genes):
        at = np.arange(start, min(start + config.batch_genes, z.shape[1]))
        some = facts.take(at)
        levels = calibration.level_model.predict(some.mean, some.sd)
        part = values_from(z[:, at], levels)
        if calibration.intervals is not None and lower is not None and upper is not None:
            lower[:, at], upper[:, at] = calibration.intervals.bounds(part, calibration.strata(levels))
        if config.zeros == "none":
            values[:, at] = part
            continue
        kept = with_zeros(part, levels, some.witnesses, target, shared, config.zeros)
        if lower is not None:
            lower[:, at] *= (kept != 0).toarray()
        sparse_parts.append(kept)
    if sparse_parts:
        return sparse.csr_matrix(sparse.hstack(sparse_parts, format="csr")), lower, upper
    return values, lower, upper


def with_zeros(
    values: np.ndarray, levels: Levels, witnesses: np.ndarray, target: Target, panel: np.ndarray, zeros: str
) -> sparse.csr_matrix:
    """Values with zeros where the target would show them, CSR.

    Parameters
    ----------
    values
        `(n_cells, n_genes)`.
    levels
        With the share of zeros that each gene would have in the target.
    witnesses
        Positions in `panel` of the genes most similar to each, `(n_genes, N_WITNESSES)`.
    target
        The section with the panel.
    panel
        Names of the shared genes.
    zeros
        `"rate"` or `"panel"`, as in `ImputeConfig`.
    """
    if zeros == "rate":
        n_zero = np.round(levels.zeros * len(values)).astype(np.int64)
        rank = values.argsort(axis=0, kind="stable").argsort(axis=0)
        kept = rank >= n_zero
    else:
        counts = target.section.counts[:, [target.column[str(gene)] for gene in panel]]
        ones = np.ones(witnesses.size, dtype=np.float32)
        gene = np.repeat(np.arange(len(witnesses)), witnesses.shape[1])
        pick = sparse.csr_matrix((ones, (witnesses.ravel(), gene)), shape=(len(panel), len(witnesses)))
        near = target.smoothers.get(AROUND)
        near = mean_of_nearest(np.asarray(target.section.coordinates), AROUND) if near is None else near
        kept = (near @ (counts @ pick)).toarray() > 0
    return sparse.csr_matrix(np.where(kept, values, 0).astype(np.float32))
