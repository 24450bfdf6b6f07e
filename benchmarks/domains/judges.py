"""Judges of spatial domains that need no annotator, and of what is said with them: calibration, sections."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

import sigel
from benchmarks.domains.adjacent import SERIES, agreement_of_adjacent, matched
from benchmarks.domains.dealt import dealt, dealt_sections
from benchmarks.domains.stages import METHODS, PEERS, QUICK_METHODS, apply, bare, hand_over
from benchmarks.domains.tables import run_tissue
from benchmarks.domains.tissues import DLPFC, FILES, Labelled, agreement, labelled, tissues
from benchmarks.harness.job import Job
from benchmarks.harness.processes import at_once
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import read, there
from sigel.stats.thinning import thinned_halves

N_SEEDS = 3
BINS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.0)

Row = dict[str, object]

DEALT = (
    f"Median ARI with planted domains, {N_SEEDS} seeds, the true number given. Counts of a real section are "
    "split in two; one half puts spots into five classes, blind to place; counts of the other half are dealt "
    "to the section's own places within planted borders, one spot in ten from another class."
)
ADJACENT = (
    "Mean ARI of the domains of sections that follow each other, each section alone, laid over each other by "
    f"what genes show; {N_SEEDS} seeds, number given. Places, k-means: a partition that knows nothing but "
    "place, which agrees by smoothness alone."
)
SEVERAL = (
    "Median ARI of each section by one model of all, and of the section alone; five seeds, the number of "
    "domains that the section, or all of them, have."
)
CALIBRATION = (
    "Domains in two independent halves of the counts, matched: of spots with so high a probability in one, "
    "the share that keeps its domain in the other. Goal: 0.85 for 0.9 and above."
)


def domain_judges(job: Job) -> list[Table]:
    """All tables of judges.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        source = sigel.datasets.simulated_section(18, 18, 4, 30, 60, seed=job.seed)
        planted: Iterable[Labelled] = [dealt(source, "simulated", "layers", 0.5, job.seed)]
        series = {"simulated": ([source, source], 4)}
    else:
        planted = dealt_sections(job)
        series = {
            name: ([read(file) for file in files], number)
            for name, (files, number) in SERIES.items()
            if all(map(there, files))
        }
    rows = [dealt_row(section, job) for section in planted]
    if not rows:
        return []
    return [
        {"title": "planted domains", "note": DEALT, "rows": [*rows, mean_row(rows)]},
        {"title": "adjacent sections", "note": ADJACENT, "rows": adjacent_rows(series, job)},
        {"title": "several sections by one model", "note": SEVERAL, "rows": several_rows(job)},
        {"title": "calibration", "note": CALIBRATION, "rows": calibration_rows(job)},
    ]


def dealt_row(section: Labelled, job: Job) -> Row:
    """Median ARI of each quick method on one section with planted domains.

    Parameters
    ----------
    section
        From `dealt`.
    job
        The call.
    """
    with at_once(quick=job.quick) as pool:
        found = run_tissue(section, {}, list(QUICK_METHODS), job, pool, n_seeds=N_SEEDS)
    return {"section": section.name, **{name: row["ARI median"] for name, row in found.items()}}


def mean_row(rows: list[Row]) -> Row:
    """Mean of every column that all rows know.

    Parameters
    ----------
    rows
        With the same columns.
    """
    made: Row = {"section": "mean"}
    for name in list(rows[0])[1:]:
        values = [row[name] for row in rows]
        made[name] = None if None in values else float(np.mean(values))  # type: ignore[arg-type]
    return made


def adjacent_rows(series: dict[str, tuple[list[anndata.AnnData], int]], job: Job) -> list[Row]:
    """Agreement of adjacent sections by every quick method, and by place alone.

    Parameters
    ----------
    series
        Sections in their order, and the number of domains.
    job
        The call.
    """
    made: dict[str, Row] = {}
    for name, (sections, number) in series.items():
        over = matched(sections)
        for method in QUICK_METHODS:
            labels = [_labels(section, number, method, job) for section in sections]
            known = all(each is not None for each in labels)
            each = [
                agreement_of_adjacent([of[seed] for of in labels if of is not None], over)
                for seed in range(N_SEEDS if known else 0)
            ]
            made.setdefault(method, {"method": method})[name] = float(np.median(each)) if known else None
        places = [
            KMeans(number, n_init=5, random_state=job.seed).fit_predict(section.obsm["spatial"][:, :2])
            for section in sections
        ]
        by_place = agreement_of_adjacent(places, over)
        made.setdefault("places, k-means", {"method": "places, k-means"})[name] = by_place
        say(f"adjacent: {name}: " + ", ".join(f"{key} {row[name]}" for key, row in made.items()))
    return list(made.values())


def _labels(section: anndata.AnnData, number: int, method: str, job: Job) -> np.ndarray | None:
    """Of one section at each seed, `(n_seeds, n_spots)`; None where the method is not installed."""
    of = METHODS[method]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hand_over(folder, section, number, {}, list(range(job.seed, job.seed + N_SEEDS)))
        found = job.attempt(
            lambda python: apply(method, folder, python=python, alone=not job.quick),
            of.package,
            peer=of.package in PEERS,
        )
    return None if isinstance(found, str) else found.labels


def several_rows(job: Job) -> list[Row]:
    """Sections by one model of all, and each alone.

    Parameters
    ----------
    job
        The call.
    """
    seeds = range(job.seed, job.seed + (2 if job.quick else 5))
    rows: list[Row] = []
    for together in _of_several_sections(job):
        section = together.adata.obs["section"].astype(str).to_numpy()
        shared = np.stack(
            [_domains(together.adata, together.n_domains, seed, several=True) for seed in seeds]
        )
        for name in pd.unique(section):
            inside = section == name
            labels = together.labels[inside]
            number = len(set(labels) - {""})
            if number < 2:
                continue
            part = together.adata[inside].copy()
            alone = np.stack([_domains(part, number, seed, several=False) for seed in seeds])
            one, many = (
                float(np.median(agreement(labels, each)["ARI"])) for each in (alone, shared[:, inside])
            )
            rows.append({"tissue": together.name, "section": name, "one model": many, "alone": one})
            say(f"several: {rows[-1]}")
    return rows


def _of_several_sections(job: Job) -> Iterable[Labelled]:
    if job.quick:
        whole = sigel.datasets.simulated_section(18, 18, 4, 30, 60, seed=job.seed)
        parts = [whole.copy(), whole.copy()]
        for part, half in zip(parts, thinned_halves(whole.X, np.random.default_rng(job.seed)), strict=True):
            part.X = half
        made = anndata.concat(parts, label="section", keys=["a", "b"], index_unique="-")
        yield labelled("simulated", made, "region")
        return
    pair = [name for name, kind in FILES.items() if kind == DLPFC and there(name)][1:]
    if len(pair) > 1:
        parts = [read(name) for name in pair]
        made = anndata.concat(parts, label="section", keys=pair, index_unique="-")
        yield labelled("DLPFC, one donor", made, "layer", DLPFC)
    for tissue in tissues(job):
        if "section" in tissue.adata.obs:
            yield tissue


def _domains(adata: anndata.AnnData, number: int, seed: int, *, several: bool) -> np.ndarray:
    given = bare(adata)
    key = "section" if several else None
    sigel.tl.domains(given, number, section_key=key, seed=seed, progress=False)
    return given.obs["sigel_domain"].cat.codes.to_numpy(int)


def calibration_rows(job: Job) -> list[Row]:
    """How often spots keep their domain in an independent half, by their probability.

    Parameters
    ----------
    job
        The call.
    """
    rows: list[Row] = []
    for tissue in tissues(job):
        given = bare(tissue.adata)
        several = "section" if "section" in given.obs else None
        found = []
        for half in thinned_halves(sparse.csr_matrix(given.X), np.random.default_rng(job.seed)):
            adata = given.copy()
            adata.X = half.astype(np.float32)
            sigel.tl.domains(adata, tissue.n_domains, section_key=several, seed=job.seed, progress=False)
            found.append(adata.obs[["sigel_domain", "sigel_domain_prob"]])
        kept = _kept(*(each["sigel_domain"].cat.codes.to_numpy(int) for each in found))
        prob = found[0]["sigel_domain_prob"].to_numpy()
        row: Row = {"tissue": tissue.name}
        for low, high in pairwise(BINS):
            inside = (prob >= low) & ((prob < high) | (high == 1.0))
            row[f"{low} to {high}"] = float(kept[inside].mean()) if inside.sum() >= 20 else None
        row["share of spots at 0.9"] = float((prob >= BINS[-2]).mean())
        rows.append(row)
        say(f"calibration: {row}")
    return rows


def _kept(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether each spot is in the domain of the other partition that matches its own."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)
    rows, columns = linear_sum_assignment(-table)
    match = np.full(len(table), -1)
    match[rows] = columns
    return np.asarray(match[one] == other)
