"""Genes that follow a designated pattern."""
