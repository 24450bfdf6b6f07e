import anndata
import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

import sigel
from sigel.errors import InputError


@pytest.fixture(scope="module")
def embedded():
    adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    counted = np.arange(adata.n_vars) != 3  # without counts there is no image
    adata.X = adata.X @ sparse.diags_array(counted.astype(np.float32))
    sigel.tl.embed(adata, preset="fast", key_added="sgr", progress=False)
    return adata


@pytest.fixture(scope="module")
def genes(embedded):
    return sigel.tl.genes_as_obs(embedded, key="sgr")


def test_genes_without_a_representation_are_left_out_and_the_others_keep_their_columns(embedded, genes):
    assert list(genes.obs_names) == list(embedded.var_names[embedded.var["sgr_status"] == "embedded"])
    assert embedded.var_names[3] not in genes.obs_names
    assert list(genes.obs.columns) == list(embedded.var.columns)
    kept = embedded[:, genes.obs_names]
    np.testing.assert_array_equal(genes.obsm["X_sgr"], kept.varm["X_sgr"])
    np.testing.assert_allclose(genes.obsm["sgr_posterior"].sum(axis=1), 1, atol=1e-5)
    assert (genes.obs["sgr_group"] == kept.var["sgr_group"]).all()


def test_neighbours_are_those_of_similar_genes(embedded, genes):
    near = NearestNeighbors(n_neighbors=6).fit(genes.X).kneighbors(genes.X, return_distance=False)[:, 1:]
    for at in (0, 7, 30):
        found = sigel.tl.similar_genes(embedded, genes.obs_names[at], n=5, key="sgr")["gene"]
        assert list(found) == list(genes.obs_names[near[at]])


def test_it_is_a_copy_that_can_be_written(embedded, genes, tmp_path):
    made = sigel.tl.genes_as_obs(embedded, key="sgr")
    made.obs["sgr_group"] = "other"
    made.obsm["X_sgr"][:] = 0
    made.uns["sgr"]["provenance"]["seed"] = "other"
    assert np.nanmax(np.abs(embedded.varm["X_sgr"])) > 0
    assert embedded.uns["sgr"]["provenance"]["seed"] == 0
    genes.write_h5ad(tmp_path / "genes.h5ad")
    again = anndata.read_h5ad(tmp_path / "genes.h5ad")
    np.testing.assert_array_equal(again.X, genes.X)


def test_without_results_the_call_that_makes_them_is_said():
    with pytest.raises(InputError, match=r"sigel\.tl\.embed"):
        sigel.tl.genes_as_obs(sigel.datasets.simulated_section(12, 12, 2, 4, 4))


def test_without_a_gene_that_has_a_representation_there_is_nothing_to_return(embedded):
    none = embedded.copy()
    none.varm["X_sgr"] = np.full_like(none.varm["X_sgr"], np.nan)
    with pytest.raises(InputError, match="no gene with a representation"):
        sigel.tl.genes_as_obs(none, key="sgr")
