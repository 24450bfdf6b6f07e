"""Folders of Xenium, MERSCOPE and CosMx: what is read is what was written, and what is broken is named."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

import sigel
from platform_folders import CONTROLS, GENES, MERSCOPE_CELLS, cosmx, merscope, xenium
from sigel.errors import InputError


def other_features(adata) -> pd.DataFrame:
    values = adata.obsm["other_features"].toarray()
    return pd.DataFrame(values, index=adata.obs_names, columns=adata.uns["other_features"].index)


# --- Xenium ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", ["cells.csv.gz", "cells.csv", "cells.parquet"])
@pytest.mark.parametrize("matrix", ["h5", "mtx"])
@pytest.mark.parametrize("kinds", [True, False], ids=["kinds told", "kinds by name"])
def test_cells_of_xenium(tmp_path, cells, matrix, kinds):
    if cells.endswith("parquet"):
        pytest.importorskip("pyarrow")
    counts = xenium(tmp_path, cells=cells, matrix=matrix, kinds=kinds)
    adata = sigel.io.read(tmp_path)
    assert adata.var_names.tolist() == GENES
    assert (adata.X.toarray() == counts[:, :5]).all()
    assert adata.obs_names[0] == "aaabaaaa-1"
    assert adata.obsm["spatial"].tolist() == [[2.5 * k, 6.0 - k] for k in range(7)]
    assert adata.obs.columns.tolist() == ["cell_area"]
    assert adata.uns["other_features"]["feature_types"].to_dict() == CONTROLS
    assert (other_features(adata).to_numpy() == counts[:, 5:]).all()
    adata.write_h5ad(tmp_path / "kept.h5ad")
    kept = sigel.io.read(tmp_path / "kept.h5ad")
    assert (other_features(kept) == other_features(adata)).all(axis=None)


def test_without_pyarrow_cells_come_from_csv(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    xenium(tmp_path, cells="cells.csv.gz")
    xenium(tmp_path, cells="cells.parquet")
    assert sigel.io.describe(tmp_path)[0].files["places"].endswith("cells.parquet")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert sigel.io.describe(tmp_path)[0].files["places"].endswith("cells.csv.gz")


def test_broken_folders_of_xenium(tmp_path):
    xenium(tmp_path, cells="cells.csv")
    path = tmp_path / "cells.csv"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"`path`: found .*cells.csv"):
        sigel.io.read(tmp_path)
    path.write_text(whole.replace("y_centroid", "y"))
    with pytest.raises(InputError, match=r"'cells.csv' without y_centroid"):
        sigel.io.read(tmp_path)
    path.write_text(whole.replace("aaabdaaa-1", "other"))
    with pytest.raises(InputError, match=r"1 of 7 cells .* 'aaabdaaa-1'"):
        sigel.io.read(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"places of the cells: cells.parquet or cells.csv.gz or cells.csv"):
        sigel.io.read(tmp_path)
    path.write_text(whole)
    (tmp_path / "cell_feature_matrix.h5").unlink()
    with pytest.raises(InputError, match=r"counts: cell_feature_matrix.h5 or cell_feature_matrix/"):
        sigel.io.describe(tmp_path)


# --- MERSCOPE --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["cell_by_gene.csv", "Brain_cell_by_gene_S1R1.csv", "region_0_cell_by_gene.csv.gz"]
)
def test_cells_of_merscope_by_names_of_eighteen_digits(tmp_path, name):
    counts = merscope(tmp_path, name)
    adata = sigel.io.read(tmp_path)
    assert adata.obs_names.tolist() == MERSCOPE_CELLS
    assert adata.obsm["spatial"].tolist() == [[k + 1.0, k + 5.0] for k in range(4)]
    assert (adata.X.toarray() == counts[:, :5]).all()
    assert (other_features(adata)[["Blank-1", "Blank-17"]].to_numpy() == counts[:, 5:]).all()
    assert adata.obs.columns.tolist() == ["fov", "volume"]


def test_several_sections_of_merscope_in_one_folder(tmp_path):
    both = [
        merscope(tmp_path, f"cell_by_gene_{name}.csv", seed) for seed, name in enumerate(("S1R1", "S1R2"))
    ]
    adata = sigel.io.read(tmp_path)
    assert adata.obs["sample"].tolist() == ["S1R1"] * 4 + ["S1R2"] * 4
    assert adata.obs_names[-1] == "S1R2_9"
    assert (adata.X.toarray() == np.concatenate(both)[:, :5]).all()
    assert (other_features(adata).to_numpy() == np.concatenate(both)[:, 5:]).all()
    one = sigel.io.read(tmp_path, sample="S1R2")
    assert (one.X.toarray() == both[1][:, :5]).all()
    assert one.obs_names.tolist() == MERSCOPE_CELLS


def test_broken_folders_of_merscope(tmp_path):
    merscope(tmp_path)
    path, cells = tmp_path / "cell_by_gene.csv", tmp_path / "cell_metadata.csv"
    whole, places = path.read_text(), cells.read_text()
    path.write_text(whole[: whole.rindex(",")])
    with pytest.raises(InputError, match=r"line 5 of 'cell_by_gene.csv', which is cut off"):
        sigel.io.read(tmp_path)
    path.write_text(whole.replace("9,", "9,many,"))
    with pytest.raises(InputError, match=r"cell_by_gene.csv"):
        sigel.io.read(tmp_path)
    path.write_text(whole)
    # As a spreadsheet writes names that are long numbers.
    cells.write_text(places.replace("112824700230101249", "1.12824700230101e+17"))
    with pytest.raises(InputError, match=r"1 of 4 cells .*'112824700230101249'.*as they were written"):
        sigel.io.read(tmp_path)
    cells.write_text(places.replace(",1.0,5.0", ",,5.0"))
    with pytest.raises(InputError, match=r"1 of 4 rows of 'cell_metadata.csv' without center_x and center_y"):
        sigel.io.read(tmp_path)
    cells.unlink()
    with pytest.raises(InputError, match=r"places that go with 'cell_by_gene.csv': cell_metadata.csv"):
        sigel.io.read(tmp_path)
    cells.write_text(places)
    path.unlink()
    with pytest.raises(InputError, match=r"counts that go with 'cell_metadata.csv': cell_by_gene.csv"):
        sigel.io.read(tmp_path)
    path.write_text("")
    with pytest.raises(InputError, match=r"'cell_by_gene.csv' with 0 columns"):
        sigel.io.read(tmp_path)


# --- CosMx -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("with_global", [True, False], ids=["global", "local"])
def test_fields_of_view_of_cosmx_are_put_together(tmp_path, packed, with_global):
    counts = cosmx(tmp_path, packed=packed, with_global=with_global)
    adata = sigel.io.read(tmp_path)
    # What lies outside cells, cell 0, is left out.
    assert adata.obs_names.tolist() == ["1_1", "2_1", "1_2", "2_2"]
    assert adata.obsm["spatial"].tolist() == [[1, 3], [2, 4], [1001, 3], [1002, 4]]
    assert (adata.X.toarray() == counts[:, :5]).all()
    kinds = adata.uns["other_features"]["feature_types"].to_dict()
    assert kinds == {"NegPrb3": "Negative Probe", "SystemControl12": "System Control"}
    assert (other_features(adata).to_numpy() == counts[:, 5:]).all()
    assert adata.obs["fov"].tolist() == ["1", "1", "2", "2"]
    (found,) = sigel.io.describe(tmp_path)
    assert (found.n_obs, found.n_vars, found.n_left_out) == (4, 5, 2)


def test_broken_folders_of_cosmx(tmp_path):
    cosmx(tmp_path, with_global=False)
    fields, cells = tmp_path / "Run1_fov_positions_file.csv", tmp_path / "Run1_metadata_file.csv"
    whole, places = fields.read_text(), cells.read_text()
    fields.write_text(whole.replace("2,1000", "3,1000"))
    with pytest.raises(InputError, match=r"without the field of view 2"):
        sigel.io.read(tmp_path)
    fields.unlink()
    with pytest.raises(InputError, match=r"without CenterX_global_px.*no 'Run1_fov_positions_file.csv'"):
        sigel.io.read(tmp_path)
    cells.write_text("\n".join(places.splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match=r"1 of 4 cells .*'1_1'"):
        sigel.io.read(tmp_path)
    cells.write_text(places.replace("cell_ID", "number"))
    with pytest.raises(InputError, match=r"without cell_ID"):
        sigel.io.read(tmp_path)
    cells.unlink()
    with pytest.raises(
        InputError, match=r"places that go with 'Run1_exprMat_file.csv': Run1_metadata_file.csv"
    ):
        sigel.io.read(tmp_path)


def test_a_cut_gzip_of_cosmx_is_named(tmp_path):
    cosmx(tmp_path, packed=True)
    path = tmp_path / "Run1_exprMat_file.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"Run1_exprMat_file.csv.gz.*cannot be read"):
        sigel.io.read(tmp_path)
