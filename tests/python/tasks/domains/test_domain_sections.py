"""Domains of several sections together: shared by all, windows within each, whatever their units."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import sigel
from planted_tissue import FEW, content, find, planted_domains
from sigel.errors import InputError
from sigel.images.section import Section
from sigel.tasks.domains.inputs import measured_genes, tissue_of


@pytest.fixture(scope="module")
def sections():
    """Two sections with the same domains on top of each other, the second upside down."""
    one, two = (planted_domains(24, 24, 3, seed=seed) for seed in (0, 0))
    two.obsm["spatial"][:, 1] = two.obsm["spatial"][:, 1].max() - two.obsm["spatial"][:, 1]
    both = ad.concat({"a": one, "b": two}, label="slide", index_unique="-", merge="same")
    return both[np.random.default_rng(0).permutation(both.n_obs)].copy()


def test_sections_share_their_domains_and_no_window_crosses(sections):
    wide = {"starts": 1, "windows": (7, 19)}  # single spots have no neighbours
    adata = find(sections.copy(), 3, section_key="slide", config=wide)
    assert adata.uns["sigel"]["domains"]["section_key"] == "slide"
    assert adjusted_rand_score(adata.obs["region"], adata.obs["sigel_domain"]) >= 0.9
    # Places of another section are no neighbours, wherever it lies.
    apart = sections.copy()
    apart.obsm["spatial"][(apart.obs["slide"] == "b").to_numpy()] += 1e5
    find(apart, 3, section_key="slide", config=wide)
    assert apart.obs["sigel_domain"].tolist() == adata.obs["sigel_domain"].tolist()
    crossed = sections.copy()
    crossed.obs = crossed.obs.drop(columns=["array_row", "array_col"])  # which would tell
    with pytest.warns(UserWarning, match="on top of each other"):
        find(crossed, 3, config=wide)
    assert adjusted_rand_score(crossed.obs["region"], crossed.obs["sigel_domain"]) < 0.8


def test_two_small_sections_share_their_domains():
    one, two = (planted_domains(13, 13, 2, per_domain=8, n_background=4, seed=seed) for seed in (0, 1))
    both = ad.concat({"a": one, "b": two}, label="slide", index_unique="-", merge="same")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sigel.tl.domains(both, 2, section_key="slide", config=FEW, device="cpu", progress=False)
    assert both.obs["sigel_domain"].notna().all()
    assert adjusted_rand_score(both.obs["region"], both.obs["sigel_domain"]) > 0.6


def test_units_of_a_section_do_not_matter_for_the_choice(sections):
    other = sections.copy()
    inside = (other.obs["slide"] == "b").to_numpy()
    other.obsm["spatial"][inside] = 7.3 * other.obsm["spatial"][inside] + [1e4 / 3, -77.7]
    options = {"section_key": "slide", "n_genes": 40, "device": "cpu", "progress": False}
    one, two = (sigel.tl.select_genes(adata, **options) for adata in (sections.copy(), other))
    pd.testing.assert_frame_equal(one, two)


def test_a_refused_section_is_named(sections):
    spots = np.flatnonzero(sections.obs["slide"] == "a")[:25]
    adata = sections[np.union1d(spots, np.flatnonzero(sections.obs["slide"] == "b"))].copy()
    adata.obs = adata.obs[["slide"]]  # places are all that is known
    few = (adata.obs["slide"] == "a").to_numpy()
    # Pairs of spots that share a pixel: spots enough, but not pixels.
    adata.obsm["spatial"][few] = np.repeat(np.arange(13), 2)[: few.sum(), None] * [10.0, 7.0]
    with pytest.raises(InputError, match=r"in section 'a'"):
        sigel.tl.select_genes(adata, section_key="slide", device="cpu", progress=False)


def test_sections_that_cannot_be_used_are_refused(sections):
    adata = sections[sections.obs["slide"] == "a"].copy()
    adata.obs["lost"] = pd.Categorical(np.where(np.arange(adata.n_obs) < 3, None, "a"))
    adata.obs["tiny"] = np.where(np.arange(adata.n_obs) < 5, "few", "many")
    adata.obs["heap"] = np.where(np.arange(adata.n_obs) < 30, "heaped", "spread")
    adata.obsm["spatial"][:30] = 1.0
    before = content(adata)
    for section_key, words in (
        ("lost", "3 missing"),
        ("tiny", "5 spots in the section 'few'"),
        ("slides", "slide"),
        ("heap", "at one place in the section 'heaped'"),
    ):
        with pytest.raises(InputError, match=words):
            find(adata, 2, section_key=section_key)
    assert content(adata) == before


# --- genes that were not measured ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves():
    """Two halves of one section, side by side, as sections of their own."""
    adata = planted_domains()
    x = adata.obsm["spatial"][:, 0]
    adata.obs["half"] = np.where(x < np.median(x), "left", "right")
    return adata


def without(adata, genes, half):
    """The same without a count of some genes in one half."""
    counts = adata.X.toarray()
    counts[np.ix_((adata.obs["half"] == half).to_numpy(), adata.var_names.isin(genes))] = 0
    spoiled = adata.copy()
    spoiled.X = sparse.csr_matrix(counts)
    return spoiled


def test_a_gene_absent_from_one_of_two_sections_is_left_out(halves):
    places, slide = halves.obsm["spatial"], halves.obs["half"].to_numpy(object)
    lost = ["G3", "G40"]
    spoiled = without(without(halves, [*lost, "G7"], "left"), ["G7"], "right")
    names = spoiled.var_names.to_numpy(object)

    def measured(labels):
        section = Section(spoiled.X, names, places, labels=labels)
        return set(measured_genes(section, tissue_of(section)))

    assert set(names) - measured(None) == {"G7"}  # of one section all that have a count
    assert set(names) - measured(slide) == {"G7", *lost}


@pytest.mark.parametrize("section_key", [None, "slide"])
def test_a_stored_zero_is_a_zero(sections, section_key):
    if section_key is None:
        sections = sections[sections.obs["slide"] == "a"].copy()
    dense = sections.X.toarray()
    dense[(sections.obs["slide"] == "b").to_numpy() if section_key else slice(None), 0] = 0
    plain, stored = sections.copy(), sections.copy()
    plain.X = sparse.csr_matrix(dense)
    stored.X.data = dense[sections.X.nonzero()]
    before = (stored.X.data.copy(), stored.X.indices.copy())
    for adata in (plain, stored):
        find(adata, 3, section_key=section_key)
    assert "G0" not in stored.uns["sigel"]["domains"]["genes"]
    assert stored.obs["sigel_domain"].tolist() == plain.obs["sigel_domain"].tolist()
    assert np.array_equal(stored.obsm["X_sigel_domain"], plain.obsm["X_sigel_domain"])
    assert np.array_equal(stored.X.data, before[0])
    assert np.array_equal(stored.X.indices, before[1])


def test_genes_that_no_two_sections_share_are_refused(halves):
    odd = halves.var_names[::2]
    apart = without(without(halves, odd, "left"), halves.var_names[1::2], "right")
    with pytest.raises(InputError, match=r"`adata`.*0 genes with counts in every section.*2 or more"):
        find(apart, 4, section_key="half")


@pytest.mark.nightly
def test_genes_that_one_section_did_not_measure_tell_no_sections_apart(halves):
    lost = list(np.random.default_rng(0).choice(halves.var_names, 20, replace=False))
    whole = find(halves.copy(), section_key="half")
    spoiled = find(without(halves, lost, "left"), section_key="half")
    assert not set(lost) & set(spoiled.uns["sigel"]["domains"]["genes"])
    assert len(spoiled.uns["sigel"]["domains"]["genes"]) == halves.n_vars - 20
    assert adjusted_rand_score(whole.obs["sigel_domain"], spoiled.obs["sigel_domain"]) > 0.9
