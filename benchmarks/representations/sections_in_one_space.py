"""Several sections in one space: a gene is looked for in another section; more sections are to help."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import sigel
from benchmarks.harness import sections
from benchmarks.harness.job import Job
from benchmarks.harness.numerics import library
from benchmarks.harness.pixels import log_images, moran, smoothed, zscore
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Section, simulated
from benchmarks.harness.sigel_rows import QUICK_SECTION, merged
from sigel.images import GeneImages
from sigel.images.section import Section as Given

# Tissues whose sections lie side by side, or are of one organ at least.
TISSUES = {
    "hippocampus": [f"st_mousebrain_hippo{n}" for n in (1, 2, 3, 4)],
    "breast": [f"st_breast_layer{n}" for n in (1, 2, 3, 4)],
    "heart": ["st_heart_9sections"],
    "liver": ["st_mliver_CN65_D1", "st_mliver_CN65_D2", "st_mliver_CN73_C1", "st_mliver_CN73_D1"],
}
N_DIMS = 32
CLEAREST, ANCHORS = 1000, 1000
# Sections of fewer pixels have a control.
CONTROLLED = 500
# Panels in which more sections are to help.
PANELS, DRAWS = (100, 300, 1000), 3

NOTE = (
    "Each gene of one section is looked for among all genes of the next (cosine, centred): how often it "
    "comes first, and the mean of one over its rank; over all pairs of sections that follow each other. "
    f"Clearest: the {CLEAREST} genes of the highest mean Moran's I, looked for among all. SIGEL leaves a "
    "gene's own part in the eigenimages out when it reads the gene, so that its image in one section does "
    "not lead to that in the other; in the stacked PCA it is in. Names mixed: in every other section genes "
    "have the names of others, so that what is found is found by that alone."
)


@dataclass(frozen=True)
class Tissue:
    """Sections of one tissue and the genes that have an image in all of them.

    Parameters
    ----------
    name
        Of the tissue.
    parts
        The sections.
    """

    name: str
    parts: list[Section]

    @cached_property
    def genes(self) -> np.ndarray:
        """Names of the genes of all sections, in the order of the first."""
        common = set.intersection(*(set(part.images.genes) for part in self.parts))
        return np.array([gene for gene in self.parts[0].images.genes if gene in common], dtype=object)

    @cached_property
    def moran(self) -> np.ndarray:
        """Mean of Moran's I over the sections, `(n_genes,)`."""
        return np.mean([moran(part)[part.images.index(self.genes)] for part in self.parts], axis=0)

    def of_all(self, values: Callable[[Section], np.ndarray]) -> list[np.ndarray]:
        """Values of the genes in each section, `(n_genes, n_pixels)` each."""
        return [values(part)[part.images.index(self.genes)] for part in self.parts]


def several(job: Job) -> list[Table]:
    """The same gene in another section; and relations of genes in a section that was held out.

    Parameters
    ----------
    job
        The call.
    """
    rows, growing = [], []
    for tissue in _tissues(job):
        # A control of the smaller sections, where images of few pixels say most of a gene's own noise.
        small = tissue.parts[0].images.raster.n_pixels < CONTROLLED
        for one in (tissue, _mixed_up(tissue, job.seed)) if small else (tissue,):
            for name, method in METHODS.items():
                rows.append(found_again(one, name, method(one, job)))
                say(f"  {one.name:<26} {name:<44} {rows[-1]['top 1, clearest']:.3f}")
        growing += more_sections(tissue, job)
    if not rows:
        return []
    return [
        {"title": "the same gene in another section", "note": NOTE, "rows": rows},
        {
            "title": "pair rho of a held-out section",
            "note": "Spearman correlation of cosines of pairs of genes: representations by 1, 2, 3 sections "
            "against those by the held-out one alone; panels drawn from the 1,500 genes of the highest mean "
            f"Moran's I, means over {DRAWS} draws and the first and last section held out.",
            "rows": growing,
        },
    ]


def found_again(tissue: Tissue, name: str, z: Sequence[np.ndarray]) -> dict[str, Any]:
    """A row of the first table.

    Parameters
    ----------
    tissue
        Sections.
    name
        Of the method.
    z
        Representations of the genes in each section, `(n_genes, n_dims)`.
    """
    clear = np.argsort(-tissue.moran, kind="stable")[:CLEAREST]
    ranks = np.stack([rank_of_itself(a, b) for a, b in itertools.pairwise(z)])  # (n_pairs, n_genes)
    row: dict[str, Any] = {"tissue": tissue.name, "genes": len(tissue.genes), "representation": name}
    for which, found in (("clearest", ranks[:, clear]), ("all", ranks)):
        row |= {f"top 1, {which}": float((found == 1).mean()), f"MRR, {which}": float((1 / found).mean())}
    return row


def rank_of_itself(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rank of each gene of the second section for the same gene of the first, `(n_genes,)`; ties count half.

    Parameters
    ----------
    a, b
        Representations, `(n_genes, n_dims)`.
    """
    first, second = (_directions(x) for x in (a, b))
    found = []
    for start in range(0, len(first), 1024):
        cosine = first[start : start + 1024] @ second.T
        own = np.take_along_axis(cosine, np.arange(start, start + len(cosine))[:, None], axis=1)
        found.append(1 + (cosine > own).sum(axis=1) + ((cosine == own).sum(axis=1) - 1) / 2)
    return np.concatenate(found)


def _directions(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(axis=0)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _fit(parts: Sequence[Section], genes: np.ndarray, job: Job, n_dims: int = N_DIMS) -> sigel.SIGEL:
    """Eigenimages of some genes of one section or several, whose libraries stay those of the genes."""
    config = merged(sigel.SIGELConfig.preset("fast"), {"n_dims": n_dims, "n_groups": 1})
    given = [Given.from_anndata(part.adata[:, list(genes)]) for part in parts]
    if len(given) == 1:
        return sigel.SIGEL(config, seed=job.seed).fit(GeneImages.from_section(given[0], config.image))
    names = [part.name for part in parts]
    images = GeneImages.from_sections(zip(names, given, strict=True), config.image)
    return sigel.SIGEL(config, seed=job.seed).fit(images)


def _sigel(n_dims: int) -> Callable[[Tissue, Job], list[np.ndarray]]:
    def made(tissue: Tissue, job: Job) -> list[np.ndarray]:
        model = _fit(tissue.parts, tissue.genes, job, n_dims)
        place = {gene: row for row, gene in enumerate(model.genes)}
        rows = [place[gene] for gene in tissue.genes]
        return list(model.section_representations[:, rows])

    return made


def _anchors(tissue: Tissue, job: Job) -> list[np.ndarray]:
    """Correlations with the images of anchor genes within the section, that with itself left out."""
    anchors = np.argsort(-tissue.moran, kind="stable")[:ANCHORS]
    found = []
    for image in tissue.of_all(lambda part: zscore(smoothed(part, zscore(log_images(part))))):
        relations = image @ image[anchors].T / image.shape[1]
        relations[anchors, np.arange(len(anchors))] = 0
        found.append(relations)
    return found


def _anchor_components(tissue: Tissue, job: Job) -> list[np.ndarray]:
    profiles = [profile - profile.mean(axis=0) for profile in _anchors(tissue, job)]
    axes = np.linalg.eigh(sum(profile.T @ profile for profile in profiles))[1][:, ::-1]
    return [profile @ axes[:, :N_DIMS] for profile in profiles]


def _stacked(*, smooth: bool) -> Callable[[Tissue, Job], list[np.ndarray]]:
    """Scores of each section's images along its part of the stacked images' components, by least squares."""

    def made(tissue: Tissue, job: Job) -> list[np.ndarray]:
        images = tissue.of_all(lambda part: _images(part, smooth=smooth))
        rng = np.random.default_rng(job.seed)
        whole = np.concatenate(images, axis=1)
        basis = np.linalg.qr(rng.standard_normal((whole.shape[1], 2 * N_DIMS)).astype(np.float32))[0]
        for _ in range(6):
            basis = np.linalg.qr(whole.T @ (whole @ basis))[0]
        inner = np.linalg.eigh((whole @ basis).T @ (whole @ basis))[1][:, ::-1]
        loadings = basis @ inner[:, :N_DIMS]
        ends = np.cumsum([image.shape[1] for image in images])[:-1]
        return [
            np.linalg.lstsq(part, image.T, rcond=None)[0].T
            for image, part in zip(images, np.split(loadings, ends), strict=True)
        ]

    return made


def _images(part: Section, *, smooth: bool) -> np.ndarray:
    image = zscore(log_images(part))
    return zscore(smoothed(part, image)) if smooth else image


METHODS: dict[str, Callable[[Tissue, Job], list[np.ndarray]]] = {
    f"SIGEL, fast, {N_DIMS}": _sigel(N_DIMS),
    "SIGEL, fast, 128": _sigel(128),
    f"relations to {ANCHORS} anchor genes": _anchors,
    f"relations to anchor genes, PCA {N_DIMS}": _anchor_components,
    f"PCA {N_DIMS} of stacked z-scored images": _stacked(smooth=False),
    f"PCA {N_DIMS} of stacked smoothed images": _stacked(smooth=True),
}


def more_sections(tissue: Tissue, job: Job) -> list[dict[str, Any]]:
    """Rows of the second table: pair rho by the number of sections that a representation is made of.

    Parameters
    ----------
    tissue
        Four sections or more; the first four are taken.
    job
        The call.
    """
    parts, rows = tissue.parts[:4], []
    best = np.argsort(-tissue.moran, kind="stable")[:1500]
    level = log_images(parts[0])[parts[0].images.index(tissue.genes)].mean(axis=1)
    for n in (size for size in PANELS if size <= len(best)):
        found: dict[int, list[float]] = {k: [] for k in range(1, len(parts))}
        for draw, held in itertools.product(range(DRAWS), (0, len(parts) - 1)):
            pick = np.sort(np.random.default_rng([job.seed, draw, n]).permutation(best)[:n])
            genes = tissue.genes[pick]
            others = [part for k, part in enumerate(parts) if k != held]
            truth = _fit([parts[held]], genes, job)
            for k in found:
                # Averaged over which come first, so that no section stands for a number.
                model = _fit([others[(draw + j) % len(others)] for j in range(k)], genes, job)
                found[k].append(_pair_rho(model, truth, dict(zip(tissue.genes, level, strict=True))))
        row = {f"{k} section{'s' if k > 1 else ''}": float(np.mean(v)) for k, v in found.items()}
        rows.append({"tissue": tissue.name, "genes": n, **row})
        say(f"  {tissue.name:<12} {n} genes: {', '.join(f'{v:.3f}' for v in row.values())}")
    return rows


def _pair_rho(first: sigel.SIGEL, second: sigel.SIGEL, level: dict[str, float]) -> float:
    """Spearman correlation of the cosines of pairs of genes of one level."""
    place = {gene: row for row, gene in enumerate(second.genes)}
    rows = np.array([row for row, gene in enumerate(first.genes) if gene in place])
    genes = first.genes[rows]
    a = _directions(first.representations)[rows]
    b = _directions(second.representations)[[place[gene] for gene in genes]]
    order = np.argsort([level[gene] for gene in genes], kind="stable")
    x, y = [], []
    for within in np.array_split(order, max(1, min(len(genes) // 33, 10))):
        upper = np.triu_indices(len(within), 1)
        x.append((a[within] @ a[within].T)[upper])
        y.append((b[within] @ b[within].T)[upper])
    return float(spearmanr(np.concatenate(x), np.concatenate(y)).statistic)


def _tissues(job: Job) -> list[Tissue]:
    if job.quick:
        made = [simulated(job.seed + k, **QUICK_SECTION) for k in range(3)]
        return [Tissue("simulated", made)]
    found = []
    for name, files in list(TISSUES.items())[: job.n_pairs]:
        if sections.there(*files):
            say(name)
            found.append(Tissue(name, [Section.of(part, adata) for part, adata in _read(files)]))
    return found


def _read(files: Sequence[str]) -> list[tuple[str, Any]]:
    """Sections of some files, those of one file apart, without spots that hold nothing."""
    found = []
    for file in files:
        adata = sections.read(file)
        adata.var_names_make_unique()
        adata = adata[library(adata) > 0].copy()
        if file in sections.STACKS:
            parts = ((name, adata.obs["section"] == name) for name in sorted(set(adata.obs["section"])))
            found += [(name, adata[inside.to_numpy()].copy()) for name, inside in parts]
        else:
            found.append((file, adata))
    return found


def _mixed_up(tissue: Tissue, seed: int) -> Tissue:
    """The same sections; in every other one the names of the genes have changed places."""
    rng, parts = np.random.default_rng(seed), []
    for k, part in enumerate(tissue.parts):
        adata = part.adata[:, list(tissue.genes)].copy()
        if k % 2:
            adata.var_names = rng.permutation(adata.var_names)
        parts.append(Section.of(part.name, adata))
    return Tissue(f"{tissue.name}, names mixed", parts)
