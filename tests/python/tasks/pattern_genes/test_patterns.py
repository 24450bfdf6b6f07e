"""Designated patterns: planted genes and known markers come first, p-values are honest, bad input is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import sigel
from r_pieces import pieces
from sigel import bridge
from sigel.errors import InputError
from sigel.stats.dispersion import DispersionTrend
from sigel.tasks.pattern_genes.null_patterns import null_patterns, pattern_pvalues
from sigel.tasks.pattern_genes.rates import numeric_rates, pattern_rates, region_rates
from sigel.tasks.pattern_genes.roughness import correlogram
from sigel.tasks.pattern_genes.search import drawn_genes
from sigel.tl import pattern_genes

PROGRAMMES = ["layer", "blob", "ring", "gradient"]


@pytest.fixture(scope="module")
def section():
    return sigel.datasets.simulated_section(24, 24, 4, 25, 100, seed=0)


@pytest.fixture(scope="module")
def images(section):
    return sigel.GeneImages.from_anndata(section)


@pytest.fixture(scope="module")
def model(images):
    from sigel.model.section_model import section_model

    return section_model(images, seed=0, device="cpu")


def ask(adata, *arguments, **options):
    return pattern_genes(adata, *arguments, **{"n_null": 0, "device": "cpu", "progress": False} | options)


def share_first(adata, table, programme):
    """Of the genes that come first, as many as the programme has: the share that are its own."""
    planted = (adata.var["programme"] == programme) & (table["status"] == "tested")
    first = table.index[np.argsort(table["rank"].to_numpy())[: planted.sum()]]
    return float(planted[first].mean())


# --- planted genes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("programme", PROGRAMMES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"levels": {"high": 8}, "unit": "multiple"},
        {"levels": {"high": 0.95}, "background": 0.4},
        {"n_draws": 2, "seed": 3},
    ],
    ids=["quantile", "multiple", "background", "few draws"],
)
def test_planted_genes_come_first(section, model, programme, options):
    adata = section.copy()
    high = adata.obsm["programmes"][:, PROGRAMMES.index(programme)] > 0.5
    adata.obs["drawn"] = pd.Categorical(np.where(high, "high", "low"))
    table = ask(adata, "drawn", **{"levels": {"high": 0.9}, "model": model} | options)
    # Regions and gradients are not the programme's very shape, and others overlap with it.
    assert share_first(adata, table, programme) >= 0.75


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_a_numeric_column_is_a_pattern_as_it_stands(section, model, programme):
    adata = section.copy()
    adata.obs["score"] = -3 + 0.1 * adata.obsm["programmes"][:, PROGRAMMES.index(programme)]
    assert share_first(adata, ask(adata, "score", model=model), programme) >= 0.85


def test_distances_rank_too(section, model):
    table = ask(section, "region", {"ring": 0.95}, similarity="euclidean", model=model)
    assert (table["similarity"].dropna() <= 0).all()
    assert share_first(section, table, "ring") >= 0.75


def test_masks_may_be_true_and_false_or_have_names(section, model):
    adata = section.copy()
    adata.obs["mask"] = (adata.obs["region"] == "ring").to_numpy()
    adata.obs["number"] = adata.obs["mask"].astype(int)
    drawn, numbers = ask(adata, "mask", model=model), ask(adata, "number", model=model)
    pd.testing.assert_frame_equal(drawn, numbers)
    named = ask(adata, "mask", {True: 0.9}, model=model)
    assert share_first(adata, named, "ring") >= 0.8
    assert share_first(adata, drawn, "ring") >= 0.8


def test_cells_off_a_lattice_and_other_images_work():
    adata = sigel.datasets.simulated_section(20, 20, 2, 20, 40, lattice="cells", seed=2)
    table = ask(adata, "region", {"blob": 0.9}, config={"max_side": 12})
    assert share_first(adata, table, "blob") >= 0.8
    log = ask(adata, "region", {"blob": 0.9}, config=sigel.ImageConfig(normalize="log"))
    assert share_first(adata, log, "blob") >= 0.8


# --- the table -------------------------------------------------------------------------------------------


def test_the_table_has_every_gene_in_its_place_and_the_object_is_left_alone(section):
    adata = section.copy()
    adata.layers["counts"] = adata.X.copy()
    before = adata.copy()
    table = ask(adata, "region", {"ring": 0.9}, layer="counts", n_null=20)
    assert list(table.index) == list(adata.var_names)
    assert list(table.columns) == ["similarity", "rank", "pval", "qval", "status"]
    kept = table["status"] == "tested"
    assert table["status"]["mt-Nd1"] == "excluded by name"
    assert table.loc[~kept, ["similarity", "rank", "pval", "qval"]].isna().all().all()
    assert sorted(table.loc[kept, "rank"]) == list(range(1, kept.sum() + 1))
    ordered = table[kept].sort_values("rank")["similarity"]
    assert ordered.is_monotonic_decreasing
    assert table.loc[kept, "similarity"].between(-1, 1).all()
    assert table.attrs["levels"] == {"ring": 0.9, "background": 0.1}
    n_pixels = sigel.GeneImages.from_anndata(adata).raster.n_pixels
    assert len(table.attrs["image"]) == n_pixels
    assert (adata.X != before.X).nnz == 0
    assert (adata.layers["counts"] != before.layers["counts"]).nnz == 0
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    pd.testing.assert_frame_equal(adata.var, before.var)
    assert list(adata.uns) == list(before.uns)
    assert list(adata.varm) == list(before.varm)


def test_random_patterns_change_nothing_but_p_values(section, model):
    without, few, more = (
        ask(section, "region", {"blob": 0.9}, model=model, n_null=n_null) for n_null in (0, 5, 10)
    )
    for other in (few, more):
        np.testing.assert_array_equal(without["similarity"], other["similarity"])
        np.testing.assert_array_equal(without.attrs["image"], other.attrs["image"])


def test_the_same_seed_gives_the_same_and_another_does_not(section, model):
    first, again, other = (
        ask(section, "region", {"blob": 0.9}, model=model, seed=seed, n_null=10) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first["similarity"].equals(other["similarity"])


def test_settings_of_the_fit_and_a_saved_model_are_taken_up(section, tmp_path):
    adata = section.copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = sparse.csr_matrix(adata.shape, dtype=np.float32)
    settings = {"image": {"min_spots": 60}}
    sigel.tl.embed(adata, preset="fast", layer="counts", config=settings, save=tmp_path, progress=False)
    table = ask(adata, "region", {"ring": 0.9}, model=tmp_path)
    assert (table["status"] == "tested").equals(adata.var["sigel_status"] == "embedded")
    assert share_first(adata, table, "ring") >= 0.8
    # A model brings its own settings along, where the object knows of no fit.
    del adata.uns["sigel"]
    again = ask(adata, "region", {"ring": 0.9}, model=tmp_path, layer="counts")
    pd.testing.assert_series_equal(table["similarity"], again["similarity"])


# --- rates and counts ------------------------------------------------------------------------------------


def test_levels_are_quantiles_of_the_region_or_multiples_of_the_median_gene(section, images):
    here = (section.obs["region"] == "ring").to_numpy()
    pixel = images.raster.pixel_of_spot
    by_region = [
        np.asarray(images.counts[:, pixel[part]].sum(axis=1)).ravel() / images.depth[pixel[part]].sum()
        for part in (here, ~here)
    ]
    found = region_rates(images, list(section.obs["region"]), {"ring": 0.8}, background=0.3).pixels
    assert np.allclose(found[pixel[here]], np.quantile(by_region[0], 0.8))
    assert np.allclose(found[pixel[~here]], np.quantile(by_region[1], 0.3))
    found = region_rates(images, list(section.obs["region"]), {"ring": 3}, unit="multiple").pixels
    assert np.allclose(found[pixel[here]] / found[pixel[~here]][0], 3)


def test_numbers_are_scaled_linearly_and_missing_ones_take_the_background(images):
    n = len(images.raster.pixel_of_spot)
    numbers = np.linspace(-5, 7, n)
    rates = numeric_rates(images, numbers).pixels[images.raster.pixel_of_spot]
    assert np.allclose(np.diff(rates), np.diff(rates)[0])
    again = numeric_rates(images, 100 + 3 * numbers).pixels[images.raster.pixel_of_spot]
    assert np.allclose(rates, again)
    missing = numbers.copy()
    missing[-10:] = np.nan
    assert np.allclose(numeric_rates(images, missing).pixels[images.raster.pixel_of_spot][-10:], rates[0])


def test_drawn_genes_have_the_mean_and_the_scatter_that_was_asked_for(images):
    rates = np.full((1, images.raster.n_pixels), 0.004)
    drawn = drawn_genes(images, rates, 200, DispersionTrend(0.3, 0.0), np.random.default_rng(0))
    counts = drawn.counts.toarray()
    mean = 0.004 * images.depth
    assert np.allclose(counts.mean(axis=0), mean, rtol=0.35)  # 200 draws: 5 % and four times that
    assert (counts.var(axis=0) / (mean + 0.3 * mean**2)).mean() == pytest.approx(1, rel=0.1)
    assert drawn.depth is images.depth
    assert drawn.config is images.config


def test_poisson_is_the_limit_without_dispersion(images):
    drawn = drawn_genes(
        images,
        np.full((1, images.raster.n_pixels), 0.002),
        300,
        DispersionTrend(0, 0),
        np.random.default_rng(1),
    )
    mean = 0.002 * images.depth
    assert (drawn.counts.toarray().var(axis=0) / mean).mean() == pytest.approx(1, rel=0.05)


# --- p-values --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("null", ["regions", "spots"])
def test_random_patterns_keep_the_values_and_regions_their_smoothness(section, images, null):
    rates = pattern_rates(images, list(section.obs["region"]), {"ring": 0.9, "blob": 0.5}).pixels
    random = null_patterns(images.raster, rates, 30, null, np.random.default_rng(0))
    assert np.allclose(np.sort(random, axis=1), np.sort(rates))
    rough = 1 - correlogram(images.raster, random).mean()
    wanted = 1 - correlogram(images.raster, rates[None]).item()
    assert rough == pytest.approx(1, abs=0.05) if null == "spots" else 0.5 * wanted < rough < 1.7 * wanted
    alike = np.abs(np.corrcoef(np.vstack([rates, random]))[0, 1:])
    assert alike.mean() < 0.3


def test_genes_of_the_pattern_are_called_and_background_genes_are_not(section, model):
    table = ask(section, "region", {"ring": 0.9}, model=model, n_null=200)
    programme = section.var["programme"].astype(str)
    tested = table["status"] == "tested"
    assert (table.loc[tested & (programme == "ring"), "pval"] < 0.01).mean() > 0.9
    flat = table.loc[tested & (programme == "background"), "pval"]
    # They all meet the same one pattern, so that they go up and down together.
    assert (flat < 0.05).mean() < 0.15
    assert flat.median() > 0.2
    assert (table.loc[tested & (programme == "layer"), "pval"] < 0.05).mean() < 0.2
    assert (table["pval"].dropna() > 0).all()
    assert table["pval"].min() < 1 / 201  # counted together over genes


def test_p_values_are_uniform_where_the_pattern_is_one_more_random_one():
    rng = np.random.default_rng(0)
    genes = rng.normal(size=(150, 6)) * rng.uniform(0.2, 2, (150, 1))
    p = []
    for _ in range(40):
        queries = rng.normal(size=(101, 6))
        cosine = genes @ queries.T
        cosine /= np.linalg.norm(genes, axis=1)[:, None] * np.linalg.norm(queries, axis=1)
        p.append(pattern_pvalues(cosine[:, 0], cosine[:, 1:], np.linalg.norm(genes, axis=1)))
    p = np.concatenate(p)
    assert stats.kstest(p, "uniform").statistic < 0.05
    assert (p < 0.01).mean() == pytest.approx(0.01, abs=0.006)


# --- real sections ---------------------------------------------------------------------------------------

MARKERS = {  # the genes that must be among the first, as many as the number says
    "starmap_v1_BY3_1k.h5ad": {
        "L2/3": (["Calb1", "Cux2", "Lamp5"], 20),
        "L4": (["Rorb", "Whrn"], 20),
        "L5": (["Etv1", "Fezf2", "Sulf2"], 15),
        "L6": (["Pcp4", "Tle4", "Rprm"], 20),
        "cc": (["Mbp", "Plp1", "Mobp", "Pllp", "Cnp"], 50),
    },
    "dlpfc_151510.h5ad": {
        "L1": (["AQP4", "GFAP", "MT1G"], 25),  # of 500; GFAP is high in white matter as well
        "L2": (["HPCAL1", "LAMP5"], 15),
        "L5": (["PCP4"], 5),
        "WM": (["MBP", "PLP1", "MOBP", "MAG", "CLDN11"], 20),
    },
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=() if one == "dlpfc_151510.h5ad" else pytest.mark.nightly) for one in MARKERS],
)
def test_known_markers_of_layers_come_up(real_section, name):
    adata = real_section(name)
    images = sigel.GeneImages.from_anndata(adata)
    model = sigel.model.section_model.section_model(images, device="cpu")
    for layer, (markers, within) in MARKERS[name].items():
        rank = ask(adata, "layer", {layer: 0.9}, model=model)["rank"]
        late = rank[markers][rank[markers] > within]
        assert late.empty, f"{layer}: {late.to_dict()}"


@pytest.mark.nightly
def test_grey_matter_is_the_layers_together(real_section):
    adata = real_section("dlpfc_151510.h5ad")
    grey = {layer: 0.9 for layer in adata.obs["layer"].cat.categories if layer != "WM"}
    table = ask(adata, "layer", grey, background=0.5)
    tested = int((table["status"] == "tested").sum())
    assert table["rank"]["SNAP25"] < tested / 4
    assert (table["rank"][["MBP", "PLP1", "MOBP"]] > tested * 0.9).all()


# --- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("Region", {"ring": 0.9}), {}, r"`region_key`: found 'Region', unknown here \(nearest: 'region'\)"),
        (("region", {"Ring": 0.9}), {}, r"`levels`: found the region 'Ring', unknown here \(nearest: 'ring'"),
        (("region",), {}, "`levels`: found nothing"),
        (("region", {}), {}, "`levels`: found nothing"),
        (("region", ["ring"]), {}, "`levels`"),
        (("region", {"ring": 1.2}), {}, r"`levels`: found 1.2 for 'ring'; wanted a quantile from 0 to 1"),
        (("region", {"ring": 90}), {}, r"90 % is 0.9"),
        (("region", {"ring": "high"}), {}, "`levels`: found 'high'"),
        (("region", {"ring": float("nan")}), {}, "`levels`: found nan"),
        (
            ("region", {"ring": 0}),
            {"unit": "multiple"},
            "`levels`: found 0 for 'ring'; wanted a multiple > 0",
        ),
        (("region", {"ring": -2}), {"unit": "multiple"}, "`levels`"),
        (("region", {"ring": 0.9}), {"unit": "percent"}, "`unit`"),
        (("region", {"ring": 0.9}), {"background": -0.1}, "`background`"),
        (("region", {"ring": 0.9}), {"null": "genes"}, "`null`"),
        (("region", {"ring": 0.9}), {"similarity": "pearson"}, "`similarity`"),
        (("region", {"ring": 0.9}), {"n_draws": 0}, "`n_draws`"),
        (("region", {"ring": 0.9}), {"n_null": 2.5}, "`n_null`"),
        (("region", {"ring": 0.9}), {"seed": -1}, "`seed`"),
        (("region", {"ring": 0.9}), {"config": sigel.ImageConfig(normalize="none")}, "`config`"),
        (("region", {"ring": 0.9}), {"config": 3}, "`config`"),
        (("region", {"ring": 1}), {"unit": "multiple"}, "`levels`: found the same expression in every spot"),
        (("array_row", {"3": 0.9}), {}, "`levels`: found levels for a numeric column"),
        (("array_row",), {"unit": "multiple"}, "`unit`"),
        (("flat",), {}, "`region_key`: found one number, 2, in every spot"),
        (("region", {"ring": 0.1}), {}, "`levels`: found the same expression in every spot"),
        ((["region"], {"ring": 0.9}), {}, r"`region_key`: found \['region'\]"),
        (("empty",), {}, "`region_key`: found no number"),
        (("far",), {}, "`region_key`: found 1 infinite"),
        (("one", {"a": 0.9}), {}, None),
    ],
)
def test_what_cannot_be_asked_is_told_and_nothing_is_written(section, model, arguments, options, says):
    adata = section.copy()
    adata.obs["flat"] = 2.0
    adata.obs["empty"] = np.nan
    adata.obs["far"] = np.where(np.arange(adata.n_obs) == 3, np.inf, 1.0)
    adata.obs["one"] = pd.Categorical(np.where(np.arange(adata.n_obs) < 90, "a", None))
    before = adata.obs.copy()
    if says is None:  # spots without a region are the background
        assert ask(adata, *arguments, model=model, **options).attrs["levels"]["background"] == 0.1
        return
    with pytest.raises(InputError, match=says):
        ask(adata, *arguments, **options)
    pd.testing.assert_frame_equal(adata.obs, before)


def test_gaps_in_columns_of_pandas_own_types_are_background(section, model):
    adata = section.copy()
    ring = (adata.obs["region"] == "ring").to_numpy()
    gap = np.arange(adata.n_obs) % 9 == 0
    text = pd.Series(np.where(ring, "in", "out"), index=adata.obs_names)
    adata.obs["text"] = text.astype("string").mask(gap)
    adata.obs["plain"] = text.astype(object).mask(gap)
    adata.obs["number"] = pd.Series(ring.astype(int), index=adata.obs_names).astype("Int64").mask(gap)
    adata.obs["flag"] = pd.Series(ring, index=adata.obs_names).astype("boolean").mask(gap)
    adata.obs["float"] = np.where(gap, np.nan, ring.astype(float))
    one, two = (ask(adata, name, {"in": 0.9}, model=model) for name in ("text", "plain"))
    pd.testing.assert_frame_equal(one, two)
    wanted = ask(adata, "float", model=model)
    for name in ("number", "flag"):
        pd.testing.assert_frame_equal(ask(adata, name, model=model), wanted)


def test_a_region_may_be_called_background(section, model):
    adata = section.copy()
    adata.obs["region"] = adata.obs["region"].astype(str).replace("ring", "background")
    table = ask(adata, "region", {"background": 0.8}, model=model)
    assert table.attrs["levels"]["background"] == 0.8


def test_a_model_of_other_genes_is_refused(section, model):
    adata = section.copy()
    adata.var_names = [f"other{k}" for k in range(adata.n_vars)]
    with pytest.raises(InputError, match="`model`"):
        ask(adata, "region", {"ring": 0.9}, model=model)
    with pytest.raises(InputError, match="`adata`"):
        pattern_genes([1, 2], "region")


# --- the door for R --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["regions", "numbers"])
def test_both_doors_give_the_same(section, by):
    adata = section.copy()
    adata.obs["score"] = np.where(np.arange(adata.n_obs) < 5, np.nan, adata.obsm["programmes"][:, 1])
    adata.obs["part"] = adata.obs["region"].cat.remove_categories(["layer"])
    arguments = ("part", {"ring": 0.9}) if by == "regions" else ("score",)
    wanted = ask(adata, *arguments, n_null=12, seed=5)
    regions = [None if name != name else name for name in adata.obs["part"].astype(object)]
    found = bridge.pattern_genes(
        section=pieces(section),
        settings={},
        regions=regions if by == "regions" else adata.obs["score"].to_numpy(),
        levels={"ring": 0.9} if by == "regions" else None,
        unit="quantile",
        background=None,
        n_draws=10.0,
        null="regions",
        n_null=12.0,
        similarity="cosine",
        model=None,
        seed=5.0,
        device="cpu",
        progress=None,
    )
    assert found["gene"] == list(wanted.index)
    for name in ("similarity", "rank", "pval", "qval"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-6)
    assert found["status"] == wanted["status"].tolist()
    np.testing.assert_allclose(found["pattern"], wanted.attrs["image"])
    assert len(found["row"]) == len(found["x"]) == len(found["pattern"])
