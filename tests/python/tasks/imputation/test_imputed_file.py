"""Imputed values that go to a file: the same ones, whole or not there; and values that would not fit."""

from __future__ import annotations

import importlib
import sys
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import sigel
from sigel.errors import InputError
from sigel.tasks.imputation import room
from sigel.tasks.imputation.room import check_room

door = importlib.import_module("sigel.tl._impute")
module = importlib.import_module("sigel.tasks.imputation.impute")
imputed_file = importlib.import_module("sigel.io._imputed_file")
SMALL = {"n_rows": 16, "n_cols": 16, "n_programmes": 4, "genes_per_programme": 25, "n_background_genes": 40}


@pytest.fixture(scope="module")
def panel():
    target, reference, _ = sigel.datasets.simulated_panel(40, **SMALL, seed=2)
    target.obs["kept"] = np.arange(target.n_obs)
    return target, reference


def impute(panel, **named):
    return sigel.tl.impute(*panel, **{"progress": False, "device": "cpu", **named})


@pytest.mark.parametrize(
    ("zeros", "name"),
    [
        ("none", "imputed.h5ad"),
        pytest.param("rate", "imputed.h5ad", marks=pytest.mark.nightly),
        pytest.param("none", "a.zarr", marks=pytest.mark.nightly),
    ],
)
def test_a_file_holds_what_would_have_been_returned(panel, tmp_path, zeros, name):
    if name.endswith("zarr"):
        pytest.importorskip("zarr")
    config = {"batch_genes": 30, "zeros": zeros}
    held = impute(panel, config=config)
    where = impute(panel, config=config, out=tmp_path / name)
    assert where == tmp_path / name
    assert [file.name for file in tmp_path.iterdir()] == [name]
    read = ad.read_h5ad(where) if name.endswith("h5ad") else ad.io.read_zarr(where)
    wanted = held.X.toarray() if zeros == "rate" else held.X
    np.testing.assert_allclose(read.X, wanted, rtol=1e-5, atol=1e-6)
    for name in ("lower", "upper"):
        np.testing.assert_allclose(read.layers[name], held.layers[name], rtol=1e-5, atol=1e-6)
    assert read.obs["kept"].tolist() == held.obs["kept"].tolist()
    pd.testing.assert_frame_equal(read.var, held.var, rtol=1e-5, check_dtype=False)
    np.testing.assert_array_equal(read.obsm["spatial"], held.obsm["spatial"])
    assert set(read.uns["sigel_imputation"]) == set(held.uns["sigel_imputation"])
    genes = [held.var_names[7], held.var_names[2]]
    some = sigel.io.read_imputed(where, genes)
    assert some.var_names.tolist() == genes
    np.testing.assert_array_equal(some.X, read[:, genes].X)
    np.testing.assert_array_equal(some.layers["upper"], read[:, genes].layers["upper"])
    every = sigel.io.read_imputed(where, intervals=False)
    np.testing.assert_array_equal(every.X, read.X)
    assert not every.layers


def test_a_failure_leaves_the_earlier_file_and_nothing_else(panel, tmp_path, monkeypatch):
    out = tmp_path / "imputed.h5ad"
    out.write_text("earlier")

    def fails(self, *args, **named):
        raise OSError("no space left on device")

    monkeypatch.setattr(imputed_file.ImputedFile, "write", fails)
    with pytest.raises(OSError, match="no space"):
        impute(panel, out=out)
    assert [file.name for file in tmp_path.iterdir()] == ["imputed.h5ad"]
    assert out.read_text() == "earlier"


@pytest.mark.nightly
def test_a_zarr_folder_is_replaced_whole_or_not_at_all(panel, tmp_path, monkeypatch):
    pytest.importorskip("zarr")
    out = tmp_path / "imputed.zarr"
    genes = [name for name in panel[1].var_names if name not in panel[0].var_names][:3]
    impute(panel, genes=genes, out=out)
    impute(panel, genes=genes[:2], out=out)
    assert [file.name for file in tmp_path.iterdir()] == ["imputed.zarr"]
    assert sigel.io.read_imputed(out).var_names.tolist() == genes[:2]

    def fails(self, *args, **named):
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(imputed_file.ImputedFile, "write", fails)
        with pytest.raises(OSError, match="no space"):
            impute(panel, genes=genes, out=out)
    assert [file.name for file in tmp_path.iterdir()] == ["imputed.zarr"]
    assert sigel.io.read_imputed(out).var_names.tolist() == genes[:2]
    piece = next(file for file in (out / "X").iterdir() if file.name[0].isdigit())
    piece.unlink()
    with pytest.raises(InputError, match="lacks pieces"):
        sigel.io.read_imputed(out)


def test_zarr_that_is_not_there_is_named_with_its_extra(panel, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r'`out`.*zarr.*pip install "sigel\[read\]"'):
        impute(panel, out=tmp_path / "imputed.zarr")
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_are_refused_before_the_work(panel, tmp_path, monkeypatch):
    monkeypatch.setattr(door, "impute_section", None)
    kept = tmp_path / "kept"
    for name in ("folder", "folder.h5ad", "plain.zarr"):
        (kept / name).mkdir(parents=True)
    (kept / "file.zarr").write_text("kept")
    before = sorted(kept.rglob("*"))
    for out, words in (
        ("imputed.csv", "ends on .h5ad or .zarr"),
        ("", "found ''; wanted a name that ends on"),
        (kept / "none" / "imputed.h5ad", "folder that is not there"),
        (kept / "file.zarr" / "imputed.h5ad", "folder that is not there"),
        (kept / "folder", "a folder; wanted a name that ends on"),
        (kept / "folder.h5ad", "a folder; wanted a file"),
        (kept / "plain.zarr", "no zarr store"),
        (kept / "file.zarr", "a file; wanted a new folder"),
        (kept / f"{'a' * 300}.h5ad", "too long"),
        (kept / "nul\0.h5ad", "no path that can be used"),
        ("~nobodyatall/imputed.h5ad", "no path that can be used"),
        (b"imputed.h5ad", "the path of a file"),
        (3, "the path of a file"),
    ):
        with pytest.raises(InputError, match=rf"`out`.*{words}"):
            impute(panel, out=out)

    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imputed_file.h5py, "File", full)
    with pytest.raises(InputError, match=r"`out`.*cannot be written \(No space"):
        impute(panel, out=kept / "imputed.h5ad")
    monkeypatch.setattr(imputed_file.os, "access", lambda *given: False)
    with pytest.raises(InputError, match=r"`out`.*may not be written to"):
        impute(panel, out=kept / "imputed.h5ad")
    assert sorted(kept.rglob("*")) == before


def test_cells_that_the_format_cannot_hold_are_refused_before_the_work(panel, tmp_path, monkeypatch):
    target, reference = panel[0].copy(), panel[1]
    target.obs["sort"] = pd.Series(["a", None] * (target.n_obs // 2), index=target.obs_names, dtype=object)
    where = impute((target, reference), out=tmp_path / "imputed.h5ad", intervals=False)
    assert ad.read_h5ad(where).obs["sort"].isna().sum() == target.n_obs // 2
    target.obs["odd"] = [{"a": 1}] * target.n_obs
    monkeypatch.setattr(door, "impute_section", None)
    with pytest.raises(InputError, match=r"`target`.*obs\['odd'\].*cannot hold"):
        impute((target, reference), out=tmp_path / "other.h5ad")
    assert [file.name for file in tmp_path.iterdir()] == ["imputed.h5ad"]


def test_a_full_disk_is_no_fault_of_the_cells(panel, tmp_path, monkeypatch):
    def full(*args, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imputed_file, "_write", full)
    with pytest.raises(InputError, match=r"`out`: found .*No space left"):
        impute(panel, out=tmp_path / "imputed.h5ad")
    assert not [*tmp_path.iterdir()]


def test_files_need_one_round(panel, tmp_path):
    with pytest.raises(InputError, match=r"`out`.*one round"):
        impute(panel, out=tmp_path / "imputed.h5ad", config={"rounds": 2})
    assert not list(tmp_path.iterdir())


def test_reading_names_what_is_wrong(panel, tmp_path):
    where = impute(panel, out=tmp_path / "imputed.h5ad", intervals=False)
    with pytest.raises(InputError, match="'Gene9999'"):
        sigel.io.read_imputed(where, "Gene9999")
    with pytest.raises(InputError, match="not there"):
        sigel.io.read_imputed(tmp_path / "other.h5ad", "Gene0001")
    (tmp_path / "text.h5ad").write_text("no")
    with pytest.raises(InputError, match="no HDF5 file"):
        sigel.io.read_imputed(tmp_path / "text.h5ad", "Gene0001")
    with pytest.raises(InputError, match="no zarr store"):
        sigel.io.read_imputed(tmp_path, "Gene0001")
    gene = sigel.io.read_imputed(where).var_names[0]
    with pytest.raises(InputError, match="more than once"):
        sigel.io.read_imputed(where, [gene, gene])
    with pytest.raises(InputError, match="no name"):
        sigel.io.read_imputed(where, [])
    panel[0].write_h5ad(tmp_path / "panel.h5ad")
    with pytest.raises(InputError, match="without uns"):
        sigel.io.read_imputed(tmp_path / "panel.h5ad", "Gene0001")


def test_what_would_not_fit_is_refused_with_what_it_needs():
    check_room(1000, 1000, intervals=True, available=16_000_000)
    with pytest.raises(InputError, match=r"160000 cells x 20000 genes.*38\.4 GB.*16\.0 GB available.*out="):
        check_room(160_000, 20_000, intervals=True, available=16_000_000_000)
    with pytest.raises(InputError, match=r"12\.8 GB"):
        check_room(160_000, 20_000, intervals=False, available=12_000_000_000)


def test_room_is_asked_for_before_the_work(panel, tmp_path, monkeypatch):
    where = impute(panel, out=tmp_path / "imputed.h5ad")
    monkeypatch.setattr(room, "available_memory", lambda device: 10000)
    with pytest.raises(InputError, match=r"`genes`.*fits into"):
        impute(panel)
    with pytest.raises(InputError, match=r"`genes`.*fits into.*Name fewer genes\."):
        sigel.io.read_imputed(where)


def test_genes_beyond_the_panel_are_marked(panel):
    made = impute(panel, intervals=False)
    shared = made.uns["sigel_imputation"]["shared"]
    for name in ("similarity", "level", "spatial", "spread"):
        low, high = shared[name].min(), shared[name].max()
        outside = (made.var[name] < low) | (made.var[name] > high)
        np.testing.assert_array_equal(
            made.var["beyond"].str.split(", ").map(lambda found, name=name: name in found), outside
        )


def test_accuracy_that_the_panel_cannot_tell_is_said(panel, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = impute(panel, intervals=False)
    found = made.uns["sigel_imputation"]["spearman"]
    monkeypatch.setattr(module, "LEAST_SPEARMAN", found + 0.01)
    with pytest.warns(UserWarning, match=rf"rank correlation {found:.2f}.*says little of single genes"):
        impute(panel, intervals=False)
