"""Genes of a report: their order, their place, their nearest, beside what the doors for Python say."""

from __future__ import annotations

import base64
import doctest
import importlib
import warnings
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import sigel
from reported import full_section
from sigel.config.report import ReportConfig
from sigel.keys import NO_PATTERN
from sigel.report._found import found_in
from sigel.report._genes import for_page, genes_of
from sigel.report._quality import quality_of


@pytest.fixture(scope="module")
def found():
    return found_in(full_section(), "sigel", None, None)


@pytest.fixture(scope="module")
def genes(found):
    return genes_of(found, [], ReportConfig(n_neighbors=4), method="pca", seed=0)


def test_all_embedded_genes_are_there_the_clearest_pattern_first(found, genes):
    var = found.adata.var
    assert set(genes.names) == set(var.index[var["sigel_status"] == "embedded"])
    rank = var.loc[genes.names, "sigel_spatial_rank"].to_numpy()
    assert (np.diff(rank[np.isfinite(rank)]) > 0).all()
    assert (genes.image >= 0).all()
    assert (found.images.genes[genes.image] == genes.names).all()


def test_genes_that_are_named_come_first_in_their_order(found):
    asked = list(found.images.genes[[7, 3, 7, 11]])
    made = genes_of(found, [*asked, "nothing"], ReportConfig(), method="pca", seed=0)
    assert list(made.names[:3]) == [asked[0], asked[1], asked[3]]
    assert made.at[asked[1]] == 1


def test_without_spatial_genes_the_surest_of_their_groups_come_first():
    adata = full_section()
    adata.var = adata.var.drop(columns=[name for name in adata.var if "spatial" in name])
    made = genes_of(found_in(adata, "sigel", None, None), [], ReportConfig(), method="pca", seed=0)
    assert made.rank is None
    group, prob = (adata.var.loc[made.names, name] for name in ("sigel_group", "sigel_group_prob"))
    flat = (group == NO_PATTERN).to_numpy()
    assert not flat[: int((~flat).sum())].any()
    assert (np.diff(prob.to_numpy()[~flat]) <= 0).all()


def test_nearest_genes_are_those_of_similar_genes(found, genes):
    table = sigel.tl.similar_genes(found.adata, list(genes.names), n=4, combine="each")
    theirs = table["gene"].to_numpy().reshape(-1, 4)
    assert (genes.names[genes.near] == theirs).all()
    np.testing.assert_allclose(genes.similarity.ravel(), table["similarity"])
    # Random genes of the same expression are drawn by the order of the genes: alike, not the same.
    np.testing.assert_allclose(genes.random_95.ravel(), table["random_95"], atol=0.2)


def test_the_map_is_that_of_the_task_on_one_scale(found, genes):
    from sigel.tasks.gene_map import gene_map

    z = found.representations[found.embedded]
    place = gene_map(z, method="pca")
    mine = genes.place[np.argsort(genes.row)].astype(float)
    theirs = place * [1, -1]
    theirs = theirs - theirs.min(axis=0)
    np.testing.assert_allclose(mine / mine.max(), theirs / theirs.max(), atol=1e-3)


def test_groups_are_named_in_their_order_the_flat_one_last(found, genes):
    assert found.groups[-1] == NO_PATTERN
    theirs = found.adata.var.loc[genes.names, "sigel_group"].astype(str)
    assert [found.groups[k] for k in genes.group] == list(theirs)


def test_the_page_can_unpack_what_it_is_given(genes):
    page = for_page(genes)
    kinds = {"Uint16Array": "<u2", "Int16Array": "<i2", "Int8Array": "i1", "Uint8Array": "u1"}

    def unpacked(name):
        return np.frombuffer(base64.b64decode(page[name]["bytes"]), kinds[page[name]["type"]])

    assert (unpacked("near").reshape(-1, page["n_near"]) == genes.near).all()
    assert (unpacked("group") == genes.group).all()
    assert (unpacked("x") == genes.place[:, 0]).all()
    np.testing.assert_allclose(unpacked("similarity") / 100, genes.similarity.ravel(), atol=0.006)
    assert (unpacked("rank") == np.nan_to_num(genes.rank)).all()


def test_what_is_not_known_of_nearest_genes_is_no_zero(genes, found):
    unknown = replace(genes, random_95=np.full_like(genes.random_95, np.nan))
    assert set(base64.b64decode(for_page(unknown)["random"]["bytes"])) == {128}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = quality_of(found, unknown).rows
    assert not [row for row in rows if "nearest" in row[0]]


def test_two_genes_are_each_others_nearest():
    adata = full_section()
    lost = np.arange(adata.n_vars) >= 2
    adata.varm["X_sigel"][lost] = np.nan
    made = genes_of(found_in(adata, "sigel", None, None), [], ReportConfig(), method="tsne", seed=0)
    assert made.near.tolist() == [[1], [0]]


@pytest.mark.parametrize("module", ["_genes", "_page", "_tables"])
def test_examples_of_the_report_run(module):
    result = doctest.testmod(importlib.import_module(f"sigel.report.{module}"))
    assert (result.failed, result.attempted > 0) == (0, True)


def test_examples_of_the_settings_run():
    result = doctest.testmod(importlib.import_module("sigel.config.changed"))
    assert (result.failed, result.attempted > 0) == (0, True)
