"""Where a fit runs: device, seeds, progress, memory, provenance."""
