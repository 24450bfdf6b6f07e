"""Spatial genes beside other methods: order, calibration, invariance, known genes, time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.large_sections import VISIUM, write_section
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import read, read_plane, there
from benchmarks.harness.sigel_rows import QUICK_SECTION
from benchmarks.spatial_genes.calibration import calibrated, false_calls
from benchmarks.spatial_genes.peers import PEERS
from benchmarks.spatial_genes.simulation import DESIGNS, SECTIONS, compact, draw, surfaces, taus
from benchmarks.spatial_genes.stages import METHODS, Outcome, apply, apply_files, why_not
from benchmarks.spatial_genes.tissue import (
    MARKERS,
    marker_rows,
    markers_there,
    published_rows,
    read_published,
    turning_rows,
)

N_FAMILIES = 50
# Spots of a section as large as those of Open Problems.
LARGE = 1000
# What orders genes where one order a method is enough.
ORDERS = {"SIGEL, test alone": "order", "Moran's I": "score", "SPARK-X": "score", "FlashS": "score"}
TESTS = ["SIGEL, test alone", "Moran's I", "SPARK-X", "FlashS"]
# Ten times 10,000 genes: 10,000 p-values in each tenth, where chance alone makes a distance of 0.014.
PERMUTED = {
    "st_mousebrain_hippo1": 10,
    "slideseqv2_hippocampus_crop": 10,
    "dlpfc_151510": 40,
    "starmap_v1_BY3_1k": 40,
}
MIXED = [*PERMUTED, "visium_mouse_embryo_cytassist", "st_pdac_A"]
TURNED = ["xenium_mousebrain", "seqfish_mouse_embryo2", "slideseqv2_hippocampus_crop", "osmfish_sscortex"]
PUBLISHED_SECTION = "mob_rep11"
DESIGN_NOTES = {
    "open problems": "Mean counts mixed with themselves at shuffled spots, as Open Problems does.",
    "library": "Rates mixed with their own mean, at the spots' own library sizes; the rest beside.",
}


def spatial(job: Job) -> list[Table]:
    """All tables.

    Parameters
    ----------
    job
        The call.
    """
    say("spatial: " + ", ".join(f"{name} {why}" for name in PEERS if (why := why_not(name))))
    return [
        *order_tables(job),
        *calibration_tables(job),
        *tissue_tables(job),
        *time_tables(job),
    ]


def _simulated(job: Job) -> AnnData:
    return sigel.datasets.simulated_section(seed=job.seed, **QUICK_SECTION)


def order_sections(job: Job) -> Iterator[tuple[str, AnnData]]:
    """Names and sections for the table of tau.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        yield "simulated", _simulated(job)
    else:
        yield from ((name, compact(name)) for name in SECTIONS if there(name))


def order_tables(job: Job) -> list[Table]:
    """Kendall's tau between mixing weight and score within families: the means, and section by section.

    Parameters
    ----------
    job
        The call.
    """
    made: dict[str, dict[str, AnnData]] = {design: {} for design in DESIGNS}
    for name, adata in order_sections(job):
        found = surfaces(adata, 6 if job.quick else N_FAMILIES)
        for design in DESIGNS:
            made[design][name] = draw(found, design, np.random.default_rng(job.seed))
    n_sections = len(made[DESIGNS[0]])
    if not n_sections:
        return []
    rows: dict[str, list[dict[str, object]]] = {design: [] for design in DESIGNS}
    means: list[dict[str, object]] = []
    for method in (*PEERS, "surface"):
        orders = METHODS[method].orders
        if why := why_not(method):
            empty = {f"tau, {design}{size}": None for design in DESIGNS for size in ("", ", larger")}
            cost = {"seconds": None, "peak GB": None}
            means += [{"order": f"{label} ({why})", **empty, **cost} for label in orders]
            continue
        outcome = apply(method, [a for each in made.values() for a in each.values()], alone=not job.quick)
        say(f"spatial: tau of {method}, {sum(outcome.seconds):.0f} s")
        cost = {"seconds": float(np.mean(outcome.seconds)), "peak GB": outcome.peak_gb}
        for label, column in orders.items():
            mean: dict[str, object] = {"order": label}
            tables = iter(outcome.tables)
            for design in DESIGNS:
                each = _section_taus(tables, column, made[design])
                rows[design].append({"order": label, **each})
                mean |= _mean_taus(design, each, made[design])
            means.append(mean | cost)
    note = (
        "The surface itself knows what is to be found. "
        f"{n_sections} sections; published by Open Problems: Moran's I 0.776, SPARK-X 0.886. "
        f"Larger: the mean over those of {LARGE} spots or more. Goal: 0.935. "
        "Seconds of a section; peak memory of the process, libraries included."
    )
    tables = [
        {"title": "Kendall's tau between weight and score within families", "note": note, "rows": means}
    ]
    for design in DESIGNS:
        title = f"tau by section, design {design!r}"
        tables.append({"title": title, "note": DESIGN_NOTES[design], "rows": rows[design]})
    return tables


def _section_taus(
    tables: Iterator[pd.DataFrame], column: str, sections: dict[str, AnnData]
) -> dict[str, float]:
    """Mean tau over the families of each section, whose tables come next."""
    return {
        name: float(taus(next(tables)[column].to_numpy(dtype=float), adata.var).mean())
        for name, adata in sections.items()
    }


def _mean_taus(design: str, each: dict[str, float], sections: dict[str, AnnData]) -> dict[str, float | None]:
    larger = [each[name] for name, adata in sections.items() if adata.n_obs >= LARGE]
    return {
        f"tau, {design}": float(np.mean(list(each.values()))),
        f"tau, {design}, larger": float(np.mean(larger)) if larger else None,
    }


def calibration_tables(job: Job) -> list[Table]:
    """Uniformity of p-values of permuted sections, and permuted genes among the calls in mixed ones.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        section = {"simulated": _simulated(job)}
        times, whole, half = {"simulated": 2}, section, section
    else:
        times = {name: n for name, n in PERMUTED.items() if there(name)}
        whole = {name: read_plane(name) for name in times}
        half = {name: read_plane(name) for name in MIXED if there(name)}
    tables: list[Table] = []
    if whole:
        note = (
            "Whole profiles at other spots. Kolmogorov-Smirnov distance from the uniform, overall and in "
            "tenths of the genes by expression, the weakest first; chance: its 95 % point for independent "
            "uniform values. Goal: under 0.03."
        )
        rows = calibrated(whole, TESTS, times, job.seed, alone=not job.quick)
        tables.append({"title": "p-values of permuted sections", "note": note, "rows": rows})
    if half:
        note = (
            "Both halves of the genes thinned to the same counts in every spot, one of them permuted. "
            "Benjamini and Hochberg over tested genes; mean of three draws. Goal: share permuted under 0.05."
        )
        rows = false_calls(half, TESTS, job.seed, alone=not job.quick)
        tables.append(
            {"title": "calls at q < 0.05 when half of the genes are permuted", "note": note, "rows": rows}
        )
    return [table for table in tables if table["rows"]]


def tissue_tables(job: Job) -> list[Table]:
    """The section moved as a whole, known markers, published results.

    Parameters
    ----------
    job
        The call.
    """
    alone = not job.quick
    if job.quick:
        adata = _simulated(job)
        scattered = AnnData(adata.X, var=adata.var, obsm={"spatial": adata.obsm["spatial"] + 0.0})
        rng = np.random.default_rng(job.seed)
        scattered.obsm["spatial"] += rng.uniform(-0.4, 0.4, (adata.n_obs, 2))
        genes = list(adata.var_names[adata.var["programme"] != "background"][:2])
        turned, markers = {"simulated": scattered}, {"simulated": (adata, genes)}
        published, whole = {}, adata
    else:
        turned = {name: compact(name) for name in TURNED if there(name)}
        markers = {name: (read_plane(name), MARKERS[name]) for name in markers_there()}
        published = read_published() if there(PUBLISHED_SECTION) else {}
        whole = read(PUBLISHED_SECTION) if published else None
    tables: list[Table] = []
    if turned:
        note = "Change of the order of genes; what the raster itself does to it comes last."
        rows = turning_rows(turned, {key: ORDERS[key] for key in ORDERS if key != "FlashS"}, alone=alone)
        tables.append({"title": "sections moved as a whole", "note": note, "rows": rows})
    if markers:
        note = (
            "Rank among all genes; then in the section thinned to the same counts in every spot, with 20 "
            "permuted copies of each marker beside."
        )
        tables.append(
            {
                "title": "known markers",
                "note": note,
                "rows": marker_rows(markers, ORDERS, job.seed, alone=alone),
            }
        )
    if published:
        note = f"Order of the genes of {PUBLISHED_SECTION} against published p- and q-values."
        rows = published_rows(whole, ORDERS, published, alone=alone)
        tables.append({"title": "published results", "note": note, "rows": rows})
    return [table for table in tables if table["rows"]]


def time_tables(job: Job) -> list[Table]:
    """Seconds and memory on a section as large as a Visium slide.

    Parameters
    ----------
    job
        The call.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "section.h5ad"
        n_spots, n_genes = write_section(path, job.seed, **(QUICK_SECTION if job.quick else VISIUM))
        rows: list[dict[str, object]] = []
        for method in (
            "SIGEL",
            "SIGEL, test alone",
            *[name for name in PEERS if not name.startswith("SIGEL")],
        ):
            if why := why_not(method):
                rows.append({"method": f"{method} ({why})"} | dict.fromkeys(TIMES))
            elif job.quick:
                import anndata

                rows.append(
                    {"method": method} | _times(apply(method, [anndata.read_h5ad(path)], alone=False))
                )
            else:
                rows.append({"method": method} | _times(apply_files(method, [str(path)])))
                say(f"spatial: {rows[-1]}")
    title = f"time and memory, {n_genes} genes, {n_spots} spots"
    note = (
        "After a first small call that is not timed. Held before: libraries alone. Goal: 10 s on two cores."
    )
    return [{"title": title, "note": note, "rows": rows}]


TIMES = ("seconds", "peak GB", "held before, GB")


def _times(outcome: Outcome) -> dict[str, object]:
    return dict(zip(TIMES, (outcome.seconds[0], outcome.peak_gb, outcome.before_gb), strict=True))
