"""A tissue whose domains are known, each with genes of its own."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

import sigel

FEW = {"starts": 1, "windows": (1, 7), "components": (8, 20)}


def planted_domains(
    n_rows=34, n_cols=34, n_domains=4, *, per_domain=20, n_background=20, fold=3.0, lattice="visium", seed=0
):
    """Wavy bands on the outline of a simulated section; counts are Poisson, libraries differ.

    `obs["region"]` is the band, `var["marker"]` the band whose spots show a gene more often, -1: none.
    """
    outline = sigel.datasets.simulated_section(n_rows, n_cols, 1, 1, 1, lattice=lattice, seed=seed)
    rng = np.random.default_rng(seed)
    x, y = (outline.obsm["spatial"] - outline.obsm["spatial"].mean(axis=0)).T
    height = y + 0.1 * np.ptp(y) * np.sin(4 * x / np.ptp(x))
    region = np.searchsorted(np.quantile(height, np.arange(1, n_domains) / n_domains), height)
    marker = np.append(np.repeat(np.arange(n_domains), per_domain), np.full(n_background, -1))
    rate = rng.uniform(1, 3, len(marker)) * np.where(marker == region[:, None], fold, 1)
    rate *= rng.lognormal(0, 0.3, (len(region), 1))
    obs = outline.obs[[name for name in outline.obs if name.startswith("array")]].copy()
    obs["region"] = pd.Categorical([f"band {k}" for k in region])
    return ad.AnnData(
        sparse.csr_matrix(rng.poisson(rate).astype(np.float32)),
        obs=obs,
        var=pd.DataFrame({"marker": marker}, index=[f"G{i}" for i in range(len(marker))]),
        obsm={"spatial": outline.obsm["spatial"].copy()},
    )


def find(adata, n_domains=4, **arguments):
    """Few windows, components and starts, unless told otherwise: what a test of something else needs."""
    usual = {"config": FEW, "device": "cpu", "progress": False}
    sigel.tl.domains(adata, n_domains, **{**usual, **arguments})
    return adata


def content(adata):
    return (
        adata.X.toarray().tobytes(),
        adata.obs.to_csv(),
        adata.var.to_csv(),
        tuple(adata.uns),
        tuple(adata.obsm),
        tuple(adata.varm),
        tuple(adata.layers),
    )
