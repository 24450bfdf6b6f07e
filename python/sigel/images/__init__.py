"""Counts and coordinates become gene images; the only room that sees coordinates."""

from sigel.images.gene_images import GeneImages

__all__ = ["GeneImages"]
