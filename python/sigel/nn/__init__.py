"""Modules I, II and III as pure torch: they know nothing of AnnData, Seurat or files."""
