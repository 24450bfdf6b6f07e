"""The genes that tell domains apart: the top of every group, by name, as many as asked."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score

import sigel
from planted_tissue import planted_domains
from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import ConfigError, InputError
from sigel.images.section import Section
from sigel.tasks.domains.gene_selection import (
    LEAST_GENES,
    choose_genes,
    gene_facts,
    gene_variance,
    named_genes,
)
from sigel.tasks.domains.inputs import tissue_of


def facts_of(sizes, seed=0):
    """Groups of genes in random order, ranked at random, and their names."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat([str(k + 1) for k in range(len(sizes))], sizes)).astype(object)
    n = len(group)
    names = [f"g{i}" for i in range(n)]
    return pd.DataFrame(
        {"group": group, "rank": rng.permutation(n) + 1.0, "effect": rng.uniform(0.1, 1, n)}, index=names
    )


def chosen(table):
    return set(table.index[table["selected"]])


# --- quotas ------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 150), min_size=1, max_size=6),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 999),
)
def test_every_group_gives_its_share_rounded_up_and_is_represented(sizes, share, seed):
    facts = facts_of(sizes, seed)
    table = choose_genes(facts, np.ones(len(facts)), share=share)
    taken = table.groupby("group")["selected"].sum()
    size = facts["group"].value_counts()[taken.index]
    quota = np.ceil(share * size)
    assert (taken >= 1).all()
    assert (taken >= quota).all()
    assert taken.sum() == max(quota.sum(), min(LEAST_GENES, len(facts)))
    for _, of_group in table.groupby("group"):  # the most spatial of each
        assert of_group.loc[of_group["selected"], "rank"].max() <= (
            of_group.loc[~of_group["selected"], "rank"].min() if not of_group["selected"].all() else np.inf
        )
        assert sorted(of_group["group_rank"]) == list(range(1, len(of_group) + 1))


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), part=st.floats(0, 1), seed=st.integers(0, 999)
)
def test_as_many_genes_as_asked_and_groups_before_more_of_one(sizes, part, seed):
    facts = facts_of(sizes, seed)
    n_genes = max(1, round(part * len(facts)))
    table = choose_genes(facts, np.ones(len(facts)), n_genes=n_genes)
    assert table["selected"].sum() == n_genes
    taken = table.groupby("group")["selected"].sum()
    if n_genes >= len(sizes):
        assert (taken >= 1).all()
    # The same share of every group as nearly as can be: within one gene.
    size = facts["group"].value_counts()[taken.index]
    assert (abs(taken - n_genes / len(facts) * size) <= len(sizes)).all()


def test_small_groups_keep_their_gene_when_the_choice_is_filled_up():
    """A quarter of 200 and of 1 is 51 genes; filling up to 100 must not take the one away."""
    facts = facts_of([200, 1])
    table = choose_genes(facts, np.ones(201))
    assert table["selected"].sum() == LEAST_GENES
    assert table.groupby("group")["selected"].sum()["2"] == 1


def test_short_panels_are_used_whole():
    facts = facts_of([30, 20])
    assert choose_genes(facts, np.ones(50), share=0.1)["selected"].all()


def test_genes_without_rank_group_or_pattern_are_left_out():
    facts = facts_of([120, 120])
    facts.iloc[0, 0], facts.iloc[1, 1], facts.iloc[2, 2], facts.iloc[3, 2] = "", np.nan, 0.0, np.nan
    table = choose_genes(facts, np.ones(240), share=1.0)
    assert not table["selected"].iloc[:4].any()
    assert table["group_rank"].iloc[:4].isna().all()
    assert (table["weight"].iloc[:4] == 0).all()
    assert table["selected"].iloc[4:].all()
    # More are asked for than there are: all there are.
    assert choose_genes(facts, np.ones(240), n_genes=240)["selected"].sum() == 236


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), share=st.sampled_from([0.1, 0.25, 0.6]))
def test_genes_are_chosen_by_name_not_by_position(seed, share):
    facts = facts_of([150, 90, 40], seed)
    variance = np.random.default_rng(seed).uniform(0.5, 2, 280)
    order = np.random.default_rng(seed + 1).permutation(280)
    once = choose_genes(facts, variance, share=share, balance=0.5)
    again = choose_genes(facts.iloc[order], variance[order], share=share, balance=0.5)
    pd.testing.assert_frame_equal(again.loc[once.index], once)


# --- weights -----------------------------------------------------------------------------------------------


def spatial_variance(table, variance):
    weighted = table["weight"] ** 2 * variance * table["effect"]
    return weighted[table["selected"]].groupby(table["group"]).sum()


def test_balance_makes_groups_equal_in_spatial_variance():
    facts = facts_of([300, 100, 20])
    variance = np.where(facts["group"] == "1", 5.0, 1.0)
    alike = choose_genes(facts, variance)
    assert set(alike["weight"]) == {0.0, 1.0}
    spread = []
    for balance in (0.0, 0.5, 1.0):
        table = choose_genes(facts, variance, balance=balance)
        assert chosen(table) == chosen(alike)
        assert table.loc[table["selected"], "weight"].mean() == pytest.approx(1)
        total = spatial_variance(table, variance)
        spread.append(total.max() / total.min())
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] == pytest.approx(1)
    assert spread[1] == pytest.approx(np.sqrt(spread[0]))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"share": 0}, "share"),
        ({"share": 1.2}, "share"),
        ({"share": float("nan")}, "share"),
        ({"share": True}, "share"),
        ({"share": "all"}, "share"),
        ({"n_genes": 0}, "n_genes"),
        ({"n_genes": 51}, "n_genes"),
        ({"n_genes": 2.5}, "n_genes"),
        ({"n_genes": True}, "n_genes"),
        ({"balance": -0.1}, "balance"),
        ({"balance": 2}, "balance"),
        ({"balance": True}, "balance"),
    ],
)
def test_shares_and_numbers_that_make_no_sense_are_refused(arguments, named):
    with pytest.raises(InputError, match=named):
        choose_genes(facts_of([30, 20]), np.ones(50), **arguments)


def test_genes_none_of_which_has_a_pattern_are_refused():
    facts = facts_of([30, 20])
    with pytest.raises(InputError, match="spatial_genes"):
        choose_genes(facts.assign(rank=np.nan), np.ones(50))


def test_named_genes_are_known_each_once_and_several():
    section = Section(None, np.array(["a", "b", "c"], dtype=object), None)
    assert named_genes(["c", "a", "c"], section).tolist() == ["c", "a"]
    for genes in (["a"], [], "a", ["b", "b"]):
        with pytest.raises(InputError, match="2 or more"):
            named_genes(genes, section)
    with pytest.raises(InputError, match="'d'"):
        named_genes(["a", "d"], section)


# --- the door ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tissue():
    return planted_domains(15, 15, 3, per_domain=30, n_background=30, fold=4.0)


@pytest.fixture(scope="module")
def selected(tissue):
    adata = tissue.copy()
    return adata, sigel.tl.select_genes(adata, n_genes=50, device="cpu", progress=False)


def test_the_choice_is_spatial_and_of_every_planted_pattern(selected):
    adata, table = selected
    assert list(table.index) == list(adata.var_names)
    assert list(table.columns) == ["group", "group_rank", "rank", "effect", "selected", "weight"]
    taken = adata.var["marker"][table["selected"].to_numpy()]
    assert table["selected"].sum() == 50
    assert (taken >= 0).mean() > 0.8  # three of four are planted
    assert {0, 1, 2} <= set(taken)


def test_the_choice_is_written_as_it_is_returned(selected, tissue):
    adata, table = selected
    assert adata.var["sigel_selected"].dtype == bool
    np.testing.assert_array_equal(adata.var["sigel_selected"], table["selected"])
    np.testing.assert_array_equal(adata.var["sigel_weight"], table["weight"])
    assert set(adata.var) - set(tissue.var) == {"sigel_selected", "sigel_weight"}
    assert not set(adata.obs) - set(tissue.obs)
    assert set(adata.uns) == {"sigel_calls"}


def test_permuted_genes_of_an_object_give_the_same_choice(tissue):
    """With groups and ranks known, whatever the order of `var`."""
    known = tissue.copy()
    known.var["sigel_group"] = pd.Categorical(np.where(known.var["marker"] < 0, None, known.var["marker"]))
    known.var["sigel_group"] = known.var["sigel_group"].cat.rename_categories(str)
    rng = np.random.default_rng(0)
    known.var["sigel_spatial_rank"] = rng.permutation(known.n_vars) + 1.0
    known.var["sigel_spatial_effect"] = rng.uniform(0.1, 1, known.n_vars)
    once = sigel.tl.select_genes(known.copy(), n_genes=60, balance=0.5, progress=False)
    shuffled = known[:, rng.permutation(known.n_vars)].copy()
    again = sigel.tl.select_genes(shuffled, n_genes=60, balance=0.5, progress=False)
    pd.testing.assert_frame_equal(again.loc[once.index], once)
    # Groups and ranks under the key are used, not made anew.
    assert once.loc[once["selected"], "group"].value_counts().to_dict() == {"0": 20, "1": 20, "2": 20}
    assert not once["selected"][tissue.var["marker"] < 0].any()
    np.testing.assert_array_equal(once["rank"], known.var["sigel_spatial_rank"])


def test_facts_are_computed_only_where_they_are_not_known(tissue):
    section = Section(tissue.X, tissue.var_names.to_numpy(object), tissue.obsm["spatial"])
    rank, effect = np.arange(tissue.n_vars) + 1.0, np.ones(tissue.n_vars)
    place = tissue_of(section)
    how = {"rank": rank, "effect": effect, "device": "cpu"}
    facts = gene_facts(section, place, sigel.ImageConfig(), **how)
    assert list(facts.index) == list(tissue.var_names)
    np.testing.assert_array_equal(facts["rank"], rank)
    # Groups are many and small, and hold together what was planted together.
    marker = tissue.var["marker"].to_numpy()
    grouped = (facts["group"] != "").to_numpy() & (marker >= 0)
    assert grouped.mean() > 0.7
    alike, by_chance = (
        adjusted_mutual_info_score(facts["group"][grouped], planted)
        for planted in (marker[grouped], np.random.default_rng(0).permutation(marker[grouped]))
    )
    assert alike > by_chance + 0.15
    # "1" is the largest, and a known grouping is taken as it is.
    sizes = facts["group"][facts["group"] != ""].value_counts()
    assert sizes.max() == sizes["1"]
    known = np.where(marker % 2, "odd", "even").astype(object)
    facts = gene_facts(section, place, sigel.ImageConfig(), group=known, **how)
    assert (facts["group"] == known).all()


def test_variance_is_that_of_normalised_counts(tissue):
    section = Section(tissue.X, tissue.var_names.to_numpy(object), None)
    dense = tissue.X.toarray().astype(float)
    library = dense.sum(axis=1, keepdims=True)
    expected = np.log1p(dense / library * np.median(library)).var(axis=0)
    np.testing.assert_allclose(gene_variance(section), expected, rtol=1e-4)


def test_a_choice_that_fails_writes_nothing(tissue, monkeypatch):
    """And it fails before genes are tested and grouped, which takes a while."""
    monkeypatch.setattr(
        "sigel.tasks.domains.gene_selection.gene_facts", lambda *args, **kwargs: pytest.fail("too late")
    )
    adata = tissue.copy()
    for arguments in ({"share": 2.0}, {"n_genes": 10**6}, {"balance": 3}, {"layer": "raw"}, {"key": "a/b"}):
        with pytest.raises(InputError):
            sigel.tl.select_genes(adata, progress=False, **arguments)
    assert list(adata.var) == list(tissue.var)


def test_image_settings_are_given_or_those_of_the_fit(tissue, selected):
    coarse = {"max_side": 6, "normalize": "log"}
    given = sigel.tl.select_genes(
        tissue.copy(), n_genes=50, config=coarse, seed=0, device="cpu", progress=False
    )
    assert not given["group"].equals(selected[1]["group"])
    same = sigel.tl.select_genes(
        tissue.copy(), n_genes=50, config=ImageConfig(**coarse), device="cpu", progress=False
    )
    pd.testing.assert_frame_equal(given, same)
    fitted = tissue.copy()
    fitted.uns["sigel"] = {"params": json.dumps(SIGELConfig(image=ImageConfig(**coarse)).to_dict())}
    pd.testing.assert_frame_equal(
        sigel.tl.select_genes(fitted, n_genes=50, device="cpu", progress=False), given
    )
    with pytest.raises(InputError, match=r"`config`: found 6; wanted an ImageConfig or a dict"):
        sigel.tl.select_genes(tissue.copy(), config=6, progress=False)
    with pytest.raises(ConfigError, match="unknown setting 'side'"):
        sigel.tl.select_genes(tissue.copy(), config={"side": 6}, progress=False)


def test_shares_and_groups_may_be_numbers_of_any_kind(tissue, selected):
    table = sigel.tl.select_genes(
        tissue.copy(), share=np.float32(0.25), balance=np.int64(0), device="cpu", progress=False
    )
    assert table["selected"].any()
    known = tissue.copy()
    numbers = pd.to_numeric(selected[1]["group"].replace("", np.nan))
    known.var["sigel_group"] = pd.array(numbers, dtype="Int64")
    again = sigel.tl.select_genes(known, n_genes=50, device="cpu", progress=False)
    assert set(again.index[again["selected"]]) == set(selected[1].index[selected[1]["selected"]])
