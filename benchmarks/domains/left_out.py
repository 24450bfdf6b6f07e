"""Domains of each labelled tissue by settings that were chosen without it, and by those that are shipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.domains.candidates import OWN, PLAIN, SHIPPED, own_answers, plain_answers
from benchmarks.domains.inputs import Given
from benchmarks.domains.stages import bare
from benchmarks.domains.tissues import Labelled, agreement, tissues
from benchmarks.harness.job import Job
from benchmarks.harness.report import Table, say

N_SEEDS = 10
OURS, OTHERS = "SIGEL", "plain windows"
FAMILIES = {OURS: (OWN, own_answers), OTHERS: (PLAIN, plain_answers)}

# ARI at each seed of each setting, (n_seeds,), by tissue; several sections of one kind are one tissue.
Scores = dict[str, dict[str, np.ndarray]]
Row = dict[str, object]

NOTE = (
    f"ARI, {N_SEEDS} seeds, the true number given. Judged: the setting whose median ARI is highest on the "
    "mean of the other tissues (the sections of DLPFC are one), applied to this one; min, median and max "
    f"over seeds. Chosen among {len(OWN)} settings of SIGEL's mixture (windows, components, neighbours' say, "
    f"share that votes) and {len(PLAIN)} of plain windows (spots of a mean, z-scores, components; tied "
    "mixture of one start). Shipped: the package's default, for which all of these tissues were seen. In "
    "hindsight: the one plain setting with the best mean over all of them."
)
CHOSEN = "What was chosen without each tissue, and the mean of the medians on the tissues it was chosen on."


def left_out(job: Job) -> list[Table]:
    """Tables of settings chosen without the tissue that they are judged on.

    Parameters
    ----------
    job
        The call.
    """
    n_seeds = 2 if job.quick else N_SEEDS
    scores: dict[str, Scores] = {family: {} for family in FAMILIES}
    kinds: dict[str, str] = {}
    for tissue in tissues(job):
        kinds[tissue.name] = tissue.kind
        given = Given(bare(tissue.adata), tissue.n_domains)
        for family, (_, answers) in FAMILIES.items():
            scores[family][tissue.name] = scored(tissue, answers(given), range(job.seed, job.seed + n_seeds))
            best = max(np.median(ari) for ari in scores[family][tissue.name].values())
            say(f"left out: {tissue.name}: {family}: best of all settings {best:.3f}")
    return tables_of(scores, kinds) if kinds else []


def scored(
    tissue: Labelled, answers: Callable[[int], Mapping[str, np.ndarray]], seeds: range
) -> dict[str, np.ndarray]:
    """ARI of each setting at each seed, `(n_seeds,)`.

    Parameters
    ----------
    tissue
        With its labels.
    answers
        From a seed to labels of each setting.
    seeds
        Of the answers.
    """
    each = [answers(seed) for seed in seeds]
    found = {name: np.stack([made[name] for made in each]) for name in each[0]}
    return {name: agreement(tissue.labels, labels)["ARI"] for name, labels in found.items()}


def tables_of(scores: dict[str, Scores], kinds: dict[str, str]) -> list[Table]:
    """Judged, shipped and hindsight beside one another.

    Parameters
    ----------
    scores
        Of each family.
    kinds
        Kind of tissue of each section.
    """
    hindsight = best_over(scores[OTHERS], kinds, without=None)
    rows: list[Row] = []
    chosen: list[Row] = []
    for name, kind in kinds.items():
        row: Row = {"tissue": name}
        for family in FAMILIES:
            setting = best_over(scores[family], kinds, without=kind)
            row |= _spread(f"{family}, judged", scores[family][name][setting])
            others = mean_over(scores[family], kinds, setting, without=kind)
            chosen.append({"tissue": name, "family": family, "chosen": setting, "mean where chosen": others})
        row |= _spread("SIGEL, shipped", scores[OURS][name][SHIPPED])
        row |= _spread("plain, in hindsight", scores[OTHERS][name][hindsight])
        rows.append(row)
    rows.append(_means(rows, list(kinds.values())))
    note = f"{NOTE} In hindsight: {hindsight}."
    return [
        {"title": "settings chosen without the tissue", "note": note, "rows": rows},
        {"title": "what was chosen", "note": CHOSEN, "rows": chosen},
    ]


def _spread(name: str, ari: np.ndarray) -> Row:
    return {
        f"{name}, {measure}": float(take(ari))
        for measure, take in {"min": np.min, "median": np.median, "max": np.max}.items()
    }


def _means(rows: list[Row], kinds: list[str]) -> Row:
    """Mean over tissues of every column, that of the sections of one tissue taken first."""
    made: Row = {"tissue": f"mean of {len(set(kinds))} tissues"}
    for column in rows[0]:
        if column == "tissue":
            continue
        of_kind = {
            kind: np.mean([row[column] for row, own in zip(rows, kinds, strict=True) if own == kind])  # type: ignore[misc]
            for kind in kinds
        }
        made[column] = float(np.mean(list(of_kind.values())))
    return made


def mean_over(scores: Scores, kinds: dict[str, str], setting: str, *, without: str | None) -> float:
    """Mean over tissues of a setting's median ARI.

    Parameters
    ----------
    scores
        Of a family.
    kinds
        Kind of tissue of each section.
    setting
        Its name.
    without
        Kind that is left out, or None.
    """
    medians: dict[str, list[float]] = {}
    for name, kind in kinds.items():
        if kind != without:
            medians.setdefault(kind, []).append(float(np.median(scores[name][setting])))
    return float(np.mean([np.mean(of) for of in medians.values()])) if medians else float("nan")


def best_over(scores: Scores, kinds: dict[str, str], *, without: str | None) -> str:
    """The setting with the highest mean over tissues.

    Parameters
    ----------
    scores, kinds, without
        As in `mean_over`.
    """
    settings = list(next(iter(scores.values())))
    return max(settings, key=lambda setting: mean_over(scores, kinds, setting, without=without))
