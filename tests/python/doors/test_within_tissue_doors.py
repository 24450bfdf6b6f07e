"""Spots beside the tissue take no part in any verb: each answers as of the section cut to its tissue."""

from __future__ import annotations

import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, concat
from matplotlib import pyplot as plt

import sigel
from sigel import GeneImages, datasets
from sigel.images.counts import SpotRows

QUICK = {"preset": "fast", "progress": False}


def with_glass(adata, n_rows=4):
    """The section amid rows of spots beside it, with stray counts, on one lattice; spots mixed."""
    rng = np.random.default_rng(0)
    adata.obs = adata.obs.astype({"region": str})
    step = np.ptp(adata.obsm["spatial"][:, 1]) / np.ptp(adata.obs["array_row"])
    glass = adata[adata.obs["array_row"] < adata.obs["array_row"].min() + n_rows].copy()
    down = (np.ptp(adata.obs["array_row"]) // 2 + 1) * 2
    glass = AnnData(
        rng.poisson(0.3, glass.shape).astype(np.float32), obs=glass.obs, var=glass.var, obsm=dict(glass.obsm)
    )
    glass.obs["array_row"] += down
    glass.obsm["spatial"] = glass.obsm["spatial"] + np.array([0.0, step * down])
    glass.obs["region"] = "glass"
    adata.X = adata.X.toarray()
    adata.obs["in_tissue"], glass.obs["in_tissue"] = 1, 0
    made = concat([adata, glass], index_unique="-", join="outer")
    made.var = adata.var.copy()
    return made[rng.permutation(made.n_obs)].copy()


@pytest.fixture(scope="module")
def slide():
    return with_glass(datasets.simulated_section(16, 16, 3, 20, 20, seed=0))


@pytest.fixture
def pair(slide):
    """The slide, and what lies within its tissue."""
    return slide.copy(), slide[slide.obs["in_tissue"] == 1].copy()


VERBS = {
    "spatial_genes": lambda adata: sigel.tl.spatial_genes(adata, progress=False),
    "spatial_genes, covariates": lambda adata: sigel.tl.spatial_genes(
        adata, covariates="region", score=False, progress=False
    ),
    "pattern_genes": lambda adata: sigel.tl.pattern_genes(
        adata, "region", {"ring": 0.9}, n_null=20, progress=False
    ),
    "select_genes": lambda adata: sigel.tl.select_genes(adata, n_genes=20, progress=False),
    "gene_interactions": lambda adata: sigel.tl.gene_interactions(
        adata, partners_of="Gene0001", progress=False
    ),
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_tables_are_those_of_the_section_cut_to_its_tissue(pair, verb):
    whole, cut = pair
    with pytest.warns(UserWarning, match=r"spots lie beside the tissue .*: they take no part") as told:
        found = VERBS[verb](whole)
    assert len(told) == 1
    pd.testing.assert_frame_equal(found, VERBS[verb](cut))


@pytest.mark.parametrize("as_list", [pytest.param(False, marks=pytest.mark.nightly), True])
def test_an_embedding_has_no_values_beside_the_tissue(pair, as_list):
    whole, cut = pair
    objects = [[one, one.copy()] if as_list else one for one in (whole, cut)]
    with pytest.warns(UserWarning, match="beside the tissue"):
        sigel.tl.embed(objects[0], **QUICK)
    sigel.tl.embed(objects[1], **QUICK)
    within = (whole.obs["in_tissue"] == 1).to_numpy()
    np.testing.assert_array_equal(whole.varm["X_sigel"], cut.varm["X_sigel"])
    np.testing.assert_array_equal(whole.obsm["X_sigel"][within], cut.obsm["X_sigel"])
    assert np.isnan(whole.obsm["X_sigel"][~within]).all()
    assert whole.uns["sigel"]["raster"]["shape"] == cut.uns["sigel"]["raster"]["shape"]


@pytest.mark.nightly
def test_sections_of_one_object_lose_their_own_spots(slide):
    both = concat([slide, slide], label="slide", keys=["a", "b"], index_unique="-")
    cut = both[both.obs["in_tissue"] == 1].copy()
    with pytest.warns(UserWarning, match="beside the tissue"):
        sigel.tl.embed(both, section_key="slide", **QUICK)
    sigel.tl.embed(cut, section_key="slide", **QUICK)
    np.testing.assert_array_equal(both.varm["X_sigel_a"], cut.varm["X_sigel_a"])
    assert np.isnan(both.obsm["X_sigel"]).any(axis=1).sum() == both.n_obs - cut.n_obs


@pytest.mark.filterwarnings("ignore:.*beside the tissue")
def test_imputed_cells_are_those_within_the_tissue():
    target, reference, _ = datasets.simulated_panel(seed=0, n_rows=16, n_cols=16)
    whole = [target, reference]
    for one in whole:
        down = one.obsm["spatial"][:, 1]
        one.obs["in_tissue"] = (down < np.quantile(down, 0.85)).astype(int)
    cut = [one[one.obs["in_tissue"] == 1].copy() for one in whole]
    before = whole[0].copy()
    found, wanted = (sigel.tl.impute(*pair, method="neighbors", progress=False) for pair in (whole, cut))
    assert list(found.obs_names) == list(cut[0].obs_names)
    np.testing.assert_array_equal(found.X, wanted.X)
    np.testing.assert_array_equal(found.obsm["spatial"], cut[0].obsm["spatial"])
    pd.testing.assert_frame_equal(found.var, wanted.var)
    assert abs(whole[0].X - before.X).max() == 0
    sigel.pl.imputed_genes(found, list(found.var_names[:1]))
    plt.close("all")


def test_pictures_leave_them_out_and_say_nothing(pair):
    whole, cut = pair
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for adata in pair:
            sigel.pl.gene_images(adata, ["Gene0001"])
            sigel.pl.gene_pair(adata, "Gene0001", "Gene0002")
    plt.close("all")
    with pytest.warns(UserWarning, match="beside the tissue"):
        images = GeneImages.from_anndata(whole)
    assert images.raster.shape == GeneImages.from_anndata(cut).raster.shape


def test_counts_on_disk_stay_there(pair, tmp_path):
    whole, cut = pair
    from scipy import sparse

    whole.X = sparse.csr_matrix(whole.X)
    whole.write_h5ad(tmp_path / "slide.h5ad")
    backed = anndata.read_h5ad(tmp_path / "slide.h5ad", backed="r")
    with pytest.warns(UserWarning, match="beside the tissue"):
        sigel.tl.embed(backed, **QUICK)
    sigel.tl.embed(cut, **QUICK)
    np.testing.assert_allclose(backed.varm["X_sigel"], cut.varm["X_sigel"], atol=1e-5)


def test_some_rows_are_read_as_all_are():
    counts = np.arange(60).reshape(20, 3)
    mask = np.random.default_rng(1).random(20) < 0.4
    mask[6:12] = False  # a chunk without any
    rows = SpotRows.some(SpotRows(counts, values=6), mask)
    assert rows.shape == (mask.sum(), 3)
    read = [chunk.toarray() for _, chunk in rows]
    np.testing.assert_array_equal(np.vstack(read), counts[mask])
    half = SpotRows.some(rows, np.arange(mask.sum()) % 2 == 0)
    np.testing.assert_array_equal(np.vstack([chunk.toarray() for _, chunk in half]), counts[mask][::2])


def test_a_column_of_something_else_is_refused_by_every_verb(pair):
    whole, _ = pair
    whole.obs["in_tissue"] = "glass"
    for ask in [*VERBS.values(), lambda adata: sigel.pl.gene_images(adata, ["Gene0001"])]:
        with pytest.raises(sigel.errors.InputError, match=r"in_tissue.*'glass'"):
            ask(whole)
