"""Labelled tissues for spatial domains, and how well domains agree with the labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import anndata
import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

import sigel
from benchmarks.domains.inputs import Given, spatial_ranking
from benchmarks.domains.stages import CHOSEN, MORAN, bare
from benchmarks.harness.job import Job
from benchmarks.harness.sections import read, there

DLPFC = "DLPFC"
# Sections of one kind are one tissue: no setting is chosen on one and judged on another.
FILES = {
    "dlpfc_151510": DLPFC,
    "dlpfc_151674": DLPFC,
    "dlpfc_151675": DLPFC,
    "starmap_v1_BY3_1k": "prefrontal cortex",
    "osmfish_sscortex": "somatosensory cortex",
    "st_pdac_A": "pancreas tumour",
    "st_heart_9sections": "heart",
    "mob_annot": "olfactory bulb",
}
QUICK = {
    "n_rows": 18,
    "n_cols": 18,
    "n_programmes": 4,
    "genes_per_programme": 30,
    "n_background_genes": 60,
    "median_counts": 1000.0,
}
# About 100,000 cells.
LARGE = QUICK | {"n_rows": 354, "n_cols": 354, "n_programmes": 8, "genes_per_programme": 40}
LARGE |= {"n_background_genes": 180, "median_counts": 300.0, "lattice": "cells"}


@dataclass(frozen=True)
class Labelled:
    """A tissue with the domains that somebody saw in it.

    Parameters
    ----------
    name
        Of the file.
    adata
        Spots x genes, raw counts.
    labels
        Domain of each spot as text, `""` where there is none, `(n_spots,)`.
    kind
        Of tissue.
    """

    name: str
    adata: anndata.AnnData
    labels: np.ndarray
    kind: str

    @property
    def n_domains(self) -> int:
        """How many domains were seen."""
        return len(set(self.labels) - {""})


def labelled(name: str, adata: anndata.AnnData, column: str, kind: str = "simulated") -> Labelled:
    """A tissue whose labels are a column of `obs`.

    Parameters
    ----------
    name
        What to call it.
    adata
        Spots x genes, raw counts.
    column
        Of `obs`; spots without a label count for the methods, not for the measures.
    kind
        Of tissue.
    """
    labels = adata.obs[column].astype(object).fillna("").astype(str).to_numpy()
    return Labelled(name, adata, labels, kind)


def tissues(job: Job) -> Iterator[Labelled]:
    """All labelled tissues of the shared data; a simulated one where the call is quick.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        yield labelled("simulated", sigel.datasets.simulated_section(seed=job.seed, **QUICK), "region")
        return
    for name, kind in FILES.items():
        if there(name):
            yield labelled(name, read(name), "layer", kind)


def large(job: Job) -> Labelled:
    """A simulated section of about 100,000 cells; a small one where the call is quick.

    Parameters
    ----------
    job
        The call.
    """
    adata = sigel.datasets.simulated_section(seed=job.seed, **(QUICK if job.quick else LARGE))
    return labelled("simulated cells", adata, "region")


def gene_sets(adata: anndata.AnnData, seed: int) -> dict[str, list[str]]:
    """Genes that the package chooses, and as many with the highest Moran's I.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    seed
        Of the choice.
    """
    seen = bare(adata)
    section = "section" if "section" in seen.obs else None
    table = sigel.tl.select_genes(seen, section_key=section, seed=seed, progress=False)
    chosen = table.index[table["selected"]].tolist()
    return {MORAN: spatial_ranking(Given(seen, None))[: len(chosen)], CHOSEN: chosen}


def agreement(labels: np.ndarray, found: np.ndarray) -> dict[str, np.ndarray]:
    """Adjusted Rand index and normalised mutual information of each answer, `(n_seeds,)`.

    Parameters
    ----------
    labels
        As in `Labelled`.
    found
        `(n_seeds, n_spots)`.
    """
    known = labels != ""
    pairs = [(labels[known], answer[known]) for answer in found]
    return {
        "ARI": np.array([adjusted_rand_score(*pair) for pair in pairs]),
        "NMI": np.array([normalized_mutual_info_score(*pair) for pair in pairs]),
    }
