"""Folders as platforms left them, cut down: sizes, places and names that other readers found there, too."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sigel
from conftest import SHARED
from sigel.errors import InputError


@pytest.fixture
def platform():
    def path(name: str):
        where = SHARED / "platforms" / name
        if not where.exists():
            pytest.skip(f"{name} is not in the shared data folder")
        return where

    return path


# Folder, cells or spots, genes, features apart, left out.
FOLDERS = [
    ("visium_spaceranger_mousebrain_seurat", "visium", 2695, 100, 0, 0),
    ("visium_2sections_VisiumIO/section1", "visium", 22, 49, 0, 28),
    ("visium_tiny_SFE/sample01", "visium", 12, 5, 0, 0),
    ("visium_hd_seurat", "visium_hd", 1368, 100, 0, 1327),
    ("xenium_outs_SFE", "xenium", 526, 27, 3, 0),
    ("merscope_cellbound_SFE", "merscope", 1058, 49, 39, 0),
    ("cosmx_brain_quarter_SFE", "cosmx", 27, 950, 10, 1),
    ("cosmx_small_Lung9_Rep1_SpatialExperiment", "cosmx", 453, 20, 0, 1),
    ("spatialdata_zarr_merfish/merfish.zarr", "spatialdata", 2389, 268, 0, 0),
]


@pytest.mark.parametrize(("name", "kind", "n_obs", "n_vars", "n_apart", "n_left_out"), FOLDERS)
def test_folders_of_platforms(platform, name, kind, n_obs, n_vars, n_apart, n_left_out):
    if kind in ("visium_hd", "spatialdata"):
        pytest.importorskip("pyarrow")
    path = platform(name)
    (found,) = sigel.io.describe(path)
    assert (found.platform, found.n_obs, found.n_vars) == (kind, n_obs, n_vars)
    assert sum(found.other_features.values()) == n_apart
    assert found.n_left_out == n_left_out
    adata = sigel.io.read(path, images=False)
    assert adata.shape == (n_obs, n_vars)
    assert np.isfinite(adata.obsm["spatial"]).all()
    assert adata.X.sum() > 0
    assert adata.obs_names.is_unique
    assert adata.var_names.is_unique


def test_space_ranger_as_scanpy_reads_it(platform):
    scanpy = pytest.importorskip("scanpy")
    path = platform("visium_spaceranger_mousebrain_seurat")
    adata = sigel.io.read(path, images=False)
    theirs = scanpy.read_10x_h5(path / "filtered_feature_bc_matrix.h5")
    assert adata.obs_names.equals(theirs.obs_names)
    assert adata.var_names.equals(theirs.var_names)
    assert (adata.X != theirs.X).nnz == 0
    table = pd.read_csv(path / "spatial" / "tissue_positions_list.csv", header=None, index_col=0)
    assert (adata.obsm["spatial"] == table.loc[adata.obs_names, [5, 4]].to_numpy()).all()


def test_two_sections_with_a_spot_that_has_no_place(platform):
    with pytest.warns(UserWarning, match="1 of 50 spots have no place"):
        adata = sigel.io.read(platform("visium_2sections_VisiumIO"))
    assert adata.obs["sample"].value_counts().to_dict() == {"section1": 22, "section2": adata.n_obs - 22}
    assert {*adata.uns["spatial"]} == {"section1", "section2"}


def test_a_matrix_of_other_spots_than_its_places(platform):
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match=r"2053 of 2695 cells of 'filtered_feature_bc_matrix.h5'"):
        sigel.io.read(platform("visium_hd_seurat"), bin_size=16)


def test_names_of_cells_of_merscope_keep_all_digits(platform):
    adata = sigel.io.read(platform("merscope_cellbound_SFE"))
    assert adata.obs_names[0] == "112824700230101249"
    assert adata.obsm["spatial"][0] == pytest.approx([6765.2489937702, 1195.8734859086], rel=1e-12)


def test_a_folder_of_probes_alone_is_refused(platform):
    with pytest.raises(InputError, match=r"raw_probe_bc_matrix.h5; wanted the folder of a platform"):
        sigel.io.read(platform("visium_scanpy_test_2.1.0"))
