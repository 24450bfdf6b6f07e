"""Whether p-values of designated patterns keep their promise: patterns drawn without a look at the genes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.harness.job import Job
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Section, simulated, there
from benchmarks.harness.sections import section as read_section
from sigel.model.section_model import section_model
from sigel.tasks.pattern_genes.search import pattern_genes

# Lattices and a scattered panel.
SECTIONS = ("st_mousebrain_hippo1", "starmap_v1_BY3_1k", "mob_rep11", "st_mliver_CN65_D1")
N_DRAWN = 10
NULLS = ("regions", "spots")
NOTE = (
    "Patterns drawn without a look at the genes, {n} of each kind: about 0.05 of the genes should have "
    "p < 0.05, and none q < 0.05. Regions are the cells of 12 random points (small: of 60), a third of them "
    "together; mixed: the labels of so many spots dealt out anew. Chosen on the simulated section and on "
    "st_mousebrain_hippo1, judged on the others. Null `spots` is the baseline: right for labels dealt out at "
    "random, and for nothing else."
)


def drawn_patterns(job: Job) -> list[Table]:
    """Table of false calls by section, kind of pattern and null.

    Parameters
    ----------
    job
        The call.
    """
    drawn = simulated(5, n_rows=24, n_cols=24, n_programmes=4, genes_per_programme=25, n_background_genes=60)
    real = [] if job.quick else [name for name in SECTIONS if there(name)]
    n = 2 if job.quick else N_DRAWN
    rows = []
    for each in (drawn, *map(read_section, real)):
        rows += false_calls(each, n, job.seed)
        say(f"drawn patterns: {each.name}")
    return [{"title": "patterns that no gene follows", "note": NOTE.format(n=n), "rows": rows}]


def false_calls(section: Section, n: int, seed: int) -> list[dict[str, object]]:
    """Rows of one section.

    Parameters
    ----------
    section
        Whose genes are tested.
    n
        Patterns of each kind.
    seed
        Of the first; each has its own.
    """
    images, places = section.images, section.adata.obsm["spatial"]
    model = section_model(images, seed=seed, device="cpu")
    found: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for draw in range(seed, seed + n):
        for kind, pattern in patterns(places, np.random.default_rng(draw)):
            levels = None if pattern.dtype.kind == "f" else {"in": 0.9}
            for null in NULLS:
                table = pattern_genes(
                    images, list(pattern), levels, null=null, model=model, seed=draw, device="cpu"
                ).table
                pval, qval = (table[column].dropna().to_numpy() for column in ("pval", "qval"))
                calls = (pval < 0.05).mean(), (pval < 0.01).mean(), int((qval < 0.05).sum())
                found.setdefault((kind, null), []).append(calls)
    rows: list[dict[str, object]] = []
    for (kind, null), each in found.items():
        at_5, at_1, called = np.array(each).T
        rows.append(
            {
                "section": section.name,
                "pattern": kind,
                "null": null,
                "p < 0.05": at_5.mean(),
                "standard error": at_5.std(ddof=1) / np.sqrt(len(at_5)),
                "p < 0.01": at_1.mean(),
                "patterns with a call": (called > 0).mean(),
                "genes called": called.mean(),
                "genes": images.n_genes,
            }
        )
    return rows


def patterns(places: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Patterns of every kind, a label or a number for each spot.

    Parameters
    ----------
    places
        `(n_spots, 2)`.
    rng
        Source of the patterns.
    """
    at = np.asarray(places, dtype=float)[:, :2]
    at = (at - at.min(axis=0)) / np.ptp(at, axis=0).max()
    n = len(at)

    def nearest(n_points: int) -> np.ndarray:
        points = rng.uniform(size=(n_points, 2)) * at.max(axis=0)
        return np.asarray(cKDTree(points).query(at)[1])

    def inside(label: np.ndarray, n_points: int, mixed: float = 0.0) -> np.ndarray:
        dealt = rng.random(n) < mixed
        label = label.copy()
        label[dealt] = rng.permutation(label[dealt])
        return np.where(label < n_points // 3, "in", "out").astype(object)

    yield "labels dealt out, half", np.where(rng.random(n) < 0.5, "in", "out").astype(object)
    yield "labels dealt out, one in 12", np.where(rng.random(n) < 1 / 12, "in", "out").astype(object)
    few, many = nearest(12), nearest(60)
    yield "regions", inside(few, 12)
    yield "regions, 30 % mixed", inside(few, 12, 0.3)
    yield "regions, 70 % mixed", inside(few, 12, 0.7)
    yield "small regions", inside(many, 60)
    waves = np.sin(at @ rng.normal(scale=8, size=(2, 3)) + rng.uniform(0, 2 * np.pi, 3)).sum(axis=1)
    yield "numbers", waves
    yield "numbers and noise", waves + rng.normal(scale=1.2 * waves.std(), size=n)
    yield "noise", rng.normal(size=n)
