"""What changes nothing in the tissue changes nothing in the answers, through the doors that users call."""

from __future__ import annotations

import numpy as np
import pytest

import sigel


@pytest.fixture(scope="module")
def section():
    adata = sigel.datasets.simulated_section(18, 18, 3, 20, 40, seed=3)
    adata.obs = adata.obs.drop(columns=["array_row", "array_col"])
    return adata


def placed(adata, places):
    found = adata.copy()
    found.obsm["spatial"] = np.asarray(places, dtype=float)
    return found


def turned(adata, degrees):
    a = np.deg2rad(degrees)
    return placed(adata, adata.obsm["spatial"] @ [[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])


CHANGES = {
    "genes": lambda adata: adata[:, np.random.default_rng(1).permutation(adata.n_vars)].copy(),
    "spots": lambda adata: adata[np.random.default_rng(2).permutation(adata.n_obs)].copy(),
    "turned": lambda adata: turned(adata, 90),
    "turned askew": lambda adata: turned(adata, 30),
    "mirrored": lambda adata: placed(adata, adata.obsm["spatial"] * [-1, 1]),
    "in nanometres": lambda adata: placed(adata, adata.obsm["spatial"] * 1e3),
    "in metres": lambda adata: placed(adata, adata.obsm["spatial"] * 1e-6),
    "moved": lambda adata: placed(adata, adata.obsm["spatial"] + [1e5, -3e4]),
}
# The grid of a turned section is another one: its pixels are filled in another order.
TURNED = {"turned", "turned askew", "mirrored"}


def likeness(adata, genes):
    z = adata[:, genes].varm["X_sigel"]
    z = z[~np.isnan(z).any(axis=1)]
    z = z - z.mean(axis=0)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    return z @ z.T


def embedded(adata):
    adata = adata.copy()
    sigel.tl.embed(adata, preset="fast", progress=False, device="cpu")
    return adata


@pytest.fixture(scope="module")
def before(section):
    return embedded(section), sigel.tl.spatial_genes(section.copy(), progress=False, device="cpu")


@pytest.mark.parametrize("change", CHANGES)
def test_representations(section, before, change):
    found = embedded(CHANGES[change](section))
    genes = section.var_names
    assert np.allclose(likeness(found, genes), likeness(before[0], genes), atol=1e-3)


@pytest.mark.parametrize("change", CHANGES)
def test_spatial_genes(section, before, change):
    found = sigel.tl.spatial_genes(CHANGES[change](section), progress=False, device="cpu")
    known = before[1].loc[found.index]
    assert np.allclose(found["effect"], known["effect"], atol=1e-5, equal_nan=True)
    # Of the three directions of a hexagonal lattice another one makes the rows; how far the kernel reaches is
    # counted in rows and columns.
    loose = 2e-2 if change == "turned askew" else 1e-3
    assert np.allclose(found["log_pval"], known["log_pval"], rtol=loose, atol=loose, equal_nan=True)
    if change not in TURNED:  # null images are drawn pixel by pixel
        assert np.allclose(found["score"], known["score"], atol=1e-3, equal_nan=True)
