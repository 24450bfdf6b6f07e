"""Genes that change between conditions of donors, and genes that belong together."""
