"""Groups that hold more genes of a known set than chance would give them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from benchmarks.representations.gene_sets import FOLDER, named_sets, orthologs
from sigel.keys import NO_PATTERN
from sigel.tasks.gene_groups.enrichment import group_enrichment
from sigel.tasks.gene_groups.gene_sets import GeneSets

SETS = {
    "human": ("go_bp_human_orgdb.gmt.gz", "h.all.v7.0.symbols.gmt"),
    "mouse": ("go_bp_mouse_homologs.gmt.gz", "h.all.v7.0.mouse_homologs.gmt"),
}
REACTOME = "enrichr.Reactome_2016.gmt.gz"


def enriched(genes: np.ndarray, labels: np.ndarray, terms: GeneSets) -> set[str]:
    """Numbered groups that share two genes or more, at q < 0.05, with a term.

    Parameters
    ----------
    genes, labels
        `(n_genes,)`; all are the background.
    terms
        File or members by name.
    """
    table = group_enrichment(genes, labels, terms, min_size=5)
    groups = table.loc[(table["qval"] < 0.05) & (table["overlap"] > 1), "group"]
    return set(groups) - {NO_PATTERN}


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
