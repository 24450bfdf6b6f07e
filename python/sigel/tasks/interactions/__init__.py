"""Pairs of genes: which belong together, by their pictures over sections."""
