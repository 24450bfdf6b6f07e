"""Pairs of sections, their shared genes in folds, and what was measured of the genes held out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from anndata import AnnData

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.numerics import library, log_normalised, mean_of_nearest, morans_i, values, zscored
from benchmarks.harness.sections import crop, read_plane, there

N_FOLDS = 5
PANEL = 1000
LEAST_SPOTS = 10
HIPPO = "st_mousebrain_hippo"
XENIUM, EMBRYO = "xenium_mousebrain", "seqfish_mouse_embryo2"
VISIUM = "visium_mouse_embryo_cytassist"
# Target, its references, most of its cells; the pairs that differ most come first.
PAIRS: dict[str, tuple[str, tuple[str, ...], int | None]] = {
    "hippo1 -> hippo2": (f"{HIPPO}2", (f"{HIPPO}1",), None),
    "hippo1 -> starmap": ("starmap_v1_BY3_1k", (f"{HIPPO}1",), None),
    "hippo1 -> xenium": (XENIUM, (f"{HIPPO}1",), 4000),
    "visium embryo -> seqfish embryo": (EMBRYO, (VISIUM,), 3000),
    "hippo1 -> xenium, whole section": (XENIUM, (f"{HIPPO}1",), None),
    "visium embryo -> seqfish embryo, whole section": (EMBRYO, (VISIUM,), None),
    "hippo1 -> hippo3": (f"{HIPPO}3", (f"{HIPPO}1",), None),
    "hippo1 -> hippo4": (f"{HIPPO}4", (f"{HIPPO}1",), None),
    "hippo1, hippo3 -> hippo2": (f"{HIPPO}2", (f"{HIPPO}1", f"{HIPPO}3"), None),
}
# Matrices of cells x spots would not fit, or not within the day.
OURS_ALONE = {"hippo1 -> xenium, whole section", "visium embryo -> seqfish embryo, whole section"}
QUICK = {"n_rows": 18, "n_cols": 18, "n_programmes": 4, "genes_per_programme": 25, "n_background_genes": 40}


@dataclass(frozen=True)
class Split:
    """A target with references, its genes in folds, and the truth.

    Parameters
    ----------
    name
        Of the pair.
    target
        Cells x genes of the panel, raw counts.
    references
        Spots x genes, raw counts.
    folds
        Names of the genes held out at a time; each gene of them once.
    truth
        Log-normalised counts of the genes of all folds, one fold after the other, `(n_cells, n_genes)`.
    ours_alone
        Whether only the package's own default is run.
    """

    name: str
    target: AnnData
    references: list[AnnData] = field(repr=False)
    folds: list[list[str]] = field(repr=False)
    truth: np.ndarray = field(repr=False)
    ours_alone: bool = False

    @property
    def genes(self) -> list[str]:
        """Genes of all folds, one fold after the other: the columns of `truth`."""
        return [gene for held in self.folds for gene in held]


def splits(job: Job) -> Iterator[Split]:
    """Every split whose files are there, one at a time.

    Parameters
    ----------
    job
        The call; `n_pairs` takes the first.
    """
    if job.quick:
        yield simulated_split(job.seed)
        return
    for name, (target, references, most) in list(PAIRS.items())[: job.n_pairs]:
        if there(target, *references):
            cells = crop(read_plane(target), most)
            parts = [read_plane(reference) for reference in references]
            yield split_of(name, cells, parts, job.seed, ours_alone=name in OURS_ALONE)


def simulated_split(seed: int) -> Split:
    """A small split for a quick call.

    Parameters
    ----------
    seed
        Of the simulation and the folds.
    """
    target, reference, _ = sigel.datasets.simulated_panel(60, seed=seed, **QUICK)
    return split_of("simulated", target, [reference], seed, n_folds=2)


def split_of(
    name: str,
    target: AnnData,
    references: list[AnnData],
    seed: int,
    *,
    n_folds: int = N_FOLDS,
    panel: int = PANEL,
    ours_alone: bool = False,
) -> Split:
    """Choose the genes, put them in folds, keep the truth.

    Genes detected in too few spots of either side leave the references, and so do mitochondrial genes and
    spike-ins, which no panel has and of which the package makes no image: nobody learns from them. Where more
    than a panel are shared, the panel is chosen as one would choose it, by Moran's I in the first reference,
    and the target shows nothing else; otherwise it keeps its other genes too, for the sake of its libraries.

    Parameters
    ----------
    name
        Of the pair.
    target
        All that was measured, raw counts.
    references
        Spots x genes, raw counts.
    seed
        Of the folds.
    n_folds, panel
        Number of folds, most genes of a chosen panel.
    ours_alone
        As in `Split`.
    """
    shared = set.intersection(*(set(adata.var_names) for adata in (target, *references)))
    beside = re.compile("|".join(sigel.ImageConfig().exclude))
    often = [gene for gene in target.var_names if gene in shared and not beside.search(gene)]
    for adata in (target, *references):
        spots = np.asarray((adata[:, often].X > 0).sum(axis=0)).ravel()
        often = [gene for gene, n in zip(often, spots, strict=True) if n >= LEAST_SPOTS]
    rare = shared - set(often)
    references = [r[:, ~r.var_names.isin(rare)].copy() for r in references]
    seen = target
    if len(often) > panel:
        near = mean_of_nearest(references[0].obsm["spatial"], 6, itself=False)
        order = np.argsort(-morans_i(zscored(values(references[0], often)), near))
        often = [often[n] for n in np.sort(order[:panel])]
        seen = target[:, often].copy()
    folds = in_folds(often, n_folds, np.random.default_rng(seed))
    genes = [gene for held in folds for gene in held]
    truth = log_normalised(target[:, genes].X, library(target)).toarray().astype(np.float32)
    return Split(name, seen, references, folds, truth, ours_alone)


def in_folds(genes: list[str], n_folds: int, rng: np.random.Generator) -> list[list[str]]:
    """Genes in folds of even size, at random.

    Parameters
    ----------
    genes
        Names.
    n_folds
        How many.
    rng
        Of the order.
    """
    order = rng.permutation(len(genes))
    return [[genes[n] for n in np.sort(order[k::n_folds])] for k in range(n_folds)]
