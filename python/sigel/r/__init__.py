"""R called from Python, by rpy2 and for nothing that the engine can do itself; R starts at the first call."""
