"""Genes paired by name: orthologs, help with names that do not match, and what may be asked for."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.errors import InputError
from sigel.tasks.imputation.gene_pairing import LEAST_SHARED, genes_to_impute, pair_genes

MOUSE = [f"Gene{i}" for i in range(30)]
HUMAN = [name.upper() for name in MOUSE]


def pairs(pairing, target, reference):
    return {(target[a], reference[b]) for a, b in zip(pairing.target, pairing.reference, strict=True)}


def refused(argument, *given_, **more):
    """The error's text, which must name the argument."""
    with pytest.raises(InputError) as error:
        pair_genes(*given_, **more)
    assert error.value.argument == argument
    return str(error.value)


# --- pairing -----------------------------------------------------------------------------------------------


@given(data=st.data(), n=st.integers(0, 12), m=st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_the_order_of_genes_changes_the_order_only(data, n, m):
    target, reference = [f"g{i}" for i in range(n)], [f"g{i}" for i in range(5, 5 + m)]
    table = {f"g{i}": f"g{i + 7}" for i in range(0, n, 3)}
    plain = pair_genes(target, reference, table, least=0)
    a, b = data.draw(st.permutations(target)), data.draw(st.permutations(reference))
    mixed = pair_genes(a, b, table, least=0)
    assert pairs(mixed, a, b) == pairs(plain, target, reference)
    assert dict(zip(b, mixed.names, strict=True)) == dict(zip(reference, plain.names, strict=True))
    assert set(mixed.unpaired) == set(plain.unpaired)
    every = [mixed.names[at] for at in genes_to_impute(mixed, a, b, None)]
    assert set(every) == {plain.names[at] for at in genes_to_impute(plain, target, reference, None)}
    # Each gene is one gene: none twice, none both measured and imputed.
    used = [name for name in mixed.names if name is not None]
    assert len(set(used)) == len(used)
    assert not set(every) & set(a)


def test_genes_of_one_name_pair_and_the_others_are_told():
    pairing = pair_genes(["b", "x", "a"], ["a", "b", "c"], least=2)
    assert list(pairing.target) == [2, 0]
    assert list(pairing.reference) == [0, 1]
    assert list(pairing.names) == ["a", "b", "c"]
    assert pairing.names.dtype == object
    assert list(pairing.unpaired) == ["x"]


@pytest.mark.parametrize("kind", [dict, pd.DataFrame])
def test_orthologs_rename_genes_of_the_reference(kind):
    table = dict(zip(HUMAN, MOUSE, strict=True))
    if kind is pd.DataFrame:
        table = pd.DataFrame({"score": 1, "Reference": MOUSE, "TARGET": HUMAN})
    pairing = pair_genes(HUMAN[:25], MOUSE[::-1], table)
    assert pairs(pairing, HUMAN[:25], MOUSE[::-1]) == set(zip(HUMAN[:25], MOUSE[:25], strict=True))
    # Genes that the target lacks have its spelling too, so that they can be asked for.
    assert list(pairing.names) == HUMAN[::-1]
    assert list(genes_to_impute(pairing, HUMAN[:25], MOUSE[::-1], ["GENE29", "GENE27"])) == [0, 2]


def test_genes_that_are_not_in_the_table_pair_by_their_own_names():
    pairing = pair_genes(["A", "b", "c"], ["a", "b", "d"], {"A": "a", "c": "not here"}, least=0)
    assert pairs(pairing, ["A", "b", "c"], ["a", "b", "d"]) == {("A", "a"), ("b", "b")}
    assert list(pairing.names) == ["A", "b", "d"]
    assert list(pairing.unpaired) == ["c"]


def test_the_table_wins_over_a_gene_that_bears_the_name():
    target, reference = ["A", "B"], ["A", "a", "C", "c"]
    pairing = pair_genes(target, reference, {"A": "a", "C": "c"}, least=0)
    assert pairs(pairing, target, reference) == {("A", "a")}
    assert list(pairing.names) == [None, "A", None, "C"]
    assert list(genes_to_impute(pairing, target, reference, None)) == [3]
    # Two genes that change names are no conflict.
    assert list(pair_genes(["x"], ["a", "b"], {"a": "b", "b": "a"}, least=0).names) == ["b", "a"]


def test_genes_with_several_partners_are_dropped_and_named():
    target, reference = ["A", "B", "C", "D"], ["a1", "a2", "bc", "d"]
    table = pd.DataFrame(
        [("A", "a1"), ("A", "a2"), ("B", "bc"), ("C", "bc"), ("D", "d"), ("D", "d"), ("E", None)],
        columns=["target", "reference"],
    )
    with pytest.warns(UserWarning, match=r"4 of 5 orthologs.*'A' to 'a1'"):
        pairing = pair_genes(target, reference, table, least=1)
    assert pairs(pairing, target, reference) == {("D", "d")}
    assert list(pairing.names) == ["a1", "a2", "bc", "D"]
    with pytest.warns(UserWarning, match="2 of 3 orthologs"):
        pair_genes(target, reference, {"B": "bc", "C": "bc", "D": "d"}, least=1)


def test_a_table_without_doubt_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair_genes(HUMAN, MOUSE, dict(zip(HUMAN, MOUSE, strict=True)))
        pair_genes(MOUSE, [*MOUSE, "Other"])


# --- help with names that do not match ---------------------------------------------------------------------


def test_too_few_shared_genes_are_counted():
    words = refused("reference", MOUSE[: LEAST_SHARED - 1], MOUSE)
    assert f"{LEAST_SHARED - 1} genes shared" in words
    assert f"{LEAST_SHARED} or more" in words
    assert len(pair_genes(MOUSE[:LEAST_SHARED], MOUSE).target) == LEAST_SHARED


def test_names_that_differ_by_capitals_are_noticed_and_the_line_that_helps_works():
    words = refused("reference", HUMAN, MOUSE)
    assert "30 more differ by capitals only, e.g. 'GENE0' and 'Gene0'" in words
    line = words[words.index("theirs = ") :].rstrip(".")
    first, second = line.split("; ")
    names = {
        "target": type("Section", (), {"var_names": HUMAN}),
        "reference": type("Section", (), {"var_names": MOUSE}),
    }
    exec(f"{first}\n{second}", names)
    assert len(pair_genes(HUMAN, MOUSE, names["orthologs"]).target) == 30


def test_a_few_names_that_differ_by_capitals_are_of_one_gene():
    target = [*MOUSE[:25], *HUMAN[25:]]
    with pytest.warns(UserWarning, match=r"5 genes .* capitals only and are paired.*'GENE25' and 'Gene25'"):
        pairing = pair_genes(target, MOUSE)
    assert len(pairing.target) == 30
    assert list(pairing.names) == target
    assert not len(pairing.unpaired)


def test_of_two_species_what_was_measured_is_not_imputed():
    """Most names differ by capitals: a table has to say which gene is which."""
    target, reference = [*MOUSE[:12], *HUMAN[12:]], [*MOUSE, "Sst"]
    with pytest.warns(UserWarning, match=r"18 names .* not used, .*orthologs="):
        pairing = pair_genes(target, reference)
    assert len(pairing.target) == 12
    assert [reference[at] for at in genes_to_impute(pairing, target, reference, None)] == ["Sst"]


@pytest.mark.parametrize("wanted", ["HLA-A", "HLA_A"])
def test_underscores_are_dashes(wanted):
    other = wanted.replace("-", "_") if "-" in wanted else wanted.replace("_", "-")
    target, reference = [*MOUSE, wanted], [*MOUSE, other, "HLA-B"]
    with pytest.warns(UserWarning, match=r"1 gene of .*`_` and `-`"):
        pairing = pair_genes(target, reference)
    assert list(pairing.names) == [*target, "HLA-B"]
    assert len(pairing.target) == len(target)


def test_a_name_that_might_be_a_measured_gene_is_not_used():
    target, reference = [*MOUSE, "HLA-A"], [*MOUSE, "HLA-A", "HLA_A", "hla-a"]
    with pytest.warns(UserWarning, match="2 names of the reference are nearly those"):
        pairing = pair_genes(target, reference)
    assert not len(genes_to_impute(pairing, target, reference, None))


def test_few_shared_genes_are_warned_of():
    with pytest.warns(UserWarning, match="share 12 genes"):
        pair_genes(MOUSE[:12], MOUSE)


def test_versions_of_ensembl_ids_are_no_matter_and_symbols_beside_ids_are_noticed():
    ids = [f"ENSMUSG{i:011d}" for i in range(30)]
    with pytest.warns(UserWarning, match="30 genes .* version of their Ensembl id only and are paired"):
        pairing = pair_genes(ids, [f"{name}.{i % 4 + 1}" for i, name in enumerate(ids)])
    assert list(pairing.names) == ids
    words = refused("reference", ids, MOUSE)
    assert "The target has Ensembl ids" in words
    assert "version" not in words
    assert "The reference has Ensembl ids" in refused("reference", MOUSE, ids)
    # A clone's number is no version.
    assert "version" not in refused("reference", ["AC012345.1"], ["AC012345.2"])


@pytest.mark.parametrize("side", ["target", "reference"])
def test_names_that_are_there_twice_are_refused(side):
    twice = [*MOUSE, "Gene3"]
    given_ = (twice, MOUSE) if side == "target" else (MOUSE, twice)
    words = refused(side, *given_)
    assert "duplicated names, for example 'Gene3'" in words
    assert "Call adata.var_names_make_unique() first." in words


@pytest.mark.parametrize(
    ("orthologs", "words"),
    [
        (pd.DataFrame({"human": HUMAN, "mouse": MOUSE}), "'human', 'mouse'"),
        (pd.DataFrame({"target": HUMAN}), "'target' and 'reference'"),
        (list(zip(HUMAN, MOUSE, strict=True)), "list"),
        ("table.csv", "str"),
    ],
)
def test_orthologs_of_another_kind_are_refused(orthologs, words):
    assert words in refused("orthologs", HUMAN, MOUSE, orthologs)


# --- what may be asked for ---------------------------------------------------------------------------------


@pytest.fixture
def known():
    target = MOUSE[:20]
    return pair_genes(target, MOUSE), target, MOUSE


def test_genes_come_in_the_order_asked_or_that_of_the_reference(known):
    assert list(genes_to_impute(*known, None)) == list(range(20, 30))
    assert list(genes_to_impute(*known, ["Gene25", "Gene21"])) == [25, 21]
    assert list(genes_to_impute(*known, "Gene22")) == [22]
    assert list(genes_to_impute(*known, pd.Index(["Gene29"]))) == [29]
    assert list(genes_to_impute(*known, np.array(["Gene29", "Gene20"]))) == [29, 20]
    assert genes_to_impute(*known, None).dtype == np.int64


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("Gene3", "'Gene3', which the target already holds"),
        ("GENE25", "nearest: 'Gene25'"),
        (["Gene25", "Gene26", "Gene25"], "'Gene25' more than once"),
        ([], "no name"),
        (np.arange(30) > 20, "mask"),
        ([True, False], "mask"),
        ([25, 26], "25 of type int"),
        (["Gene25", None], "None"),
        (25, "int"),
        ({"Gene25": 1}, "dict"),
    ],
)
def test_what_cannot_be_imputed_is_refused(known, asked, words):
    with pytest.raises(InputError) as error:
        genes_to_impute(*known, asked)
    assert error.value.argument == "genes"
    assert words in str(error.value)


def test_a_gene_that_must_not_be_used_is_unknown():
    target, reference = ["A"], ["A", "a", "B"]
    pairing = pair_genes(target, reference, {"B": "a"}, least=0)
    assert list(pairing.names) == ["A", "B", None]
    assert list(genes_to_impute(pairing, target, reference, "B")) == [1]
    with pytest.raises(InputError, match="unknown here"):
        genes_to_impute(pairing, target, reference, "a")


def test_a_pairing_of_other_genes_is_refused(known):
    pairing, target, reference = known
    with pytest.raises(InputError, match="29 genes for a pairing of 30"):
        genes_to_impute(pairing, target, reference[1:], None)


def test_what_is_told_of_names_points_at_the_line_of_the_caller():
    names = [f"G{k}" for k in range(20)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pair_genes([*names, "MBP", "AQP4"], [*names, "Mbp", "Aqp4"], {"MBP": "Mbp", "GFAP": "Mbp"}, least=1)
    assert len(caught) == 2
    assert {one.filename for one in caught} == {__file__}


def test_what_a_table_drops_is_not_paired_by_its_writing():
    table = pd.DataFrame({"target": [*HUMAN[:20], HUMAN[0]], "reference": [*MOUSE[:20], "Other"]})
    with pytest.warns(UserWarning, match="2 of 21 orthologs are dropped"):
        pairing = pair_genes(HUMAN[:20], [*MOUSE[:20], "Other"], table)
    assert len(pairing.target) == 19
    assert HUMAN[0] in pairing.unpaired


def test_genes_that_are_set_aside_are_told_with_why():
    target = [*(f"Gene{k}" for k in range(20)), "Mbp", "GAD1"]
    reference = [*target[:20], "MBP", "mbp", "Gad1", "GAD1", "Sst"]
    with pytest.warns(UserWarning, match="not used"):
        pairing = pair_genes(target, reference, {"GAD1": "Gad1"})
    assert pairing.set_aside == {
        "MBP": "not used: nearly the name of 'Mbp', which the target measured",
        "mbp": "not used: nearly the name of 'Mbp', which the target measured",
        "GAD1": "not used: the name that orthologs give to another gene",
    }
    assert pairing.spelt == {"Gad1": "GAD1"}
