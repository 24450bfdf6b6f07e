"""Answers for R say how they were made, with the hash that the other door gives the same data."""

from __future__ import annotations

import inspect
import json
import time

import numpy as np
import pandas as pd
import pytest

import sigel
from r_pieces import pieces
from sigel import bridge
from sigel.bridge import _recorded
from sigel.bridge._recorded import RECORDED, recorded
from sigel.keys import CALLS

QUIET = {"progress": False}
# What these answer is no result: pictures, files, what was simulated, what there is.
UNRECORDED = {
    "disease_gene",
    "gene_images",
    "gene_map",
    "gene_pair",
    "read_imputed",
    "read_section",
    "report",
    "simulate",
    "simulate_cohort",
    "simulate_panel",
    "sitrep",
    "stages",
    "version",
    "write_network",
}


@pytest.fixture(scope="module")
def small():
    return sigel.datasets.simulated_section(12, 13, 2, 10, 12, seed=3)


def record_of(answer):
    return json.loads(answer["record"])


def spatial(section):
    asked = {"settings": {}, "null": "permute", "n_nulls": 1.0, "score": False, "seed": 5.0, "device": "auto"}
    return bridge.spatial_genes(section=section, **asked)


def last_hash(adata):
    return json.loads(adata.uns[CALLS][-1])["data_hash"]


def test_every_verb_that_makes_a_result_says_how():
    assert not UNRECORDED & set(RECORDED)
    assert set(bridge.__all__) == UNRECORDED | set(RECORDED)
    for name, data in RECORDED.items():
        arguments = inspect.signature(getattr(bridge, name)).parameters
        assert data, name
        assert set(data) <= set(arguments), name


def test_the_record_has_what_the_other_door_keeps(small):
    began = time.perf_counter()
    made = record_of(spatial(pieces(small)))
    assert 0 < made["wall_time"] <= time.perf_counter() - began + 0.001
    table = sigel.tl.spatial_genes(small.copy(), score=False, seed=5, **QUIET)
    told = table.attrs["provenance"]
    assert set(made) == set(told) - {"verb", "key", "call"}
    for name in set(made) - {"wall_time"}:
        assert made[name] == told[name], name


def test_both_doors_have_one_hash_for_the_same_data(small):
    adata = small.copy()
    half = adata[:80].copy()
    asked = {"settings": {"starts": 1.0, "windows": [1.0, 7.0]}, "seed": 0.0, "device": "cpu"}
    known = half.obs["region"].astype(str).tolist()
    found = bridge.label_domains(section=pieces(adata), reference=pieces(half), known=known, **asked)
    config = {"starts": 1, "windows": [1, 7]}
    sigel.tl.label_domains(adata, half, column="region", config=config, **QUIET)
    assert record_of(found)["data_hash"] == last_hash(adata)
    # Values that are no whole numbers cross as numbers of eight bytes.
    adata.X = (adata.X / 3).astype(np.float32)
    section = pieces(adata)
    with pytest.warns(UserWarning, match="not whole numbers"):
        answer = spatial(section)
    with pytest.warns(UserWarning, match="not whole numbers"):
        sigel.tl.spatial_genes(adata, score=False, **QUIET)
    assert record_of(answer)["data_hash"] == last_hash(adata)


def test_array_positions_are_places_where_there_are_no_others(small):
    adata = small.copy()
    del adata.obsm["spatial"]
    answer = spatial(pieces(small) | {"coordinates": None})
    sigel.tl.spatial_genes(adata, score=False, **QUIET)
    assert (
        record_of(answer)["data_hash"] == last_hash(adata) != record_of(spatial(pieces(small)))["data_hash"]
    )


def test_spots_beside_the_tissue_are_no_part_of_the_data(small):
    adata = small.copy()
    adata.obs["in_tissue"] = (np.arange(len(adata)) > 4).astype(int)
    with pytest.warns(UserWarning, match="beside the tissue"):
        sigel.tl.spatial_genes(adata, score=False, **QUIET)
    assert record_of(spatial(pieces(adata[5:])))["data_hash"] == last_hash(adata)


def test_sections_of_one_object_have_its_hash_and_others_one_each(small):
    halves = [pieces(small[:80]), pieces(small[80:])]
    known = {"gene_a": list(small.var_names[:3]), "gene_b": list(small.var_names[3:6])}
    asked = {"names": ["a", "b"], "n": 5.0, "pairs": known, "settings": {}, "seed": 0.0, "device": "cpu"}
    whole = record_of(spatial(pieces(small)))["data_hash"]
    joined = bridge.gene_interactions(sections=halves, joined=True, **asked)
    assert record_of(joined)["data_hash"] == whole
    apart = bridge.gene_interactions(sections=halves, joined=False, **asked)
    assert record_of(apart)["data_hash"] == "-".join(record_of(spatial(one))["data_hash"] for one in halves)


def test_questions_that_are_not_asked_of_counts_have_a_hash_of_their_own_data():
    rng = np.random.default_rng(0)
    z, genes = rng.normal(size=(12, 3)), [f"g{k}" for k in range(12)]

    def of(z, genes):
        asked = {"level": np.zeros(12), "queries": genes[:1], "n": 3.0, "combine": "mean", "seed": 0.0}
        return record_of(bridge.similar_genes(representations=z, genes=genes, **asked))["data_hash"]

    other = z.copy()
    other[0, 0] += 1
    assert of(z, genes) == of(z.copy(), genes)
    assert len({of(z, genes), of(other, genes), of(z, ["another", *genes[1:]])}) == 3


def test_what_a_file_holds_is_not_read_again_for_a_hash():
    assert _recorded._hash([None, None, None, ["a"]], joined=False) == ""


def test_what_is_in_the_way_of_the_record_loses_no_answer(small, monkeypatch):
    wanted = spatial(pieces(small))
    monkeypatch.setattr(_recorded, "provenance", lambda *_: 1 / 0)
    with pytest.warns(UserWarning, match=r"could not be kept \(ZeroDivisionError"):
        found = spatial(pieces(small))
    del wanted["record"]
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(wanted))


def test_a_failure_is_told_as_it_is():
    @recorded("section")
    def failing(*, section):
        raise sigel.errors.InputError("section", section, "another", "Take it.")

    del RECORDED["failing"]
    with pytest.raises(sigel.errors.InputError, match="`section`"):
        failing(section="one")
