"""Imputation of genes, held out in folds."""
