"""Genes that a panel did not measure, from sections in which all genes were: values, intervals, trust."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from sigel.config.imputation import ImputeConfig
from sigel.errors import InputError, warn
from sigel.images.section import Section
from sigel.model import SIGEL
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import Progress
from sigel.runtime.provenance import provenance
from sigel.runtime.seeds import streams
from sigel.tasks.imputation.achieved_accuracy import correlation
from sigel.tasks.imputation.ensemble import Blend, cross_validate
from sigel.tasks.imputation.expected_accuracy import AccuracyEstimate, expected_accuracy
from sigel.tasks.imputation.inputs import TARGET, Orthologs, checked, prepare
from sigel.tasks.imputation.predictors import METHODS, Method, Predictor, predictors
from sigel.tasks.imputation.reference_facts import GeneFacts, facts_of
from sigel.tasks.imputation.target_reference import Panel, Target
from sigel.tasks.imputation.values import Calibration, calibrate, values_from, with_zeros

# Correlations over fewer cells say nothing.
LEAST_CELLS = 20
NOT_CHOSEN = "not among the most predictable genes of the rounds asked for"


@dataclass(frozen=True)
class Imputed:
    """Imputed genes and what is known of their worth.

    Parameters
    ----------
    genes
        Names as the target spells them, `(n_genes,)`.
    values
        `log1p` of normalised counts, float32 `(n_cells, n_genes)`; CSR where zeros are kept.
    lower, upper
        Bounds of the intervals, float32 `(n_cells, n_genes)`, or None.
    table
        A row for each imputed gene: `expected_pcc`, `trusted`, `similarity`, `nearest_gene`, `level`,
        `spatial`, `spread`, `round`.
    shared
        A row for each shared gene: `achieved_pcc` and `expected_pcc`, both by cross-validation, and what
        `expected_pcc` is computed from.
    weights
        Of the predictors: `predictor`, `cells`, `weight`.
    coverage
        Of cross-validated intervals: `stratum`, `coverage`, `n`.
    left_out
        Genes of the reference that were not imputed, and why: `status`.
    report
        `method`, `n_shared`, `target_sum`, `spearman`, `converged`, `history`, `params`, `provenance`.
    """

    genes: np.ndarray
    values: np.ndarray | sparse.csr_matrix
    lower: np.ndarray | None
    upper: np.ndarray | None
    table: pd.DataFrame
    shared: pd.DataFrame
    weights: pd.DataFrame
    coverage: pd.DataFrame
    left_out: pd.DataFrame
    report: dict[str, Any]


def impute(
    target: Section,
    references: Sequence[Section],
    *,
    genes: Sequence[str] | str | None = None,
    method: Method = "auto",
    model: SIGEL | str | Path | Sequence[SIGEL | str | Path] | None = None,
    orthologs: Orthologs | None = None,
    intervals: bool = True,
    config: ImputeConfig | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Imputed:
    """Impute genes of a target section; see `sigel.tl.impute`, which says what each argument means.

    Parameters
    ----------
    target
        Section with a panel of genes.
    references
        Sections of like tissue with all genes.
    genes, method, model, orthologs, intervals, seed, device
        As in `sigel.tl.impute`.
    config
        Settings; default: `ImputeConfig()`.
    progress
        Called after each step.

    Raises
    ------
    InputError
        When the sections or an argument cannot be used.
    """
    started = time.perf_counter()
    config = ImputeConfig() if config is None else config
    if method not in get_args(Method):
        raise InputError("method", repr(method), f"one of {get_args(Method)}", 'Use method="auto".')
    kinds = METHODS["ensemble" if method == "auto" else method]
    where = resolve_device(device)
    generator = streams(seed)["impute"]
    rng = np.random.default_rng(seed)

    def say(step: int, text: str) -> None:
        if progress is not None:
            progress("impute", step, 4, text)

    side = Target(checked(target, TARGET), config.scales, config.target_sum)
    full = side.library > 0
    if full.sum() < LEAST_CELLS:
        found = f"{full.sum()} cells with counts among {side.n_cells}"
        fix = "Check how the object was subset, and that it holds the raw counts."
        raise InputError("target", found, f"{LEAST_CELLS} or more to learn from", fix)
    if not full.all():
        warn(
            f"{int((~full).sum())} cells of the target have no counts: nothing is learned from them, and "
            "they get each gene's mean and its widest interval."
        )
        side = Target(side.section.take(full), config.scales, config.target_sum)
    asked = prepare(side, references, genes, model, orthologs, config, rng, seed, device)
    say(1, f"{len(asked.shared)} shared genes")

    def make(panel: Panel) -> list[Predictor]:
        return predictors(panel, asked.references, side.smoothers, kinds, config, generator, where, progress)

    blend, held = cross_validate(
        side, asked.shared, make, n_folds=config.folds, max_cells=config.max_cells, rng=rng
    )
    say(2, "cross-validated")
    facts = facts_of(asked.shared, asked.references, asked.shared, held.fold)
    calibration = calibrate(side, asked.shared, held, facts.mean, facts.sd, config, intervals=intervals)
    seen = side.measured(asked.shared)[held.cells].toarray()
    achieved = correlation(held.predicted, seen)
    known = facts.features(held.predicted.std(axis=0))

    panel = side.panel(asked.shared)
    mine = make(panel)
    wanted = facts_of(asked.wanted, asked.references, asked.shared)
    # As shared genes are seen, from a part of the panel: all of it would look surer than it is.
    spread = _spread(blend, held.predictors, side, asked.wanted, held.cells)
    accuracy = expected_accuracy(known, achieved, wanted.features(spread), config.folds, seed)
    say(3, "expected accuracy")
    rounds = _rounds(accuracy.asked, config)
    z, order, when, used = _sequence(blend, mine, panel, side, asked.wanted, rounds, make, config)
    wanted = wanted.take(order)
    values, lower, upper = _finish(z, wanted, side, asked.shared, calibration, config)
    if not full.all():
        values = _with_empty_cells(values, full, np.mean)
        lower = None if lower is None else _with_empty_cells(lower, full, np.min)
        upper = None if upper is None else _with_empty_cells(upper, full, np.max)
    say(4, f"{len(order)} genes")

    table = wanted.features(spread[order]).assign(nearest_gene=wanted.nearest, round=when)
    table.insert(0, "expected_pcc", accuracy.asked[order])
    table.insert(1, "trusted", accuracy.asked[order] >= config.min_pcc)
    left = asked.left_out
    if len(order) < len(asked.wanted):
        rest = np.setdiff1d(asked.wanted, asked.wanted[order])
        left = pd.concat([left, pd.DataFrame({"status": NOT_CHOSEN}, index=rest)])
    history = [
        {"round": number + 1, **one}
        for number, of_round in enumerate(used)
        for predictor in of_round
        for one in predictor.history
    ]
    return Imputed(
        genes=asked.wanted[order],
        values=values,
        lower=lower,
        upper=upper,
        table=table[COLUMNS],
        shared=_shared_table(known, achieved, accuracy),
        weights=blend.table(),
        coverage=calibration.coverage,
        left_out=left,
        report={
            "method": "ensemble" if method == "auto" else method,
            "n_shared": len(asked.shared),
            "target_sum": side.sum,
            "spearman": accuracy.spearman,
            "converged": all(one.converged for of_round in used for one in of_round),
            "history": history,
            "params": json.dumps(config.to_dict()),
            "provenance": provenance(
                seed,
                where,
                "-".join([_hash(side.section), *(one.data_hash for one in asked.references)]),
                time.perf_counter() - started,
            ),
        },
    )


COLUMNS = [
    "expected_pcc",
    "trusted",
    "similarity",
    "nearest_gene",
    "level",
    "spatial",
    "spread",
    "round",
]


def _spread(
    blend: Blend, mine: list[Predictor], target: Target, genes: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """How much the predicted z-scores of genes vary over some cells, `(n_genes,)`."""
    parts = [blend.predict(mine, target.smoothers, some, cells).std(axis=0) for some in _batches(genes, 512)]
    return np.concatenate(parts)


def _rounds(expected: np.ndarray, config: ImputeConfig) -> list[np.ndarray]:
    """Positions of the genes of each round; with more than one, the most predictable first."""
    if config.rounds == 1 and config.round_size is None:
        return [np.arange(len(expected))]
    order = np.argsort(-expected, kind="stable")
    if config.round_size is None:
        parts = np.array_split(order, config.rounds)
    else:
        parts = [*_batches(order[: config.rounds * config.round_size], config.round_size)]
    return [part for part in parts if len(part)]


def _sequence(
    blend: Blend,
    mine: list[Predictor],
    panel: Panel,
    target: Target,
    genes: np.ndarray,
    rounds: list[np.ndarray],
    make: Any,
    config: ImputeConfig,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[list[Predictor]]]:
    """Predicted z-scores `(n_cells, n)`, positions of their genes, the round of each, and the predictors."""
    z = np.empty((target.n_cells, sum(map(len, rounds))), dtype=np.float32)
    at, used = 0, [mine]
    for number, part in enumerate(rounds):
        begin = at
        for some in _batches(part, config.batch_genes):
            z[:, at : at + len(some)] = blend.predict(mine, target.smoothers, genes[some])
            at += len(some)
        if number + 1 < len(rounds):
            panel = panel.joined(genes[part], z[:, begin:at])
            mine = make(panel)
            used.append(mine)
    when = np.repeat(np.arange(1, len(rounds) + 1), [len(part) for part in rounds])
    return z, np.concatenate(rounds), when, used


def _finish(
    z: np.ndarray,
    facts: GeneFacts,
    target: Target,
    shared: np.ndarray,
    calibration: Calibration,
    config: ImputeConfig,
) -> tuple[np.ndarray | sparse.csr_matrix, np.ndarray | None, np.ndarray | None]:
    """Values and bounds; `z` is written over."""
    n = z.shape[1]
    values, sparse_parts = z, []
    wanted = calibration.intervals is not None
    lower, upper = (np.empty_like(z), np.empty_like(z)) if wanted else (None, None)
    for at in _batches(np.arange(n), config.batch_genes):
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


def _with_empty_cells(
    values: np.ndarray | sparse.csr_matrix, full: np.ndarray, of_gene: Callable[..., np.ndarray]
) -> Any:
    """Rows for all cells: those without counts get one value a gene, or nothing in sparse values."""
    if sparse.issparse(values):
        ones, place = np.ones(int(full.sum()), dtype=np.float32), np.flatnonzero(full)
        rows = sparse.csr_matrix((ones, (place, np.arange(len(place)))), shape=(len(full), len(place)))
        return sparse.csr_matrix(rows @ values)
    whole = np.empty((len(full), values.shape[1]), dtype=np.float32)
    whole[full], whole[~full] = values, of_gene(values, axis=0)
    return whole


def _hash(section: Section) -> str:
    """Short hash of the counts, genes and places of a section."""
    digest = hashlib.sha256("\n".join(map(str, section.genes)).encode())
    for part in (section.counts.indptr, section.counts.indices, section.counts.data, section.coordinates):
        digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    return digest.hexdigest()[:16]


def _shared_table(known: pd.DataFrame, achieved: np.ndarray, accuracy: AccuracyEstimate) -> pd.DataFrame:
    table = known.copy()
    table.insert(0, "achieved_pcc", achieved)
    table.insert(1, "expected_pcc", accuracy.known_crossfitted)
    return table


def _batches(items: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
