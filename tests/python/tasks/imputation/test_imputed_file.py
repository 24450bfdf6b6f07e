"""Imputed values that go to a file: the same ones, whole or not there; and values that would not fit."""

from __future__ import annotations

import importlib
import warnings

import anndata as ad
import numpy as np
import pytest

import sigel
from sigel.errors import InputError
from sigel.tasks.imputation import room
from sigel.tasks.imputation.room import check_room

module = importlib.import_module("sigel.tasks.imputation.impute")
imputed_file = importlib.import_module("sigel.tl._imputed_file")
SMALL = {"n_rows": 16, "n_cols": 16, "n_programmes": 4, "genes_per_programme": 25, "n_background_genes": 40}


@pytest.fixture(scope="module")
def panel():
    target, reference, _ = sigel.datasets.simulated_panel(40, **SMALL, seed=2)
    target.obs["kept"] = np.arange(target.n_obs)
    return target, reference


def impute(panel, **named):
    return sigel.tl.impute(*panel, **{"progress": False, "device": "cpu", **named})


@pytest.mark.parametrize("zeros", ["none", "rate"])
def test_a_file_holds_what_would_have_been_returned(panel, tmp_path, zeros):
    config = {"batch_genes": 30, "zeros": zeros}
    held = impute(panel, config=config)
    where = impute(panel, config=config, out=tmp_path / "imputed.h5ad")
    assert where == tmp_path / "imputed.h5ad"
    assert [file.name for file in tmp_path.iterdir()] == ["imputed.h5ad"]
    read = ad.read_h5ad(where)
    wanted = held.X.toarray() if zeros == "rate" else held.X
    np.testing.assert_allclose(read.X, wanted, rtol=1e-5, atol=1e-6)
    for name in ("lower", "upper"):
        np.testing.assert_allclose(read.layers[name], held.layers[name], rtol=1e-5, atol=1e-6)
    assert read.obs["kept"].tolist() == held.obs["kept"].tolist()
    assert read.var.round(5).equals(held.var.round(5))
    np.testing.assert_array_equal(read.obsm["spatial"], held.obsm["spatial"])
    assert set(read.uns["sigel_imputation"]) == set(held.uns["sigel_imputation"])
    genes = [held.var_names[7], held.var_names[2]]
    some = sigel.io.read_imputed(where, genes)
    assert some.var_names.tolist() == genes
    np.testing.assert_array_equal(some.X, read[:, genes].X)
    np.testing.assert_array_equal(some.layers["upper"], read[:, genes].layers["upper"])


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


def test_files_that_cannot_be_are_refused(panel, tmp_path):
    for out, words in (
        ("imputed.csv", "ends on .h5ad"),
        (tmp_path / "none" / "imputed.h5ad", "folder is not there"),
        (3, "the path of a file"),
    ):
        with pytest.raises(InputError, match=rf"`out`.*{words}"):
            impute(panel, out=out)
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
    panel[0].write_h5ad(tmp_path / "panel.h5ad")
    with pytest.raises(InputError, match="without uns"):
        sigel.io.read_imputed(tmp_path / "panel.h5ad", "Gene0001")


def test_what_would_not_fit_is_refused_with_what_it_needs():
    check_room(1000, 1000, intervals=True, available=16_000_000)
    with pytest.raises(InputError, match=r"160000 cells x 20000 genes.*38\.4 GB.*16\.0 GB available.*out="):
        check_room(160_000, 20_000, intervals=True, available=16_000_000_000)
    with pytest.raises(InputError, match=r"12\.8 GB"):
        check_room(160_000, 20_000, intervals=False, available=12_000_000_000)


def test_room_is_asked_for_before_the_work(panel, monkeypatch):
    monkeypatch.setattr(room, "available_memory", lambda device: 1000)
    with pytest.raises(InputError, match=r"`genes`.*fits into"):
        impute(panel)


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
