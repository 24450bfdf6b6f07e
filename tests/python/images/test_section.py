"""A section is read and checked once, wherever its counts lie, and refused in its caller's words."""

from __future__ import annotations

import warnings
from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from test_counts import Blocks, on_disk

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.counts import SpotRows
from sigel.images.section import Called, Section

TARGET = Called(owner="target", section="target", genes="target", counts="target", spots="cells")


def section_of(n_spots=60, n_genes=5, seed=0, **parts):
    rng = np.random.default_rng(seed)
    counts = sparse.csr_matrix(rng.poisson(1.0, (n_spots, n_genes)).astype(np.float32))
    given = {
        "counts": counts,
        "genes": np.array([f"g{i}" for i in range(n_genes)], dtype=object),
        "coordinates": rng.random((n_spots, 2)),
    }
    return Section(**given | parts)


@pytest.fixture
def adata():
    made = section_of()
    obs = pd.DataFrame(
        {
            "array_row": np.arange(60),
            "array_col": np.arange(60) % 7,
            "slide": pd.Categorical(["b", "a"] * 30),
        },
        index=[f"s{i}" for i in range(60)],
    )
    var = pd.DataFrame(index=made.genes)
    return anndata.AnnData(made.counts, obs=obs, var=var, obsm={"spatial": made.coordinates})


# --- reading -----------------------------------------------------------------------------------------------


def test_all_that_an_anndata_holds_of_a_section_is_found(adata):
    adata.layers["counts"] = adata.X * 2
    adata.obsm["place"] = adata.obsm["spatial"] + 1
    found = Section.from_anndata(adata, layer="counts", spatial_key="place", section_key="slide")
    assert (found.counts != adata.layers["counts"]).nnz == 0
    assert list(found.genes) == list(adata.var_names)
    np.testing.assert_array_equal(found.coordinates, adata.obsm["place"])
    np.testing.assert_array_equal(found.lattice, adata.obs[["array_row", "array_col"]])
    assert list(found.labels) == list(adata.obs["slide"].astype(str))
    plain = Section.from_anndata(adata[:, :2])
    assert plain.labels is None
    assert plain.counts.shape == (60, 2)


def test_array_positions_are_places_enough(adata):
    del adata.obsm["spatial"]
    found = Section.from_anndata(adata)
    assert found.coordinates is None
    assert found.places().shape == (60, 2)
    adata.obs = adata.obs[["array_row"]]
    with pytest.raises(InputError, match=r"`spatial_key`.*dissociated"):
        Section.from_anndata(adata)


@pytest.mark.parametrize("kind", ["h5ad", "dense h5ad", "blocks of HDF5", "zarr", "dense zarr"])
def test_counts_on_disk_come_to_memory_as_they_are(tmp_path, kind):
    made = section_of(n_genes=40)
    stored = Section(on_disk(kind, made.counts, tmp_path), made.genes, made.coordinates)
    mask = np.arange(60) % 3 == 0
    for section, wanted in ((stored, made.counts), (stored.take(mask), made.counts[mask])):
        found = section.in_memory().counts
        assert isinstance(found, sparse.csr_matrix)
        assert (found != wanted).nnz == 0


@pytest.mark.parametrize("read", [Section.in_memory, GeneImages.from_section], ids=["memory", "images"])
def test_each_count_is_read_once(read):
    made = section_of()
    blocks = Blocks(made.counts, [7, 30, 23])
    read(Section(blocks, made.genes, made.coordinates))
    assert blocks.computed == [(0, 7), (7, 37), (37, 60)]


@pytest.mark.parametrize("layout", ["csr", "csc", "dense", "unsorted"])
def test_counts_of_the_caller_stay_as_they_are(layout):
    made = section_of()
    counts = {"csc": made.counts.tocsc(), "dense": made.counts.toarray()}.get(layout, made.counts)
    if layout == "unsorted":
        counts = sparse.csr_matrix((counts.data[::-1], counts.indices[::-1], counts.indptr), counts.shape)
    parts = [counts] if layout == "dense" else [counts.data, counts.indices, counts.indptr]
    before = [part.copy() for part in parts]
    found = Section(counts, made.genes, made.coordinates).in_memory()
    GeneImages.from_section(found, ImageConfig(min_spots=1))
    assert (found.counts != sparse.csr_matrix(counts)).nnz == 0
    for now, then in zip(parts, before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_images_of_a_section_are_those_of_its_arrays(adata):
    section = Section.from_anndata(adata)
    config = ImageConfig(min_spots=1)
    images = [
        GeneImages.from_section(section, config),
        GeneImages.from_section(section.in_memory(), config),
        GeneImages.from_anndata(adata, config),
        GeneImages.from_arrays(adata.X, list(adata.var_names), section.coordinates, section.lattice, config),
    ]
    assert len({one.data_hash for one in images}) == 1


# --- several sections --------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(st.sampled_from(["a", "b", "c", "1", ""]), min_size=1, max_size=40))
def test_parts_hold_every_spot_once_in_its_own_section(labels):
    section = section_of(len(labels), labels=np.array(labels, dtype=object))
    names, spots = zip(*section.parts(), strict=True)
    assert list(names) == list(dict.fromkeys(labels))
    assert (np.sum(spots, axis=0) == 1).all()
    for name, some in section.parts():
        part = section.take(some)
        assert set(part.labels) == {name}
        assert (part.counts != section.counts[some]).nnz == 0
        np.testing.assert_array_equal(part.coordinates, section.coordinates[some])


def test_a_section_without_labels_is_one_part():
    section = section_of()
    ((name, spots),) = section.parts()
    assert name is None
    assert section.take(spots) is section


@pytest.mark.parametrize(
    ("column", "words"),
    [(["a"] * 59 + [None], "1 missing values"), (np.arange(60.0) + 0.5, None), (["a", "b"] * 30, None)],
)
def test_labels_are_text_for_every_spot(adata, column, words):
    adata.obs["own"] = column
    if words is not None:
        with pytest.raises(InputError, match=f"`section_key`.*{words}"):
            Section.from_anndata(adata, section_key="own")
        return
    found = Section.from_anndata(adata, section_key="own").labels
    assert list(found) == [str(one) for one in column]


# --- what is refused, and in whose words -------------------------------------------------------------------


def with_value(value):
    counts = section_of().counts.tolil()
    counts[3, 2] = value
    return {"counts": counts.tocsr()}


@pytest.mark.parametrize("called", [Called(), TARGET], ids=["arrays", "target"])
@pytest.mark.parametrize(
    ("parts", "part", "words"),
    [
        ({"genes": ["a", "b"]}, "genes", "2 names for 5 genes"),
        ({"genes": list("abcda")}, "genes", "duplicated names.*'a'"),
        ({"genes": ["a\n", *"bcde"]}, "genes", "line breaks"),
        ({"coordinates": np.ones((59, 2))}, "places", "59 places for 60"),
        ({"lattice": np.ones((61, 2))}, None, "`array_row, array_col`.*61 places for 60"),
        ({"counts": sparse.csr_matrix((60, 0)), "genes": []}, "section", "at least one of both"),
        (with_value(np.nan), "counts", "1 values that are NaN or infinite"),
        (with_value(-np.inf), "counts", "1 values that are NaN or infinite"),
        (with_value(-2), "counts", r"negative values .smallest -2"),
    ],
)
def test_a_refusal_is_in_the_words_of_the_caller(parts, part, words, called):
    with pytest.raises(InputError, match=words) as error:
        section_of(**parts, called=called).in_memory()
    if part is not None:
        assert error.value.argument == getattr(called, part)


@pytest.mark.parametrize(
    ("coordinates", "words"),
    [
        (np.ones((60, 3)), r"\(60, 3\)"),
        (np.ones(60), r"\(60,\)"),
        (np.full((60, 2), "x"), "numbers"),
        (np.full((60, 2), np.nan), "60 of 60 spots without finite"),
        (None, "no coordinates"),
    ],
)
def test_places_that_cannot_be_used_are_refused(coordinates, words):
    with pytest.raises(InputError, match=f"`coordinates`.*{words}"):
        section_of(coordinates=coordinates).places()


@pytest.mark.parametrize("layer", ["raw", ["counts"], 3])
def test_a_layer_that_is_not_there_is_named(adata, layer):
    adata.layers["counts"] = adata.X
    with pytest.raises(InputError, match=r"`layer`.*'counts'"):
        Section.from_anndata(adata, layer=layer)


# --- fractions ---------------------------------------------------------------------------------------------


def told_of(read) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        read()
    return [one for one in told if "not whole numbers" in str(one.message)]


@pytest.mark.parametrize("kind", ["memory", "h5ad", "dense zarr"])
def test_fractions_are_told_of_once_for_a_section_and_all_its_parts(tmp_path, monkeypatch, kind):
    made = section_of(n_genes=40, labels=np.repeat(["a", "b"], 30).astype(object))
    whole = SpotRows.__init__  # so that there are many chunks
    monkeypatch.setattr(SpotRows, "__init__", lambda self, counts: whole(self, counts, values=150))
    counts = made.counts * 0.5 if kind == "memory" else on_disk(kind, made.counts * 0.5, tmp_path)
    section = Section(counts, made.genes, made.coordinates, labels=made.labels)

    def read():
        loaded = section.in_memory()
        for each in (section, loaded):
            for _, spots in each.parts():
                GeneImages.from_section(each.take(spots), ImageConfig(min_spots=1))

    (told,) = told_of(read)
    assert told.filename == __file__
    assert not told_of(read)
    again = Section(made.counts * 0.5, made.genes, made.coordinates)
    assert len(told_of(again.in_memory)) == 1


def test_values_that_are_not_normalised_are_not_told_of():
    section = section_of(counts=section_of().counts * -0.5)
    config = ImageConfig(normalize="none", min_spots=1)
    assert not told_of(lambda: GeneImages.from_section(section, config))


def test_an_object_of_tables_is_refused_with_their_names(adata):
    class SpatialData:
        tables = None

    SpatialData.tables = {"cells": adata, "bins": adata}
    with pytest.raises(InputError, match=r"io\.read\(sdata, table='cells'\)\. There are 'cells', 'bins'"):
        Section.from_anndata(SpatialData())


def test_places_of_sections_on_top_of_each_other_are_refused_where_they_are_asked_for():
    at = np.column_stack(np.divmod(np.arange(36.0), 6))
    section = Section(np.ones((72, 2)), np.array(["a", "b"]), np.vstack([at, at]), np.vstack([at, at]))
    with pytest.raises(InputError, match="several sections on top of each other"):
        section.places()
    apart = replace(section, labels=np.repeat(["one", "two"], 36).astype(object))
    np.testing.assert_array_equal(apart.places(), np.vstack([at, at]))


@pytest.mark.parametrize(
    ("third", "words"),
    [
        (np.zeros(36), r"Keep the two columns of its plane"),
        (np.repeat([0.0, 1.0], 18), r"names 2 slices"),
        (np.arange(36.0), r"Places in a volume are not one section"),
    ],
)
def test_a_third_column_is_told_by_what_it_holds(third, words):
    at = np.column_stack([*np.divmod(np.arange(36.0), 6), third])
    with pytest.raises(InputError, match=words):
        Section(np.ones((36, 2)), np.array(["a", "b"]), at).places()
