"""Spatially variable genes: test and score."""
