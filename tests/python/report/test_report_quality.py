"""Quality: every figure is one that the object holds, beside what it is held against."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib")

from reported import full_section
from sigel.config.report import ReportConfig
from sigel.report._found import found_in
from sigel.report._genes import genes_of
from sigel.report._quality import quality_of
from sigel.report._tables import number, p_value, written


def rows_of(adata):
    found = found_in(adata, "sigel", None, None)
    genes = genes_of(found, [], ReportConfig(), method="pca", seed=0)
    return {row[0]: row for row in quality_of(found, genes).rows}


@pytest.fixture(scope="module")
def rows():
    return rows_of(full_section())


def test_training_stands_beside_what_was_known_before_it(rows):
    history = full_section().uns["sigel"]["history"]
    _, found, beside, said = rows["Error of Module I on genes held out"]
    start, kept = (np.asarray(history[name], float) for name in ("held_out_start", "kept_epoch"))
    at = np.flatnonzero(np.isfinite(start))[-1]
    assert beside.startswith(number(float(start[at])))
    assert (said == "no gain beyond two standard errors: not kept") == (kept[at] == 0)
    held = np.asarray(history["held_out"], float)
    own = held[np.asarray(history["stage"]) == "pretrain"]
    expected = np.nanmin(held) if kept[at] == 0 else own[int(kept[at]) - 1]
    assert found == number(float(expected))


def test_an_epoch_that_was_kept_is_the_one_that_is_told():
    adata = full_section()
    history = adata.uns["sigel"]["history"]
    held = np.asarray(history["held_out"], float)
    at = np.flatnonzero(np.isfinite(held))
    history["kept_epoch"] = np.where(np.arange(len(held)) == at[-1], 1.0, np.nan)
    row = rows_of(adata)["Error of Module I on genes held out"]
    assert row[1] == number(float(held[at[0]]))
    assert row[3] == "epoch 1 was kept"


def test_stability_stands_beside_its_bounds(rows):
    adata = full_section()
    told = adata.uns["sigel"]["stability"]
    row = rows["Stability of groups of genes over 1 more seeds (Jaccard, mean)"]
    assert row[1] == number(float(np.mean(told["stability"])))
    assert "0.75" in row[2]
    assert row[3].startswith(str(int((np.asarray(told["stability"]) >= 0.75).sum())))
    assert rows["Adjusted Rand index of groups and those of other seeds"][1] == number(float(told["ari"]))
    assert "Adjusted Rand index of domains and those of other seeds" in rows


def test_spatial_genes_stand_beside_chance(rows):
    var = full_section().var
    row = rows["Genes with p < 0.05 in the test of a spatial pattern"]
    tested = int(var["sigel_spatial_qval"].notna().sum())
    assert row[1] == f"{int((var['sigel_spatial_pval'] < 0.05).sum())} of {tested} tested"
    assert row[2] == f"{round(0.05 * tested)} by chance alone"
    assert row[3].startswith(str(int((var["sigel_spatial_qval"] < 0.05).sum())))


def test_nearest_genes_stand_beside_random_ones(rows):
    row = rows["Similarity of a gene and its nearest (cosine, median)"]
    assert -1 <= float(row[1]) <= 1
    assert "random genes" in row[2]


def test_the_number_of_groups_stands_beside_the_next_best():
    adata = full_section()
    adata.uns["sigel"]["bic"] = {"1": 100.0, "3": 40.0, "4": 44.0}
    row = rows_of(adata)["BIC of 3 groups"]
    assert row[1] == "40"
    assert row[2].startswith("44 of 4 groups")
    adata.uns["sigel"]["groups"] = {"n_groups": 2}  # made anew: BIC is of others
    assert "BIC of 3 groups" not in rows_of(adata)


def test_the_number_of_domains_stands_beside_its_bound():
    adata = full_section()
    told = adata.uns["sigel"]["domains"]
    told["number"] = {"n_domains": np.array([2, 3, 4]), "found_again": np.array([0.9, 0.8, 0.3])}
    row = rows_of(adata)["Worst domain in halves of the counts (Jaccard)"]
    assert row[1] == "0.8"
    assert "0.75" in row[2]
    assert row[3].startswith("the largest number")
    told["number"]["found_again"] = np.array([0.6, 0.4, 0.3])
    row = rows_of(adata)["Worst domain in halves of the counts (Jaccard)"]
    assert row[3] == "no number of domains is found again in halves of the counts"


def test_nothing_is_said_of_what_is_not_there():
    adata = full_section()
    for name in ("history", "bic", "stability", "domains"):
        adata.uns["sigel"].pop(name, None)
    adata.var = adata.var.drop(columns=[name for name in adata.var if "spatial" in name])
    assert list(rows_of(adata)) == ["Similarity of a gene and its nearest (cosine, median)"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999.7, "1,000"),
        (99.96, "100"),
        (123.4, "123"),
        (12.34, "12.3"),
        (-4321.9, "-4,322"),
        (0.000123, "0.000123"),
    ],
)
def test_numbers_are_read_at_a_glance(value, text):
    assert number(value) == text


def test_cells_of_a_table_are_text():
    status, kept = ["tested", None], [True, False]
    columns = {"qval": [0.0, 0.2], "n": [3, 40000], "status": status, "kept": kept, "x": [np.nan, 1e6]}
    table = pd.DataFrame(columns)
    assert written(table, list(table)) == [
        ["below 1e-300", "3", "tested", "yes", "–"],
        ["0.2", "40,000", "–", "no", "1,000,000"],
    ]


@pytest.mark.parametrize(("log", "text"), [(-800.0, "1e-348"), (-10.0, "4.5e-05"), (np.nan, "4.5e-05")])
def test_p_values_below_what_numbers_hold_have_their_power(log, text):
    assert p_value(0.0 if log < -700 else 4.54e-5, log) == text
