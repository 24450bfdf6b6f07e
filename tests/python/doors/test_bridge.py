"""The door that R uses: plain pieces give what the Python door gives."""

from __future__ import annotations

import inspect
import itertools
import json

import numpy as np
import pytest
from scipy import sparse

import sigel
from conftest import QUICK
from r_pieces import pieces
from sigel import bridge
from sigel.errors import InputError
from sigel.tasks.gene_map import gene_map


@pytest.fixture(scope="module")
def small():
    return sigel.datasets.simulated_section(12, 13, 2, 10, 12, seed=3)


@pytest.fixture(scope="module")
def seen(small):
    return pieces(small)


SETTINGS = {**QUICK, "n_dims": 8.0, "n_groups": 3.0, "train": {"pretrain_epochs": 2.0, "refine_epochs": 2.0}}


def test_both_doors_give_the_same(small, seen, tmp_path):
    reports = []
    result = bridge.embed(
        section=seen,
        settings=SETTINGS,
        seed=4.0,
        device="cpu",
        progress=lambda *report: reports.append(report),
        save=str(tmp_path),
    )
    adata = small.copy()
    config = {**QUICK, "train": {"pretrain_epochs": 2, "refine_epochs": 2}}
    sigel.tl.embed(adata, n_dims=8, n_groups=3, seed=4, device="cpu", config=config, progress=False)
    assert np.array_equal(result["sgr"].astype("f4"), adata.varm["X_sigel"], equal_nan=True)
    assert np.array_equal(result["spot_embedding"].astype("f4"), adata.obsm["X_sigel"])
    assert result["group"] == adata.var["sigel_group"].astype(object).fillna("").tolist()
    assert result["status"] == adata.var["sigel_status"].tolist()
    assert json.loads(result["params"]) == json.loads(adata.uns["sigel"]["params"])
    assert json.loads(result["provenance"])["data_hash"] == adata.uns["sigel"]["provenance"]["data_hash"]
    assert json.loads(result["raster"])["shape"] == adata.uns["sigel"]["raster"]["shape"]
    assert result["bic"] == {}
    # NaN in stages without a loss.
    np.testing.assert_array_equal(result["history"]["loss"], adata.uns["sigel"]["history"]["loss"])
    assert [report[0] for report in reports][:4] == ["memory", "eigenimages", "pretrain", "pretrain"]
    assert len(sigel.SIGEL.load(result["model"], device="cpu").genes) > 0


def test_everything_is_called_by_name_and_progress_may_be_left_out():
    for name in bridge.__all__:
        arguments = inspect.signature(getattr(bridge, name)).parameters
        assert all(one.kind is one.KEYWORD_ONLY for one in arguments.values()), name
        assert "cells" not in arguments
        if "progress" in arguments:
            assert arguments["progress"].default is None


def test_results_are_plain(seen):
    result = bridge.embed(section=seen, settings=SETTINGS, seed=0.0, device="cpu", progress=None, save=None)
    assert result["model"] == ""
    for value in result.values():
        assert isinstance(value, np.ndarray | list | dict | str)
    for name in ("sgr", "spot_embedding", "group_prob"):
        assert result[name].dtype == np.float64
    for column in result["history"].values():
        assert isinstance(column, list)


@pytest.mark.parametrize("seed", [1.5, -1.0, float("nan")])
def test_a_seed_that_is_no_whole_number_is_refused(seen, seed):
    with pytest.raises(InputError, match="seed"):
        bridge.embed(section=seen, settings=SETTINGS, seed=seed, device="cpu", progress=None, save=None)


def test_gene_images_are_those_of_the_model(small, seen):
    genes = list(small.var_names[:3])
    found = bridge.gene_images(section=seen, settings={}, genes=genes)
    images = sigel.GeneImages.from_anndata(small)
    n_pixels = images.raster.n_pixels
    assert found["values"].shape == (3, n_pixels)
    assert np.allclose(found["values"].mean(axis=1), 0, atol=1e-5)  # z-scored over the tissue
    assert len(found["row"]) == len(found["col"]) == n_pixels
    assert np.allclose(sorted(found["x"]), sorted(small.obsm["spatial"][:, 0]))
    assert found["shape"] == list(images.raster.shape)
    with pytest.raises(InputError, match="'nogene', unknown"):
        bridge.gene_images(section=seen, settings={}, genes=["nogene"])


def test_simulated_sections_and_files_come_as_the_same_pieces(small, tmp_path):
    settings = {"n_rows": 12.0, "n_cols": 13.0, "n_programmes": 2.0, "genes_per_programme": 10.0}
    made = bridge.simulate(settings={**settings, "n_background_genes": 12.0}, seed=3.0)
    small.write_h5ad(tmp_path / "section.h5ad")
    read = bridge.read_section(path=str(tmp_path / "section.h5ad"))
    for found in (made, read):
        matrix = sparse.csc_matrix((found["x"], found["i"], found["p"]), shape=found["dim"])
        assert (matrix.T != small.X).nnz == 0
        assert found["genes"] == list(small.var_names)
        assert found["cells"] == list(small.obs_names)
        assert np.array_equal(found["coordinates"], small.obsm["spatial"])
        assert np.array_equal(found["lattice"], small.obs[["array_row", "array_col"]])
        assert found["obs"]["region"] == small.obs["region"].tolist()
    assert made["programme"] == small.var["programme"].tolist()


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="`path`"):
        bridge.read_section(path=str(tmp_path / "no.h5ad"))


def test_sitrep_tells_what_runs():
    report = bridge.sitrep()
    assert report["sigel"] == bridge.version() == sigel.__version__
    assert report["torch_gflops"] > 0
    assert report["threads"] >= 1
    assert {"python", "torch", "numpy", "anndata", "device", "executable"} <= set(report)


def test_files_with_unsorted_or_repeated_indices_come_sorted(small, tmp_path):
    adata = small.copy()
    reverse = np.concatenate([np.arange(b - 1, a - 1, -1) for a, b in itertools.pairwise(adata.X.indptr)])
    adata.X = sparse.csr_matrix(
        (adata.X.data[reverse], adata.X.indices[reverse], adata.X.indptr), shape=adata.shape
    )
    adata.write_h5ad(tmp_path / "section.h5ad")
    read = bridge.read_section(path=str(tmp_path / "section.h5ad"))
    within = np.ones(len(read["i"]) - 1, dtype=bool)
    within[read["p"][1:-1] - 1] = False
    assert (np.diff(read["i"].astype(int))[within] > 0).all()
    assert np.array_equal(read["x"], small.X.data)


@pytest.mark.parametrize("case", ["three", "empty"])
def test_files_that_r_cannot_use_are_refused(small, tmp_path, case):
    adata = small.copy()
    if case == "three":
        adata.obsm["spatial"] = np.zeros((adata.n_obs, 3))
    else:
        adata.X = None
    adata.write_h5ad(tmp_path / "section.h5ad")
    with pytest.raises(InputError, match="`path`"):
        bridge.read_section(path=str(tmp_path / "section.h5ad"))


def test_the_mean_image_is_that_of_the_genes_named(seen):
    genes = [name for name in seen["genes"] if name.startswith("Gene")]
    alone = bridge.gene_images(section=seen, settings={}, genes=genes[:1])
    assert alone["mean"] is None
    both = bridge.gene_images(section=seen, settings={}, genes=genes[:1], average=[genes, genes[:1]])
    assert np.array_equal(both["values"], alone["values"])
    every = bridge.gene_images(section=seen, settings={}, genes=genes)["values"]
    assert np.allclose(both["mean"], [every.mean(axis=0), every[0]], atol=1e-6)


def test_the_map_of_genes_is_plain_and_may_be_of_a_group_among_others():
    z = np.random.default_rng(0).normal(size=(30, 4))
    whole = bridge.gene_map(representations=z, method="tsne", seed=2.0)
    np.testing.assert_array_equal(whole["place"], gene_map(z, seed=2))
    assert whole["row"] == list(range(30))
    assert whole["axis"] == "t-SNE"
    inside = [True] * 10 + [False] * 20
    among = bridge.gene_map(representations=z, method="pca", seed=2.0, inside=inside)
    assert among["row"] == [*range(10, 30), *range(10)]
    assert among["axis"] == "PC"
    with pytest.raises(InputError, match="`method`"):
        bridge.gene_map(representations=z, method="globe", seed=0.0)
