"""Imputed genes in two groups of cells: no more is claimed than the intervals allow."""

from __future__ import annotations

import importlib
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sigel
from sigel.errors import InputError
from sigel.tasks.imputation import compared


def made_of(values, lower, upper, group):
    genes = [f"Gene{k}" for k in range(values.shape[1])]
    var = pd.DataFrame({"expected_pcc": 1.0, "trusted": True}, index=genes)
    obs = pd.DataFrame({"group": group}, index=[f"cell{k}" for k in range(len(values))])
    made = ad.AnnData(values.astype(np.float32), obs=obs, var=var)
    made.layers["lower"], made.layers["upper"] = lower.astype(np.float32), upper.astype(np.float32)
    made.uns["sigel_imputation"] = {"params": '{"coverage": 0.9}'}
    return made


def simulated(width, *, n=200, genes=300, apart=0.0, seed=0):
    """Predictions that vary by 0.3, errors of a width; a difference of the means."""
    rng = np.random.default_rng(seed)
    group = np.where(np.arange(n) < n // 2, "a", "b")
    values = 5 + 0.3 * rng.normal(size=(n, genes)) + apart * (group == "a")[:, None]
    half = stats.norm.ppf(0.95) * width
    return made_of(values, values - half, values + half, group), values


def naive(values, first):
    return stats.ttest_ind(values[first], values[~first], equal_var=False).pvalue


def test_wide_intervals_make_p_values_larger_and_narrow_ones_do_not():
    found = {}
    for width in (1e-3, 1.0, 3.0):
        made, values = simulated(width, apart=0.15)
        found[width] = sigel.tl.compare_imputed(made, "group", first="a")
        plain = naive(values, np.asarray(made.obs["group"] == "a"))
        if width > 0.1:
            assert np.mean(found[width]["pval"] > plain) > 0.97
        else:
            np.testing.assert_allclose(found[width]["pval"], plain, atol=0.003)
    assert (
        np.median(found[1e-3]["pval"]) < 0.01 < np.median(found[1.0]["pval"]) < np.median(found[3.0]["pval"])
    )
    assert found[1e-3]["uncertain"].max() < 0.01
    assert found[1.0]["uncertain"].median() > 0.3
    np.testing.assert_allclose(found[1e-3]["difference"].mean(), 0.15, atol=0.02)


def test_what_is_little_to_be_trusted_foretells_little():
    made, _ = simulated(0.5, apart=0.15)
    whole = sigel.tl.compare_imputed(made, "group", first="a")
    made.var["expected_pcc"] = 0.25
    half = sigel.tl.compare_imputed(made, "group", first="a")
    np.testing.assert_allclose(half["difference"], whole["difference"] / 2, atol=0.05)
    assert (half["pval"] > whole["pval"]).mean() > 0.9
    made.var["expected_pcc"] = np.nan
    assert (sigel.tl.compare_imputed(made, "group", first="a")["pval"] < 0.05).mean() < 0.05


@pytest.mark.parametrize("width", [0.1, 1.0])
def test_without_a_difference_few_are_found(width):
    made, _ = simulated(width, genes=1000, seed=1)
    pval = sigel.tl.compare_imputed(made, "group", first="a")["pval"]
    assert (pval < 0.05).mean() < 0.07
    assert (pval < 0.5).mean() < 0.55


@pytest.mark.parametrize("pcc", [0.0, 0.25, 1.0])
def test_intervals_that_begin_at_0_make_no_difference_of_their_own(pcc):
    rng = np.random.default_rng(4)
    group = np.repeat(["a", "b"], 500)
    values = np.where(group == "a", 0.6, 0.2)[:, None] + 0.05 * rng.normal(size=(1000, 200))
    values = np.clip(values, 0, 1.5)
    made = made_of(values, np.zeros_like(values), np.full_like(values, 1.5), group)
    made.var["expected_pcc"] = pcc
    found = sigel.tl.compare_imputed(made, "group", first="a")
    plain = values[:500].mean(axis=0) - values[500:].mean(axis=0)
    off = found["difference"] - np.sqrt(pcc) * plain
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(200)
    assert off.std() < found["se"].mean()
    if pcc == 0:
        assert (found["pval"] < 0.05).mean() < 0.05
    else:
        assert (found["difference"] > 0).mean() > 0.99


def test_cells_differ_in_their_intervals_alone_and_not_in_their_means():
    rng = np.random.default_rng(5)
    group = np.repeat(["a", "b"], 500)
    values = 0.4 + 0.05 * rng.normal(size=(1000, 200))
    upper = np.where(group == "a", 3.0, 0.8)[:, None] + np.zeros_like(values)
    found = sigel.tl.compare_imputed(made_of(values, np.zeros_like(values), upper, group), "group", first="a")
    assert abs(found["difference"].mean()) < 0.01
    assert (found["pval"] < 0.05).mean() < 0.05


def test_values_without_spread_are_not_tested():
    made, values = simulated(1.0, genes=6)
    group = np.asarray(made.obs["group"] == "a")
    values[:, 1], values[:, 2] = 5.1, np.where(group, 5.3, 5.1)
    lower, upper = made.layers["lower"].copy(), made.layers["upper"].copy()
    lower[:, 1:3], upper[:, 1:3] = values[:, 1:3], values[:, 1:3]
    flat = made_of(values, lower, upper, made.obs["group"].to_numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sigel.tl.compare_imputed(flat, "group", first="a")
    assert found.index[found["pval"].isna()].tolist() == ["Gene1", "Gene2"]
    assert found.index[found["qval"].isna()].tolist() == ["Gene1", "Gene2"]
    assert found["se"].iloc[1:3].tolist() == [0, 0]
    np.testing.assert_allclose(found["difference"].iloc[1:3], [0, 0.2], atol=1e-5)


@pytest.fixture(scope="module")
def panel():
    target, reference, hidden = sigel.datasets.simulated_panel(seed=0)
    genes = [name for name in hidden.var_names if not name.startswith(("mt-", "ERCC"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        imputed = sigel.tl.impute(target, reference, genes=genes, progress=False, device="cpu")
    return target, reference, hidden[:, genes], imputed


def test_genes_without_a_pattern_do_not_differ_between_domains_and_some_with_one_do(panel):
    *_, hidden, imputed = panel
    found = sigel.tl.compare_imputed(imputed, "region", first="ring", second="layer")
    none = (hidden.var["programme"] == "background").to_numpy()
    ring = np.asarray(imputed.obs["region"] == "ring")
    some = ring | np.asarray(imputed.obs["region"] == "layer")
    plain = naive(np.asarray(imputed.X)[some], ring[some])
    assert (plain[none] < 0.05).mean() > 0.4
    assert (found["pval"].to_numpy()[none] < 0.05).mean() <= 0.05
    assert (found["pval"].to_numpy()[~none] < 0.05).mean() > 0.1
    assert list(found.columns) == [*compared.COLUMNS, "expected_pcc", "trusted"]


@pytest.mark.nightly
def test_a_file_is_compared_some_genes_at_a_time(panel, tmp_path, monkeypatch):
    target, reference, _, imputed = panel
    genes = list(imputed.var_names[:40])
    where = sigel.tl.impute(
        target, reference, genes=genes, out=tmp_path / "a.h5ad", progress=False, device="cpu"
    )
    named = {"first": ["ring", "blob"], "second": "layer"}
    # Parts of one size in both, so that the same is drawn; 16 are the fewest genes of a part.
    monkeypatch.setattr(compared, "_VALUES", 1)
    held = sigel.tl.compare_imputed(imputed, "region", genes=genes[::-1], **named)
    found = sigel.tl.compare_imputed(str(where), "region", genes=genes[::-1], **named)
    assert list(found.index) == genes[::-1]
    for column in ("difference", "se", "pval", "uncertain"):
        np.testing.assert_allclose(found[column], held[column], rtol=1e-4, atol=1e-6)
    again = sigel.tl.compare_imputed(where, "region", genes=genes[::-1], **named)
    pd.testing.assert_frame_equal(again, found)


@pytest.mark.nightly
def test_parts_are_as_many_genes_as_memory_holds_of_all_cells(panel, tmp_path, monkeypatch):
    target, reference, _, imputed = panel
    genes = list(imputed.var_names[:40])
    where = sigel.tl.impute(
        target, reference, genes=genes, out=tmp_path / "a.h5ad", progress=False, device="cpu"
    )
    asked = []
    door = importlib.import_module("sigel.tl._compare_imputed")
    monkeypatch.setattr(door, "genes_at_a_time", lambda n: asked.append(n) or 16)
    for one in (imputed, where):
        sigel.tl.compare_imputed(one, "region", first="ring", second="layer", genes=genes, n_draws=2)
    assert asked == [target.n_obs, target.n_obs]
    assert compared.genes_at_a_time(160_000) == 125


def test_numbers_and_missing_labels_are_labels_and_none():
    made, _ = simulated(1.0)
    made.obs["number"] = np.where(made.obs["group"] == "a", 1, 2)
    made.obs["some"] = made.obs["group"].where(np.arange(200) % 4 > 0)
    whole = sigel.tl.compare_imputed(made, "group", first="a")
    pd.testing.assert_frame_equal(sigel.tl.compare_imputed(made, "number", first=1), whole)
    made.obs["gaps"] = made.obs["number"].where(np.arange(200) % 4 > 0)
    assert made.obs["gaps"].dtype == float
    made.obs["kinds"] = made.obs["gaps"].astype("category")
    made.obs["half"] = made.obs["gaps"] / 2
    part = sigel.tl.compare_imputed(made[np.arange(200) % 4 > 0].copy(), "group", first="a", second=["b"])
    pd.testing.assert_frame_equal(sigel.tl.compare_imputed(made, "some", first="a"), part)
    for key, first in (("gaps", 1), ("gaps", 1.0), ("gaps", "1"), ("kinds", 1), ("half", 0.5)):
        pd.testing.assert_frame_equal(sigel.tl.compare_imputed(made, key, first=first), part)


def test_an_interval_without_an_end_is_not_tested():
    made, _ = simulated(1.0)
    made.layers["upper"][3, 5] = np.inf
    found = sigel.tl.compare_imputed(made, "group", first="a")
    assert found.index[found["pval"].isna()].tolist() == ["Gene5"]
    assert found["qval"].isna().sum() == 1


def test_what_cannot_be_compared_is_refused(tmp_path):
    made, _ = simulated(1.0, genes=4)
    bare = made.copy()
    del bare.layers["lower"]
    plain = made.copy()
    del plain.uns["sigel_imputation"]
    lone = made.copy()
    lone.obs["group"] = ["c", *made.obs["group"][1:]]
    for imputed, more, words in (
        (3, {}, "`imputed`: found a int"),
        (plain, {}, "`imputed`: found uns without"),
        (bare, {}, "`imputed`.*without intervals.*intervals=True"),
        (tmp_path / "none.h5ad", {}, "`path`.*not there"),
        (made, {"group_key": "region"}, "`group_key`.*There are: 'group'"),
        (made, {"first": "c"}, "`first`.*'c', unknown.*There are: 'a', 'b'"),
        (made, {"second": []}, "`second`: found no label"),
        (made, {"second": ["a", "b"]}, "`second`.*in the first group"),
        (lone, {"first": "c"}, "`first`: found 1 cell.*3 or more"),
        (made, {"first": ["a", "b"]}, "`second`: found 0 cells"),
        (made, {"genes": "Gene9"}, "`genes`.*'Gene9'"),
        (made, {"genes": ["Gene1", "Gene1"]}, "`genes`.*more than once"),
        (made, {"n_draws": 1}, "`n_draws`: found 1"),
        (made, {"seed": -1}, "`seed`"),
    ):
        with pytest.raises(InputError, match=words):
            sigel.tl.compare_imputed(imputed, **{"group_key": "group", "first": "a", **more})
