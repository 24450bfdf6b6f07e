"""Our figures beside their baselines, on the same data in the same run: `python -m benchmarks.run`."""
