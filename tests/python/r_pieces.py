"""A section as R hands it to the bridge."""

from __future__ import annotations

from scipy import sparse


def pieces(adata, *, lattice=True, labels=None):
    """As reticulate hands a section over: slots of the genes x cells dgCMatrix and R's doubles."""
    matrix = sparse.csc_matrix(adata.X.T)
    section = {
        "i": matrix.indices,
        "p": matrix.indptr,
        "x": matrix.data.astype(float),
        "dim": list(matrix.shape),
        "genes": list(adata.var_names),
        "coordinates": adata.obsm["spatial"],
        "lattice": adata.obs[["array_row", "array_col"]].to_numpy(float) if lattice else None,
    }
    return section if labels is None else section | {"labels": list(labels)}
