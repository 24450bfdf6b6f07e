"""Every result says how it was made, and the call that it says makes it again."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pandas as pd
import pytest

import sigel
from sigel.config.domains import DomainConfig
from sigel.keys import CALLS

SIZE = {"n_rows": 14, "n_cols": 14, "n_programmes": 3, "genes_per_programme": 20, "n_background_genes": 30}
QUIET = {"progress": False}
SAYS = {
    "verb",
    "key",
    "call",
    "sigel",
    "python",
    "torch",
    "seed",
    "device",
    "threads",
    "data_hash",
    "wall_time",
}


@pytest.fixture(scope="module")
def embedded():
    adata = sigel.datasets.simulated_section(seed=0, **SIZE)
    sigel.tl.embed(adata, preset="fast", config={"image": {"min_spots": 5}}, **QUIET)
    return adata


@pytest.fixture
def adata(embedded):
    return embedded.copy()


def calls(adata):
    return {(one["verb"], one["key"]): one for one in map(json.loads, adata.uns[CALLS])}


def again(call, **names):
    """What the call gives, quietly."""
    return eval(call.removesuffix(")") + ", progress=False)", {"sigel": sigel}, names)


def test_what_was_written_is_made_again_by_its_call(adata):
    sigel.tl.spatial_genes(adata, score=False, seed=3, **QUIET)
    sigel.tl.domains(adata, 3, config=DomainConfig(starts=2), key_added="parts", **QUIET)
    other = sigel.datasets.simulated_section(seed=0, **SIZE)
    told = calls(adata)
    assert list(told) == [("embed", "sigel"), ("spatial_genes", "sigel"), ("domains", "parts")]
    for one in told.values():
        assert set(one) >= SAYS
        assert one["sigel"] == sigel.__version__
        again(one["call"], adata=other)
    assert told["spatial_genes", "sigel"]["seed"] == 3
    np.testing.assert_array_equal(other.varm["X_sigel"], adata.varm["X_sigel"])
    for table in ("var", "obs"):
        pd.testing.assert_frame_equal(getattr(other, table), getattr(adata, table))


def test_a_table_says_it_and_leaves_the_object_alone(adata):
    before = list(adata.uns[CALLS])
    table = sigel.tl.pattern_genes(adata, "region", {"ring": 0.9}, n_null=10, **QUIET)
    made = table.attrs["provenance"]
    assert set(made) >= SAYS
    assert made["call"] == "sigel.tl.pattern_genes(adata, 'region', levels={'ring': 0.9}, n_null=10)"
    assert list(adata.uns[CALLS]) == before
    pd.testing.assert_frame_equal(again(made["call"], adata=adata), table)


def test_groups_that_are_described_as_they_are_keep_their_record(adata):
    sigel.tl.gene_groups(adata)
    assert set(calls(adata)) == {("embed", "sigel")}
    sigel.tl.gene_groups(adata, n_groups=2)
    assert calls(adata)["gene_groups", "sigel"]["call"] == "sigel.tl.gene_groups(adata, n_groups=2)"
    sigel.tl.gene_groups(adata)
    assert calls(adata)["gene_groups", "sigel"]["call"] == "sigel.tl.gene_groups(adata, n_groups=2)"


def test_the_last_call_of_a_verb_and_key_stays(adata):
    for score in (True, False):
        sigel.tl.spatial_genes(adata, score=score, **QUIET)
    assert len(adata.uns[CALLS]) == 2
    assert calls(adata)["spatial_genes", "sigel"]["call"] == "sigel.tl.spatial_genes(adata, score=False)"


def test_the_hash_is_that_of_the_data(adata):
    def of(one, **options):
        return sigel.tl.similar_genes(one, one.var_names[4], **options).attrs["provenance"]["data_hash"]

    same, dense, moved, counted, renamed = (adata.copy() for _ in range(5))
    dense.X = dense.X.toarray().astype(np.float64)
    moved.obsm["spatial"] = moved.obsm["spatial"] + 1
    counted.X = counted.X.copy()
    counted.X.data[7] += 1
    renamed.var_names = [*renamed.var_names[:-1], "another"]
    assert of(adata) == of(same) == of(dense) != ""
    assert len({of(adata), of(moved), of(counted), of(renamed)}) == 4


def test_the_hash_is_of_the_layer_that_is_read():
    one = sigel.datasets.simulated_section(seed=0, **SIZE)
    one.layers["counts"] = one.X.copy()
    sigel.tl.embed(one, preset="fast", layer="counts", **QUIET)
    other = one.copy()
    other.layers["counts"] = other.layers["counts"] * 2
    hashes = {
        sigel.tl.spatial_genes(adata, score=False, **QUIET).attrs["provenance"]["data_hash"]
        for adata in (one, other)
    }
    assert len(hashes) == 2


def test_numbers_and_names_of_numpy_are_said_as_python_has_them(adata):
    genes = list(np.array(adata.var_names[3:5]))
    table = sigel.tl.similar_genes(adata, genes, n=np.int64(4), seed=np.int64(2))
    call = f"sigel.tl.similar_genes(adata, {[str(gene) for gene in genes]!r}, n=4, seed=2)"
    assert table.attrs["provenance"]["call"] == call


def test_what_is_in_the_way_of_the_record_loses_no_result(adata):
    adata.uns[CALLS] = "a note of somebody's"
    with pytest.warns(UserWarning, match="could not be kept"):
        table = sigel.tl.spatial_genes(adata, score=False, **QUIET)
    assert len(table) == adata.n_vars
    assert adata.uns[CALLS] == "a note of somebody's"


@pytest.mark.nightly
def test_imputed_genes_say_it_through_a_file(tmp_path):
    target, reference, _ = sigel.datasets.simulated_panel(40, seed=0, **SIZE)
    only = reference.var.index.difference(target.var_names)
    genes = list(only[reference.var.loc[only, "programme"] != "background"][:4])
    asked = {"genes": genes, "method": "ridge", **QUIET}
    imputed = sigel.tl.impute(target, reference, **asked)
    imputed.write_h5ad(tmp_path / "imputed.h5ad")
    made = calls(anndata.read_h5ad(tmp_path / "imputed.h5ad"))["impute", ""]
    assert made["call"].startswith("sigel.tl.impute(target, reference, genes=['")
    file = sigel.tl.impute(target, reference, out=tmp_path / "out.h5ad", **asked)
    streamed = calls(sigel.io.read_imputed(file, genes[0]))["impute", ""]
    assert streamed["call"].replace(f", out={str(file)!r}", "") == made["call"]
    assert streamed["data_hash"] == made["data_hash"]
    repeated = again(made["call"], target=target, reference=reference)
    np.testing.assert_array_equal(repeated.X, imputed.X)
    # The reference is part of the data.
    other = reference.copy()
    other.X = other.X * 2
    changed = json.loads(sigel.tl.impute(target, other, **asked).uns[CALLS][0])
    assert changed["data_hash"] != made["data_hash"]


def test_long_values_are_named_and_failures_leave_nothing(adata):
    before = list(adata.uns[CALLS])
    with pytest.raises(sigel.errors.InputError):
        sigel.tl.domains(adata, 3, genes=["nobody"], **QUIET)
    assert list(adata.uns[CALLS]) == before
    sigel.tl.domains(adata, 3, genes=list(adata.var_names) * 3, config={"starts": 2}, **QUIET)
    assert "genes=genes" in calls(adata)["domains", "sigel"]["call"]
