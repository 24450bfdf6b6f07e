"""Domains refuse what cannot be used, say what would do, and leave the object as it was."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from scipy import sparse

import sigel
from planted_tissue import content, find, planted_domains
from sigel.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def small():
    return planted_domains(14, 14, 2, per_domain=10, n_background=0)


@pytest.fixture
def fresh(small):
    return small.copy()


@pytest.mark.parametrize("n_domains", [0, 1, -3, 2.5, 4.0, True, "4", [4], float("nan"), 10**4])
def test_numbers_of_domains_that_make_no_sense_are_refused(fresh, n_domains):
    before = content(fresh)
    with pytest.raises(InputError, match=r"n_domains.*whole number from 2"):
        find(fresh, n_domains)
    assert content(fresh) == before


def with_counts(change):
    def changed(adata):
        dense = adata.X.toarray()
        adata.X = sparse.csr_matrix(change(dense).astype(np.float32))

    return changed


def negative(dense):
    dense[3, 2] = -1
    return dense


def not_a_number(dense):
    dense[3, 2] = np.nan
    return dense


def infinite(dense):
    dense[3, 2] = np.inf
    return dense


def lose_a_place(adata):
    adata.obsm["spatial"] = adata.obsm["spatial"].copy()
    adata.obsm["spatial"][5, 0] = np.nan


def one_place(adata):
    adata.obsm["spatial"] = np.ones((adata.n_obs, 2))


def one_dimension(adata):
    adata.obsm["spatial"] = adata.obsm["spatial"][:, :1].copy()


def three_dimensions(adata):
    adata.obsm["spatial"] = np.column_stack([adata.obsm["spatial"], np.zeros(adata.n_obs)])


def no_places(adata):
    del adata.obsm["spatial"]
    adata.obs = adata.obs[[]]


def twice_a_name(adata):
    adata.var_names = ["G0", *adata.var_names[:-1]]


def no_counts(adata):
    del adata.X


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (with_counts(lambda dense: 0 * dense), "no count"),
        (with_counts(negative), "negative, NaN or infinite"),
        (with_counts(not_a_number), "negative, NaN or infinite"),
        (with_counts(infinite), "negative, NaN or infinite"),
        (no_counts, "empty X"),
        (lose_a_place, "1 of .* spots without finite coordinates"),
        (one_place, "all spots at one place"),
        (one_dimension, "x and y of each spot"),
        (three_dimensions, "x and y of each spot.*sections"),
        (no_places, "spatial_key"),
        (twice_a_name, "var_names_make_unique"),
    ],
)
@pytest.mark.parametrize("verb", ["domains", "select_genes"])
def test_objects_that_cannot_be_used_are_refused(fresh, spoil, words, verb):
    spoil(fresh)
    before = (list(fresh.obs), list(fresh.var), list(fresh.obsm), list(fresh.uns))
    call = {
        "domains": lambda: find(fresh, 2, genes=["G1", "G2", "G3"]),
        "select_genes": lambda: sigel.tl.select_genes(fresh, progress=False),
    }[verb]
    with pytest.raises(InputError, match=words):
        call()
    assert (list(fresh.obs), list(fresh.var), list(fresh.obsm), list(fresh.uns)) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "kmeans"}, "method.*'mixture'"),
        ({"method": None}, "method"),
        ({"method": 3}, "method"),
        ({"genes": ["G1", "Gene2"]}, "genes.*Gene2"),
        ({"genes": ["G1"]}, "genes.*2 or more"),
        ({"genes": []}, "genes.*2 or more"),
        ({"genes": 5}, "genes"),
        ({"genes": "G1"}, "genes.*the text 'G1'.*list"),
        ({"genes": np.arange(20) < 5}, r"genes.*a mask.*adata\.var_names\[mask\]"),
        ({"layer": "count"}, "layer"),
        ({"layer": ["counts"]}, "layer"),
        ({"spatial_key": "X_spatial"}, "spatial_key.*'spatial'"),
        ({"spatial_key": ["spatial"]}, "spatial_key.*'spatial'"),
        ({"section_key": "slide"}, "section_key"),
        ({"section_key": ["region"]}, "section_key"),
        ({"key": "a/b"}, "key"),
        ({"key_added": ""}, "key_added"),
        ({"config": 7}, "config"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"device": "gpu"}, "device"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(fresh, arguments, words):
    fresh.layers["counts"] = fresh.X.copy()
    before = content(fresh)
    with pytest.raises(InputError, match=words):
        find(fresh, 2, **arguments)
    assert content(fresh) == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"windows": 7}, "windows"),
        ({"windows": (7, 1)}, "windows"),
        ({"windows": (0, 7)}, "windows"),
        ({"windows": (1, 1)}, "windows"),
        ({"windows": ()}, "windows"),
        ({"components": ()}, "components"),
        ({"components": (20, 8)}, "components"),
        ({"components": (0, 8)}, "components"),
        ({"components": 8}, "components"),
        ({"window": 0}, "window"),
        ({"window": 2.5}, "window"),
        ({"window": None}, "window"),
        ({"rings": (1, 7)}, "unknown setting 'rings'"),
        ({"choices": 10}, "unknown setting 'choices'"),
        ({"image": {}}, "unknown setting 'image'"),
        ({"agreeing": 0}, "agreeing"),
        ({"agreeing": 1.1}, "agreeing"),
        ({"target_sum": 0}, "target_sum"),
        ({"starts": 0}, "starts"),
        ({"starts": 2.5}, "starts"),
        ({"prior": -1}, "prior"),
        ({"prior_neighbors": 0}, "prior_neighbors"),
        ({"max_spots": 10}, "max_spots"),
        ({"max_domains": 1}, "max_domains"),
        ({"ridge": 0}, "ridge"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fresh, settings, words):
    before = content(fresh)
    with pytest.raises(ConfigError, match=words):
        find(fresh, 2, config=settings)
    assert content(fresh) == before


@pytest.mark.parametrize("n_spots", [1, 15, 19])
def test_too_few_spots_are_refused_as_such(fresh, n_spots):
    few = fresh[:n_spots].copy()
    for n_domains in (None, 2):
        with pytest.raises(InputError, match=re.compile(f"{n_spots} spots?.*20 or more", re.DOTALL)):
            find(few, n_domains)


def test_objects_without_spots_or_genes_and_other_objects_are_refused(fresh):
    with pytest.raises(InputError, match="at least one of both"):
        sigel.tl.domains(fresh[:, []].copy(), 2, progress=False)
    with pytest.raises(InputError, match="AnnData"):
        sigel.tl.domains(np.ones((30, 3)), 2, progress=False)


def test_values_that_look_normalised_are_warned_of(fresh):
    fresh.X = fresh.X.log1p()
    with pytest.warns(UserWarning, match="not whole numbers"):
        find(fresh, 2)


def test_spots_without_counts_are_warned_of(fresh):
    counts = fresh.X.toarray()
    counts[:5] = 0
    fresh.X = sparse.csr_matrix(counts)
    with pytest.warns(UserWarning, match=f"5 of {fresh.n_obs} spots have no counts"):
        find(fresh, 2)


def test_the_fix_for_a_number_is_a_number_that_works(fresh):
    few = fresh[:25].copy()
    with pytest.raises(
        InputError, match=r"found 7; wanted 2, a tenth of the spots, or None.*Use n_domains=2,"
    ):
        find(few, 7)
    find(few, 2)


def test_counts_of_whole_numbers_bring_no_warning(fresh):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find(fresh, 2, config={"starts": 2, "windows": (7,)})


# --- what says nothing, and what is in the way -------------------------------------------------------------


def test_genes_that_do_not_vary_are_refused(fresh):
    silent = list(fresh.var_names[:4])
    dense = fresh.X.toarray()
    dense[:, :4] = 0
    fresh.X = sparse.csr_matrix(dense)
    before = content(fresh)
    for method in ("mixture", "leiden"):
        with pytest.raises(InputError, match=r"`genes`.*4 genes with the same value.*vary between spots"):
            find(fresh, 3, genes=silent, method=method)
    assert content(fresh) == before


def test_one_gene_is_refused(fresh):
    alone = fresh[:, :1].copy()
    alone.X = sparse.csr_matrix(np.random.default_rng(0).poisson(3, (alone.n_obs, 1)).astype(np.float32))
    with pytest.raises(InputError, match=r"`(adata|genes)`"):
        sigel.tl.domains(alone, 3, device="cpu", progress=False)


def test_something_else_under_the_key_is_refused_before_anything_is_written(fresh):
    fresh.uns["again"] = "a note"
    before = content(fresh)
    with pytest.raises(InputError, match=r"`key`.*str in uns\['again'\]"):
        find(fresh, 3, key_added="again")
    with pytest.raises(InputError, match=r"`key`.*str in uns\['again'\]"):
        find(fresh, 3, key="again")
    assert content(fresh) == before


@pytest.mark.parametrize("refine", ["no", 1, None])
def test_refinement_is_yes_or_no(fresh, refine):
    with pytest.raises(InputError, match="refine"):
        find(fresh, 3, refine=refine)


def test_an_array_is_no_method(fresh):
    with pytest.raises(InputError, match="method"):
        find(fresh, 3, method=np.array(["mixture", "leiden"]))
