"""Genes that a panel did not measure."""
