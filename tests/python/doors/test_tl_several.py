"""`sigel.tl.embed` of several sections: a column tells them apart, or a list holds them."""

from __future__ import annotations

from functools import partial

import anndata
import numpy as np
import pandas as pd
import pytest

import sigel
from sigel.errors import InputError

CONFIG = {"image": {"min_spots": 3}}


def embed(adata, **arguments):
    settings = {"n_dims": 8, "n_groups": 3, "preset": "fast", "device": "cpu", "progress": False}
    return sigel.tl.embed(adata, **{**settings, "config": CONFIG, **arguments})


@pytest.fixture
def sections():
    found = [sigel.datasets.simulated_section(14, 14, 3, 10, 20, seed=seed) for seed in (0, 1)]
    for name, one in zip("AB", found, strict=True):
        one.obs_names = name + one.obs_names
        one.obs["slide"] = name
    return found


def joined(sections):
    return anndata.concat(sections)


def test_a_column_tells_sections_apart(sections, tmp_path):
    adata = joined(sections)
    embed(adata, section_key="slide")
    assert set(adata.varm) == {"X_sigel", "X_sigel_A", "X_sigel_B", "sigel_posterior"}
    assert adata.obsm["X_sigel"].shape == (adata.n_obs, 8)
    info = adata.uns["sigel"]
    assert list(info["sections"]) == ["A", "B"]
    assert info["section_key"] == "slide"
    adata.write_h5ad(tmp_path / "both.h5ad")
    again = anndata.read_h5ad(tmp_path / "both.h5ad")
    assert np.array_equal(again.varm["X_sigel_A"], adata.varm["X_sigel_A"], equal_nan=True)
    assert list(again.uns["sigel"]["sections"]) == ["A", "B"]
    # Another fit leaves nothing of this one.
    again.obs["half"] = np.where(np.arange(again.n_obs) % 2, "odd", again.obs["slide"])
    embed(again[again.obs["slide"] == "A"].copy())
    one = again[again.obs["slide"] == "A"].copy()
    embed(one)
    assert set(one.varm) == {"X_sigel", "sigel_posterior"}
    assert "sections" not in one.uns["sigel"]


def test_what_told_sections_apart_tells_them_apart_in_what_is_asked_after_it(sections):
    adata = joined(sections)
    embed(adata, section_key="slide")
    ask = partial(sigel.tl.spatial_genes, adata, score=False, device="cpu", progress=False)
    taken_up, named = ask(), ask(section_key="slide")
    pd.testing.assert_frame_equal(taken_up, named)
    with pytest.raises(InputError, match="several sections on top of each other"):
        ask(key="none")


def test_a_list_is_the_same_as_a_column(sections):
    adata = joined(sections)
    embed(adata, section_key="slide")
    embed(sections, section_key="slide")
    begin = 0
    for name, one in zip("AB", sections, strict=True):
        for key in ("X_sigel", f"X_sigel_{name}"):
            assert np.array_equal(one.varm[key], adata.varm[key], equal_nan=True)
        assert set(one.varm) == {"X_sigel", f"X_sigel_{name}", "sigel_posterior"}
        assert np.allclose(one.obsm["X_sigel"], adata.obsm["X_sigel"][begin : begin + one.n_obs], atol=1e-5)
        begin += one.n_obs
        assert one.var["sigel_group"].equals(adata.var["sigel_group"])
        assert list(one.uns["sigel"]["sections"]) == ["A", "B"]
        assert one.uns["sigel"]["section"] == name


def test_objects_of_a_list_have_genes_of_their_own_in_their_own_order(sections):
    one, two = sections
    two = two[:, ::-1][:, 5:].copy()
    embed([one, two])
    assert np.array_equal(
        pd.DataFrame(one.varm["X_sigel"], one.var_names).loc[two.var_names].to_numpy(),
        two.varm["X_sigel"],
        equal_nan=True,
    )
    assert {"X_sigel_1"} <= set(one.varm)
    assert {"X_sigel_2"} <= set(two.varm)
    # Genes of one object alone have a place in the space, too.
    assert np.isfinite(one.varm["X_sigel"][:5]).all(axis=1).any()


@pytest.mark.parametrize("preset", ["fast", "default"])
@pytest.mark.parametrize("way", ["a list of one", "a list of one with a name", "a column of one name"])
def test_one_section_is_the_same_however_it_is_given(sections, way, preset):
    alone, same = sections[0], sections[0].copy()
    quick = {**CONFIG, "encoder": {"depth": 1, "dim": 8}, "train": {"pretrain_epochs": 1, "refine_epochs": 1}}
    embed(alone, preset=preset, config=quick)
    given = [same] if "list" in way else same
    embed(given, preset=preset, config=quick, section_key=None if way == "a list of one" else "slide")
    assert set(same.varm) == set(alone.varm)
    for key in alone.varm:
        assert np.array_equal(same.varm[key], alone.varm[key], equal_nan=True)
    assert np.array_equal(same.obsm["X_sigel"], alone.obsm["X_sigel"])
    pd.testing.assert_frame_equal(same.var, alone.var)
    told, wanted = ({**one.uns["sigel"], "provenance": "", "section_key": ""} for one in (same, alone))
    assert set(told) == set(wanted)
    assert told["params"] == wanted["params"]
    # Questions afterwards see the same images.
    genes = list(alone.var_names[:1])
    found = [sigel.tl.similar_genes(one, genes, n=3) for one in (same, alone)]
    pd.testing.assert_frame_equal(*found)


def test_questions_that_look_at_images_see_all_sections(sections):
    pytest.importorskip("matplotlib")
    adata = joined(sections)
    embed(adata, section_key="slide")
    genes = list(adata.var_names[np.isfinite(adata.varm["X_sigel"]).all(axis=1)][:2])
    drawn = sigel.pl.gene_images(adata, genes).axes[0].collections[0]
    # One below the other, as near as in R.
    down = np.unique(np.round([path.vertices[:, 1].mean() for path in drawn.get_paths()], 3))
    assert 3 < np.diff(down).max() < 7
    table = sigel.tl.group_stability(adata, n_seeds=2, device="cpu", progress=False)
    assert table["stability"].between(0, 1).all()
    assert len(sigel.tl.similar_genes(adata, genes[:1], n=3)) == 3


def untouched(adata):
    return not set(adata.varm) and "sigel" not in adata.uns


def test_what_cannot_be_used_is_refused(sections):
    adata = joined(sections)
    with pytest.raises(InputError, match="`section_key`: found 'slides'"):
        embed(adata, section_key="slides")
    adata.obs["one spot"] = np.where(np.arange(adata.n_obs) == 3, "lone", adata.obs["slide"])
    with pytest.raises(InputError, match="in section 'lone'"):
        embed(adata, section_key="one spot")
    adata.obs["slash"] = np.where(adata.obs["slide"] == "A", "a/b", "a_b")
    with pytest.raises(InputError, match="'a_b' for two sections"):
        embed(adata, section_key="slash")
    other = sections[1].copy()
    other.var_names = "x" + other.var_names
    with pytest.raises(InputError, match="0 genes with an image in all sections"):
        embed([sections[0], other])
    with pytest.raises(InputError, match=r"`adata\[1\]`: found an object of class DataFrame"):
        embed([sections[0], sections[1].obs])
    with pytest.raises(InputError, match="holds twice"):
        embed([sections[0], sections[0]])
    with pytest.raises(InputError, match="an empty list"):
        embed([])
    with pytest.raises(InputError, match=r"2 sections in adata\[0\]"):
        embed([adata], section_key="slide")
    with pytest.raises(InputError, match=r"2 sections in adata\[1\]"):
        embed([sections[0], adata], section_key="slide")
    with pytest.raises(InputError, match="'A' for two sections"):
        embed([sections[0], sections[0].copy()], section_key="slide")
    lost = sections[1].copy()
    del lost.obsm["spatial"]
    lost.obs = lost.obs[["slide"]]
    with pytest.raises(InputError, match="spatial_key"):
        embed([sections[0], lost])
    assert all(map(untouched, [adata, other, lost, *sections]))


@pytest.mark.nightly
def test_a_backed_object_of_a_list_is_read_as_one_in_memory(sections, tmp_path):
    sections[0].write_h5ad(tmp_path / "one.h5ad")
    backed = anndata.read_h5ad(tmp_path / "one.h5ad", backed="r")
    other = sections[1].copy()
    embed([backed, other])
    embed(sections)
    assert np.array_equal(backed.varm["X_sigel"], sections[0].varm["X_sigel"], equal_nan=True)
    assert np.allclose(backed.obsm["X_sigel"], sections[0].obsm["X_sigel"], atol=1e-6)


def test_a_view_of_a_backed_object_is_refused_before_any_work(sections, tmp_path):
    sections[0].write_h5ad(tmp_path / "one.h5ad")
    view = anndata.read_h5ad(tmp_path / "one.h5ad", backed="r")[:, :25]
    with pytest.raises(InputError, match=r"`adata`: found a view of a backed.*adata\.to_memory\(\)"):
        embed(view, save=tmp_path / "model")
    with pytest.raises(InputError, match=r"`adata\[1\]`: found a view of a backed.*to_memory\(\)"):
        embed([sections[1], view], checkpoint=tmp_path / "states")
    assert view.is_view
    assert all(map(untouched, [view, sections[1]]))
    assert {path.name for path in tmp_path.iterdir()} == {"one.h5ad"}
    embed(view.to_memory())


def test_what_is_wrong_with_an_object_of_a_list_names_it(sections):
    one, two = sections
    one.layers["counts"] = one.X.copy()
    with pytest.raises(InputError, match=r"`layer`.*section 'B'"):
        embed(sections, layer="counts", section_key="slide")
    lost = two.copy()
    del lost.obsm["spatial"]
    lost.obs = lost.obs[["slide"]]
    with pytest.raises(InputError, match=r"`spatial_key`.*section '2'"):
        embed([one, lost])
    lost = two.copy()
    del lost.obs["slide"]
    with pytest.raises(InputError, match=r"`section_key`.*in adata\[1\]"):
        embed([one, lost], section_key="slide")
    two.X = two.X.log1p()
    with pytest.warns(UserWarning, match="values of the section 'B' are not whole numbers"):
        embed(sections, section_key="slide")


def test_names_of_sections_must_be_names_and_leave_other_results_as_they_are(sections):
    adata = joined(sections)
    adata.obs["blank"] = np.where(adata.obs["slide"] == "A", "", "B")
    with pytest.raises(InputError, match=r"`section_key`.*a section named ''"):
        embed(adata, section_key="blank")
    assert untouched(adata)
    embed(adata, section_key="slide")
    before = adata.varm["X_sigel_A"].copy()
    with pytest.raises(InputError, match=r"`key_added`: found 'sigel_A'.*X_sigel_A.*'sigel'"):
        embed(adata, key_added="sigel_A")
    assert np.array_equal(adata.varm["X_sigel_A"], before, equal_nan=True)
    embed(adata, section_key="slide")  # the same again
    other = sections[0].copy()
    other.obs["slide"] = np.where(np.arange(other.n_obs) < 98, "A", "B")
    embed(other, key_added="sigel_A")
    with pytest.raises(InputError, match=r"`key_added`: found 'sigel'.*X_sigel_A.*'sigel_A'"):
        embed(other, section_key="slide")
    embed(sections)
    with pytest.raises(InputError, match="`key_added`: found 'sigel_2'"):
        embed(sections[1], key_added="sigel_2")
    embed(sections[0], key_added="sigel_2")


def test_groups_of_a_preset_are_at_most_a_third_of_the_genes(sections):
    quick = {**CONFIG, "train": {"pretrain_epochs": 1, "refine_epochs": 1}}
    adata = sections[0]
    embed(adata, preset="paper", n_groups=None, config=quick)
    n = int((adata.var["sigel_status"] == "embedded").sum())
    assert f'"n_groups": {n // 3}' in adata.uns["sigel"]["params"]
    with pytest.raises(InputError, match="500 groups"):
        embed(adata, preset="paper", n_groups=500, config=quick)
    with pytest.raises(InputError, match="500 groups"):
        embed(adata, preset="paper", n_groups=None, config={**quick, "n_groups": 500})
