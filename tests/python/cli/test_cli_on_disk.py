"""Many counts of an .h5ad file stay there, to the same answers."""

from __future__ import annotations

import shutil

import anndata
import h5py
import numpy as np
import pytest

pytest.importorskip("cyclopts")

from command_line import QUICK
from sigel.cli._inputs import read_given
from sigel.cli._options import Reading
from sigel.io import _anndata_files


@pytest.fixture
def stays(monkeypatch):
    """All counts are many."""

    def by(few: bool) -> None:
        monkeypatch.setattr(_anndata_files, "MANY", 1 if few else 2**26)

    by(True)
    return by


def test_counts_stay_where_they_are_unless_they_are_few_or_others_are_asked_for(files, tmp_path, stays):
    section = files / "section.h5ad"
    assert read_given([section], Reading()).joined().isbacked
    assert not read_given([section, files / "second.h5ad"], Reading()).joined().isbacked
    adata = anndata.read_h5ad(section)
    adata.raw = adata
    adata.X = adata.X.tocsc()
    adata.write_h5ad(tmp_path / "by_genes.h5ad")
    adata.X = adata.X.toarray()
    adata.write_h5ad(tmp_path / "dense.h5ad")
    for name in ("by_genes", "dense"):
        assert not read_given([tmp_path / f"{name}.h5ad"], Reading()).joined().isbacked
    assert not read_given([tmp_path / "dense.h5ad"], Reading(raw=True)).joined().isbacked
    stays(False)
    assert not read_given([section], Reading()).joined().isbacked


@pytest.mark.parametrize(
    "words",
    [
        ("embed", "embedded.h5ad", *QUICK),
        ("genes", "genes.tsv", "--no-score"),
        ("genes", "genes.h5ad", "--no-score", "--layer", "counts"),
        ("domains", "domains.tsv", "--n-domains", "3"),
    ],
)
def test_answers_are_those_of_counts_in_memory(run, files, tmp_path, stays, words):
    verb, name, *options = words
    found = []
    for few in (False, True):
        stays(few)
        out = tmp_path / str(few) / name
        out.parent.mkdir()
        assert run(verb, files / "section.h5ad", "-o", out, *options).code == 0
        found.append(anndata.read_h5ad(out) if out.suffix == ".h5ad" else out.read_text())
    if isinstance(found[0], str):
        assert found[0] == found[1]
        return
    held, stayed = found
    assert (held.X != stayed.X).nnz == 0
    assert set(held.layers) == set(stayed.layers)
    for part in ("obs", "var"):
        assert getattr(held, part).equals(getattr(stayed, part))
    for key in held.varm:
        np.testing.assert_array_equal(held.varm[key], stayed.varm[key])


def test_a_file_may_take_the_place_of_the_one_that_its_counts_stay_in(run, files, tmp_path, stays):
    place = tmp_path / "section.h5ad"
    shutil.copy(files / "section.h5ad", place)
    before = anndata.read_h5ad(place)
    assert run("genes", place, "-o", place, "--force", "--no-score").code == 0
    after = anndata.read_h5ad(place)
    assert (before.X != after.X).nnz == 0
    assert "sigel_spatial_pval" in after.var


def test_counts_that_do_not_hold_together_are_refused(run, files, tmp_path, stays):
    place = tmp_path / "section.h5ad"
    shutil.copy(files / "section.h5ad", place)
    with h5py.File(place, "r+") as file:
        file["X/indptr"][3] = 10**9
    said = run("genes", place, "-o", "-", "--no-score")
    assert said.code == 1
    assert "a damaged sparse matrix" in said.err
