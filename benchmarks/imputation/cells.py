"""Genes held out and imputed from references whose places are kept from every method."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from benchmarks.harness.job import Job
from benchmarks.harness.processes import at_once
from benchmarks.harness.report import Table, figures, say
from benchmarks.harness.sections import crop, read_plane, there
from benchmarks.imputation.metrics import METRICS, accuracy_score
from benchmarks.imputation.splits import (
    EMBRYO,
    HIPPO,
    LEAST_SPOTS,
    N_FOLDS,
    PANEL,
    XENIUM,
    Split,
    simulated_split,
    split_of,
)
from benchmarks.imputation.stages import AUTO, GIMVI, METHODS, PEERS, TANGRAM, Outcome, apply, hand_over
from benchmarks.imputation.tables import empty, scored_rows
from benchmarks.imputation.trust import N_STRATA, STRATA, coverage_rows, gene_table, trust_row

STARMAP, COSMX, LIVER = "starmap_v1_BY3_1k", "cosmx_nsclc_crop", "st_mliver_CN"
CELLS, PLACES = "SIGEL, cells", "SIGEL, places"
# Methods that need no places of the reference, and whether they are shown them all the same.
ROWS: dict[str, tuple[str, bool]] = {
    "mean image": ("mean image", False),
    "kNN of cells": ("kNN of spots", False),
    "SpaGE-style": ("SpaGE-style", False),
    TANGRAM: (TANGRAM, False),
    GIMVI: (GIMVI, False),
    CELLS: (AUTO, False),
    PLACES: (AUTO, True),
}
# It takes 46 s for a fold of 1,100 cells on either side.
MOST_CELLS_OF_GIMVI = 1500
# Goals.
LEAST_ABOVE, MOST_BELOW = 20, 0.005
WITHIN, STRATA_WITHIN, MOST_ZEROS = (0.88, 0.92), (0.86, 0.94), 0.9


@dataclass(frozen=True)
class Pair:
    """A target and a reference whose places are taken from it.

    Parameters
    ----------
    target, reference
        As `part` reads them.
    cells
        Most cells of the target; None takes all.
    known
        Most cells of the reference; None takes all.
    looked_at
        Whether its figures were seen while settings were chosen.
    """

    target: str
    reference: str
    cells: int | None = None
    known: int | None = None
    looked_at: bool = False


PAIRS: dict[str, Pair] = {
    "starmap -> osmfish": Pair("osmfish_sscortex", STARMAP, looked_at=True),
    "hippo1 -> hippo2": Pair(f"{HIPPO}2", f"{HIPPO}1", looked_at=True),
    "hippo1 -> xenium": Pair(XENIUM, f"{HIPPO}1", 4000, looked_at=True),
    # Of both planes as many: a peer's matrix of cells by cells would take half an hour.
    "embryo, plane 2 -> plane 1": Pair(f"{EMBRYO}:z2", f"{EMBRYO}:z5", 3000, 3000, looked_at=True),
    "cosmx, right -> left": Pair(f"{COSMX}:left", f"{COSMX}:right", looked_at=True),
    "starmap -> xenium": Pair(XENIUM, STARMAP, 4000),
    "slideseq hippocampus -> hippo3": Pair(f"{HIPPO}3", "slideseqv2_hippocampus_crop"),
    "liver CN65_D1 -> liver CN73_C1": Pair(f"{LIVER}73_C1", f"{LIVER}65_D1"),
}
NOTE = (
    f"Every method sees the reference without coordinates, but for the row {PLACES!r}, which is there to "
    f"compare and takes no part in the score. Means over held-out genes, {N_FOLDS} folds; sd: of the folds' "
    f"means. Measures and score as in the table of imputation. Genes seen in fewer than {LEAST_SPOTS} cells "
    "of either side, mitochondrial genes and spike-ins are left out; of more than "
    f"{PANEL} shared genes the panel is the {PANEL} with the highest Moran's I in the reference. Baselines "
    "that need the reference's places are left out. Peers on the CPU, on one thread. gimVI where "
    f"neither side has more than {MOST_CELLS_OF_GIMVI:,} cells. Of the embryo's planes both sides are the "
    "3,000 cells nearest the middle. Seconds: median of the folds; peak memory of the process."
)
GOALS = (
    f"Goals: the best score of all rows; a PCC {LEAST_ABOVE} % above Tangram's, and nowhere more than "
    f"{MOST_BELOW} below it. Best other: without this package's rows. On the splits that were looked at, two "
    "forms of smoothing of the reference were compared, which made no difference, and nothing else was "
    "chosen; nobody had seen a figure of the splits that are judged on alone."
)
COVERAGE = (
    f"Of {CELLS!r}, over held-out values in the result's own units, overall and in fifths of the genes by "
    "their level in the reference, the weakest first. Goals: {} to {} overall; {} to {} in a fifth where "
    "fewer than nine tenths of the values are zero (an interval that begins at zero holds every zero)."
).format(*WITHIN, *STRATA_WITHIN)
TRUST = (
    f"Of {CELLS!r}. Spearman: of the PCC expected before the gene was seen with the PCC achieved, over the "
    "genes of all folds. What it claims: its own cross-validation, mean of the folds."
)


@dataclass
class Found:
    """Rows of one split.

    Parameters
    ----------
    rows
        Of its table.
    ours
        Outcome of the package from cells without places, where it came to one.
    """

    rows: list[dict[str, object]] = field(default_factory=list)
    ours: Outcome | None = None


def imputation_cells(job: Job) -> list[Table]:
    """All tables.

    Parameters
    ----------
    job
        The call; `n_pairs` takes the first.
    """
    tables: list[Table] = []
    goals: list[dict[str, object]] = []
    held: list[dict[str, object]] = []
    coverage: list[dict[str, object]] = []
    trust: list[dict[str, object]] = []
    every = list(splits(job))
    with at_once(quick=job.quick) as pool, ThreadPoolExecutor(1 if job.quick else len(every) or 1) as waiting:
        outcomes = list(waiting.map(lambda given: run_split(given[0], job, pool), every))
    for (split, looked_at), found in zip(every, outcomes, strict=True):
        n_cells, n_genes = split.truth.shape
        title = f"{split.name}: {n_genes} genes held out in turn, {n_cells} cells"
        tables.append({"title": title, "rows": found.rows})
        goals.append(goal_row(split.name, found.rows, looked_at=looked_at))
        if found.ours is not None:
            genes = gene_table(split, found.ours)
            by_level = coverage_rows(split.name, genes)[:3]
            coverage += by_level
            held.append(coverage_goal(split.name, genes, by_level))
            trust.append(trust_row(split.name, genes))
            say(f"imputation from cells: {held[-1]}, {trust[-1]}")
    if tables:
        tables[0]["note"] = NOTE
    first = [{"title": "goals", "note": GOALS, "rows": goals}]
    last = [
        {"title": "goals of 90 % intervals", "note": COVERAGE, "rows": held},
        {"title": "what 90 % intervals hold", "rows": coverage},
        {"title": "accuracy expected and achieved", "note": TRUST, "rows": trust},
    ]
    return [table for table in (*first, *tables, *last) if table["rows"]]


def splits(job: Job) -> Iterator[tuple[Split, bool]]:
    """Every split whose files are there, with places still, and whether it was looked at; one at a time.

    Parameters
    ----------
    job
        The call; `n_pairs` takes the first.
    """
    if job.quick:
        yield simulated_split(job.seed), False
        return
    for name, pair in list(PAIRS.items())[: job.n_pairs]:
        if there(pair.target, pair.reference):
            cells = crop(part(pair.target), pair.cells)
            known = crop(part(pair.reference), pair.known)
            yield split_of(name, cells, [known], job.seed), pair.looked_at


def part(name: str) -> AnnData:
    """Cells of a file, of one of its sections or planes, or of the half left or right of the median.

    Parameters
    ----------
    name
        As in `benchmarks.harness.sections.read`, or `file:left`, `file:right`.
    """
    file, _, side = name.partition(":")
    if side not in {"left", "right"}:
        return read_plane(name)
    whole = read_plane(file)
    x = np.asarray(whole.obsm["spatial"], dtype=np.float64)[:, 0]
    left = x <= np.median(x)
    return whole[left if side == "left" else ~left].copy()


def without_places(reference: AnnData) -> AnnData:
    """Counts and names alone.

    Parameters
    ----------
    reference
        Cells x genes.
    """
    return AnnData(reference.X, obs=reference.obs[[]], var=reference.var[[]])


def run_split(split: Split, job: Job, pool: ThreadPoolExecutor) -> Found:
    """Run all methods on a split, saying each figure as it comes.

    Parameters
    ----------
    split
        The split.
    job
        The call.
    pool
        Where methods wait for their turn.
    """
    found = Found()
    scored: dict[str, dict[str, object]] = {}
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        bare = [without_places(reference) for reference in split.references]
        for shown, references in ((False, bare), (True, split.references)):
            folder = _folder(name, shown=shown)
            folder.mkdir()
            hand_over(folder, split.target, references, split.folds, job.seed, quick=job.quick)

        def attempt(row: str) -> Outcome | str:
            method, shown = ROWS[row]
            if row == GIMVI and max(one.n_obs for one in (split.target, *bare)) > MOST_CELLS_OF_GIMVI:
                return f"more than {MOST_CELLS_OF_GIMVI:,} cells"
            folder = _folder(name, shown=shown)
            return job.attempt(
                lambda python: apply(method, folder, python=python, alone=not job.quick),
                METHODS[method].package,
                peer=method in PEERS,
            )

        # The slowest first: each has a process of its own with one thread.
        order = sorted(ROWS, key=lambda row: row not in PEERS)
        outcomes = dict(zip(order, pool.map(attempt, order), strict=True))
    for row in ROWS:
        outcome = outcomes[row]
        if isinstance(outcome, str):
            say(f"imputation from cells: {split.name}: {row}: {outcome}")
            missing.append(f"{row} ({outcome})")
            continue
        scored |= scored_rows(split, row, outcome)
        if row == CELLS:
            found.ours = outcome
        say(f"imputation from cells: {split.name}: {row}: {figures(scored[row])}")
    score = accuracy_score({row: {m: at[m] for m in METRICS} for row, at in scored.items() if row != PLACES})
    found.rows = [{"method": row, "score": score.get(row), **at} for row, at in scored.items()]
    found.rows += [empty(row) for row in missing]
    return found


def _folder(name: str, *, shown: bool) -> Path:
    return Path(name) / ("places" if shown else "cells")


def goal_row(name: str, rows: list[dict[str, object]], *, looked_at: bool) -> dict[str, object]:
    """The package without the reference's places beside the best of the others.

    Parameters
    ----------
    name
        Of the split.
    rows
        Of its table.
    looked_at
        As in `Pair`.
    """
    by_name = {str(row["method"]): row for row in rows}
    ranked = {key: row for key, row in by_name.items() if row["score"] is not None}
    others = {key: row for key, row in ranked.items() if key != CELLS}
    best = max(others, key=lambda key: others[key]["PCC"])
    ours, tangram, places = (by_name.get(key, empty(key))["PCC"] for key in (CELLS, TANGRAM, PLACES))
    compared = ours is not None and tangram is not None
    return {
        "split": name,
        "judged": "looked at" if looked_at else "on alone",
        "PCC": ours,
        "Tangram": tangram,
        "% above Tangram": 100 * (ours / tangram - 1) if compared else None,
        "above Tangram": ours - tangram if compared else None,
        "best other": best,
        "PCC of best other": others[best]["PCC"],
        "score": ranked.get(CELLS, empty(CELLS))["score"],
        "best score of others": max(row["score"] for row in others.values()),
        "best score": max(ranked, key=lambda key: ranked[key]["score"]),
        "PCC with places": places,
    }


def coverage_goal(name: str, genes: pd.DataFrame, rows: list[dict[str, object]]) -> dict[str, object]:
    """Coverage overall, and the least and the largest of the fifths that a goal is set for.

    Parameters
    ----------
    name
        Of the split.
    genes
        As `gene_table` makes it.
    rows
        Coverage, zeros and width by level in the reference, as `coverage_rows` makes them.
    """
    by = {str(row["share"]): row for row in rows}
    judged = [by["covered"][n] for n in STRATA if by["zeros"][n] < MOST_ZEROS]
    every = by["covered"]["all"]
    inside = [STRATA_WITHIN[0] <= share <= STRATA_WITHIN[1] for share in judged]
    return {
        "split": name,
        "genes": len(genes),
        "covered": every,
        "goal": "met" if WITHIN[0] <= every <= WITHIN[1] else "missed",
        "fifths judged": f"{len(judged)} of {N_STRATA}",
        "least": min(judged, default=None),
        "largest": max(judged, default=None),
        "goal of fifths": "met" if all(inside) else f"missed in {inside.count(False)}",
    }
