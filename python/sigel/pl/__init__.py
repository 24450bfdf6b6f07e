"""Pictures of gene images, groups, imputed genes, domains, the map of genes, the training; needs matplotlib.

Every function returns its figure and leaves showing or saving it to the caller.
"""

from sigel.pl._domain_confusion import domain_confusion
from sigel.pl._domains import domain_stability, domains
from sigel.pl._group_page import group_page
from sigel.pl._groups import gene_groups
from sigel.pl._history import history
from sigel.pl._images import gene_images
from sigel.pl._imputed import imputation_accuracy, imputed_genes
from sigel.pl._map import gene_map
from sigel.pl._patterns import pattern_genes
from sigel.pl._similar import similar_genes
from sigel.pl._spatial import spatial_genes
from sigel.pl._stability import group_stability

__all__ = [
    "domain_confusion",
    "domain_stability",
    "domains",
    "gene_groups",
    "gene_images",
    "gene_map",
    "group_page",
    "group_stability",
    "history",
    "imputation_accuracy",
    "imputed_genes",
    "pattern_genes",
    "similar_genes",
    "spatial_genes",
]
