"""Imputed genes in two groups of cells: no more is claimed than the intervals allow."""

from __future__ import annotations

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


def test_a_file_is_compared_some_genes_at_a_time(panel, tmp_path, monkeypatch):
    target, reference, _, imputed = panel
    genes = list(imputed.var_names[:40])
    where = sigel.tl.impute(
        target, reference, genes=genes, out=tmp_path / "a.h5ad", progress=False, device="cpu"
    )
    named = {"first": ["ring", "blob"], "second": "layer", "n_draws": 200}
    held = sigel.tl.compare_imputed(imputed, "region", genes=genes[::-1], **named)
    monkeypatch.setattr(compared, "_VALUES", 1)
    found = sigel.tl.compare_imputed(str(where), "region", genes=genes[::-1], **named)
    assert list(found.index) == genes[::-1]
    np.testing.assert_allclose(found["difference"], held["difference"], atol=0.1)
    np.testing.assert_allclose(found["se"], held["se"], rtol=0.2)
    again = sigel.tl.compare_imputed(where, "region", genes=genes[::-1], **named)
    pd.testing.assert_frame_equal(again, found)


def test_numbers_and_missing_labels_are_labels_and_none():
    made, _ = simulated(1.0)
    made.obs["number"] = np.where(made.obs["group"] == "a", 1, 2)
    made.obs["some"] = made.obs["group"].where(np.arange(200) % 4 > 0)
    whole = sigel.tl.compare_imputed(made, "group", first="a")
    pd.testing.assert_frame_equal(sigel.tl.compare_imputed(made, "number", first=1), whole)
    part = sigel.tl.compare_imputed(made[np.arange(200) % 4 > 0].copy(), "group", first="a", second=["b"])
    pd.testing.assert_frame_equal(sigel.tl.compare_imputed(made, "some", first="a"), part)


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
        (lone, {"first": "c"}, "`first`: found 1 cells.*3 or more"),
        (made, {"first": ["a", "b"]}, "`second`: found 0 cells"),
        (made, {"genes": "Gene9"}, "`genes`.*'Gene9'"),
        (made, {"genes": ["Gene1", "Gene1"]}, "`genes`.*more than once"),
        (made, {"n_draws": 1}, "`n_draws`: found 1"),
        (made, {"seed": -1}, "`seed`"),
    ):
        with pytest.raises(InputError, match=words):
            sigel.tl.compare_imputed(imputed, **{"group_key": "group", "first": "a", **more})
