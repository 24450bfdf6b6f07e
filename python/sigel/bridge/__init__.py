"""The door that R uses: plain pieces in, plain pieces out, so that reticulate has nothing to guess."""

from sigel.bridge._about import sitrep, version
from sigel.bridge._embed import embed
from sigel.bridge._section import gene_images, read_h5ad, simulate

__all__ = ["embed", "gene_images", "read_h5ad", "simulate", "sitrep", "version"]
