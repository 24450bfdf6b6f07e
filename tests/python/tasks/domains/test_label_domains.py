"""Labels of new sections by those of a reference: planted tissue, what varies, what is refused."""

from __future__ import annotations

import json
import warnings

import anndata as ad
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import sigel
from planted_tissue import FEW, content, find, planted_domains
from sigel.errors import InputError

mpl.use("Agg")
BANDS = [f"band {k}" for k in range(4)]


def label(adata, reference, **arguments):
    """Few windows and components, unless told otherwise."""
    usual = {"config": FEW, "device": "cpu", "progress": False}
    sigel.tl.label_domains(adata, reference, **{**usual, **arguments})
    return adata


def agreed(adata, key="sigel"):
    return adjusted_rand_score(adata.obs["region"], adata.obs[f"{key}_domain"])


def copied(adata, **changes):
    adata = adata.copy()
    for name, value in changes.items():
        setattr(adata, name, value)
    return adata


@pytest.fixture(scope="module")
def old():
    return planted_domains(24, 24)


@pytest.fixture(scope="module")
def fresh():
    return planted_domains(22, 26, seed=3)


@pytest.fixture(scope="module")
def labelled(fresh, old):
    return label(fresh.copy(), old, column="region")


# --- what comes out ----------------------------------------------------------------------------------------


def test_planted_domains_of_a_new_section_are_named_as_those_of_the_reference(labelled):
    domain = labelled.obs["sigel_domain"]
    assert list(domain.cat.categories) == BANDS
    assert (domain.astype(str) == labelled.obs["region"].astype(str)).mean() > 0.9
    assert labelled.obs["sigel_domain_prob"].between(0.25, 1).all()
    about = labelled.uns["sigel"]["domains"]
    assert about["method"] == "reference"
    assert about["column"] == "region"
    assert about["n_domains"] == 4
    assert sorted(about["genes"]) == sorted(labelled.var_names)
    assert json.loads(about["params"])["windows"] == [1, 7]
    assert labelled.obsm["X_sigel_domain"].shape == (labelled.n_obs, 20)
    assert labelled.obsm["X_sigel_domain"].dtype == np.float32


def test_domains_that_were_found_name_those_of_a_new_section(fresh, old):
    reference = find(old.copy())
    before = content(reference)
    adata = label(fresh.copy(), reference)
    assert agreed(adata) > 0.85
    assert list(adata.obs["sigel_domain"].cat.categories) == ["1", "2", "3", "4"]
    assert adata.uns["sigel"]["domains"]["column"] == "sigel_domain"
    assert content(reference) == before


def test_sure_spots_are_more_often_right():
    more = []
    for seed in (0, 2, 4):
        faint = [planted_domains(22, 22, fold=1.2, seed=one) for one in (seed, seed + 1)]
        obs = label(*faint, column="region").obs
        right = obs["sigel_domain"].astype(str) == obs["region"].astype(str)
        more.append(obs["sigel_domain_prob"][right].mean() - obs["sigel_domain_prob"][~right].mean())
    assert np.mean(more) > 0.1


def test_a_domain_that_is_not_there_is_given_to_no_spot_and_keeps_its_category(fresh, old):
    part = fresh[(fresh.obs["region"] != "band 3").to_numpy()].copy()
    adata = label(part, old, column="region")
    assert list(adata.obs["sigel_domain"].cat.categories) == BANDS
    assert (adata.obs["sigel_domain"] == "band 3").mean() < 0.05
    assert agreed(adata) > 0.85


def test_the_order_of_the_reference_is_kept(fresh, old):
    backwards = old.copy()
    backwards.obs["region"] = backwards.obs["region"].cat.reorder_categories(BANDS[::-1])
    adata = label(fresh.copy(), backwards, column="region")
    assert list(adata.obs["sigel_domain"].cat.categories) == BANDS[::-1]
    backwards.obs["number"] = backwards.obs["region"].cat.codes.map({0: 10, 1: 9, 2: 2, 3: 1})
    adata = label(fresh.copy(), backwards, column="number")
    assert list(adata.obs["sigel_domain"].cat.categories) == ["1", "2", "9", "10"]
    assert agreed(adata) > 0.85


@pytest.mark.parametrize("missing", [None, ""])
def test_spots_without_a_label_teach_nothing(fresh, old, labelled, missing):
    some = np.random.default_rng(0).random(old.n_obs) < 0.5
    partly = old.copy()
    text = partly.obs["region"].astype(object)
    partly.obs["region"] = pd.Categorical(text.where(some, missing))
    adata = label(fresh.copy(), partly, column="region")
    assert list(adata.obs["sigel_domain"].cat.categories) == BANDS
    assert adata.uns["sigel"]["domains"]["n_labelled"] == some.sum()
    assert agreed(adata) > agreed(labelled) - 0.1


def test_one_half_of_a_section_labels_the_other():
    adata = planted_domains(30, 30)
    left = adata.obsm["spatial"][:, 0] < np.median(adata.obsm["spatial"][:, 0])
    assert agreed(label(adata[~left].copy(), adata[left].copy(), column="region")) > 0.85


# --- sections ----------------------------------------------------------------------------------------------


def with_offset(adata, seed=9):
    """Every gene is measured with a yield of its own, as in another run."""
    rate = np.random.default_rng(seed).lognormal(0, 0.8, adata.n_vars)
    counts = np.random.default_rng(seed).poisson(adata.X.toarray() * rate)
    return copied(adata, X=sparse.csr_matrix(counts.astype(np.float32)))


def test_what_sets_the_new_section_apart_is_taken_out():
    more = []
    for seed in (0, 4):
        faint, other = (planted_domains(24, 24, fold=1.4, seed=one) for one in (seed, seed + 1))
        other = with_offset(other)
        kept = label(other.copy(), faint, column="region", config={**FEW, "section_offsets": False})
        more.append(agreed(label(other, faint, column="region")) - agreed(kept))
    assert np.mean(more) > 0.1


def test_offsets_do_not_follow_what_a_section_is_made_of(fresh, old):
    """One band alone: its mean is that of the band, no offset."""
    part = fresh[(fresh.obs["region"] == "band 1").to_numpy()].copy()
    adata = label(part, old, column="region")
    assert (adata.obs["sigel_domain"] == "band 1").mean() > 0.85


def test_sections_of_the_reference_are_known_from_its_domains(fresh, old):
    both = ad.concat({"a": old, "b": planted_domains(20, 20, seed=5)}, label="slide", index_unique="-")
    find(both, section_key="slide")
    recorded = label(fresh.copy(), both)
    told = label(fresh.copy(), both, reference_section_key="slide")
    assert recorded.obs["sigel_domain"].tolist() == told.obs["sigel_domain"].tolist()
    assert agreed(recorded) > 0.8


def test_several_new_sections_are_labelled_at_once(fresh, old):
    both = ad.concat({"a": fresh, "b": with_offset(fresh)}, label="slide", index_unique="-")
    both = both[np.random.default_rng(0).permutation(both.n_obs)].copy()
    adata = label(both, old, column="region", section_key="slide")
    assert adata.uns["sigel"]["domains"]["section_key"] == "slide"
    assert agreed(adata) > 0.8
    assert isinstance(sigel.pl.domains(adata), mpl.figure.Figure)


def test_sections_of_the_reference_without_a_label_do_not_matter(fresh, old, labelled):
    both = ad.concat({"a": old, "b": planted_domains(20, 20, seed=5)}, label="slide", index_unique="-")
    both.obs["region"] = both.obs["region"].astype(object).where(both.obs["slide"] == "a", None)
    adata = label(fresh.copy(), both, column="region", reference_section_key="slide")
    assert adata.obs["sigel_domain"].tolist() == labelled.obs["sigel_domain"].tolist()


# --- genes -------------------------------------------------------------------------------------------------


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 99))
def test_the_order_of_genes_does_not_matter(fresh, old, labelled, seed):
    rng = np.random.default_rng(seed)
    turned, other = (one[:, rng.permutation(one.n_vars)].copy() for one in (fresh, old))
    label(turned, other, column="region")
    assert turned.obs["sigel_domain"].tolist() == labelled.obs["sigel_domain"].tolist()
    np.testing.assert_allclose(turned.obs["sigel_domain_prob"], labelled.obs["sigel_domain_prob"], atol=1e-6)


def test_genes_that_one_lacks_are_left_out(fresh, old):
    some = old[:, old.var_names[10:]].copy()
    counts = fresh.X.toarray()
    counts[:, 50] = 0  # named, but not measured
    adata = label(copied(fresh, X=sparse.csr_matrix(counts)), some, column="region")
    assert set(adata.uns["sigel"]["domains"]["genes"]) == set(old.var_names[10:]) - {"G50"}
    assert agreed(adata) > 0.8


def test_a_stored_zero_of_the_reference_is_a_zero(fresh, old):
    dense = old.X.toarray()
    dense[:, 0] = 0
    plain, stored = copied(old, X=sparse.csr_matrix(dense)), old.copy()
    stored.X.data = dense[old.X.nonzero()]
    by_plain, by_stored = (label(fresh.copy(), one, column="region") for one in (plain, stored))
    assert "G0" not in by_stored.uns["sigel"]["domains"]["genes"]
    assert np.array_equal(by_stored.obsm["X_sigel_domain"], by_plain.obsm["X_sigel_domain"])
    assert stored.X.nnz == old.X.nnz


def test_counts_that_only_one_has_do_not_change_the_libraries(fresh, old, labelled):
    extra = ad.AnnData(np.full((old.n_obs, 1), 1e4, np.float32), var=pd.DataFrame(index=["MALAT1"]))
    extra.obs_names = old.obs_names
    more = ad.concat([old, extra], axis=1)
    more.obs, more.obsm["spatial"] = old.obs, old.obsm["spatial"]
    adata = label(fresh.copy(), more, column="region")
    np.testing.assert_array_equal(adata.obs["sigel_domain_prob"], labelled.obs["sigel_domain_prob"])


# --- how it is given ---------------------------------------------------------------------------------------


def test_layers_coordinates_and_keys_are_those_that_are_named(fresh, old, labelled):
    adata, reference = fresh.copy(), old.copy()
    for one in (adata, reference):
        one.layers["counts"], one.obsm["xy"] = one.X, one.obsm["spatial"]
        one.X = None
        one.obs = one.obs[["region"]]
        del one.obsm["spatial"]
    named = {"layer": "counts", "reference_layer": "counts", "spatial_key": "xy", "key_added": "named"}
    label(adata, reference, column="region", **named)
    assert adata.obs["named_domain"].tolist() == labelled.obs["sigel_domain"].tolist()
    assert "sigel" not in adata.uns
    # What the domains of the reference were found in is taken up.
    find(reference, layer="counts", spatial_key="xy")
    label(adata, reference, layer="counts", spatial_key="xy")
    assert agreed(adata) > 0.85


def test_places_may_stand_under_different_keys(fresh, old, labelled):
    reference = old.copy()
    reference.obsm["xy"] = reference.obsm.pop("spatial")
    reference.obs = reference.obs[["region"]]
    adata = label(fresh.copy(), reference, column="region", reference_spatial_key="xy")
    assert np.array_equal(adata.obsm["X_sigel_domain"], labelled.obsm["X_sigel_domain"])
    adata.obsm["places"] = adata.obsm.pop("spatial")
    label(adata, reference, column="region", spatial_key="places", reference_spatial_key="xy")
    assert adata.obs["sigel_domain"].tolist() == labelled.obs["sigel_domain"].tolist()
    assert adata.uns["sigel"]["domains"]["spatial_key"] == "places"


def test_objects_on_disk_are_labelled_as_those_in_memory(fresh, old, labelled, tmp_path):
    for name, adata in (("new", fresh), ("old", old)):
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    adata, reference = (ad.read_h5ad(tmp_path / f"{name}.h5ad", backed="r") for name in ("new", "old"))
    label(adata, reference, column="region")
    assert adata.obs["sigel_domain"].tolist() == labelled.obs["sigel_domain"].tolist()


def test_a_view_is_labelled_without_a_warning_and_its_parent_is_left_alone(fresh, old, labelled):
    parent, reference = fresh.copy(), old[:]
    before, view = content(parent), parent[:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        label(view, reference, column="region")
    assert view.obs["sigel_domain"].tolist() == labelled.obs["sigel_domain"].tolist()
    assert content(parent) == before
    assert reference.is_view


def test_a_view_of_a_backed_object_is_refused_before_any_work(fresh, old, tmp_path):
    fresh.write_h5ad(tmp_path / "fresh.h5ad")
    view = ad.read_h5ad(tmp_path / "fresh.h5ad", backed="r")[:, :40]
    with pytest.raises(InputError, match=r"`adata`: found a view of a backed object.*adata\.to_memory\(\)"):
        label(view, old, column="region")
    with pytest.raises(InputError, match=r"`adata`: found a view of a backed object"):
        find(view)
    assert view.is_view


def test_labels_are_written_and_read(labelled, old, tmp_path):
    labelled.write_h5ad(tmp_path / "labelled.h5ad")
    back = ad.read_h5ad(tmp_path / "labelled.h5ad")
    pd.testing.assert_series_equal(back.obs["sigel_domain"], labelled.obs["sigel_domain"])
    # They may label the next section.
    again = label(old.copy(), back)
    assert agreed(again) > 0.85


def test_labels_are_drawn_but_no_seed_would_change_them(labelled):
    assert isinstance(sigel.pl.domains(labelled), mpl.figure.Figure)
    assert isinstance(sigel.pl.domain_confusion(labelled, "region"), mpl.figure.Figure)
    adata = labelled.copy()
    before = content(adata)
    with pytest.raises(InputError, match=r"`key`: found labels by a .*domain_stability\(reference\)"):
        sigel.tl.domain_stability(adata, progress=False)
    assert content(adata) == before


def test_labels_take_the_place_of_domains_and_their_stability(fresh, old):
    adata = find(fresh.copy())
    sigel.tl.domain_stability(adata, n_seeds=1, device="cpu", progress=False)
    label(adata, old, column="region")
    assert "sigel_domain_stability" not in adata.obs
    assert "stability" not in adata.uns["sigel"]["domains"]


def test_many_spots_are_sampled_for_components_alone(fresh, old, labelled):
    few = label(fresh.copy(), old, column="region", config={**FEW, "max_spots": 200})
    assert adjusted_rand_score(few.obs["sigel_domain"], labelled.obs["sigel_domain"]) > 0.8
    assert few.uns["sigel"]["domains"]["n_labelled"] == old.n_obs
