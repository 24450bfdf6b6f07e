"""Hotspot's gene modules (DeTomaso and Yosef 2021), by whichever Python has `hotspotsc`.

Usage: python -m benchmarks.representations.hotspot_modules IN.h5ad OUT.npy
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from anndata import AnnData, read_h5ad

from benchmarks.harness.processes import found_from_here, printed

PACKAGE = "hotspot"
LEAST_GENES = 20
# As many as the authors' own pipeline takes (VISION), of the highest Z: time grows with their square.
MOST_GENES = 1000


def modules(adata: AnnData) -> np.ndarray:
    """Module of each gene by Hotspot's own defaults and its tutorial's `core_only=False`, -1 for none.

    Genes beyond the 1,000 of the highest Z have none.

    Parameters
    ----------
    adata
        Spots x genes with raw counts, `obsm["spatial"]`, depths of all genes in `obs["depth"]`.
    """
    import hotspot

    finder = hotspot.Hotspot(adata, model="danb", latent_obsm_key="spatial", umi_counts_obs_key="depth")
    finder.create_knn_graph(approx_neighbors=False)
    chosen = finder.compute_autocorrelations()["Z"].nlargest(MOST_GENES).index
    finder.compute_local_correlations(chosen)
    found = finder.create_modules(min_gene_threshold=LEAST_GENES, core_only=False)
    return found.reindex(adata.var_names, fill_value=-1).to_numpy()


def hotspot_modules(adata: AnnData, chosen: np.ndarray, python: str) -> np.ndarray:
    """The same, by a Python that has the package, of some genes, `(n_chosen,)`.

    Parameters
    ----------
    adata
        Spots x genes with raw counts and `obsm["spatial"]`.
    chosen
        Names of genes.
    python
        One that has `hotspotsc`.
    """
    depth = np.asarray(adata.X.sum(axis=1)).ravel().astype(float)
    given = adata[depth > 0, chosen].copy()
    given.layers.clear()
    given.obs["depth"] = depth[depth > 0]
    with tempfile.TemporaryDirectory() as name:
        source, made = (str(Path(name) / file) for file in ("in.h5ad", "out.npy"))
        given.write_h5ad(source)
        printed("Hotspot", [python, "-m", __name__, source, made], found_from_here())
        return np.load(made)


if __name__ == "__main__":
    source, out = sys.argv[1:]
    np.save(out, modules(read_h5ad(source)))
