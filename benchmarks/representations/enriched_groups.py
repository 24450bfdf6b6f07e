"""Groups that hold more genes of a known set than chance would give them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from benchmarks.representations.gene_sets import FOLDER, named_sets, orthologs
from sigel.tasks.gene_groups.enrichment import group_enrichment
from sigel.tasks.gene_groups.gene_sets import GeneSets
from sigel.tasks.gene_groups.top_terms import top_terms

SETS = {
    "human": ("go_bp_human_orgdb.gmt.gz", "h.all.v7.0.symbols.gmt"),
    "mouse": ("go_bp_mouse_homologs.gmt.gz", "h.all.v7.0.mouse_homologs.gmt"),
}
REACTOME = "enrichr.Reactome_2016.gmt.gz"


def n_enriched(genes: np.ndarray, labels: np.ndarray, species: str) -> int:
    """Numbered groups that a known set would name: two genes of it or more, q < 0.05.

    Parameters
    ----------
    genes, labels
        `(n_genes,)`; all are the background.
    species
        `"human"` or `"mouse"`.
    """
    named = (top_terms(group_enrichment(genes, labels, terms)) for terms in known_sets(species))
    return len(set().union(*named))


@lru_cache
def known_sets(species: str) -> list[GeneSets]:
    """GO, Hallmark and Reactome; the last for mouse genes by orthologs.

    Parameters
    ----------
    species
        `"human"` or `"mouse"`.
    """
    reactome = dict(named_sets(FOLDER / REACTOME))
    if species == "mouse":
        mouse = orthologs()
        reactome = {name: [m for h in genes for m in mouse.get(h, ())] for name, genes in reactome.items()}
    return [*(FOLDER / file for file in SETS[species]), reactome]
