"""What each of the three modules adds: figures of panels, whole sections and groups, module by module."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

import sigel
from benchmarks.harness import sections
from benchmarks.harness.job import Job
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Section
from benchmarks.harness.sigel_rows import QUICK_SECTION, engine_images, merged
from benchmarks.representations.agreement import Pair, agreement10, make_pair
from benchmarks.representations.enriched_groups import n_enriched
from benchmarks.representations.gene_sets import FOLDER
from benchmarks.representations.layer_markers import ami_with_markers
from benchmarks.representations.pair_rho import n_bins, pair_rho
from benchmarks.representations.panels import cut
from benchmarks.representations.planted import ari

# The default with parts switched off; each row has one more than the last.
MODULES: dict[str, dict[str, Any]] = {
    "eigenimages and the mixture (I linear, II)": {"encoder": {"branch": False}},
    "with the masked autoencoder (I, II)": {"train": {"refine_epochs": 0}},
    "with refinement (I, II, III; default)": {},
}
PAIRS = (
    ("hippocampus", "mouse", "st_mousebrain_hippo1", "st_mousebrain_hippo2"),
    ("cortex", "human", "dlpfc_151674", "dlpfc_151675"),
    ("heart", "human", "st_heart_9sections:5_CN74_E1_HE", "st_heart_9sections:6_CN74_E2_HE"),
)
LAYERED = "cortex"  # the published markers are those of its layers
PANEL = 100
NOTE = (
    "rho: pair rho of whole sections (the 1,500 genes of highest Moran's I) and of one random panel of 100 "
    "of them; AMI: groups with the published markers of layers, mean of both; enriched: numbered groups with "
    "a GO, Hallmark or Reactome term, mean of both; planted ARI: simulated "
    "tissue. The heart is judged only. seconds: both whole sections and both panels, one process."
)


def modules(job: Job) -> list[Table]:
    """A table for each pair of sections: module by module, and k-means on the first row's representations.

    Parameters
    ----------
    job
        The call.
    """
    config = job.config()
    assert config is not None
    truth = sections.simulated(job.seed, **(QUICK_SECTION if job.quick else {}))
    planted = {name: ari(truth, _fitted(truth, config, name, job.seed).groups) for name in MODULES}
    tables: list[Table] = []
    for tissue, species, pair, panel in _pairs(job):
        say(f"modules: {pair.first.name} and {pair.second.name} ({tissue})")
        rows = []
        for name in MODULES:
            started = time.perf_counter()
            whole = [_fitted(s, config, name, job.seed) for s in (pair.first, pair.second)]
            small = [_fitted(s, config, name, job.seed).representations for s in (panel.first, panel.second)]
            z = [model.representations for model in whole]
            row = {
                "setting": name,
                "rho, whole": pair_rho(pair, *z),
                "agreement10": agreement10(pair, *z),
                f"rho, {PANEL} genes": pair_rho(panel, *small),
                "AMI": _ami(pair, [model.groups for model in whole]) if tissue == LAYERED else None,
                "enriched": _enriched(pair, [model.group_labels for model in whole], species),
                "planted ARI": planted[name],
                "seconds": time.perf_counter() - started,
            }
            if not rows:
                groups = [
                    _k_means(x, len(set(model.groups)), job.seed) for x, model in zip(z, whole, strict=True)
                ]
                own = {
                    "setting": "k-means, as many groups, on the first row",
                    "AMI": _ami(pair, groups) if tissue == LAYERED else None,
                    "enriched": _enriched(pair, [group.astype(str) for group in groups], species),
                }
                beside = dict.fromkeys(row) | own
            rows.append(row)
            figures = [value for value in list(row.values())[1:] if value is not None]
            say(f"  {name:<44} " + " ".join(f"{value:.3f}" for value in figures))
        title = f"{pair.first.name} and {pair.second.name} ({tissue})"
        tables.append({"title": title, "note": NOTE, "rows": [*rows, beside]})
    return tables


def _fitted(section: Section, config: sigel.SIGELConfig, name: str, seed: int) -> sigel.SIGEL:
    changed = merged(config, MODULES[name])
    return sigel.SIGEL(changed, seed=seed).fit(engine_images(section, changed))


def _pairs(job: Job) -> Iterator[tuple[str, str, Pair, Pair]]:
    if job.quick:
        halves = sections.halves(sections.simulated(job.seed, **QUICK_SECTION), job.seed)
        pair = make_pair(*halves, n_genes=90, n_bins=n_bins(90))
        yield "simulated tissue", "", pair, pair
        return
    for tissue, species, a, b in PAIRS[: job.n_pairs]:
        if not sections.there(a, b):
            continue
        pair = make_pair(sections.section(a), sections.section(b), 1500, n_bins(1500))
        genes = pair.first.images.genes[pair.rows_first]
        drawn = genes[np.sort(np.random.default_rng([job.seed, PANEL]).permutation(len(genes))[:PANEL])]
        panel = [cut(s, drawn, f"{s.name}, cut") for s in (pair.first, pair.second)]
        yield tissue, species, pair, make_pair(*panel, n_genes=PANEL, n_bins=n_bins(PANEL))


def _ami(pair: Pair, groups: list[np.ndarray]) -> float:
    both = zip((pair.first, pair.second), groups, strict=True)
    return float(np.mean([ami_with_markers(section.images.genes, group) for section, group in both]))


def _enriched(pair: Pair, groups: list[np.ndarray], species: str) -> float | None:
    """Groups with a known term, mean of both sections."""
    if not (species and FOLDER.is_dir()):
        return None
    both = zip((pair.first, pair.second), groups, strict=True)
    return float(np.mean([n_enriched(section.images.genes, group, species) for section, group in both]))


def _k_means(z: np.ndarray, k: int, seed: int) -> np.ndarray:
    return KMeans(k, n_init=3, random_state=seed).fit_predict(z)
