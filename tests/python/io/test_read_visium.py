"""Folders of Space Ranger: what is read is what was written, and what is broken is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import sigel
from platform_folders import GENES, SCALES, spots, visium, write_h5, write_spatial
from sigel.errors import InputError, MissingPackageError

POSITIONS = ["tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet"]


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("matrix", ["h5", "mtx", "mtx.gz"])
def test_a_section_is_read(tmp_path, positions, matrix):
    if positions.endswith("parquet"):
        pytest.importorskip("pyarrow")
    table, counts = visium(tmp_path / "brain" / "outs", positions=positions, matrix=matrix)
    adata = sigel.io.read(tmp_path / "brain")
    table = table[table["in_tissue"] == 1].set_index("barcode")
    assert adata.obs_names.tolist() == table.index.tolist()
    assert adata.var_names.tolist() == adata.var["gene_symbols"].tolist() == GENES
    assert adata.var["gene_ids"].tolist() == [f"ENS{k}" for k in range(5)]
    assert (adata.X.toarray() == counts[spots()["in_tissue"] == 1]).all()
    assert adata.X.format == "csr"
    for name in ("in_tissue", "array_row", "array_col"):
        assert adata.obs[name].tolist() == table[name].tolist()
    xy = table[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy()
    assert (adata.obsm["spatial"] == xy).all()
    kept = adata.uns["spatial"]["brain"]
    assert kept["scalefactors"] == SCALES
    assert kept["images"]["hires"].shape == (20, 22, 3)
    np.testing.assert_allclose(kept["images"]["lowres"], 0.2, rtol=1e-6)
    adata.write_h5ad(tmp_path / "kept.h5ad")
    assert (sigel.io.read(tmp_path / "kept.h5ad").X != adata.X).nnz == 0


def test_spots_beside_the_tissue_are_kept_where_that_is_asked_for(tmp_path):
    table, counts = visium(tmp_path)
    every = sigel.io.read(tmp_path, off_tissue=True, images=False)
    assert every.obs_names.tolist() == table["barcode"].tolist()
    assert (every.X.toarray() == counts).all()
    assert every.obs["in_tissue"].tolist() == table["in_tissue"].tolist()
    assert "images" in every.uns["spatial"][tmp_path.name]
    assert not every.uns["spatial"][tmp_path.name]["images"]
    # The unfiltered matrix alone says the same of the tissue as the filtered one.
    unfiltered = sigel.io.read(tmp_path, raw=True, images=False)
    assert (unfiltered.to_df() == sigel.io.read(tmp_path, images=False).to_df()).all(axis=None)


def test_spots_of_an_unfiltered_matrix_without_a_place_are_left_out(tmp_path):
    table, counts = visium(tmp_path)
    path = tmp_path / "spatial" / "tissue_positions.csv"
    table.iloc[:-2].to_csv(path, index=False)
    with pytest.warns(UserWarning, match=r"2 of 12 spots have no place"):
        adata = sigel.io.read(tmp_path, off_tissue=True, images=False)
    assert (adata.X.toarray() == counts[:-2]).all()
    with pytest.raises(InputError, match="a place for every cell"):
        sigel.io.read(tmp_path)


def test_proteins_are_apart_from_genes(tmp_path):
    _, counts = visium(tmp_path, kinds=["Gene Expression"] * 4 + ["Antibody Capture"])
    adata = sigel.io.read(tmp_path, images=False)
    assert adata.var_names.tolist() == GENES[:4]
    assert adata.uns["other_features"]["feature_types"].to_dict() == {"Plp1": "Antibody Capture"}
    inside = (spots()["in_tissue"] == 1).to_numpy()
    assert (adata.obsm["other_features"].toarray() == counts[inside, 4:]).all()


def test_names_of_genes_that_occur_twice_are_told_apart(tmp_path):
    table = spots()
    write_spatial(tmp_path / "spatial", table, POSITIONS[0], pictures=False)
    names = ["Mbp", "Mbp", "Gfap"]
    path = tmp_path / "GSM1_filtered_feature_bc_matrix.h5"
    write_h5(path, np.ones((12, 3)), table["barcode"].tolist(), names, ["Gene Expression"] * 3)
    adata = sigel.io.read(tmp_path)
    assert adata.var_names.is_unique
    assert adata.var["gene_symbols"].tolist() == names
    assert adata.n_obs == 9


@pytest.mark.parametrize("n", [2, 8])
def test_bins_of_visium_hd(tmp_path, n):
    pytest.importorskip("pyarrow")
    outs = tmp_path / "gut" / "outs"
    for size in (2, 8, 16):
        where = outs / "binned_outputs" / f"square_{size:03d}um"
        _, counts = visium(where, positions="tissue_positions.parquet", raw=False)
        (where / "spatial" / "scalefactors_json.json").write_text(json.dumps(SCALES | {"bin_size_um": size}))
    default = sigel.io.read(outs, images=False)
    assert default.uns["spatial"]["gut"]["scalefactors"]["bin_size_um"] == 8
    one = sigel.io.read(tmp_path / "gut", bin_size=n, images=False)
    assert one.uns["spatial"]["gut"]["scalefactors"]["bin_size_um"] == n
    assert one.X.sum() == counts[spots()["in_tissue"] == 1].sum()
    bins = outs / "binned_outputs"
    assert (sigel.io.read(bins).X != default.X).nnz == 0
    alone = sigel.io.read(bins / f"square_{n:03d}um")
    assert alone.uns["spatial"][f"square_{n:03d}um"]["scalefactors"]["bin_size_um"] == n
    with pytest.raises(InputError, match=r"`bin_size`: found 5,.*one of 2, 8, 16.*bin_size=2"):
        sigel.io.read(outs, bin_size=5)
    (found,) = sigel.io.describe(outs)
    assert found.platform == "visium_hd"
    assert found.choices == {"bin_size": (2, 8, 16)}


def test_a_bin_is_told_from_within_its_folder(tmp_path, monkeypatch):
    visium(tmp_path / "square_008um", raw=False)
    monkeypatch.chdir(tmp_path / "square_008um")
    (found,) = sigel.io.describe(".")
    assert (found.platform, found.sample, found.choices) == ("visium_hd", "square_008um", {"bin_size": (8,)})


def test_without_pyarrow_or_pillow_the_line_that_installs_them_is_said(tmp_path, monkeypatch):
    visium(tmp_path)
    parquet = tmp_path / "hd" / "square_008um"
    visium(parquet, pictures=False)
    (parquet / "spatial" / "tissue_positions.csv").rename(parquet / "spatial" / "tissue_positions.parquet")
    for package in ("pyarrow", "PIL"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=r'pyarrow.*pip install "sigel\[read\]"'):
        sigel.io.read(parquet)
    with pytest.warns(UserWarning, match=r'left out.*pip install "sigel\[read\]".*images=False'):
        adata = sigel.io.read(tmp_path)
    assert adata.uns["spatial"][tmp_path.name]["scalefactors"] == SCALES


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_positions(folder: Path) -> None:
    (folder / "spatial" / "tissue_positions.csv").unlink()


def other_barcodes(folder: Path) -> None:
    table = spots()
    table["barcode"] = table["barcode"].str.removesuffix("-1")
    table.to_csv(folder / "spatial" / "tissue_positions.csv", index=False)


def twice(folder: Path) -> None:
    table = spots()
    table.loc[1, "barcode"] = table.loc[2, "barcode"]
    table.to_csv(folder / "spatial" / "tissue_positions.csv", index=False)


def no_tissue(folder: Path) -> None:
    spots().assign(in_tissue=0).to_csv(folder / "spatial" / "tissue_positions.csv", index=False)


def half_a_line(folder: Path) -> None:
    path = folder / "spatial" / "tissue_positions.csv"
    path.write_text(path.read_text()[:-8])


def other_columns(folder: Path) -> None:
    spots().drop(columns="array_row").to_csv(folder / "spatial" / "tissue_positions.csv", index=False)


def indices_beyond(folder: Path) -> None:
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "r+") as file:
        file["matrix/indices"][0] = 99


def fewer_names(folder: Path) -> None:
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "r+") as file:
        names = file["matrix/barcodes"][:-1]
        del file["matrix/barcodes"]
        file["matrix/barcodes"] = names


def another_h5(folder: Path) -> None:
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "w") as file:
        file["counts"] = [1, 2]


def points_outside(folder: Path) -> None:
    (folder / "filtered_feature_bc_matrix.h5").rename(folder / "kept.h5")
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "w") as file:
        file["matrix"] = h5py.ExternalLink("kept.h5", "matrix")


BROKEN = {
    "no positions": (no_positions, r"places of the spots: tissue_positions.parquet or"),
    "no matrix": (
        lambda f: [p.unlink() for p in f.glob("*.h5")],
        r"counts: filtered_feature_bc_matrix.h5 or",
    ),
    "cut matrix": (lambda f: cut(f / "filtered_feature_bc_matrix.h5"), r"cannot be read.*anew"),
    "cut picture": (
        lambda f: cut(f / "spatial" / "tissue_hires_image.png"),
        r"tissue_hires_image.png.*cannot",
    ),
    "cut scales": (lambda f: cut(f / "spatial" / "scalefactors_json.json"), r"scalefactors_json.*cannot"),
    "no scales": (lambda f: (f / "spatial" / "scalefactors_json.json").unlink(), r"images=False"),
    "other barcodes": (other_barcodes, r"9 of 9 cells.*names such as 'AAAAAAAA'"),
    "twice": (twice, r"'GAAAAAAA-1' twice in 'tissue_positions.csv'"),
    "no tissue": (no_tissue, r"off_tissue=True"),
    "half a line": (half_a_line, r"1 of 12 .*tissue_positions.csv"),
    "other columns": (other_columns, r"without array_row"),
    "empty": (lambda f: (f / "spatial" / "tissue_positions.csv").write_text(""), r"cannot be read"),
    "indices": (indices_beyond, r"do not go together"),
    "fewer names": (fewer_names, r"of 5 features and 9 cells, with names of 5 features and 8 cells"),
    "another h5": (another_h5, r"with counts; wanted counts in an HDF5 file"),
    "points outside": (points_outside, r"'matrix' lies in another file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named(tmp_path, name):
    visium(tmp_path)
    change, text = BROKEN[name]
    change(tmp_path)
    with pytest.raises(InputError, match=text) as refused:
        sigel.io.read(tmp_path)
    assert refused.value.argument == "path"


def test_a_broken_folder_of_a_matrix_is_named(tmp_path):
    visium(tmp_path, matrix="mtx.gz")
    folder = tmp_path / "filtered_feature_bc_matrix"
    names = (folder / "barcodes.tsv.gz").read_bytes()
    cut(folder / "barcodes.tsv.gz")
    with pytest.raises(InputError, match=r"barcodes.tsv.gz.*cannot be read"):
        sigel.io.read(tmp_path)
    (folder / "barcodes.tsv.gz").unlink()
    (folder / "barcodes.tsv").write_text("AAAAAAAA-1\n")
    with pytest.raises(InputError, match=r"of 5 features and 9 cells, with names of 5 features and 1 cells"):
        sigel.io.read(tmp_path)
    (folder / "barcodes.tsv").unlink()
    with pytest.raises(InputError, match=r"barcodes.tsv.gz or barcodes.tsv"):
        sigel.io.read(tmp_path)
    (folder / "barcodes.tsv.gz").write_bytes(names)
    cut(folder / "matrix.mtx.gz")
    with pytest.raises(InputError, match=r"matrix.mtx.gz.*cannot be read"):
        sigel.io.read(tmp_path)


def test_links_that_leave_the_folder_are_read(tmp_path):
    visium(tmp_path / "kept")
    folder = tmp_path / "linked"
    folder.mkdir()
    for name in ("spatial", "filtered_feature_bc_matrix.h5"):
        (folder / name).symlink_to(tmp_path / "kept" / name)
    assert sigel.io.read(folder).shape == (9, 5)
