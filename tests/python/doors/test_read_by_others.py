"""What scanpy makes of the objects that are left, written to a file and read again."""

from __future__ import annotations

import warnings

import matplotlib as mpl

mpl.use("Agg")

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import sigel

PLACES = {"tissue_hires_scalef": 0.1, "spot_diameter_fullres": 55.0}


@pytest.fixture(scope="module")
def scanpy():
    found = pytest.importorskip("scanpy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield found
    plt.close("all")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A Visium section with a picture, after three verbs, from a file."""
    adata = sigel.datasets.simulated_section(16, 16, 3, 8, 12, seed=0)
    adata.obsm["spatial"] = adata.obsm["spatial"] - adata.obsm["spatial"].min(axis=0) + 100
    width, height = (np.ceil(adata.obsm["spatial"].max(axis=0) * 0.1) + 10).astype(int)
    picture = np.full((height, width, 3), 0.9, dtype=np.float32)
    adata.uns["spatial"] = {"slide": {"images": {"hires": picture}, "scalefactors": dict(PLACES)}}
    sigel.tl.embed(adata, preset="fast", progress=False)
    sigel.tl.spatial_genes(adata, progress=False)
    sigel.tl.domains(adata, 3, progress=False)
    path = tmp_path_factory.mktemp("others") / "section.h5ad"
    adata.write_h5ad(path)
    return anndata.read_h5ad(path)


@pytest.mark.nightly
def test_scanpy_draws_domains_on_the_tissue_and_over_its_picture(scanpy, read):
    colours = len(read.obs["sigel_domain"].cat.categories)
    figure = scanpy.pl.embedding(read, basis="spatial", color="sigel_domain", show=False, return_fig=True)
    drawn = np.concatenate([one.get_offsets() for one in figure.axes[0].collections])
    drawn = np.unique(drawn[np.isfinite(drawn).all(axis=1)], axis=0)
    np.testing.assert_allclose(drawn, np.unique(read.obsm["spatial"], axis=0))
    assert len(read.uns["sigel_domain_colors"]) == colours
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scanpy's own, that another package has a newer one
        (ax,) = scanpy.pl.spatial(read, color="sigel_domain", show=False)
    assert len(ax.images) == 1


# What weighs neighbours and lays them out is compiled first, which takes longer than all the rest.
METHODS = [pytest.param(name, marks=pytest.mark.nightly) for name in ("gauss", "umap")]


@pytest.mark.parametrize("method", METHODS)
def test_scanpy_goes_on_from_the_representation_of_spots(scanpy, read, method):
    goes_on(scanpy, read.copy(), "X_sigel", method)


@pytest.mark.parametrize("method", METHODS)
def test_scanpy_goes_on_from_genes_as_observations(scanpy, read, method):
    genes = sigel.tl.genes_as_obs(read)
    goes_on(scanpy, genes, "X", method)
    assert {"sigel_group", "sigel_spatial_qval"} <= set(genes.obs)


def goes_on(scanpy, adata, use_rep, method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of defaults to come
        scanpy.pp.neighbors(adata, use_rep=use_rep, n_neighbors=8, method=method)
        scanpy.tl.umap(adata, maxiter=20)
        scanpy.tl.leiden(adata, flavor="igraph", n_iterations=2, directed=False)
    assert adata.obsm["X_umap"].shape == (adata.n_obs, 2)
    assert np.isfinite(adata.obsm["X_umap"]).all()
    assert adata.obs["leiden"].nunique() > 1


def test_keys_of_squidpy_are_where_it_looks_for_them(read):
    """It takes places, pictures and categories as scanpy does; what it computes is its own."""
    stored = read.uns["spatial"]["slide"]
    assert set(stored) >= {"images", "scalefactors"}
    assert stored["images"]["hires"].ndim == 3
    assert isinstance(read.obs["sigel_domain"].dtype, pd.CategoricalDtype)
    assert read.obsm["spatial"].dtype.kind == "f"
