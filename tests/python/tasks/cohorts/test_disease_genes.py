"""Genes that change their place between conditions, found in simulated donors; and what is refused."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import sigel
from sigel.errors import InputError
from sigel.tasks.cohorts.design import against, design_of, first_in_words, levels_of

SIZE = {"n_changed": 8, "n_rows": 18, "n_cols": 18, "n_programmes": 4, "genes_per_programme": 24}
SIZE |= {"n_background_genes": 40}
# For questions whose answer does not hang on what is found.
SMALL = {"n_changed": 4, "n_rows": 12, "n_cols": 12, "n_programmes": 3, "genes_per_programme": 15}
SMALL |= {"n_background_genes": 20}


def changed(sections, *given, **named):
    return sigel.tl.disease_genes(sections, *given, **{"progress": False, "device": "cpu", **named})


@pytest.fixture(scope="module")
def cohort():
    return sigel.datasets.simulated_cohort((3, 3), seed=1, **SIZE)


@pytest.fixture(scope="module")
def table(cohort):
    return changed(cohort, "condition", donor="donor")


@pytest.fixture(scope="module")
def small():
    return sigel.datasets.simulated_cohort((3, 3), seed=1, **SMALL)


def truth(cohort, table):
    return cohort[0].var["change"].reindex(table.index)


def test_planted_changes_come_first_and_changes_of_level_are_kept_apart(cohort, table):
    change = truth(cohort, table)
    assert (change.iloc[:8] == "pattern").all()
    called = change[table["qval"] < 0.05]
    assert (called == "pattern").sum() == 8
    assert (called != "pattern").sum() <= 2
    by_level = change[table["level_qval"] < 0.05]
    assert (by_level == "level").sum() >= 6
    assert (by_level != "level").sum() <= 2
    rise = table["level_effect"][change == "level"]
    assert rise.median() == pytest.approx(1, abs=0.3)  # they double
    assert table["effect"][change == "pattern"].min() > 3 * table["effect"][change == "none"].median()


def test_the_table_says_what_it_rests_on(cohort, table):
    assert set(table.index) == set(cohort[0].var_names)
    tested = table["status"] == "tested"
    assert table["pval"].notna().equals(tested)
    assert (table.loc[tested, "n_donors"] == 6).all()
    assert not table["pval"].isna()[: tested.sum()].any()  # those first that were tested
    assert table.attrs["n_labellings"] == 20
    assert table.attrs["least_pval"] == pytest.approx(0.1)
    calibration = pd.DataFrame(table.attrs["calibration"])
    assert calibration["labelling"].iloc[0] == "as given"
    assert len(calibration) == 10
    assert calibration["n_called"].iloc[0] >= 8
    assert calibration["ks"].iloc[1:].median() < 0.2
    # With more than two sections repeats tell, and surrogates are not asked.
    assert "kept_pval" not in table


def test_neighbours_gained_follow_the_programme_that_a_gene_has_joined(cohort, table):
    programme = cohort[-1].var["programme"].astype(str)  # that of the cases
    first = table.index[:8]
    same = [np.mean(programme[table.loc[gene, "gained"].split(", ")] == programme[gene]) for gene in first]
    assert np.mean(same) > 0.7


@pytest.mark.nightly
def test_lists_paths_names_and_one_object_are_the_same_question(small, tmp_path):
    table = changed(small, "condition", donor="donor")
    paths = []
    for k, section in enumerate(small):
        paths.append(tmp_path / f"s{k}.h5ad")
        section.write_h5ad(paths[-1])
    values = [section.obs["condition"].iloc[0] for section in small]
    condition = pd.Categorical(values, ["control", "case"])
    by_path = changed(paths, condition)
    pd.testing.assert_frame_equal(by_path, table)
    names = {f"s{k}": section for k, section in enumerate(small)}
    by_name = changed(names, pd.Series(condition, list(names)).iloc[::-1])
    pd.testing.assert_frame_equal(by_name, table)
    joined = ad.concat(names, label="slide", index_unique="-")
    one = changed(joined, "condition", donor="donor", section_key="slide")
    both = one["status"].eq("tested") & table["status"].reindex(one.index).eq("tested")
    np.testing.assert_allclose(
        one.loc[both, "pval"], table.loc[one.index[both], "pval"], rtol=1e-6, atol=1e-12
    )


def test_nothing_of_the_sections_is_changed(small):
    before = [(s.X.copy(), list(s.obs), list(s.uns), list(s.varm)) for s in small]
    changed(small, "condition")
    for section, (x, *rest) in zip(small, before, strict=True):
        assert (x != section.X).nnz == 0
        assert [list(section.obs), list(section.uns), list(section.varm)] == rest


@pytest.mark.nightly
def test_depth_that_differs_between_conditions_calls_nothing():
    called = []
    for seed in (2, 3, 4):  # of one cohort alone, three of its genes are called by chance now and then
        quiet = sigel.datasets.simulated_cohort(
            (3, 3), seed=seed, **SIZE | {"n_changed": 0, "n_rows": 14, "n_cols": 14}
        )
        rng = np.random.default_rng(0)
        for section in quiet[3:]:
            section.X.data = rng.binomial(section.X.data.astype(int), 0.35).astype(np.float32)
            section.X.eliminate_zeros()
        called.append((changed(quiet, "condition")[["qval", "level_qval"]] < 0.05).sum())
    assert (np.mean(called, axis=0) <= 1.5).all(), called


def test_sections_of_one_donor_are_no_repeats(small):
    """Each section twice, as if cut in two: twice the sections, no more donors."""
    rng = np.random.default_rng(0)
    halves = []
    for k, section in enumerate(small):
        left = rng.random(section.n_obs) < 0.5
        for part in (section[left].copy(), section[~left].copy()):
            part.obs["donor"] = f"D{k}"
            halves.append(part)
    found = changed(halves, "condition", donor="donor")
    assert found["n_sections"].max() == 12
    assert found["n_donors"].max() == 6
    assert found.attrs["n_labellings"] == 20


@pytest.mark.nightly
def test_a_gene_that_some_sections_lack_is_tested_by_the_others(small):
    parts = [section.copy() for section in small]
    gene = parts[0].var_names[3]
    parts[0] = parts[0][:, parts[0].var_names != gene].copy()
    found = changed(parts, "condition")
    assert found.loc[gene, "n_donors"] <= 5
    only_cases = [*(s[:, s.var_names != gene].copy() for s in parts[:3]), *parts[3:]]
    found = changed(only_cases, "condition")
    assert found.loc[gene, "status"] == "in too few donors"
    assert np.isnan(found.loc[gene, "pval"])


@pytest.fixture(scope="module")
def of_two(cohort):
    """One section of each condition."""
    with pytest.warns(UserWarning, match="2 donors leave no degree of freedom.*effects are returned"):
        return changed([cohort[0], cohort[3]], ["control", "disease"])


def test_one_donor_a_condition_gives_effects_and_no_p_values(cohort, of_two):
    found = of_two
    assert found["pval"].isna().all()
    assert found["effect"].notna().sum() > 50
    change = cohort[0].var["change"].reindex(found.index)
    assert (change.iloc[:16] == "pattern").sum() >= 6  # in the order of the effect


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"condition": ["a", "b"]}, r"`condition`.*2 values.*each of the 6 sections"),
        ({"condition": "stage"}, r"`condition`.*'stage'.*column of obs"),
        ({"condition": {"1": "a"}}, r"`condition`.*nothing for the section '2'"),
        ({"condition": "condition", "donor": ["d"] * 6}, r"`donor`.*in 2 conditions.*paired=True"),
        ({"condition": "condition", "covariates": 3}, r"`covariates`.*3"),
        ({"condition": "region"}, r"`condition`.*values of 'region' in the section"),
        ({"condition": 3}, r"`condition`.*3"),
    ],
)
def test_what_is_not_known_of_each_section_is_refused(cohort, given, message):
    with pytest.raises(InputError, match=message):
        changed(cohort, **given)


@pytest.mark.parametrize(
    "given",
    [
        "batch",
        ["batch"],
        {"batch": list("xyyxxy")},
        {"batch": pd.Series(list("xyyxxy"), list("123456")).iloc[::-1]},
        pd.DataFrame({"batch": list("xyyxxy")}),
        pd.DataFrame({"batch": list("xyyxxy")[::-1]}, index=list("654321")),
    ],
    ids=["column", "columns", "dict", "dict of series", "frame", "frame by name"],
)
def test_covariates_are_the_same_however_they_are_given(small, given):
    from sigel.tl._cohort import cohort_of

    sections = [section.copy() for section in small]
    for section, batch in zip(sections, "xyyxxy", strict=True):
        section.obs["batch"] = batch
    table = cohort_of(sections, None, None, "spatial").covariates(given)
    assert list(table) == ["batch"]
    assert table.index.tolist() == list("123456")
    assert "".join(table["batch"]) == "xyyxxy"


def test_sections_that_cannot_be_compared_are_refused(cohort, tmp_path):
    with pytest.raises(InputError, match=r"`sections\[1\]`.*given twice"):
        changed([cohort[0], cohort[0]], ["a", "b"])
    with pytest.raises(InputError, match=r"`sections`.*1 section"):
        changed([cohort[0]], ["a"])
    with pytest.raises(InputError, match=r"`sections`.*int"):
        changed(3, ["a"])
    with pytest.raises(InputError, match=r"`sections\[0\]`.*no file"):
        changed([tmp_path / "none.h5ad", cohort[0]], ["a", "b"])
    (tmp_path / "text.h5ad").write_text("no counts")
    with pytest.raises(InputError, match=r"`sections\[0\]`.*text.h5ad', which cannot be read.*Write it anew"):
        changed([tmp_path / "text.h5ad", cohort[0]], ["a", "b"])
    with pytest.raises(InputError, match=r"`section_key`.*None for one object"):
        changed(cohort[0], "condition")
    other = cohort[1].copy()
    other.var_names = [f"X{k}" for k in range(other.n_vars)]
    with pytest.raises(InputError, match="genes"):
        changed([cohort[0], other], ["a", "b"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_donors": 3}, "`n_donors`"),
        ({"n_donors": (0, 3)}, "`n_donors`"),
        ({"n_changed": 10_000}, r"`n_changed`.*at most half"),
    ],
)
def test_a_cohort_that_cannot_be_simulated_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        sigel.datasets.simulated_cohort(**given)


def test_a_simulated_cohort_says_what_it_is():
    one, two = (sigel.datasets.simulated_cohort((1, 2), seed=3, **SIZE) for _ in range(2))
    assert [section.obs["donor"].iloc[0] for section in one] == ["D1", "D2", "D3"]
    assert all((a.X != b.X).nnz == 0 for a, b in zip(one, two, strict=True))
    control, case = one[0].var, one[1].var
    moved = control["programme"].astype(str) != case["programme"].astype(str)
    assert (moved == (control["change"] == "pattern")).all()
    assert (control["change"] == "level").sum() == SIZE["n_changed"]
    assert all(section.uns["simulated"] for section in one)


def test_one_section_of_each_of_two_conditions_says_which_genes_kept_their_place(cohort, of_two):
    found = of_two
    change = truth(cohort, found)
    shaped = cohort[0].var["programme"].reindex(found.index) != "background"
    stayed = found["kept_qval"][(change == "none") & shaped]
    assert (stayed < 0.05).mean() > 0.7
    assert (found["kept_qval"][change == "pattern"] < 0.05).mean() < 0.2
    flat = found["kept_pval"][~shaped & (change == "none")]
    assert 0.2 < flat.mean() < 0.8


@pytest.mark.nightly
def test_genes_whose_pictures_are_unrelated_did_not_keep_a_place():
    """Smooth fields and noise, drawn in each section on its own: surrogates are as near as they are."""
    sections = sigel.datasets.simulated_cohort((1, 1), seed=2, **SIZE)
    made = []
    for k, section in enumerate(sections):
        rng = np.random.default_rng(k)
        at = np.asarray(section.obsm["spatial"], dtype=float)
        at = (at - at.min(axis=0)) / np.ptp(at, axis=0).max()
        waves = rng.normal(size=(80, 2, 6)) * 5
        phase = rng.uniform(0, 2 * np.pi, (80, 1, 6))
        field = np.cos(np.einsum("sx,gxw->gsw", at, waves) + phase).sum(axis=2)
        field[60:] = 0
        depth = np.asarray(section.X.sum(axis=1)).ravel()
        counts = rng.poisson(3 * np.exp(0.6 * field) * depth / depth.mean()).T
        extra = ad.AnnData(
            counts.astype(np.float32), obs=section.obs, obsm={"spatial": section.obsm["spatial"]}
        )
        extra.var_names = [f"unrelated{g}" for g in range(80)]
        joined = ad.concat([section, extra], axis=1, merge="first")
        made.append(joined)
    with pytest.warns(UserWarning, match="no degree of freedom"):
        found = changed(made, ["control", "disease"])
    unrelated = found["kept_pval"][found.index.str.startswith("unrelated")]
    assert (unrelated < 0.05).mean() < 0.15
    assert (unrelated < 0.001).sum() <= 1
    assert 0.35 < unrelated.mean() < 0.65
    assert 0.2 < unrelated.std() < 0.36  # of uniform values 0.29


def test_a_copy_of_a_section_is_no_donor(cohort):
    with pytest.raises(InputError, match="the same counts for '1' and '2'") as error:
        changed([cohort[0], cohort[0].copy(), cohort[3], cohort[4]], ["a", "a", "b", "b"])
    assert error.value.argument == "sections"


@pytest.mark.parametrize("lost", [0, 2, 5])
def test_conditions_keep_their_order_where_a_section_lost_its_categories(cohort, lost):
    """A part of an object knows only its own category."""
    from sigel.tl._cohort import cohort_of

    sections = [one.copy() for one in cohort]
    sections[lost].obs["condition"] = sections[lost].obs["condition"].cat.remove_unused_categories()
    found = cohort_of(sections, None, None, "spatial").of_sections("condition", "condition")
    assert found.cat.categories.tolist() == ["control", "case"]


@pytest.mark.parametrize("kind", ["text", pytest.param("categories", marks=pytest.mark.nightly)])
def test_the_control_is_named_or_told(kind):
    sections = sigel.datasets.simulated_cohort((2, 2), **SMALL)
    of_section = ["control", "control", "case", "case"]
    given = of_section if kind == "text" else pd.Categorical(of_section, ["case", "control"])
    told = sigel.tl.disease_genes(sections, given, control="control", progress=False)
    assert told.attrs["levels"] == ["control", "case"]
    assert told.attrs["direction"] == "effects are case against control"
    assert "control='control'" in told.attrs["provenance"]["call"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        other = sigel.tl.disease_genes(sections, given)
    assert other.attrs["levels"] == ["case", "control"]
    said = [str(one.message) for one in caught if "control" in str(one.message)]
    alphabet = "The control is 'case', the first of the alphabet: effects are control against case."
    assert [one.startswith(alphabet) for one in said] == [True] * (kind == "text")
    assert np.allclose(told["level_effect"], -other["level_effect"].reindex(told.index), equal_nan=True)


@pytest.mark.parametrize(
    ("condition", "control", "found"),
    [
        (["a", "a", "b", "b"], "A", "'A', unknown here \\(nearest: 'a'\\); wanted one of 'a', 'b'"),
        ([1, 2, 3, 4], "1", "quantity"),
    ],
)
def test_a_wrong_control_is_refused(condition, control, found):
    sections = sigel.datasets.simulated_cohort((2, 2), 4)
    with pytest.raises(InputError, match=f"`control`: found .*{found}"):
        sigel.tl.disease_genes(sections, condition, control=control, progress=False)


@pytest.mark.parametrize(
    ("values", "control", "order", "why"),
    [
        ([10, 10, 2, 2], None, ["2", "10"], "the smallest number"),
        ([0.0, 0.0, 1.0, 1.0], 1, ["1", "0"], ""),
        ([0, 0, 1, 1], "1", ["1", "0"], ""),
        (pd.Series([1.0, 1.0, 0.0, 0.0], dtype=object), None, ["0", "1"], "the first of the alphabet"),
        ([True, True, False, False], None, ["False", "True"], "as False comes before True"),
        (["b", "b", "a", "a"], None, ["a", "b"], "the first of the alphabet"),
    ],
)
def test_conditions_are_called_as_a_reader_would(values, control, order, why):
    condition = against(pd.Series(values).set_axis(list("wxyz")), control)
    assert levels_of(condition) == order
    assert first_in_words(condition) == why
    design = design_of(condition, None, None, paired=False)
    assert list(design.levels) == order
    assert set(design.condition) == set(order)
