"""The scanpy-style door: what is written, what is left alone, and real sections."""

from __future__ import annotations

import json
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import sigel
from conftest import QUICK
from sigel.errors import ConfigError, InputError, SIGELError

SMALL = {**QUICK, "image": {"min_spots": 1}}


@pytest.fixture
def section(toy):
    counts, genes, coordinates, _ = toy()
    counts = counts.tolil()
    counts[:, 5] = 0
    return anndata.AnnData(
        sparse.csr_matrix(counts),
        obs=pd.DataFrame({"sample": "one"}, index=[f"s{i}" for i in range(len(coordinates))]),
        var=pd.DataFrame(index=genes),
        obsm={"spatial": coordinates},
    )


def embed(adata, **arguments):
    arguments = {"n_dims": 8, "n_groups": 4, "device": "cpu", "config": SMALL, "progress": False} | arguments
    return sigel.tl.embed(adata, **arguments)


def test_results_stand_under_their_keys_in_the_order_of_the_object(section):
    counts = section.X.copy()
    assert embed(section) is None
    assert section.varm["X_sigel"].shape == (40, 8)
    assert section.obsm["X_sigel"].shape == (section.n_obs, 8)
    empty = np.isnan(section.varm["X_sigel"]).all(axis=1)
    assert list(np.flatnonzero(empty)) == [5]
    status = section.var["sigel_status"]
    assert status["G5"] == "detected in fewer than 1 spots"
    assert (status.drop("G5") == "embedded").all()
    assert pd.isna(section.var["sigel_group"]["G5"])
    assert section.var["sigel_group"].drop("G5").isin(list("1234")).all()
    assert section.var["sigel_group_prob"].drop("G5").between(0.25, 1).all()
    assert (counts != section.X).nnz == 0
    info = section.uns["sigel"]
    assert json.loads(info["params"])["n_dims"] == 8
    assert info["provenance"]["seed"] == 0
    stages = ["eigenimages", "pretrain", "pretrain", "groups", "refine", "refine"]
    assert list(info["history"]["stage"]) == stages


@pytest.mark.parametrize("verb", ["embed", "gene_groups", "spatial_genes", "select_genes"])
def test_keys_are_written_to_a_view_and_not_to_its_parent(section, verb):
    if verb == "gene_groups":
        embed(section)
    before, view = (list(section.var), list(section.varm), list(section.uns)), section[:]
    with warnings.catch_warnings():
        warnings.simplefilter("error", anndata.ImplicitModificationWarning)
        if verb == "embed":
            embed(view)
        elif verb == "gene_groups":
            sigel.tl.gene_groups(view, n_groups=2, key_added="coarse")
        else:
            getattr(sigel.tl, verb)(view, config=SMALL["image"], progress=False)
    assert set(view.var) > set(before[0])
    assert (list(section.var), list(section.varm), list(section.uns)) == before


def test_spot_embedding_is_the_weighted_mean_of_the_genes(section):
    embed(section)
    kept = section.var["sigel_status"].to_numpy() == "embedded"
    counts = section.X[:, kept].toarray().astype(float)
    library = counts.sum(axis=1, keepdims=True)
    weight = np.log1p(counts / library * np.median(library))
    mean = weight @ section.varm["X_sigel"][kept] / weight.sum(axis=1, keepdims=True)
    assert np.allclose(section.obsm["X_sigel"], mean - mean.mean(axis=0), atol=1e-4)


def test_the_object_can_be_written_and_read_and_subset(section, tmp_path):
    embed(section)
    section.write_h5ad(tmp_path / "section.h5ad")
    read = anndata.read_h5ad(tmp_path / "section.h5ad")
    assert np.array_equal(read.varm["X_sigel"], section.varm["X_sigel"], equal_nan=True)
    assert read.uns["sigel"]["provenance"] == section.uns["sigel"]["provenance"]
    part = read[:50, 10:30].copy()
    assert part.varm["X_sigel"].shape == (20, 8)
    embed(part)


def test_a_layer_other_keys_and_a_saved_model(section, tmp_path):
    plain = section.copy()
    embed(plain)
    section.layers["counts"] = section.X.copy()
    section.X = section.X * 0
    section.obsm["place"] = section.obsm.pop("spatial")
    embed(section, layer="counts", spatial_key="place", key_added="again", save=tmp_path / "model")
    assert np.array_equal(section.varm["X_again"], plain.varm["X_sigel"], equal_nan=True)
    assert {"again_group", "again_group_prob", "again_status"} <= set(section.var)
    assert "X_sigel" not in section.varm
    model = sigel.SIGEL.load(tmp_path / "model", device="cpu")
    assert np.array_equal(model.representations, section.varm["X_again"][section.var_names.isin(model.genes)])


def test_dense_and_sparse_counts_of_any_layout_give_the_same(section):
    results = []
    for convert in (sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, lambda x: x.toarray()):
        adata = section.copy()
        adata.X = convert(section.X)
        embed(adata)
        results.append(adata.varm["X_sigel"])
    for other in results[1:]:
        assert np.array_equal(results[0], other, equal_nan=True)


def test_settings_come_from_arguments_or_config_and_must_agree(section):
    embed(section, n_dims=None, config={**SMALL, "n_dims": 4})
    assert section.varm["X_sigel"].shape[1] == 4
    config = sigel.SIGELConfig.from_dict({**SMALL, "n_groups": 3})
    embed(section, n_groups=None, config=config)
    assert section.varm["X_sigel"].shape[1] == 8
    assert json.loads(section.uns["sigel"]["params"])["n_groups"] == 3
    with pytest.raises(InputError, match="`n_dims`: found 8, and 4 in config"):
        embed(section, config={**SMALL, "n_dims": 4})
    with pytest.raises(InputError, match="`n_groups`: found 4, and 3 in config"):
        embed(section, config=config)


def snapshot(adata):
    keys = [sorted(getattr(adata, part)) for part in ("obs", "var", "obsm", "varm", "layers", "uns")]
    return keys, None if adata.X is None else adata.X.copy()


def bad_values(value):
    def change(adata):
        adata.X = adata.X.copy()
        adata.X.data[3] = value

    return change


def lose_place(adata):
    adata.obsm["spatial"][4, 0] = np.nan


def same_name(adata):
    adata.var_names = ["G0", *adata.var_names[:-1]]


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        (bad_values(np.nan), {}, "`counts`.*NaN"),
        (bad_values(-1.0), {}, "`counts`.*negative"),
        (lose_place, {}, r"obsm\['spatial'\].*without finite"),
        (lambda a: a.obsm.pop("spatial"), {}, "`spatial_key`.*coordinates"),
        (same_name, {}, "`genes`.*duplicated.*'G0'"),
        (None, {"layer": "raw"}, "`layer`.*'raw'"),
        (None, {"spatial_key": "place"}, "`spatial_key`.*'place'.*'spatial'"),
        (None, {"n_dims": 1}, "n_dims.*1"),
        (None, {"n_groups": 40}, "`n_groups`.*40 groups for 39 genes"),
        (None, {"seed": -1}, "`seed`"),
        (None, {"device": "abacus"}, "`device`.*abacus"),
        (None, {"config": {"train": {"epochs": 1}}}, "'epochs'.*pretrain_epochs"),
        (None, {"config": {"image": {"min_spots": 10_000}}}, "min_spots"),
        (None, {"config": [1]}, "`config`"),
        (None, {"key_added": ""}, "`key_added`"),
        (None, {"key_added": "a/b"}, "`key_added`.*slash"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(section, change, arguments, words):
    if change is not None:
        change(section)
    keys, values = snapshot(section)
    with pytest.raises(SIGELError, match=words):
        embed(section, **arguments)
    after_keys, after_values = snapshot(section)
    assert keys == after_keys
    assert np.array_equal(values.data, after_values.data, equal_nan=True)


def test_too_few_spots_are_refused(section):
    few = section[:6].copy()
    with pytest.raises(InputError, match="6 spots"):
        embed(few)
    assert "X_sigel" not in few.varm


def test_something_else_than_an_anndata_is_refused():
    with pytest.raises(InputError, match=r"`adata`.*ndarray"):
        embed(np.ones((3, 3)))


def test_a_folder_that_cannot_be_made_is_found_before_training(section, tmp_path):
    (tmp_path / "file").write_text("mine")
    slow = {**SMALL, "train": {"pretrain_epochs": 100_000}}
    with pytest.raises(InputError, match="`save`"):
        embed(section, save=tmp_path / "file", config=slow)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_interrupt_leaves_the_object_as_it_was(section, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sigel.training.refinement.Refinement.begin", stop)
    before, _ = snapshot(section)
    with pytest.raises(KeyboardInterrupt):
        embed(section)
    assert snapshot(section)[0] == before


def test_unknown_settings_are_config_errors(section):
    with pytest.raises(ConfigError):
        embed(section, config={"encoder": {"layers": 3}})


@pytest.mark.parametrize(
    ("name", "n_genes"),
    [
        pytest.param("st_mousebrain_hippo1.h5ad", 9000, marks=pytest.mark.nightly),
        ("dlpfc_151510.h5ad", 450),
    ],
)
def test_the_main_job_runs_on_real_sections(real_section, name, n_genes):
    """All genes, every step, few epochs of a narrow model: that it runs, and that it finds place."""
    adata = real_section(name)
    quick = {"train": {"pretrain_epochs": 2, "refine_epochs": 1}, "encoder": {"depth": 1, "dim": 16}}
    sigel.tl.embed(adata, n_groups=20, device="cpu", config=quick, progress=False)
    kept = (adata.var["sigel_status"] == "embedded").to_numpy()
    assert kept.sum() > n_genes
    z = adata.varm["X_sigel"]
    assert np.isfinite(z[kept]).all()
    assert np.isnan(z[~kept]).all()
    assert np.isfinite(adata.obsm["X_sigel"]).all()
    # Myelin genes share their place in any brain; a pair of genes drawn by chance does not.
    names = pd.Index([name.upper() for name in adata.var_names])
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    myelin = [names.get_loc(g) for g in ("MBP", "PLP1", "MOBP") if g in names]
    pairs = unit[myelin] @ unit[myelin].T
    rng = np.random.default_rng(0)
    a, b = rng.choice(np.flatnonzero(kept), (2, 2000))
    chance = (unit[a] * unit[b]).sum(axis=1)
    assert pairs[np.triu_indices(len(myelin), 1)].min() > np.quantile(chance, 0.9)


def test_numbers_of_numpy_are_numbers(section, tmp_path):
    plain = section.copy()
    embed(plain, seed=3)
    config = {**SMALL, "train": {**SMALL["train"], "pretrain_lr": np.float64(2e-3)}}
    arguments = {"n_dims": np.int64(8), "n_groups": np.int32(4), "seed": np.int64(3)}
    embed(section, **arguments, config=config, save=tmp_path)
    assert np.array_equal(plain.varm["X_sigel"], section.varm["X_sigel"], equal_nan=True)


def test_sections_on_top_of_each_other_are_refused():
    one = sigel.datasets.simulated_section(12, 13, 2, 10, 12, seed=3)
    both = anndata.concat([one, one], label="section", index_unique="-")
    with pytest.raises(InputError, match="several sections on top"):
        embed(both)
    assert "X_sigel" not in both.varm


def test_nothing_is_made_where_arguments_are_refused(section, tmp_path):
    with pytest.raises(InputError, match="`seed`"):
        embed(section, seed=-1, save=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_values_that_are_not_counts_weigh_spots_as_they_are(section):
    section.X = section.X.astype(np.float32) * np.float32(0.37)
    embed(section, config={**SMALL, "image": {"min_spots": 1, "normalize": "none"}})
    kept = section.var["sigel_status"].to_numpy() == "embedded"
    weight = section.X[:, kept].toarray().astype(float)
    mean = weight @ section.varm["X_sigel"][kept] / weight.sum(axis=1, keepdims=True)
    assert np.allclose(section.obsm["X_sigel"], mean - mean.mean(axis=0), atol=1e-4)


def test_a_misspelt_key_of_coordinates_is_an_error_even_where_there_are_array_positions():
    adata = sigel.datasets.simulated_section(12, 13, 2, 10, 12, seed=3)
    with pytest.raises(InputError, match=r"`spatial_key`.*'X_spatial'.*'spatial'"):
        embed(adata, spatial_key="X_spatial")


@pytest.mark.parametrize("axis", [0, 1])
def test_an_empty_object_is_refused(section, axis):
    with pytest.raises(InputError, match=r"`counts`: found (0 spots|.* 0 genes)"):
        embed(section[:0].copy() if axis == 0 else section[:, :0].copy())


def test_half_precision_works(section):
    plain = section.copy()
    embed(plain)
    section.X = section.X.toarray().astype(np.float16)
    embed(section)
    assert np.allclose(plain.varm["X_sigel"], section.varm["X_sigel"], equal_nan=True)


def test_a_spot_far_off_the_section_is_looked_for(section):
    section.obsm["spatial"] = section.obsm["spatial"].astype(float)
    section.obsm["spatial"][0] = 1e9
    with pytest.raises(InputError, match="far off"):
        embed(section)


def test_presets_and_checkpoints_reach_the_fit(section, tmp_path):
    sigel.tl.embed(
        section, n_dims=8, n_groups=3, preset="fast", progress=False, checkpoint=tmp_path / "state"
    )
    assert list(section.uns["sigel"]["history"]["stage"]) == ["eigenimages", "groups"]
    assert json.loads(section.uns["sigel"]["params"])["encoder"]["branch"] is False
    with pytest.raises(InputError, match="preset"):
        sigel.tl.embed(section, preset="fast", config=sigel.SIGELConfig(), progress=False)
    with pytest.raises(InputError, match=r"preset.*'fast', and 'thorough'"):
        sigel.tl.embed(section, preset="fast", config={"preset": "thorough"}, progress=False)
    with pytest.raises(ConfigError, match="thorough"):
        sigel.tl.embed(section, preset="slow", progress=False)
    blocked = tmp_path / "file"
    blocked.write_text("")
    for wrong in (blocked, 5):
        with pytest.raises(InputError, match="`checkpoint`"):
            sigel.tl.embed(section, n_dims=8, preset="fast", progress=False, checkpoint=wrong)
    with pytest.raises(InputError, match="`save`"):
        sigel.tl.embed(section, n_dims=8, preset="fast", progress=False, save=5)


def test_a_single_gene_is_refused_and_a_few_are_warned_of():
    adata = sigel.datasets.simulated_section(12, 12, 2, 10, 10)
    with pytest.raises(InputError, match="`genes`: found 1 gene with an image; wanted at least 2"):
        sigel.tl.embed(adata[:, :1].copy(), preset="fast", progress=False)
    with pytest.warns(UserWarning, match="5 genes with an image: .* fewer than 20 say little"):
        sigel.tl.embed(adata[:, :5].copy(), preset="fast", progress=False)
