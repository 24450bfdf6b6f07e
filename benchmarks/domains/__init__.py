"""Spatial domains held against labels."""
