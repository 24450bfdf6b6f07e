"""Questions asked of gene images and representations; each takes arrays or a model and returns tables."""
