"""Networks of genes as files: what igraph reads back is what the table says."""

from __future__ import annotations

import sys
from pathlib import Path

import igraph
import numpy as np
import pandas as pd
import pytest

import sigel
from sigel.errors import InputError, MissingPackageError


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene_a": ["Mbp", "Plp1", "Mbp", "Gfap & <co>", "Mbp"],
            "gene_b": ["Plp1", "Mbp", "Gfap & <co>", "Aqp4", "Mbp"],
            "similarity": [0.9, 0.9, -0.25, 1 / 3, np.nan],
            "null_mean": [0.1, 0.1, 0.1, 0.1, np.nan],
            "pval": [1e-5, 1e-5, 0.7, 0.02, np.nan],
            "qval": [3e-5, 3e-5, 0.7, 0.03, np.nan],
            "status": ["tested"] * 4 + ["one gene"],
        },
        index=[3, 1, 4, 1, 5],
    )


def edges_of(path: Path) -> pd.DataFrame:
    graph = igraph.Graph.Read_GraphML(str(path))
    assert not graph.is_directed()
    name = graph.vs["name"]
    ends = pd.DataFrame([[name[k] for k in edge.tuple] for edge in graph.es], columns=["gene_a", "gene_b"])
    return ends.assign(**{one: graph.es[one] for one in graph.es.attributes() if one != "id"})


def test_edges_and_their_values_are_read_back(table: pd.DataFrame, tmp_path: Path) -> None:
    before = table.copy()
    sigel.io.write_network(table, tmp_path / "network.graphml")
    pd.testing.assert_frame_equal(table, before)
    found = edges_of(tmp_path / "network.graphml")
    # Each pair once, and none without a similarity.
    wanted = table.iloc[[0, 2, 3]][["gene_a", "gene_b", "similarity", "pval", "qval"]]
    pd.testing.assert_frame_equal(found, wanted.reset_index(drop=True), rtol=1e-12)


def test_probabilities_go_along_and_one_that_is_missing_stays_missing(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "network.graphml"
    path.write_text("what was there before")
    sigel.io.write_network(table.iloc[[0, 2]].assign(prob=[0.75, np.nan]), str(path))
    found = edges_of(path)
    assert found["prob"][0] == 0.75
    assert np.isnan(found["prob"][1])
    assert "nan" not in path.read_text().lower().replace("attr.name", "")


def test_what_the_door_returns_can_be_written(tmp_path: Path) -> None:
    adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    genes = list(adata.var_names[:9])
    table = sigel.tl.gene_interactions(adata, genes=genes, device="cpu", progress=False)
    sigel.io.write_network(table[table["similarity"] > 0], tmp_path / "network.graphml")
    found = edges_of(tmp_path / "network.graphml")
    assert len(found) == (table["similarity"] > 0).sum()
    assert {*found["gene_a"], *found["gene_b"]} <= set(genes)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda table: table.drop(columns="similarity"), "gene_interactions returned"),
        (lambda table: table.to_dict(), "no data frame"),
        (lambda table: table.iloc[:0], "0 rows"),
        (lambda table: table.iloc[4:], "1 row, none with a similarity"),
        (lambda table: table.assign(gene_b=None), "missing names of genes.*two names in each row"),
    ],
)
def test_another_table_is_refused(table, change, text, tmp_path):
    with pytest.raises(InputError, match=text) as refused:
        sigel.io.write_network(change(table), tmp_path / "network.graphml")
    assert refused.value.argument == "table"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "text"),
    [("network.csv", r"ends in \.graphml"), ("no/network.graphml", "Make the folder"), (".", "graphml")],
)
def test_another_file_is_refused(table, name, text, tmp_path):
    with pytest.raises(InputError, match=text) as refused:
        sigel.io.write_network(table, tmp_path / name)
    assert refused.value.argument == "path"
    with pytest.raises(InputError, match=r"`path`: found 3"):
        sigel.io.write_network(table, 3)
    (tmp_path / "taken.graphml").mkdir()
    with pytest.raises(InputError, match="a folder"):
        sigel.io.write_network(table, tmp_path / "taken.graphml")


def test_without_igraph_the_line_that_installs_it_is_said(table, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "igraph", None)
    with pytest.raises(MissingPackageError, match=r'igraph.*pip install "sigel\[leiden\]"'):
        sigel.io.write_network(table, tmp_path / "network.graphml")


def test_a_network_that_fails_half_way_leaves_what_was_there(table, monkeypatch, tmp_path):
    path = tmp_path / "network.graphml"
    sigel.io.write_network(table, path)
    before = path.read_bytes()

    def half(_, file):
        Path(file).write_text("<graphml>")
        raise OSError("no space left")

    monkeypatch.setattr(igraph.Graph, "write_graphml", half)
    with pytest.raises(InputError, match="no space left"):
        sigel.io.write_network(table.head(2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_igraph_says_of_a_table_is_not_told_as_the_disk(table, monkeypatch, tmp_path):
    def refuse(self, file):
        raise igraph.InternalError("attributes of another kind")

    monkeypatch.setattr(igraph.Graph, "write_graphml", refuse)
    with pytest.raises(igraph.InternalError, match="of another kind"):
        sigel.io.write_network(table, tmp_path / "a.graphml")
    assert not list(tmp_path.iterdir())
