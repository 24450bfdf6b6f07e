"""Labels by a reference refuse what cannot be used, say what would do, and leave both objects alone."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import sigel
from planted_tissue import FEW, content, find, planted_domains
from sigel.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def made():
    return tuple(planted_domains(14, 14, 2, per_domain=10, n_background=0, seed=seed) for seed in (0, 1))


@pytest.fixture
def fresh(made):
    return made[0].copy()


@pytest.fixture
def old(made):
    return made[1].copy()


def label(adata, reference, **arguments):
    usual = {"column": "region", "config": FEW, "device": "cpu", "progress": False}
    sigel.tl.label_domains(adata, reference, **{**usual, **arguments})


def refused(adata, reference, words, **arguments):
    before = [content(one) for one in (adata, reference)]
    with pytest.raises(InputError, match=words):
        label(adata, reference, **arguments)
    assert [content(one) for one in (adata, reference)] == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"column": None}, r"`reference`: found no obs\['sigel_domain'\].*domains\(reference, n_domains\)"),
        ({"column": None, "key": "fine"}, r"`reference`: found no obs\['fine_domain'\]"),
        ({"column": "regions"}, r"`column`: .*nearest: 'region'.*reference\.obs"),
        ({"column": 3}, "`column`: "),
        ({"layer": "raw"}, "`layer`: .*'raw'"),
        ({"reference_layer": "raw"}, "`reference_layer`: .*'raw'; wanted a layer of the reference"),
        ({"spatial_key": "xy"}, r"`spatial_key`: .*no obsm\['xy'\] in the reference"),
        ({"spatial_key": "xy"}, "Store x and y there or pass reference_spatial_key"),
        ({"reference_spatial_key": "xy"}, r"`reference_spatial_key`: .*no obsm\['xy'\] in the reference"),
        ({"reference_spatial_key": 3}, r"`reference_spatial_key`: "),
        ({"reference_layer": "X"}, r"`reference_layer`: .*'X'.*There are: none\. Leave it out for X\."),
        ({"section_key": "slide"}, "`section_key`: .*'slide'"),
        ({"reference_section_key": "slide"}, r"`reference_section_key`: .*reference\.obs"),
        ({"key": "a/b"}, "`key`"),
        ({"key_added": ""}, "`key_added`"),
        ({"seed": -1}, "`seed`"),
        ({"seed": 0.5}, "`seed`"),
        ({"config": 3}, "`config`"),
        ({"device": "gpu"}, "`device`"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(fresh, old, arguments, words):
    refused(fresh, old, words, **arguments)


def test_what_is_read_without_a_layer_is_named(fresh, old):
    old.layers["counts"], old.layers["other"] = old.X.copy(), old.X.copy()
    find(old, 2, layer="counts")
    words = r"`reference_layer`: found 'X'.*There are: 'counts', 'other'\. Leave it out for 'counts'\."
    refused(fresh, old, words, reference_layer="X")
    del old.layers["counts"]
    words = r"`reference_layer`: found 'counts'.*There are: 'other'\. Put it back, or name another\."
    refused(fresh, old, words)
    label(fresh, old, reference_layer="other")
    fresh.uns["sigel"]["layer"] = "other"
    fresh.layers["other"] = fresh.X.copy()
    refused(fresh, old, r"`layer`: found 'X'.*Leave it out for 'other'\.", layer="X", reference_layer="other")


def test_places_of_the_reference_that_are_not_there_are_refused_as_its_own(fresh, old):
    del old.obsm["spatial"]
    old.obs = old.obs[["region"]]
    refused(fresh, old, r"`reference_spatial_key`: found no obsm\['spatial'\] in the reference")


def test_unknown_settings_are_refused(fresh, old):
    with pytest.raises(ConfigError, match="window"):
        label(fresh, old, config={"windos": (1, 7)})


@pytest.mark.parametrize("reference", [None, "old.h5ad", [1, 2], {}, np.zeros((3, 3))])
def test_a_reference_that_is_no_anndata_is_refused(fresh, reference):
    before = content(fresh)
    for column in ("region", None):
        with pytest.raises(InputError, match=r"`reference`: found an object of class .*wanted an AnnData"):
            label(fresh, reference, column=column)
    assert content(fresh) == before


def test_an_object_cannot_label_itself(fresh):
    refused(fresh, fresh, r"`reference`: found adata itself.*\.copy\(\)")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda n: ["a"] * n, "1 label with 2 spots or more.*column="),
        (lambda n: [None] * n, "0 labels with 2 spots or more"),
        (lambda n: [""] * n, "0 labels with 2 spots or more"),
        (lambda n: ["a"] * (n - 1) + ["b"], "1 label with 2 spots or more"),
        (lambda n: np.arange(n) / 7, "0 labels with 2 spots or more"),
    ],
)
def test_labels_that_tell_nothing_apart_are_refused(fresh, old, values, words):
    old.obs["told"] = values(old.n_obs)
    refused(fresh, old, "`reference`: found " + words, column="told")


def test_a_label_of_one_spot_is_given_to_none_and_told_of(fresh, old):
    old.obs["told"] = pd.Categorical(
        ["rare", *old.obs["region"].astype(str)[1:]], ["rare", "band 0", "band 1"]
    )
    with pytest.warns(UserWarning, match="a single spot of the reference.*'rare'"):
        label(fresh, old, column="told")
    assert list(fresh.obs["sigel_domain"].cat.categories) == ["rare", "band 0", "band 1"]
    assert "rare" not in set(fresh.obs["sigel_domain"])


# --- genes -------------------------------------------------------------------------------------------------


def test_genes_of_other_names_are_refused_with_what_may_be_wrong(fresh, old):
    old.var_names = [f"ENSG{k:05}" for k in range(old.n_vars)]
    refused(
        fresh,
        old,
        "`reference`: found 0 genes that the new sections have.*ids, or symbols.*'G0'.*'ENSG00000'",
    )
    old.var_names = [name.lower() for name in fresh.var_names]
    refused(fresh, old, "0 genes that.*20 would be the same if capitals were ignored.*species")
    old.var_names = ["G0", *(f"X{k}" for k in range(old.n_vars - 1))]
    refused(fresh, old, "found 1 gene that the new sections have, too; wanted 2 shared genes or more")


def test_shared_genes_must_have_been_measured(fresh, old):
    counts = old.X.toarray()
    counts[:, 1:] = 0
    old.X = sparse.csr_matrix(counts)
    refused(fresh, old, "`reference`: found 1 gene with counts in every section, of 20 genes that both name")


# --- counts and places -------------------------------------------------------------------------------------


def negative(adata):
    counts = adata.X.toarray()
    counts[2, 3] = -1
    adata.X = sparse.csr_matrix(counts)


def no_counts(adata):
    adata.X = 0 * adata.X


def twice_a_name(adata):
    adata.var_names = ["G1", *adata.var_names[1:]]


def one_place(adata):
    adata.obsm["spatial"] = np.ones((adata.n_obs, 2))


def few_spots(adata):
    adata._inplace_subset_obs(np.arange(0, 150, 10)[:14])


@pytest.mark.parametrize("spoil", [negative, no_counts, twice_a_name, one_place, few_spots])
def test_what_is_wrong_is_said_of_the_right_object(fresh, old, made, spoil):
    words = {
        negative: "negative values",
        no_counts: "no count",
        twice_a_name: r"duplicated.*{}\.var_names_make_unique",
        one_place: r"{}\.obsm\['spatial'\]`: found all spots at one place",
        few_spots: "{}`: found 14 spots",
    }[spoil]
    spoil(fresh)
    refused(fresh, made[1].copy(), words.format("adata"))
    spoil(old)
    with pytest.raises(InputError, match=words.format("reference")) as error:
        label(made[0].copy(), old)
    assert not re.search(r"\badata\b", str(error.value))


def test_what_stands_in_the_way_is_refused_before_any_work(fresh, old):
    fresh.uns["sigel"] = 3
    refused(fresh, old, "`key`: found int in uns")
    del fresh.uns["sigel"]
    old.uns["sigel"] = 3
    refused(fresh, old, "`key`: found int in uns")


def test_fractions_are_told_of_by_side(fresh, old):
    old.X = old.X.log1p()
    with pytest.warns(UserWarning, match="values of the reference are not whole") as told:
        label(fresh, old)
    assert len(told) == 1
    assert 'reference_layer="counts"' in str(told[0].message)


def test_spots_without_counts_are_told_of(fresh, old):
    counts = fresh.X.toarray()
    counts[:3] = 0
    fresh.X = sparse.csr_matrix(counts)
    with pytest.warns(UserWarning, match="3 of .* spots have no counts of the shared genes"):
        label(fresh, old)
    assert fresh.obs["sigel_domain"].notna().all()


def test_nothing_is_warned_of_without_a_reason(fresh, old):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find(old, 2)
        label(fresh, old, column=None)
