"""Changed genes held against what was planted, and p-values where nothing changed."""

from __future__ import annotations

import warnings

import anndata
import numpy as np
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

import sigel
from benchmarks.cohorts.cohort import Cohort
from benchmarks.cohorts.planted import (
    FULL,
    HALF,
    INSIDE,
    UNCHANGED,
    Planted,
    depth_differs,
    planted,
    sections_of,
    turned_and_cropped,
)
from benchmarks.cohorts.rows import WAYS, answered
from benchmarks.harness.job import Job
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import read, there
from sigel.stats.q_values import q_values

HEART = "st_heart_9sections"
LIVER = ("st_mliver_CN65_D1", "st_mliver_CN65_D2", "st_mliver_CN73_C1", "st_mliver_CN73_D1")
SYNOVIA = {"RA2": 4, "RA3": 4, "RA5": 3}
Q = 0.05

ROWS = (
    "Pseudobulk: Welch's t-test of log counts per million of whole sections; PyDESeq2: Wald test of its "
    "model of the counts, defaults. By domain: pseudobulks of six domains that the sections share, the "
    "interaction of domain and condition with sections as blocks, an F-test of log counts per million or "
    "edgeR's quasi-likelihood F-test (edgepython: its filter, TMM, defaults). Seconds hold those of the "
    "domains; a peer's are without starting and compiling. A gene that a row does not test has p 1 and "
    "score 0: what edgeR's filter takes for too rare, outliers of PyDESeq2, all genes where the domains "
    "leave no interaction to test."
)
PLANTED = (
    "Real sections, every second of which has planted changes in 25 genes of each kind; the 1,500 genes "
    "that the least section has most counts of. Counts of all genes are dealt out anew by a mean over "
    "seven spots, as many as there were. AUROC and average precision of genes whose pattern changed "
    "against all others, of which some change their level, or are markers of a cell type whose share is "
    "halved. Heart: the settings were chosen on it. Synovia: p-values without a difference were looked at "
    "then, planted changes were not. Liver: judged on alone. Goals with four sections against four: AUROC "
    "0.90 at full and 0.80 at half strength. " + ROWS
)
CALLED = (
    "Share of the genes of a kind with q below 0.05, and of all that are called the share whose pattern does "
    "not change. Goal: below 0.05. Pseudobulks of whole sections ask for levels: all that they call counts "
    "as wrong here. A gene that a row does not test has p 1."
)
CALIBRATION = (
    "Sections of real tissue without a known difference, conditions dealt out at random: Kolmogorov-"
    "Smirnov distance of the p-values from uniform ones, mean over labellings, and genes called at q "
    "0.05. Goal: below 0.05. One labelling moves genes together, so that its own distance is above 0. All "
    "but liver were seen while the settings were chosen. A gene that a row does not test has p 1, here too."
)
DONORS = (
    "Synovia of three donors with three or four sections each, one donor against the other two: genes called "
    "at q 0.05 when donors count, and when sections are taken for donors."
)


def cohorts(job: Job) -> list[Table]:
    """All tables.

    Parameters
    ----------
    job
        The call.
    """
    made = list(cohorts_of(job))
    if not made:
        return []
    found, called = [], []
    for one in made:
        cohort = Cohort(one.sections, job.seed)
        for name in WAYS:
            row, calls = judged(one, cohort, name, job)
            found.append(row)
            called += calls
    tables: list[Table] = [
        {"title": "planted changes", "note": PLANTED, "rows": found},
        {"title": "calls at q 0.05", "note": CALLED, "rows": called},
    ]
    if not job.quick:
        tables.append({"title": "nothing changed", "note": CALIBRATION, "rows": calibration(job)})
        tables.append({"title": "sections taken for donors", "note": DONORS, "rows": taken_for_donors(job)})
    return tables


def cohorts_of(job: Job) -> list[Planted]:
    """Cohorts with planted changes.

    Parameters
    ----------
    job
        The call.
    """
    rng = np.random.default_rng(job.seed)
    if job.quick:
        size = {"n_rows": 14, "n_cols": 14, "n_programmes": 3, "genes_per_programme": 30}
        donors = sigel.datasets.simulated_cohort((2, 2), n_changed=0, n_background_genes=40, **size)
        return [planted("simulated", donors, rng, of_a_kind=4)]
    made = []
    if there(HEART):
        names = list(dict.fromkeys(read(HEART).obs["section"].astype(str)))[:8]
        heart = planted("heart, 4 against 4", sections_of([f"{HEART}:{one}" for one in names]), rng)
        made += [heart, depth_differs(heart, rng), turned_and_cropped(heart, rng)]
    if there(*LIVER):
        made.append(planted("liver, 2 against 2", sections_of(list(LIVER)), rng))
    names = [f"{donor}_{k + 1}" for donor in ("RA2", "RA3") for k in range(4)]
    if there(*names):
        made.append(planted("synovia, 4 against 4", sections_of(names), rng))
    return made


def judged(
    given: Planted, cohort: Cohort, name: str, job: Job
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """What a way finds of what was planted, and what it calls; empty where the way says nothing.

    Parameters
    ----------
    given
        What was planted.
    cohort
        Its sections.
    name
        Key of `WAYS`.
    job
        The call.
    """
    answer = answered(name, cohort, given.condition, job)
    quiet = np.isin(given.kind, UNCHANGED)
    kinds = (*UNCHANGED, *FULL, *HALF, INSIDE)
    row: dict[str, object] = {"cohort": given.name, "method": name}
    measures = {"full": FULL, "half": HALF, "inside a domain": (INSIDE,)}
    if isinstance(answer, str):
        row["method"] = f"{name} ({answer})"
        say(f"cohorts: {given.name}: {row['method']}")
        calls = [row | dict.fromkeys([*kinds, "called", "wrong"])]
        scores = [f"{measure}, {title}" for title in measures for measure in ("AUROC", "AP")]
        return row | dict.fromkeys([*scores, "seconds"]), calls
    for title, of in measures.items():
        kept = np.isin(given.kind, of) | quiet
        truth = ~quiet[kept]
        row[f"AUROC, {title}"] = float(roc_auc_score(truth, answer.score[kept]))
        row[f"AP, {title}"] = float(average_precision_score(truth, answer.score[kept]))
    row["seconds"] = answer.seconds
    say(f"cohorts: {row}")
    if answer.pval is None:
        return row, []
    call = q_values(answer.pval) < Q
    of_kinds = {kind: float(call[given.kind == kind].mean()) for kind in kinds}
    wrong = float((call & quiet).sum() / max(call.sum(), 1))
    return row, [
        {"cohort": given.name, "method": name, **of_kinds, "called": int(call.sum()), "wrong": wrong}
    ]


def calibration(job: Job) -> list[dict[str, object]]:
    """p-values of labellings that mean nothing, a row for each tissue and method.

    Parameters
    ----------
    job
        The call.
    """
    rng = np.random.default_rng(job.seed)
    sets: dict[str, list[str]] = {}
    if there(HEART):
        names = list(dict.fromkeys(read(HEART).obs["section"].astype(str)))[:8]
        sets["heart"] = [f"{HEART}:{one}" for one in names]
    for donor in ("RA2", "RA3"):
        if there(f"{donor}_1"):
            sets[f"synovium {donor}"] = [f"{donor}_{k + 1}" for k in range(4)]
    if there("st_mousebrain_hippo1"):
        sets["hippocampus"] = [f"st_mousebrain_hippo{k + 1}" for k in range(4)]
    if there(*LIVER):
        sets["liver"] = list(LIVER)
    rows: list[dict[str, object]] = []
    for tissue, names in sets.items():
        cohort = Cohort(sections_of(names), job.seed)
        labels = _labellings(len(names), rng)
        for method in WAYS:
            row = nothing_found(tissue, cohort, labels, method, job)
            if row is not None:
                rows.append(row)
                say(f"cohorts: {row}")
    return rows


def nothing_found(
    tissue: str, cohort: Cohort, labels: list[np.ndarray], method: str, job: Job
) -> dict[str, object] | None:
    """What a way says of labellings that mean nothing; None where it has no p-values.

    Parameters
    ----------
    tissue
        Its name.
    cohort
        Its sections.
    labels
        Conditions.
    method
        Key of `WAYS`.
    job
        The call.
    """
    far, n_called = [], []
    for condition in labels:
        answer = answered(method, cohort, condition, job)
        if isinstance(answer, str):
            row: dict[str, object] = {"tissue": tissue, "method": f"{method} ({answer})"}
            return row | dict.fromkeys(["labellings", "KS", "KS, most", "called, mean"])
        if answer.pval is None:
            return None
        far.append(float(stats.kstest(answer.pval, "uniform").statistic))
        n_called.append(int((q_values(answer.pval) < Q).sum()))
    row = {"tissue": tissue, "method": method, "labellings": len(far), "KS": float(np.mean(far))}
    return {**row, "KS, most": max(far), "called, mean": float(np.mean(n_called))}


def _labellings(n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Three labellings of half against half, no two of which are the same or each other's mirror."""
    made: list[np.ndarray] = []
    while len(made) < 3:
        own = rng.permutation(np.arange(n) % 2)
        if not any((own == one).all() or (own == 1 - one).all() for one in made):
            made.append(own)
    return made


def taken_for_donors(job: Job) -> list[dict[str, object]]:
    """Genes called when the donor is the unit, and when the section is.

    Parameters
    ----------
    job
        The call.
    """
    if not there("RA2_1", "RA5_1"):
        return []
    names = [f"{donor}_{k + 1}" for donor, n in SYNOVIA.items() for k in range(n)]
    sections = sections_of(names)
    donor = [name[:3] for name in names]
    rows: list[dict[str, object]] = []
    for alone in SYNOVIA:
        condition = ["one" if one == alone else "others" for one in donor]
        row: dict[str, object] = {"one donor": alone}
        for title, unit in (("donors", donor), ("sections", None)):
            row[f"called, {title}"] = _n_called(sections, condition, unit, job.seed)
        rows.append(row)
        say(f"cohorts: {row}")
    return rows


def _n_called(
    sections: list[anndata.AnnData], condition: list[str], donor: list[str] | None, seed: int
) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = sigel.tl.disease_genes(
            sections, condition, donor=donor, seed=seed, device="cpu", progress=False
        )
    return int((table["qval"] < Q).sum())
