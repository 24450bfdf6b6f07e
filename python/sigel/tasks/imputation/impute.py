"""Genes that a panel did not measure, from sections in which all genes were: values, intervals, trust."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

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
from sigel.runtime.provenance import content_hash, provenance
from sigel.runtime.seeds import stream, torch_stream
from sigel.tasks.imputation.achieved_accuracy import correlation
from sigel.tasks.imputation.empty_cells import Values, cells_with_counts, for_all_cells
from sigel.tasks.imputation.ensemble import Ensemble, HeldOut, cross_validate
from sigel.tasks.imputation.expected_accuracy import FEATURES, expected_accuracy
from sigel.tasks.imputation.inputs import TARGET, Inputs, Orthologs, checked, prepare
from sigel.tasks.imputation.predictors import METHODS, Method, Predictor, check_method, predictors
from sigel.tasks.imputation.reference_facts import GeneFacts, facts_of
from sigel.tasks.imputation.room import check_room
from sigel.tasks.imputation.rounds import Rounds, batches, predict_in_rounds, split_into_rounds
from sigel.tasks.imputation.target_reference import BLOCK, Panel, Target
from sigel.tasks.imputation.values import calibrate, values_and_bounds

COLUMNS = [
    "expected_pcc",
    "trusted",
    "similarity",
    "nearest_gene",
    "level",
    "spatial",
    "spread",
    "beyond",
    "round",
]
# Rank correlation of expected and achieved accuracy below which the first says little of single genes.
LEAST_SPEARMAN = 0.3
# Of cross-validation, those from which a gene's spread is taken when there are twice as many: to 2 %.
CELLS_OF_SPREAD = 2000
NOT_CHOSEN = "not among the most predictable genes of the rounds asked for"


_Made: TypeAlias = "tuple[Values, np.ndarray | None, np.ndarray | None]"


class ValuesFile(Protocol):
    """Takes values as they come; `sigel.tl` has one."""

    def write(self, genes: slice, n_genes: int, **parts: Any) -> None:
        """Values of some genes, `(n_cells, len(genes))` each.

        Parameters
        ----------
        genes
            Which they are.
        n_genes
            Of all batches.
        parts
            `X`, `lower`, `upper`; None: there are none.
        """


@dataclass(frozen=True)
class Imputed:
    """Imputed genes and what is known of their worth.

    Parameters
    ----------
    genes
        Names as the target spells them, `(n_genes,)`.
    values
        `log1p` of normalised counts, float32 `(n_cells, n_genes)`; CSR where zeros are kept; None where a
        file took them.
    lower, upper
        Bounds of the intervals, float32 `(n_cells, n_genes)`, or None.
    table
        A row for each imputed gene: `expected_pcc`, `trusted`, `similarity`, `nearest_gene`, `level`,
        `spatial`, `spread`, `beyond`, `round`.
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
    values: np.ndarray | sparse.csr_matrix | None
    lower: np.ndarray | None
    upper: np.ndarray | None
    table: pd.DataFrame
    shared: pd.DataFrame
    weights: pd.DataFrame
    coverage: pd.DataFrame
    left_out: pd.DataFrame
    report: dict[str, Any]

    def known(self) -> dict[str, Any]:
        """All but the genes: the report and the tables, by name."""
        tables = {name: getattr(self, name) for name in ("shared", "weights", "coverage", "left_out")}
        return {**self.report, **tables, "history": pd.DataFrame(self.report["history"])}


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
    file: ValuesFile | None = None,
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
    file
        Takes the values, some genes at a time; the result then holds none. Default: they are held.

    Raises
    ------
    InputError
        When the sections or an argument cannot be used, or the values would not fit into memory.
    """
    started = time.perf_counter()
    config = ImputeConfig() if config is None else config
    if file is not None and config.rounds > 1:
        found = f"a file, with {config.rounds} rounds"
        fix = "Use rounds=1, or name fewer genes and leave `out` away."
        raise InputError("out", found, "one round: later ones need what earlier ones made", fix)
    kind, where = check_method(method), resolve_device(device)
    generator = torch_stream(seed, "impute")

    def say(step: int, text: str) -> None:
        if progress is not None:
            progress("impute", step, 4, text)

    section = checked(target, TARGET)
    full = cells_with_counts(section)
    side = Target(section if full.all() else section.take(full), config.scales, config.target_sum)
    inputs = prepare(side, references, genes, model, orthologs, config, seed, device)
    shared, wanted = inputs.shared, inputs.wanted
    if file is None:
        check_room(len(full), _n_made(len(wanted), config), intervals=intervals)
    say(1, f"{len(shared)} shared genes")

    def make(panel: Panel, cells: np.ndarray | None = None) -> list[Predictor]:
        kinds, near = METHODS[kind], side.smoothers
        return predictors(panel, inputs.references, near, kinds, config, generator, where, progress, cells)

    ensemble, held = cross_validate(
        side, shared, make, n_folds=config.folds, max_cells=config.max_cells, rng=stream(seed, "folds")
    )
    say(2, "cross-validated")

    facts = facts_of(shared, inputs.references, shared, held.fold)
    calibration = calibrate(side, shared, held, facts.mean, facts.sd, config, intervals=intervals)
    wanted_facts = facts_of(wanted, inputs.references, shared)
    trust = _trust(ensemble, held, side, facts, wanted_facts, config, seed)
    say(3, "expected accuracy")

    parts = split_into_rounds(trust.expected, config)

    def made_of(z: np.ndarray, facts: GeneFacts) -> _Made:
        return for_all_cells(full, *values_and_bounds(z, facts, side, shared, calibration, config))

    def to_file(z: np.ndarray, at: slice) -> None:
        assert file is not None
        value, low, high = made_of(z, wanted_facts.take(parts[0][at]))
        file.write(at, len(parts[0]), X=value, lower=low, upper=high)

    taken = None if file is None else to_file
    rounds = predict_in_rounds(ensemble, side, shared, wanted, parts, make, config.batch_genes, taken)
    facts_made = wanted_facts.take(rounds.order)
    values, lower, upper = (None, None, None) if file is not None else made_of(rounds.z, facts_made)
    say(4, f"{len(rounds.order)} genes")

    return Imputed(
        genes=wanted[rounds.order],
        values=values,
        lower=lower,
        upper=upper,
        table=_gene_table(trust, facts_made, rounds, config),
        shared=trust.shared,
        weights=ensemble.table(),
        coverage=calibration.coverage,
        left_out=_left_out(inputs, rounds),
        report=_report(kind, side, trust, rounds, config)
        | {"provenance": provenance(seed, where, _hash(side, inputs), time.perf_counter() - started)},
    )


def _n_made(n_wanted: int, config: ImputeConfig) -> int:
    """Genes that come out."""
    return n_wanted if config.round_size is None else min(n_wanted, config.rounds * config.round_size)


class _Trust(NamedTuple):
    """How well genes are likely to be imputed, and what that was learned from."""

    expected: np.ndarray  # correlation with measured values, (n_wanted,)
    features: pd.DataFrame  # what it is computed from, (n_wanted, 4)
    shared: pd.DataFrame  # of the shared genes: achieved, expected without the gene, the features
    spearman: float  # of achieved and expected


def _trust(
    ensemble: Ensemble,
    held: HeldOut,
    target: Target,
    shared: GeneFacts,
    wanted: GeneFacts,
    config: ImputeConfig,
    seed: int,
) -> _Trust:
    """Learn from the shared genes, each imputed without itself, how well the wanted ones will be."""
    some_cells = slice(None, None, max(len(held.cells) // CELLS_OF_SPREAD, 1))
    known = shared.features(held.predicted[some_cells].std(axis=0))
    achieved = correlation(held.predicted, target.measured(shared.names)[held.cells].toarray())
    # As shared genes are seen, from a part of the panel: all of it would look surer than it is.
    near = {scale: weights[some_cells] for scale, weights in held.smoothers.items()}
    predicted = ensemble.bound(held.predictors, near)
    spread = [predicted(some).std(axis=0) for some in batches(wanted.names, BLOCK)]
    features = wanted.features(np.concatenate(spread))
    found = expected_accuracy(known, achieved, features, config.folds, seed)
    if found.spearman < LEAST_SPEARMAN:
        warn(
            f"Expected and achieved accuracy of the panel's own genes agree little (rank correlation "
            f"{found.spearman:.2f}): `expected_pcc` says little of single genes here."
        )
    known.insert(0, "achieved_pcc", achieved)
    known.insert(1, "expected_pcc", found.known_crossfitted)
    return _Trust(found.asked, features, known, found.spearman)


def _gene_table(trust: _Trust, facts: GeneFacts, rounds: Rounds, config: ImputeConfig) -> pd.DataFrame:
    """A row for each gene in the order of the rounds, as `facts` are."""
    expected = trust.expected[rounds.order]
    table = trust.features.iloc[rounds.order].assign(
        expected_pcc=expected,
        trusted=expected >= config.min_pcc,
        nearest_gene=facts.nearest,
        beyond=_beyond(trust.features, trust.shared)[rounds.order],
        round=rounds.number,
    )
    return table[COLUMNS]


def _beyond(features: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
    """Features of each gene that no gene of the panel has as low or as high, `""` where there are none."""
    names = np.array(FEATURES)
    values, seen = features[names].to_numpy(), known[names].to_numpy()
    out = (values < np.nanmin(seen, axis=0)) | (values > np.nanmax(seen, axis=0))  # (n_genes, 4)
    # Sixteen texts at most, whatever the number of genes.
    kinds, kind = np.unique(out, axis=0, return_inverse=True)
    texts = np.array([", ".join(names[one]) for one in kinds], dtype=object)
    return texts[kind.reshape(-1)]


def _left_out(inputs: Inputs, rounds: Rounds) -> pd.DataFrame:
    """Genes that could not be imputed, and those that no round had room for."""
    if len(rounds.order) == len(inputs.wanted):
        return inputs.left_out
    rest = np.setdiff1d(inputs.wanted, inputs.wanted[rounds.order])
    return pd.concat([inputs.left_out, pd.DataFrame({"status": NOT_CHOSEN}, index=rest)])


def _report(
    method: str, target: Target, trust: _Trust, rounds: Rounds, config: ImputeConfig
) -> dict[str, Any]:
    return {
        "method": method,
        "n_shared": len(trust.shared),
        "target_sum": target.sum,
        "spearman": trust.spearman,
        "converged": rounds.converged,
        "history": rounds.history,
        "params": json.dumps(config.to_dict()),
    }


def _hash(target: Target, inputs: Inputs) -> str:
    """Short hashes of the target's counts, genes and places, and of the references' images."""
    section = target.section
    counts, names = section.counts, "\n".join(map(str, section.genes))
    own = content_hash(names, counts.indptr, counts.indices, counts.data, np.asarray(section.coordinates))
    return "-".join([own, *(one.data_hash for one in inputs.references)])
