"""Spatially variable genes: simulation, real tissue, calibration, time."""
