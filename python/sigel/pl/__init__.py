"""Pictures of gene images, groups, the map of genes and the training; needs matplotlib.

Every function returns its figure and leaves showing or saving it to the caller.
"""

from sigel.pl._groups import gene_groups
from sigel.pl._history import history
from sigel.pl._images import gene_images
from sigel.pl._map import gene_map

__all__ = ["gene_groups", "gene_images", "gene_map", "history"]
