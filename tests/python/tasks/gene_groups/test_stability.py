"""Stability of gene groups: planted groups come back, torn ones do not; both doors, wrong input."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, jaccard_score

import sigel
from r_pieces import pieces
from sigel import bridge
from sigel.errors import InputError
from sigel.stats.partitions import jaccard
from sigel.tasks.gene_groups.stability import group_stability


@pytest.fixture(scope="module")
def embedded():
    adata = sigel.datasets.simulated_section(
        22, 22, n_programmes=3, genes_per_programme=120, n_background_genes=120, fold=(4.0, 8.0)
    )
    config = {"max_groups": 10}
    sigel.tl.embed(adata, preset="fast", n_groups=3, config=config, device="cpu", progress=False)
    return adata


@pytest.fixture
def fitted(embedded):
    return embedded.copy()


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40))
def test_jaccard_is_that_of_each_pair_of_groups(labels):
    one, other = (np.unique(part, return_inverse=True)[1] for part in zip(*labels, strict=True))
    found = jaccard(one, other)
    for i in range(one.max() + 1):
        for j in range(other.max() + 1):
            assert found[i, j] == pytest.approx(jaccard_score(one == i, other == j))
    assert np.allclose(jaccard(other, one), found.T)
    assert np.allclose(jaccard(one, one).diagonal(), 1)


def test_planted_groups_come_back(fitted):
    table = sigel.tl.group_stability(fitted, n_seeds=2, device="cpu", progress=False)
    assert list(table.columns) == ["group", "n_genes", "stability", "lowest"]
    assert table["group"].tolist() == ["1", "2", "3", "no pattern"]
    sizes = fitted.var["sigel_group"].value_counts()
    assert table["n_genes"].tolist() == sizes[table["group"]].tolist()
    assert (table["stability"] > 0.75).all()
    assert (table["lowest"] <= table["stability"]).all()
    assert table.attrs["seeds"] == [1, 2]  # 0 made the groups
    assert table.attrs["ari"] == pytest.approx(np.mean(table.attrs["ari_by_seed"]))
    assert table.attrs["ari"] > 0.8


def test_the_numbers_are_those_of_fits_made_by_hand(fitted):
    table = sigel.tl.group_stability(fitted, n_seeds=1, seed=7, device="cpu", progress=False)
    again = fitted.copy()
    sigel.tl.embed(again, preset="fast", n_groups=3, seed=7, device="cpu", progress=False)
    kept = fitted.var["sigel_group"].notna()
    one, other = fitted.var["sigel_group"][kept], again.var["sigel_group"][kept]
    assert table.attrs["ari"] == pytest.approx(adjusted_rand_score(one, other))
    for row in table.itertuples():
        best = max(jaccard_score(one == row.group, other == label) for label in other.unique())
        assert row.stability == pytest.approx(best)


@pytest.mark.nightly
def test_groups_drawn_at_random_do_not_come_back(fitted):
    images = sigel.GeneImages.from_anndata(fitted)
    label = np.random.default_rng(0).integers(1, 5, images.n_genes).astype(str)
    config = sigel.SIGELConfig.from_dict({"preset": "fast"})
    table = group_stability(images, config, label, n_seeds=1, device="cpu")
    assert (table["stability"] < 0.5).all()
    assert abs(table.attrs["ari"]) < 0.05


def test_groups_made_anew_are_held_against_groups_made_likewise(fitted):
    sigel.tl.gene_groups(fitted, n_groups=10, device="cpu")
    torn = sigel.tl.group_stability(fitted, n_seeds=1, device="cpu", progress=False)
    assert torn["stability"].min() < 0.75  # there are three
    sigel.tl.gene_groups(fitted, n_groups=3, device="cpu")
    right = sigel.tl.group_stability(fitted, n_seeds=1, device="cpu", progress=False)
    assert right["stability"].min() > 0.75


def test_what_is_written_is_the_table_and_survives_a_file(fitted, tmp_path):
    info = dict(fitted.uns["sigel"])
    before = fitted.var.copy()
    table = sigel.tl.group_stability(fitted, n_seeds=1, device="cpu", progress=False)
    pd.testing.assert_frame_equal(fitted.var, before)
    assert set(fitted.uns["sigel"]) - set(info) == {"stability"}
    fitted.write_h5ad(tmp_path / "section.h5ad")
    kept = anndata.read_h5ad(tmp_path / "section.h5ad").uns["sigel"]["stability"]
    for name in table.columns:
        assert kept[name].tolist() == table[name].tolist()
    assert kept["ari"] == pytest.approx(table.attrs["ari"])
    assert kept["seeds"].tolist() == [1]


def test_both_doors_give_the_same(fitted):
    wanted = sigel.tl.group_stability(fitted, n_seeds=1, seed=3, device="cpu", progress=False)
    steps = []
    found = bridge.group_stability(
        section=pieces(fitted),
        settings=fitted.uns["sigel"]["params"],
        group=fitted.var["sigel_group"].astype(object).fillna("").tolist(),
        n_seeds=1.0,
        seed=3.0,
        device="cpu",
        progress=lambda *step: steps.append(step),
        fit_seed=0.0,
    )
    table = pd.DataFrame({name: found[name] for name in wanted.columns})
    pd.testing.assert_frame_equal(table, wanted, check_dtype=False)
    # The call in a table is its door's own.
    about = {name: value for name, value in wanted.attrs.items() if name != "provenance"}
    assert {name: found[name] for name in about} == about
    assert {stage for stage, *_ in steps} == {"stability"}
    assert steps[-1][1:3] == (1, 1)
    assert any("eigenimages" in text for *_, text in steps)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_seeds": 0}, "`n_seeds`.*0"),
        ({"n_seeds": 1.5}, "`n_seeds`.*1.5"),
        ({"seed": -1}, "`seed`"),
        ({"seed": "0"}, "`seed`"),
        ({"device": "abacus"}, "`device`"),
        ({"key": "other"}, "`key`.*embed"),
        ({"layer": "raw"}, "`layer`.*'raw'"),
        ({"spatial_key": "place"}, "`spatial_key`.*'place'"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(fitted, arguments, words):
    with pytest.raises(InputError, match=words):
        sigel.tl.group_stability(fitted, **arguments, progress=False)
    assert "stability" not in fitted.uns["sigel"]


def test_results_without_their_settings_cannot_be_fitted_again(fitted):
    del fitted.uns["sigel"]["params"]
    with pytest.raises(InputError, match=r"`key`.*no settings"):
        sigel.tl.group_stability(fitted, progress=False)


def test_genes_without_groups_are_refused(fitted):
    images = sigel.GeneImages.from_anndata(fitted)
    with pytest.raises(InputError, match=r"`genes`.*no gene"):
        group_stability(images, sigel.SIGELConfig(), [""] * images.n_genes)
