"""The scverse-style door: an AnnData goes in, keys are written; nothing is computed here."""

from sigel.tl._domains import domain_stability, domains
from sigel.tl._embed import embed
from sigel.tl._gene_selection import select_genes
from sigel.tl._groups import gene_groups, group_enrichment, group_stability
from sigel.tl._impute import impute
from sigel.tl._patterns import pattern_genes
from sigel.tl._similar import similar_genes
from sigel.tl._spatial import spatial_genes

__all__ = [
    "domain_stability",
    "domains",
    "embed",
    "gene_groups",
    "group_enrichment",
    "group_stability",
    "impute",
    "pattern_genes",
    "select_genes",
    "similar_genes",
    "spatial_genes",
]
