"""Spatially variable genes: planted truth, calibration, real tissue, covariates, sections, bad input."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sigel
from r_pieces import pieces
from sigel import bridge
from sigel.errors import InputError
from sigel.images.raster import rasterise
from sigel.tasks.spatial_genes.one_section import COLUMNS
from sigel.tasks.spatial_genes.one_section import spatial_genes as spatial_genes_of
from sigel.tasks.spatial_genes.score import score_against_nulls
from sigel.tasks.spatial_genes.several_sections import combine_sections, pixel_covariates

WRITTEN = [
    f"sigel_spatial_{name}" for name in ("score", "effect", "pval", "log_pval", "qval", "rank", "status")
]


@pytest.fixture(scope="module")
def section():
    return sigel.datasets.simulated_section(
        n_rows=26, n_cols=26, n_programmes=4, genes_per_programme=40, n_background_genes=240, seed=3
    )


@pytest.fixture(scope="module")
def table(section):
    return sigel.tl.spatial_genes(section.copy(), progress=False)


def shuffled(adata, seed=0):
    """The same profiles at other places."""
    other = adata.copy()
    other.X = adata.X[np.random.default_rng(seed).permutation(adata.n_obs)]
    return other


def programme(adata, table):
    return adata.var["programme"].astype(str).reindex(table.index).to_numpy()


def test_planted_genes_come_first(section, table):
    kind = programme(section, table)
    tested = (table["status"] == "tested").to_numpy()
    planted, flat = tested & (kind != "background"), tested & (kind == "background")
    n = planted.sum()
    for column in ("statistic", "score", "effect"):
        values = table[column].to_numpy()
        area = stats.mannwhitneyu(values[planted], values[flat]).statistic / n / flat.sum()
        assert area > 0.97, column
    assert (table["qval"].to_numpy()[planted] < 0.05).mean() > 0.9
    # Some of what is called at q < 0.05 is wrong: 5 % in expectation, twice that by chance.
    called = (table["qval"] < 0.05).to_numpy()
    assert (called & flat).sum() <= 0.1 * called.sum()


def test_the_table_is_in_order(section, table):
    assert list(table.columns) == list(COLUMNS)
    assert list(table.index) == list(section.var_names)
    tested = table["status"] == "tested"
    assert table.loc[~tested].drop(columns="status").isna().all().all()
    known = table[tested]
    assert sorted(known["rank"]) == list(range(1, len(known) + 1))
    assert known.sort_values("rank")["statistic"].is_monotonic_decreasing
    assert known["pval"].between(0, 1).all()
    assert (known["qval"] >= known["pval"]).all()
    assert known["effect"].between(0, 1).all()
    assert known["length_scale"].min() == pytest.approx(100)


def test_what_is_left_out_says_why(table):
    left = table[table["status"] != "tested"]
    assert set(left.index[left["status"] == "excluded by name"]) >= {"mt-Nd1", "ERCC-00002"}


def test_columns_are_written_and_nothing_else(section):
    adata = section.copy()
    before = adata.copy()
    table = sigel.tl.spatial_genes(adata, score=False, progress=False)
    assert list(adata.var.columns) == [*before.var.columns, *WRITTEN]
    assert (adata.X != before.X).nnz == 0
    assert list(adata.obsm) == list(before.obsm)
    np.testing.assert_array_equal(adata.var["sigel_spatial_rank"], table["rank"])
    assert table["score"].isna().all()


@pytest.mark.parametrize("lattice", ["visium", "square", "cells"])
def test_without_a_pattern_p_values_are_uniform(lattice):
    adata = sigel.datasets.simulated_section(
        n_rows=24, n_cols=24, n_programmes=3, genes_per_programme=150, n_background_genes=450, lattice=lattice
    )
    ps, scores = [], []
    for seed in range(3):
        found = sigel.tl.spatial_genes(shuffled(adata, seed), score=seed == 0, progress=False).dropna(
            subset=["pval"]
        )
        ps.append(found["pval"])
        scores.append(found["score_pval"].dropna())
    # 900 genes of one order of the spots are not 900 independent draws: programmes move together.
    assert stats.kstest(pd.concat(ps), "uniform").statistic < 0.06
    assert (pd.concat(ps) < 0.01).mean() < 0.02
    # One order of the spots alone: the programmes are three draws, not 450.
    assert (pd.concat(scores) < 0.01).mean() < 0.05


def test_background_genes_score_near_zero(section, table):
    flat = table["score"].to_numpy()[programme(section, table) == "background"]
    assert abs(np.nanmedian(flat)) < 1


@pytest.mark.parametrize("null", ["nb", "zinb"])
def test_simulated_nulls_give_the_same_order(section, table, null):
    found = sigel.tl.spatial_genes(section.copy(), null=null, progress=False)
    assert stats.spearmanr(found["score"], table["score"], nan_policy="omit").statistic > 0.95
    np.testing.assert_array_equal(found["pval"], table["pval"])


def test_the_same_seed_gives_the_same_scores(section, table):
    again = sigel.tl.spatial_genes(section.copy(), progress=False)
    pd.testing.assert_frame_equal(again, table)
    other = sigel.tl.spatial_genes(section.copy(), seed=1, progress=False)
    assert not other["score"].equals(table["score"])
    assert other["pval"].equals(table["pval"])


def test_a_fitted_model_gives_the_score(section, tmp_path):
    images = sigel.GeneImages.from_anndata(section)
    config = sigel.SIGELConfig.from_dict({"preset": "fast", "n_groups": 4})
    model = sigel.SIGEL(config).fit(images)
    folder = model.save(tmp_path / "model")
    one = sigel.tl.spatial_genes(section.copy(), model=model, progress=False)
    two = sigel.tl.spatial_genes(section.copy(), model=folder, progress=False)
    pd.testing.assert_frame_equal(one, two)
    kind = programme(section, one)
    assert one["score"][kind != "background"].median() > one["score"][kind == "background"].median() + 3
    # It has seen the noise of the genes, not that of the null images: no p-value comes of that.
    assert one["score"].notna().any()
    assert one["score_pval"].isna().all()


def test_a_model_of_other_genes_is_refused(section):
    other = section.copy()
    other.var_names = [f"Other{n}" for n in range(other.n_vars)]
    model = sigel.SIGEL(sigel.SIGELConfig.from_dict({"preset": "fast", "n_groups": 2}))
    model.fit(sigel.GeneImages.from_anndata(other, sigel.ImageConfig(exclude=())))
    adata = section.copy()
    with pytest.raises(InputError, match=r"`model`: found a model of .* 0 of them"):
        sigel.tl.spatial_genes(adata, model=model, progress=False)
    assert not set(WRITTEN) & set(adata.var.columns)


# --- real tissue -----------------------------------------------------------------------------------------

MARKERS = {
    "st_mousebrain_hippo1": ["Slc17a7", "Prox1", "Mbp", "Plp1"],
    "dlpfc_151510": ["MBP", "PLP1", "SNAP25", "PCP4"],
}


@pytest.mark.parametrize("name", MARKERS)
def test_known_markers_come_first_and_their_permuted_copies_do_not(real_section, name):
    adata = real_section(f"{name}.h5ad")
    chosen = [gene for gene in MARKERS[name] if gene in adata.var_names]
    assert len(chosen) >= 3
    table = sigel.tl.spatial_genes(adata, score=False, progress=False)
    # Whole profiles move: a gene's counts alone, at spots of other depths, would make a pattern.
    permuted = sigel.tl.spatial_genes(shuffled(adata), score=False, progress=False)
    n = (table["status"] == "tested").sum()
    # Prox1 is rare, and all 500 genes of the cortex section were chosen for their patterns.
    assert (table.loc[chosen, "rank"].nsmallest(3) < 0.1 * n).all()
    assert (table.loc[chosen, "qval"] < 0.01).all()
    assert (permuted.loc[chosen, "statistic"] < table["statistic"].quantile(0.75)).all()
    assert (permuted.loc[chosen, "pval"] > 1e-3).all()
    assert (permuted["qval"] < 0.05).sum() <= 5


def test_published_answers_for_the_olfactory_bulb_agree(real_section):
    adata = real_section("mob_rep11.h5ad")
    from conftest import SHARED

    published = pd.read_csv(SHARED / "data" / "mob_rep11_spark_results.tsv.gz", sep="\t", index_col=0)
    p = published.filter(regex="(?i)combined_pvalue|pval").iloc[:, 0]
    table = sigel.tl.spatial_genes(adata, score=False, progress=False)
    shared = table.index[table["pval"].notna()].intersection(p.index[p.notna()])
    assert len(shared) > 5000
    agreement = stats.spearmanr(table.loc[shared, "pval"], p[shared]).statistic
    assert agreement > 0.3
    best = set(p[shared].nsmallest(100).index)
    assert len(best & set(table.loc[shared].nsmallest(300, "rank").index)) > 60


# --- covariates and sections -----------------------------------------------------------------------------


def test_a_pattern_that_a_covariate_explains_is_gone(section):
    adata = section.copy()
    layer = (adata.var["programme"] == "layer").to_numpy()
    share = np.asarray(adata.X[:, layer].sum(axis=1) / adata.X.sum(axis=1)).ravel()
    adata.obs["high"] = np.sqrt(share)
    adata.obs["region"] = adata.obs["region"].astype(str)
    kinds = adata.var["programme"].astype(str)

    def strength(covariates):
        found = sigel.tl.spatial_genes(adata.copy(), covariates=covariates, score=False, progress=False)
        return found["statistic"].groupby(kinds).median().drop("background")

    left = strength("high") / strength(None)
    assert left["layer"] < 0.15
    assert (left.drop("layer") > 0.5).all()
    assert (strength(["region", "high"]) < strength(None)).all()


def test_text_becomes_a_column_for_each_level():
    rows, cols = np.divmod(np.arange(16), 4)
    lattice = np.column_stack([rows, cols])
    counts, config = np.ones((16, 2)), sigel.ImageConfig(min_spots=1)
    images = sigel.GeneImages.from_arrays(counts, ["a", "b"], lattice * 10.0, lattice, config)
    kind = np.array(list("xyxzzxyyxzxyzzyx"))
    found = pixel_covariates(images.raster, {"kind": kind, "size": np.arange(16.0)})
    assert found.shape == (16, 4)
    np.testing.assert_allclose(found[:, :3].sum(axis=1), 1)
    spots = images.raster.to_spots(found.T).T
    np.testing.assert_array_equal(spots[:, 0], kind == "x")
    np.testing.assert_array_equal(spots[:, 3], np.arange(16.0))


def two_sections(section):
    first, second = section.copy(), shuffled(section, seed=5)
    for adata, name in ((first, "one"), (second, "two")):
        adata.obs["slide"] = name
        adata.obs_names = [f"{name}-{cell}" for cell in adata.obs_names]
    return first, second, anndata.concat([first, second], merge="same")


def test_sections_are_tested_apart_and_combined(section):
    first, second, both = two_sections(section)
    tables = [sigel.tl.spatial_genes(a.copy(), score=False, progress=False) for a in (first, second)]
    table = sigel.tl.spatial_genes(both, section_key="slide", score=False, progress=False)
    tested = table["pval"].notna()
    expected = [
        stats.combine_pvalues([max(tables[0]["pval"][g], 1e-300), max(tables[1]["pval"][g], 1e-300)]).pvalue
        for g in table.index[tested][:50]
    ]
    np.testing.assert_allclose(table["pval"][tested][:50], expected, rtol=1e-6)
    stouffer = (tables[0]["statistic"] + tables[1]["statistic"]) / np.sqrt(2)
    np.testing.assert_allclose(table["statistic"][tested], stouffer[tested])


def test_progress_names_the_section_where_there_are_several(section, capsys):
    sigel.tl.spatial_genes(two_sections(section)[2], section_key="slide", score=False, progress=True)
    assert capsys.readouterr().err.count(" genes in section '") == 2
    sigel.tl.spatial_genes(section.copy(), score=False, progress=True)
    assert "in section" not in capsys.readouterr().err


def test_images_of_several_sections_on_one_canvas_are_not_tested_as_one(section):
    images = sigel.GeneImages.from_anndata(two_sections(section)[2], section_key="slide")
    with pytest.raises(InputError, match="`images`: found images of 2 sections; wanted images of one"):
        spatial_genes_of(images)


def test_a_gene_without_an_answer_in_one_section_has_that_of_the_other():
    columns = {"score": [1.0, 2.0], "score_pval": [0.1, 0.2], "statistic": [3.0, 4.0], "effect": [0.2, 0.4]}
    one = pd.DataFrame(
        columns | {"length_scale": 100.0, "pval": [0.01, 0.02], "status": "tested"}, index=["a", "b"]
    ).assign(log_pval=np.log([0.01, 0.02]))
    two = one.copy()
    two.loc["b", ["score", "score_pval", "statistic", "effect", "length_scale", "pval", "log_pval"]] = np.nan
    two.loc["b", "status"] = "detected in fewer than 10 spots"
    both = combine_sections([one, two], [100, 100])
    assert both.loc["b", "pval"] == pytest.approx(0.02)
    assert both.loc["b", "statistic"] == pytest.approx(4.0)
    assert both.loc["b", "effect"] == pytest.approx(0.4)
    assert both.loc["b", "status"] == "tested"
    neither = combine_sections([two, two], [100, 100])
    assert np.isnan(neither.loc["b", "pval"])
    assert neither.loc["b", "status"] == "detected in fewer than 10 spots"


def test_logarithms_go_on_where_p_values_end(section):
    adata = sigel.datasets.simulated_section(96, 96, 3, 8, 20, seed=0)
    table = sigel.tl.spatial_genes(adata, score=False, progress=False)
    tested = table[table["status"] == "tested"]
    ended = tested["pval"] == 0
    assert ended.any()
    assert np.isfinite(tested["log_pval"]).all()
    assert (tested.loc[ended, "log_pval"] < np.log(5e-324)).all()
    np.testing.assert_allclose(np.exp(tested.loc[~ended, "log_pval"]), tested.loc[~ended, "pval"], rtol=1e-12)
    order = tested["log_pval"].rank()
    assert stats.spearmanr(order[ended], tested.loc[ended, "rank"]).statistic > 0.9
    heights = np.concatenate(
        [dots.get_offsets()[:, 1] for dots in sigel.pl.spatial_genes(adata).axes[0].collections[:2]]
    )
    np.testing.assert_allclose(sorted(heights), sorted(-tested["log_pval"] / np.log(10)))


def test_sections_are_combined_beyond_what_p_values_hold():
    columns = {"score": np.nan, "score_pval": np.nan, "statistic": 50.0, "effect": 0.5, "length_scale": 1.0}
    one = pd.DataFrame(columns | {"pval": 0.0, "status": "tested"}, index=["a", "b"])
    one["log_pval"] = [-1000.0, -3000.0]
    both = combine_sections([one, one], [100, 100])
    # With two sections Fisher's tail is exp(-s) (1 + s), s the sum of the logarithms.
    total = np.array([2000.0, 6000.0])
    np.testing.assert_allclose(both["log_pval"], np.log1p(total) - total, rtol=1e-6)
    mild = one.assign(log_pval=[-2.0, -200.0], pval=np.exp([-2.0, -200.0]))
    both = combine_sections([mild, mild], [100, 100])
    np.testing.assert_allclose(both["pval"], stats.chi2.sf([8.0, 800.0], 4), rtol=1e-9)


# --- the score -------------------------------------------------------------------------------------------


def test_a_gene_is_judged_by_genes_of_its_level():
    """Null distances grow with the level; the score must not."""
    rng = np.random.default_rng(0)
    level = np.geomspace(1, 1e4, 3000)
    size = np.log10(level)[:, None] + 1
    real = (size * rng.normal(size=(3000, 6))).astype(np.float32)
    nulls = (size[:, None] * rng.normal(size=(3000, 2, 6))).astype(np.float32)
    order = rng.permutation(3000)
    score, pval = score_against_nulls(real[order], nulls[order], level[order])
    assert abs(stats.spearmanr(score, level[order]).statistic) < 0.06
    assert stats.kstest(pval, "uniform").statistic < 0.04
    assert pval.min() >= 1 / 6001


# --- the other door, and what is refused -----------------------------------------------------------------


def test_the_bridge_gives_the_same_numbers(section):
    _, _, both = two_sections(section)
    both.obs["size"] = np.arange(both.n_obs) % 7
    expected = sigel.tl.spatial_genes(
        both, section_key="slide", covariates=["size"], device="cpu", progress=False
    )
    found = bridge.spatial_genes(
        section=pieces(both, labels=both.obs["slide"]),
        settings={},
        null="permute",
        n_nulls=1.0,
        score=True,
        model=None,
        covariates={"size": both.obs["size"].tolist()},
        seed=0.0,
        device="cpu",
        progress=None,
    )
    assert found["gene"] == list(expected.index)
    for column in COLUMNS[:-1]:
        np.testing.assert_allclose(np.asarray(found[column], dtype=float), expected[column], err_msg=column)
    assert found["status"] == expected["status"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"null": "poisson"}, r"`null`: found 'poisson'"),
        ({"n_nulls": 0}, r"`n_nulls`: found 0"),
        ({"covariates": "regoin"}, r"`covariates`: found 'regoin', unknown here \(nearest: 'region'\)"),
        ({"section_key": "slide"}, r"`section_key`: found 'slide', unknown here"),
        ({"layer": "raw"}, r"`layer`: found 'raw'"),
        ({"config": 3}, r"`config`: found 3"),
        ({"covariates": 3}, r"`covariates`: found 3"),
        ({"key": "a/b"}, r"`key`: found 'a/b'"),
        ({"key": ""}, r"`key`: found ''"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_written(section, arguments, message):
    adata = section.copy()
    with pytest.raises(InputError, match=message):
        sigel.tl.spatial_genes(adata, progress=False, **arguments)
    assert not set(WRITTEN) & set(adata.var.columns)


def test_covariates_with_gaps_are_refused(section):
    adata = section.copy()
    adata.obs["age"] = np.where(np.arange(adata.n_obs) < 3, np.nan, 1.0)
    with pytest.raises(InputError, match=r"`covariates`: found 'age' with 3 missing values"):
        sigel.tl.spatial_genes(adata, covariates="age", progress=False)


def test_covariates_that_tell_every_spot_apart_are_refused(section):
    adata = section.copy()
    adata.obs["name"] = adata.obs_names
    with pytest.raises(InputError, match=r"`covariates`: found \d+ columns.* wanted at most half as many"):
        sigel.tl.spatial_genes(adata, covariates="name", progress=False)


def test_a_refusal_names_the_section(section):
    adata = section.copy()
    adata.obs["slide"] = np.where(np.arange(adata.n_obs) < 15, "tiny", "whole")
    with pytest.raises(InputError, match=r"\(in section 'tiny'\)") as refusal:
        sigel.tl.spatial_genes(adata, section_key="slide", progress=False)
    assert refusal.value.argument == "coordinates"
    assert refusal.value.found == "15 pixels of tissue (in section 'tiny')"


def test_codes_of_categories_are_names(section):
    adata = section.copy()
    code = np.arange(adata.n_obs) * 7 % 5
    adata.obs["code"] = pd.Categorical(code)
    adata.obs["text"] = code.astype(str)
    adata.obs["number"] = code
    found = {
        name: sigel.tl.spatial_genes(adata.copy(), covariates=name, score=False, progress=False)
        for name in ("code", "text", "number")
    }
    pd.testing.assert_frame_equal(found["code"], found["text"])
    assert not found["code"]["statistic"].equals(found["number"]["statistic"])


def test_a_model_of_other_images_is_refused(section):
    model = sigel.SIGEL(sigel.SIGELConfig.from_dict({"preset": "fast", "n_groups": 2}))
    model.fit(sigel.GeneImages.from_anndata(section))
    with pytest.raises(InputError, match=r"`images`: found scale='max'; wanted scale='zscore'"):
        sigel.tl.spatial_genes(section.copy(), model=model, config={"scale": "max"}, progress=False)


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_what_is_no_seed_is_refused(section, seed):
    with pytest.raises(InputError, match="`seed`: found"):
        sigel.tl.spatial_genes(section.copy(), seed=seed, score=False, progress=False)


def test_a_handful_of_spots_is_no_section(section):
    with pytest.raises(InputError, match="wanted at least 20"):
        sigel.tl.spatial_genes(section[:15].copy(), config={"min_spots": 1}, progress=False)


def test_few_genes_have_no_score(section):
    few = section[:, section.var_names[:16]].copy()
    found = sigel.tl.spatial_genes(few, progress=False)
    assert found["score"].isna().all()
    assert found["pval"].notna().all()
    one = sigel.tl.spatial_genes(section[:, ["Gene0003"]].copy(), progress=False)
    assert one["pval"].notna().all()


def test_a_gradient_of_depth_makes_no_pattern_of_scattered_counts():
    """Negative binomial genes of one rate, where the depth falls along the rows."""
    rng = np.random.default_rng(0)
    rows, cols = np.divmod(np.arange(1600), 40)
    depth = np.geomspace(1, 6, 40)[rows]
    level = rng.uniform(0.5, 8, size=300)
    counts = rng.poisson(depth[:, None] * level * rng.gamma(2, 0.5, size=(1600, 300)))
    lattice = np.column_stack([rows, cols])
    images = sigel.GeneImages.from_arrays(counts, [f"g{n}" for n in range(300)], lattice * 1.0, lattice)
    found = spatial_genes_of(images, score=False)
    assert (found["pval"] < 0.05).mean() < 0.1
    assert (found["pval"] < 0.001).mean() < 0.01


def test_uneven_numbers_of_cells_make_no_pattern_of_counts_as_they_are():
    rng = np.random.default_rng(0)
    places = np.column_stack([rng.beta(1, 3, size=6000), rng.uniform(size=6000)]) * 1000
    counts = rng.poisson(0.5, size=(6000, 60))
    config = sigel.ImageConfig(normalize="none", pixel_size=25.0)
    images = sigel.GeneImages.from_arrays(counts, [f"g{n}" for n in range(60)], places, None, config)
    assert images.raster.spots_per_pixel.max() > 5 * np.median(images.raster.spots_per_pixel)
    found = spatial_genes_of(images, null="nb")
    assert (found["pval"] < 0.05).mean() < 0.15
    assert abs(found["score"].median()) < 1


def test_the_unit_of_values_does_not_matter(section):
    values = section.copy()
    values.X = values.X * 0.5
    small = values.copy()
    small.X = values.X * 1e-6
    one, two = (
        sigel.tl.spatial_genes(a, config={"normalize": "none"}, score=False, progress=False)
        for a in (values, small)
    )
    np.testing.assert_allclose(one["statistic"], two["statistic"], rtol=1e-3, atol=1e-3)


def test_few_genes_and_values_that_are_no_counts_have_answers_too(section):
    few = section[:, section.var_names[:12]].copy()
    assert sigel.tl.spatial_genes(few, progress=False)["pval"].notna().sum() >= 10
    values = section.copy()
    values.X = values.X * 0.5
    found = sigel.tl.spatial_genes(values, config={"normalize": "none"}, progress=False)
    kind = programme(section, found)
    assert found["statistic"][kind != "background"].median() > 5


def test_covariates_of_another_length_are_refused_with_both_numbers():
    raster = rasterise(np.column_stack(np.divmod(np.arange(100.0), 10)), None, sigel.ImageConfig())
    with pytest.raises(InputError, match=r"`covariates`: found 99 values of 'batch'.*100 spots"):
        pixel_covariates(raster, {"batch": np.arange(99.0)})
