"""Gene sets in gene groups: Fisher's test, the background, GMT files, both doors, wrong input."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, fisher_exact

import sigel
from sigel import bridge
from sigel.errors import InputError
from sigel.tasks.gene_groups.enrichment import group_enrichment
from sigel.tasks.gene_groups.gene_sets import read_gmt

COLUMNS = ["group", "term", "overlap", "term_size", "group_size", "expected", "odds_ratio"]
COLUMNS += ["pval", "qval", "genes"]


def section(n: int = 60, n_groups: int = 3, seed: int = 0) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    return [f"g{i}" for i in range(n)], rng.integers(1, n_groups + 1, n).astype(str).tolist()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(5, 50), n_groups=st.integers(1, 4), n_terms=st.integers(1, 5), seed=st.integers(0, 99))
def test_every_row_is_fishers_test_and_q_is_over_all_pairs(n, n_groups, n_terms, seed):
    genes, group = section(n, n_groups, seed)
    rng = np.random.default_rng(seed)
    sets = {
        f"t{k}": list(rng.choice(genes, rng.integers(1, n + 1), replace=False)) + ["absent"]
        for k in range(n_terms)
    }
    table = group_enrichment(genes, group, sets, min_size=1, max_size=n)
    assert list(table.columns) == COLUMNS
    assert table["pval"].is_monotonic_increasing
    pvals, rows = [], {(row.group, row.term): row for row in table.itertuples()}
    for term, members in sets.items():
        for label in sorted(set(group)):
            inside = {g for g, one in zip(genes, group, strict=True) if one == label}
            members_here = set(members) - {"absent"}
            both = members_here & inside
            square = [
                [len(both), len(members_here - inside)],
                [len(inside - members_here), n - len(members_here | inside)],
            ]
            odds, pval = fisher_exact(square, alternative="greater")
            pvals.append(pval)
            if not both:
                assert (label, term) not in rows
                continue
            row = rows[label, term]
            assert (row.overlap, row.term_size, row.group_size) == (
                len(both),
                len(members_here),
                len(inside),
            )
            assert row.pval == pytest.approx(pval, abs=1e-9)
            assert row.odds_ratio == pytest.approx(odds, nan_ok=True)
            assert row.expected == pytest.approx(len(members_here) * len(inside) / n)
            assert set(row.genes.split(",")) == both
    adjusted = false_discovery_control(np.minimum(pvals, 1))
    lookup = dict(zip([(g, t) for t in sets for g in sorted(set(group))], adjusted, strict=True))
    assert np.allclose(table["qval"], [lookup[key] for key in zip(table.group, table.term, strict=True)])


def test_genes_without_a_group_are_no_background():
    genes, group = section()
    sets = {"a": genes[:12], "b": [*genes[10:30], "x1", "x2"]}
    table = group_enrichment(genes, group, sets)
    more = group_enrichment([*genes, "x1", "x2", "x3"], [*group, "", None, float("nan")], sets)
    pd.testing.assert_frame_equal(table, more)
    assert table.attrs == {"n_background": 60, "n_terms": 2}


def test_names_that_come_twice_in_a_set_count_once():
    genes, group = section()
    once = group_enrichment(genes, group, {"a": genes[:12]})
    pd.testing.assert_frame_equal(once, group_enrichment(genes, group, {"a": genes[:12] * 2}))


def test_random_sets_are_not_called():
    rng = np.random.default_rng(0)
    genes, group = section(1000, 8)
    sets = {f"t{k}": list(rng.choice(genes, 40, replace=False)) for k in range(300)}
    table = group_enrichment(genes, group, sets)
    assert (table["qval"] < 0.05).sum() <= 2
    assert (table["pval"] < 0.05).mean() < 0.07  # discrete, so conservative


def test_sets_of_the_wrong_size_are_left_out():
    genes, group = section()
    sets = {"small": genes[:4], "right": genes[:20], "large": genes[:50]}
    table = group_enrichment(genes, group, sets, min_size=5, max_size=20)
    assert set(table["term"]) == {"right"}
    assert table.attrs["n_terms"] == 1


# --- the doors -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    adata = sigel.datasets.simulated_section(
        20, 20, n_programmes=3, genes_per_programme=20, n_background_genes=60, fold=(4.0, 8.0)
    )
    sigel.tl.embed(adata, preset="fast", n_groups=4, progress=False)
    return adata


@pytest.fixture(scope="module")
def programmes(fitted):
    groups = fitted.var.groupby("programme", observed=True).groups
    return {str(name): list(genes) for name, genes in groups.items()}


def test_planted_programmes_are_found_in_their_groups(fitted, programmes):
    table = sigel.tl.group_enrichment(fitted, programmes)
    for programme in set(programmes) - {"background"}:
        best = table[table["term"] == programme].iloc[0]
        group = fitted.var["sigel_group"][programmes[programme]]
        assert best["group"] == group.mode()[0]
        assert best["qval"] < 1e-6
        assert best["odds_ratio"] > 10
        assert best["overlap"] > 3 * best["expected"]
    # Genes of the spike-ins and mitochondria have no image, so they are no background.
    assert table.attrs["n_background"] == (fitted.var["sigel_status"] == "embedded").sum()


@pytest.mark.parametrize("ending", [".gmt", ".gmt.gz"])
def test_files_dicts_and_both_doors_give_the_same(fitted, programmes, tmp_path, ending):
    text = "".join("\t".join([name, "planted", *genes]) + "\n" for name, genes in programmes.items())
    path = tmp_path / f"sets{ending}"
    path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    assert read_gmt(path) == programmes
    wanted = sigel.tl.group_enrichment(fitted, programmes, min_size=3)
    pd.testing.assert_frame_equal(sigel.tl.group_enrichment(fitted, path, min_size=3), wanted)
    names = list(fitted.var_names)
    group = fitted.var["sigel_group"].astype(object).fillna("").tolist()
    for sets in (programmes, str(path)):
        found = bridge.group_enrichment(
            genes=names, group=group, gene_sets=sets, min_size=3.0, max_size=500.0
        )["table"]
        pd.testing.assert_frame_equal(pd.DataFrame(found), wanted, check_dtype=False)
    # R passes a set of one gene as plain text.
    alone = bridge.group_enrichment(
        genes=names, group=group, gene_sets={"one": names[0]}, min_size=1.0, max_size=500.0
    )["table"]
    assert alone["genes"] == [names[0]]


def test_odd_files_are_read_as_they_are_meant(tmp_path):
    path = tmp_path / "sets.gmt"
    path.write_bytes(b"\xef\xbb\xbfA\t\tg1\tg2\t\r\n\r\nB\thttp://x\tg3\nA\t\tg4\n")
    assert read_gmt(path) == {"A": ["g1", "g2", "g4"], "B": ["g3"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "which is empty"),
        (b"A g1 g2\n", "line 1 is 'A g1 g2'"),
        (b"A\tx\tg1\nB\n", "line 2"),
        (b"\x1f\x8bbroken", "GMT"),
        (b"\xff\xfe\x00", "GMT"),
    ],
)
def test_files_that_are_no_gmt_are_refused(tmp_path, content, words):
    path = tmp_path / "sets.gmt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"`gene_sets`.*{words}"):
        read_gmt(path)


@pytest.mark.parametrize(
    ("sets", "arguments", "words"),
    [
        ({"a": ["GENE0001", "GENE0002"]}, {}, "'GENE0001' there, 'Gene0001' here"),
        ({"a": ["ENSG00000141510"]}, {}, "'ENSG00000141510' there"),
        ({"a": []}, {}, "no set with a gene of the section"),
        ({"a": ["Gene0001"]}, {}, "no set of that size.*1 measured"),
        ({"a": "Gene0001"}, {}, "one text for 'a'"),
        ({}, {}, "no set"),
        (["Gene0001"], {}, "a list"),
        (None, {}, "a NoneType"),
        ("nowhere.gmt", {}, "'nowhere.gmt', which is no file"),
        ({"a": ["Gene0001"]}, {"min_size": 0}, "`min_size`"),
        ({"a": ["Gene0001"]}, {"max_size": 2.5}, "`max_size`"),
        ({"a": ["Gene0001"]}, {"min_size": 9, "max_size": 3}, "`max_size`.*below min_size=9"),
        ({"a": ["Gene0001"]}, {"key": "other"}, "`key`.*embed"),
    ],
)
def test_bad_input_is_named(fitted, sets, arguments, words):
    with pytest.raises(InputError, match=words):
        sigel.tl.group_enrichment(fitted, sets, **arguments)
