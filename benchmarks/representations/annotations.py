"""Whether genes that belong together by other knowledge are near: AUROC against expression-matched pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import sections
from benchmarks.harness.job import Job
from benchmarks.harness.pixels import log_images, moran
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Section
from benchmarks.harness.sigel_rows import QUICK_SECTION
from benchmarks.representations import baselines
from benchmarks.representations.baselines import ALL_SMOOTHED, PCA_SMOOTHED, PCA_WIENER
from benchmarks.representations.gene_sets import FOLDER, known_pairs, unique_pairs
from benchmarks.representations.matched_pairs import auroc, cosines, draw, level_bins

# Section and species.
SECTIONS = [("st_mousebrain_hippo1", "mouse"), ("st_pdac_A", "human"), ("st_breast_layer2_full", "human")]
N_SPATIAL = 1500
NOTE = (
    "AUROC of known pairs against random pairs of genes that the source knows, each gene in the same tenth "
    "of mean expression as the one it stands for. Nothing is fitted to the pairs, so genes need no split."
)


def rows(
    section: Section, sources: dict[str, np.ndarray], mean: np.ndarray, job: Job
) -> list[dict[str, Any]]:
    """One row for each representation, one column for each source.

    Parameters
    ----------
    section
        The section.
    sources
        Known pairs by source.
    mean
        Mean log-normalised expression of the genes that take part, NaN for the others, `(n_genes,)`.
    job
        The call.
    """
    drawn = draw(sources, level_bins(mean), job.seed)
    found: list[dict[str, Any]] = []

    def add(name: str, likeness: Callable[[np.ndarray], np.ndarray]) -> None:
        scores = {source: auroc(likeness(a), likeness(b)) for source, (a, b) in drawn.items()}
        found.append({"representation": name} | scores)
        say(f"  {name:<42} " + ", ".join(f"{source} {score:.3f}" for source, score in scores.items()))

    names = (PCA_SMOOTHED, PCA_WIENER, ALL_SMOOTHED, "random, 32")
    for name, method in (job.default() | baselines.chosen(job.seed, *names)).items():
        x = job.runs.get(name, method, section)[0]
        add("image correlation (smoothed)" if name == ALL_SMOOTHED else name, partial(cosines, x))
    add("mean expression", lambda pairs: -np.abs(mean[pairs[:, 0]] - mean[pairs[:, 1]]))
    found.append({"representation": "number of pairs"} | {name: len(a) for name, (a, _) in drawn.items()})
    return found


def annotations(job: Job) -> list[Table]:
    """For each section a table of all genes and one of those with the clearest patterns.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        section = sections.simulated(job.seed, **QUICK_SECTION)
        return _tables(section, {"same programme": programme_pairs(section)}, job, 60)
    if not FOLDER.is_dir():
        say("left out: there are no gene sets in the shared data")
        return []
    tables = []
    for name, species in SECTIONS:
        if sections.there(name):
            section = sections.section(name)
            tables += _tables(section, known_pairs(section.images.genes, species), job, N_SPATIAL)
    return tables


def _tables(section: Section, known: dict[str, np.ndarray], job: Job, n_spatial: int) -> list[Table]:
    mean = log_images(section).mean(axis=1)
    spatial = np.zeros(len(mean), dtype=bool)
    spatial[np.argsort(-moran(section), kind="stable")[:n_spatial]] = True
    tables = []
    for kind, chosen in (("all genes", spatial | True), (f"{n_spatial} genes of highest Moran's I", spatial)):
        title = f"known pairs in {section.name}, {kind}"
        say(title)
        among = {source: pairs[chosen[pairs].all(axis=1)] for source, pairs in known.items()}
        table = rows(section, among, np.where(chosen, mean, np.nan), job)
        tables.append({"title": title, "note": NOTE, "rows": table})
    return tables


def programme_pairs(section: Section) -> np.ndarray:
    """Pairs of genes of the same planted programme of simulated tissue, `(n_pairs, 2)` rows.

    Parameters
    ----------
    section
        Simulated.
    """
    programme = section.adata.var.loc[section.images.genes, "programme"].astype(str).to_numpy()
    same = np.triu((programme[:, None] == programme) & (programme != "background"), k=1)
    return unique_pairs(zip(*np.nonzero(same), strict=True))
