"""Genes held out and imputed, beside baselines and peers: accuracy, trust, cost, what clustering gains."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.harness.job import Job
from benchmarks.harness.numerics import mean_of_nearest
from benchmarks.harness.processes import at_once
from benchmarks.harness.report import Table, figures, say
from benchmarks.imputation.metrics import METRICS, accuracy_score, per_gene
from benchmarks.imputation.splits import LEAST_SPOTS, N_FOLDS, PANEL, Split, splits
from benchmarks.imputation.stages import AUTO, METHODS, OURS, PEERS, TANGRAM, Outcome, apply, hand_over
from benchmarks.imputation.trust import coverage_rows, gene_table, trust_row

CEILING = 60
RING = 7
SMOOTHED = f"{TANGRAM}, averaged over {RING} cells"
COLUMNS = [name for metric in METRICS for name in (metric, f"{metric} sd")]
COST = ("seconds a fold", "CPU seconds", "peak GB")
NOTE = (
    f"Means over held-out genes, {N_FOLDS} folds; sd: of the folds' means. Measures of Li et al. 2022 "
    "against log1p of counts at the median of the whole libraries. Methods see only the genes still "
    "measured, and libraries of these. Score: mean over the four of rank / number of methods, all rows but "
    f"the ceiling; higher is better. Genes seen in fewer than {LEAST_SPOTS} spots of either side, "
    f"mitochondrial genes and spike-ins are left out; of more than {PANEL} shared genes the panel is the "
    f"{PANEL} with the highest Moran's I in the (first) reference. Ceiling: the mean of the gene's own "
    f"{CEILING} nearest cells, itself left out. Peers on the CPU. Seconds: median of the folds, libraries "
    "loaded; peak memory of the process, libraries included. Published, over 45 other data sets: Tangram "
    "PCC 0.494, SSIM 0.409; gimVI 0.464, 0.396; SpaGE 0.424, 0.280."
)
GOALS = (
    "Goals: the best score of all rows; a PCC 20 % above Tangram's; at the ceiling or above it between "
    "adjacent sections. Best other: without this package's rows."
)
COVERAGE = (
    "Of the package's default, over held-out values in the result's own units. Fifths of the genes, the "
    "weakest first: by the level in the reference, which a user knows beforehand, and by the level measured, "
    "which nobody does. Goal: 0.88 to 0.92 overall and in each fifth. An interval that begins at zero holds "
    "every zero: where more than 90 % are zeros, it cannot cover less."
)
TRUST = (
    "Spearman: of the PCC expected before the gene was seen with the PCC achieved, over the genes of all "
    "folds; goal 0.6. What it claims: its own cross-validation, mean of the folds."
)


@dataclass
class Found:
    """Rows of one split.

    Parameters
    ----------
    rows
        Of its table.
    auto
        Outcome of the package's default, where it came to one.
    """

    rows: list[dict[str, object]] = field(default_factory=list)
    auto: Outcome | None = None


def imputation(job: Job) -> list[Table]:
    """All tables.

    Parameters
    ----------
    job
        The call.
    """
    tables: list[Table] = []
    goals: list[dict[str, object]] = []
    coverage: list[dict[str, object]] = []
    trust: list[dict[str, object]] = []
    for split in splits(job):
        n_cells, n_genes = split.truth.shape
        title = f"{split.name}: {n_genes} genes held out in turn, {n_cells} cells"
        say(f"imputation: {title}")
        found = run_split(split, job)
        tables.append({"title": title, "rows": found.rows})
        if not split.ours_alone:
            goals.append(goal_row(split.name, found.rows))
        if found.auto is not None:
            genes = gene_table(split, found.auto)
            coverage += coverage_rows(split.name, genes)
            trust.append(trust_row(split.name, genes))
            say(f"imputation: {trust[-1]}")
    if tables:
        tables[0]["note"] = NOTE
    first = [{"title": "goals", "note": GOALS, "rows": goals}] if goals else []
    last = [
        {"title": "what 90 % intervals hold", "note": COVERAGE, "rows": coverage},
        {"title": "accuracy expected and achieved", "note": TRUST, "rows": trust},
    ]
    return [*first, *tables, *(table for table in last if table["rows"])]


def run_split(split: Split, job: Job) -> Found:
    """Run all methods on a split, saying each figure as it comes.

    Parameters
    ----------
    split
        The split.
    job
        The call.
    """
    found = Found()
    scored: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hand_over(folder, split.target, split.references, split.folds, job.seed, quick=job.quick)
        methods = [AUTO] if split.ours_alone else list(METHODS)

        def attempt(method: str) -> Outcome | str:
            return job.attempt(
                lambda python: apply(method, folder, python=python, alone=not job.quick),
                METHODS[method].package,
                peer=method in PEERS,
            )

        # Each in a process of its own with one thread.
        with at_once(quick=job.quick) as pool:
            outcomes = pool.map(attempt, methods)
            for method, outcome in zip(methods, outcomes, strict=True):
                if isinstance(outcome, str):
                    say(f"imputation: {method}: {outcome}")
                    found.rows.append(empty(f"{method} ({outcome})"))
                    continue
                scored |= scored_rows(split, method, outcome)
                if method == AUTO:
                    found.auto = outcome
                say(f"imputation: {method}: {figures(scored[method])}")
    score = accuracy_score({name: {m: row[m] for m in METRICS} for name, row in scored.items()})
    found.rows[:0] = [
        {"method": name, "score": score[name] if len(score) > 1 else None, **row}
        for name, row in scored.items()
    ]
    near = mean_of_nearest(split.target.obsm["spatial"], CEILING, itself=False)
    ceiling = {**empty(f"ceiling: own {CEILING} nearest"), **measures(split, near @ split.truth)}
    found.rows.append(ceiling)
    say(f"imputation: ceiling: {figures(ceiling)}")
    return found


def scored_rows(split: Split, row: str, outcome: Outcome) -> dict[str, dict[str, object]]:
    """Measures and cost of a method; of Tangram also those of its values averaged over nearest cells.

    Parameters
    ----------
    split
        With the truth.
    row
        What the method's row is called.
    outcome
        What it predicted, fold by fold.
    """
    predicted = np.concatenate([fold.values for fold in outcome.folds], axis=1)
    seconds = [float(np.median(each)) for each in (outcome.seconds, outcome.cpu_seconds)]
    cost = dict(zip(COST, (*seconds, outcome.peak_gb), strict=True))
    rows = {row: measures(split, predicted) | cost}
    if row == TANGRAM:
        near = mean_of_nearest(split.target.obsm["spatial"], RING)
        rows[SMOOTHED] = measures(split, near @ np.nan_to_num(predicted)) | cost
    return rows


def measures(split: Split, predicted: np.ndarray) -> dict[str, object]:
    """Mean over genes of each metric, and the spread of the folds' means.

    Parameters
    ----------
    split
        With the truth.
    predicted
        `(n_cells, n_genes)`, genes in the order of its folds.
    """
    each = per_gene(predicted, split.truth)
    fold = np.repeat(np.arange(len(split.folds)), [len(held) for held in split.folds])
    row: dict[str, object] = {}
    for metric, values in each.items():
        means = [np.nanmean(values[fold == k]) for k in range(len(split.folds))]
        row[metric], row[f"{metric} sd"] = float(np.nanmean(values)), float(np.std(means, ddof=1))
    return row


def empty(name: str) -> dict[str, object]:
    """A row without figures.

    Parameters
    ----------
    name
        Of the method.
    """
    return {"method": name, "score": None} | dict.fromkeys([*COLUMNS, *COST])


def goal_row(name: str, rows: list[dict[str, object]]) -> dict[str, object]:
    """The package's default beside the best of the others.

    Parameters
    ----------
    name
        Of the split.
    rows
        Of its table.
    """
    by_name = {str(row["method"]): row for row in rows}
    ranked = {key: row for key, row in by_name.items() if row["score"] is not None}
    others = {key: row for key, row in ranked.items() if key not in OURS}
    best = max(others, key=lambda key: others[key]["PCC"])
    auto, tangram = ranked.get(AUTO, empty(AUTO)), ranked.get(TANGRAM, empty(TANGRAM))
    ceiling = next(row for key, row in by_name.items() if key.startswith("ceiling"))

    def above(row: dict[str, object]) -> float | None:
        known = auto["PCC"] is not None and row["PCC"] is not None
        return 100 * (auto["PCC"] / row["PCC"] - 1) if known else None

    return {
        "split": name,
        "PCC": auto["PCC"],
        "Tangram": tangram["PCC"],
        "% above Tangram": above(tangram),
        "best other": best,
        "PCC of best other": others[best]["PCC"],
        "% above best other": above(others[best]),
        "ceiling": ceiling["PCC"],
        "% of ceiling": 100 + above(ceiling) if above(ceiling) is not None else None,
        "score": auto["score"],
        "best score of others": max(row["score"] for row in others.values()),
        "best score": max(ranked, key=lambda key: ranked[key]["score"]),
    }
