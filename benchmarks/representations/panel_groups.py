"""Groups of the genes of panels: how well they foretell counts that had no say in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.cluster import KMeans

import sigel
from benchmarks.harness import sections
from benchmarks.harness.job import Job
from benchmarks.harness.leiden import communities_at
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Section
from benchmarks.harness.sigel_rows import QUICK_SECTION, engine_images
from benchmarks.representations.agreement import make_pair
from benchmarks.representations.panels import cut
from sigel.nn.mixture.n_groups import select_n_groups

SIZES = (33, 60, 100, 200, 300)
N_GENES = 1500  # of highest Moran's I, from which panels are drawn
# Section, tissue, and whether the rule for the number of groups was chosen on it.
SECTIONS = [
    ("st_mousebrain_hippo1", "hippocampus", "chosen on"),
    ("seqfish_mouse_embryo2", "embryo", "chosen on"),
    ("starmap_v1_BY3_1k", "visual cortex", "chosen on"),
    ("st_breast_layer2", "breast", "chosen on"),
    ("osmfish_sscortex", "somatosensory cortex", "judged on"),
    ("merfish_poa_bregma-0.29", "hypothalamus", "judged on"),
    ("xenium_mousebrain", "brain", "judged on"),
    ("dlpfc_151674", "cortex", "judged on"),
    ("st_mliver_CN65_D1", "liver", "judged on"),
    ("st_heart_9sections:5_CN74_E1_HE", "heart", "judged on"),
    ("mob_rep11", "olfactory bulb", "judged on"),
    ("RA3_1", "synovia", "judged on"),
]
OURS, BIC, KMEANS, LEIDEN = "SIGEL", "SIGEL, number by BIC", "k-means, as many", "Leiden, resolution 1"
BY_VOLUME = "SIGEL, values by volume"
NOTE = (
    "Random panels of the 1,500 genes of highest Moran's I, each cut out before anything else, library "
    "included; sections of 400 genes or fewer also whole. Groups are made from one half of the counts. "
    "Foretold: correlation of the other half of a gene with the mean image of the other genes of its "
    "group in the first, less that of all genes; mean of genes, those without a pattern by SIGEL "
    "included; 0 for one group. k-means of as many groups as SIGEL has, and Leiden, on SIGEL's "
    "representations. By volume: counts of each cell times a number of its own (log-normal, 0.3), so that "
    "they are none. Cells of the largest sections: the 20,000 in the middle."
)


def panel_groups(job: Job) -> list[Table]:
    """A table of tissues and sizes of panels.

    Parameters
    ----------
    job
        The call.
    """
    found = []
    for whole, tissue, role, pool in _sections(job):
        say(f"groups of panels: {whole.name} ({tissue})")
        for n, draw, panel in _panels(whole, pool, job):
            made = list(_grouped(panel, job.seed + draw))
            found += [{"tissue": tissue, "role": role, "genes": n, **row} for row in made]
            told = ", ".join(f"{row['groups']} {row['number']} {row['foretold']:.3f}" for row in made)
            say(f"  {n}: {told}")
    return [{"title": "groups of panels", "note": NOTE, "rows": _means(found)}] if found else []


def _sections(job: Job) -> Iterator[tuple[Section, str, str, np.ndarray]]:
    if job.quick:
        whole = sections.simulated(job.seed, **QUICK_SECTION)
        yield whole, "simulated tissue", "chosen on", whole.images.genes
        return
    for name, tissue, role in SECTIONS[: job.n_pairs]:
        if sections.there(name):
            whole = Section.of(name, sections.crop(sections.read_plane(name), 20_000))
            pool = whole.images.genes
            if len(pool) > N_GENES:
                pair = make_pair(whole, whole, N_GENES, 1)
                pool = pool[pair.rows_first]
            yield whole, tissue, role, pool


def _panels(whole: Section, pool: np.ndarray, job: Job) -> Iterator[tuple[int, int, Section]]:
    for n in (33,) if job.quick else SIZES:
        for draw in range(1 if job.quick else job.n_draws):
            if n < len(pool):
                rng = np.random.default_rng([job.seed + draw, n])
                yield n, draw, cut(whole, pool[np.sort(rng.permutation(len(pool))[:n])], whole.name)
    if len(pool) <= 400 and not job.quick:
        yield len(pool), 0, whole


def _grouped(panel: Section, seed: int) -> Iterator[dict[str, Any]]:
    """Number of groups and how well they foretell, by method."""
    first, second = sections.halves(panel, seed)
    config = sigel.SIGELConfig()
    images = engine_images(first, config)
    model = sigel.SIGEL(config, seed=seed).fit(images)
    z = np.asarray(model.representations, dtype=np.float64)
    ours = np.unique(model.group_labels, return_inverse=True)[1]
    mixture, _ = select_n_groups(
        torch.from_numpy(z), config.max_groups, config.mixture, torch.Generator().manual_seed(seed)
    )
    with torch.no_grad():
        bic = mixture.posterior(torch.from_numpy(z)).argmax(dim=1).numpy()
    k = len(set(ours))
    labels = {
        OURS: ours,
        BIC: bic,
        KMEANS: KMeans(k, n_init=3, random_state=seed).fit_predict(z),
        LEIDEN: communities_at(z, 1.0),
    }
    yield from _judged(labels, images.genes, first, second)
    images = engine_images(_by_volume(first, seed), config)
    ours = np.unique(sigel.SIGEL(config, seed=seed).fit(images).group_labels, return_inverse=True)[1]
    yield from _judged({BY_VOLUME: ours}, images.genes, first, second)


def _judged(
    labels: dict[str, np.ndarray], genes: np.ndarray, first: Section, second: Section
) -> Iterator[dict[str, Any]]:
    spots = np.intersect1d(first.adata.obs_names, second.adata.obs_names)
    before, after = (_values(one, genes, spots) for one in (first, second))
    for name, label in labels.items():
        score = float(foretold(label, before, after).mean())
        yield {"groups": name, "number": len(set(label)), "foretold": score}


def _by_volume(section: Section, seed: int) -> Section:
    adata = section.adata.copy()
    volume = np.exp(0.3 * np.random.default_rng(seed).standard_normal(adata.n_obs))
    adata.X = sparse.csr_matrix(sparse.diags(volume) @ adata.X)
    return Section.of(section.name, adata)


def foretold(label: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Correlation of each gene's later values with the other genes of its group, `(n_genes,)`.

    Parameters
    ----------
    label
        Group of each gene, `(n_genes,)` from 0.
    before, after
        Values in two halves of the counts, centred and of length 1, `(n_genes, n_spots)`.
    """
    member = np.eye(label.max() + 1)[label]  # (n_genes, n_groups)
    size = member.sum(axis=0)[label][:, None] - 1
    own = (member.T @ before)[label] - before
    contrast = own / np.maximum(size, 1) - (before.sum(axis=0) - before) / (len(label) - 1)
    length = np.linalg.norm(contrast, axis=1)
    known = (size[:, 0] > 0) & (length > 1e-9)
    return np.where(known, (contrast * after).sum(axis=1) / np.maximum(length, 1e-9), 0.0)


def _values(section: Section, genes: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """log(1 + share) of some genes over some spots, centred and of length 1."""
    counts = section.adata[spots, list(genes)].X.toarray().astype(np.float64)
    library = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    values = np.log1p(counts / library * np.median(library)).T
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _means(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each tissue, size and method: means over the draws."""
    rows: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for row in found:
        rows.setdefault((row["tissue"], row["genes"], row["groups"]), []).append(row)
    return [
        some[0] | {name: float(np.mean([row[name] for row in some])) for name in ("number", "foretold")}
        for some in rows.values()
    ]
