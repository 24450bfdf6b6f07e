"""The loop over the modules, its losses, its steps, its state, and what memory it needs."""
