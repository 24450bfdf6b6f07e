"""The pictures: what they show, what they say, and that they leave objects and backends alone."""

from __future__ import annotations

import sys

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

import sigel
from sigel import datasets, pl
from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.keys import Keys
from sigel.pl._base import draw_pixels, limits_of
from sigel.pl._colours import PALETTE

HISTORY = {
    "stage": np.array(["pretrain"] * 3 + ["refine"] * 2),
    "epoch": np.array([1, 2, 3, 1, 2]),
    "loss": np.array([3.0, 2.0, 1.5, 1.2, 1.1]),
    "cluster": np.array([np.nan] * 3 + [0.4, 0.2]),
    "n_groups": np.array([np.nan] * 3 + [5, 5]),
    "seconds": np.ones(5),
    "stopped": np.array(["", "", "", "", "groups no longer change"]),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    """A section with results as `sigel.tl.embed` writes them, built from the truth: quick and known."""
    adata = datasets.simulated_section(
        16, 16, n_programmes=4, genes_per_programme=8, n_background_genes=20, seed=1
    )
    images = GeneImages.from_anndata(adata)
    keys = Keys()
    codes = adata.var["programme"].cat.codes.to_numpy()
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5, 6))[codes] * 3 + rng.normal(size=(adata.n_vars, 6))
    z[~images.kept] = np.nan
    adata.varm[keys.representation] = z.astype(np.float32)
    adata.var[keys.group] = pd.Categorical(np.where(images.kept, (codes + 1).astype(str), None))
    adata.var[keys.group_prob] = np.where(images.kept, 0.9, np.nan)
    adata.var[keys.status] = pd.Categorical(images.status)
    adata.uns[keys.info] = {"history": HISTORY}
    return adata


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def drawn(ax):
    return [c for c in ax.collections if isinstance(c, PolyCollection)]


def unchanged(adata):
    """Everything in the object that a picture could touch, for comparison."""
    return sorted(adata.uns), sorted(adata.varm), sorted(adata.var), sorted(adata.obs), adata.X.sum()


# --- history ---------------------------------------------------------------------------------------------


def test_history_has_a_panel_for_each_column_that_is_a_curve(fitted):
    figure = pl.history(fitted)
    assert titles(figure) == ["total loss", "distance to target groups", "groups in use"]
    loss = figure.axes[0]
    assert [line.get_label() for line in loss.lines] == ["pretrain", "refine"]
    assert loss.lines[0].get_ydata().tolist() == [3.0, 2.0, 1.5]
    assert loss.lines[1].get_xdata().tolist() == [4, 5]


def test_history_takes_a_plain_dict_of_lists():
    columns = {name: list(column) for name, column in HISTORY.items()}
    assert titles(pl.history(columns)) == titles(pl.history(HISTORY))


def test_history_draws_the_loss_alone_on_given_axes():
    figure, ax = plt.subplots()
    assert pl.history(HISTORY, ax=ax) is figure
    assert len(figure.axes) == 1
    assert ax.get_ylabel() == "total loss"


def test_history_that_is_missing_says_what_to_call(fitted):
    with pytest.raises(InputError, match=r"sigel\.tl\.embed"):
        pl.history(fitted, key="other")
    with pytest.raises(InputError, match="history"):
        pl.history({"stage": [], "loss": []})


# --- gene images -----------------------------------------------------------------------------------------


def test_gene_images_draws_every_pixel_of_every_gene(fitted):
    names = list(fitted.var_names[:7])
    figure = pl.gene_images(fitted, names, ncols=3)
    assert titles(figure) == names
    images = GeneImages.from_anndata(fitted)
    panels = [ax for ax in figure.axes if drawn(ax)]
    assert len(panels) == 7
    assert all(len(drawn(ax)[0].get_paths()) == images.raster.n_pixels for ax in panels)


def test_shared_scale_is_one_scale_and_one_bar(fitted):
    names = list(fitted.var_names[:3])
    together = pl.gene_images(fitted, names)
    limits = {drawn(ax)[0].get_clim() for ax in together.axes if drawn(ax)}
    assert len(limits) == 1
    assert len(together.axes) == 4
    apart = pl.gene_images(fitted, names, shared_scale=False)
    limits = {drawn(ax)[0].get_clim() for ax in apart.axes if drawn(ax)}
    assert len(limits) == 3
    assert len(apart.axes) == 6


def test_one_gene_may_be_given_as_text(fitted):
    assert titles(pl.gene_images(fitted, "Gene0003")) == ["Gene0003"]


def test_settings_of_the_fit_are_used_unless_others_are_given(fitted):
    import json

    adata = fitted.copy()
    config = SIGELConfig(image=ImageConfig(scale="none", normalize="none", smooth=0.0))
    adata.uns["sigel"] = {"params": json.dumps(config.to_dict())}
    gene = adata.var_names[0]
    panel = pl.gene_images(adata, gene).axes[0]
    raw = np.sort(adata[:, gene].X.toarray().ravel())
    assert np.allclose(np.sort(drawn(panel)[0].get_array()), raw)
    scaled = pl.gene_images(adata, gene, config=ImageConfig()).axes[0]
    assert abs(drawn(scaled)[0].get_array().mean()) < 0.05


def test_the_picture_stands_as_the_section_does(fitted):
    """A pixel is drawn around its spot, and y points down as on the slide."""
    adata = fitted
    ax = pl.gene_images(adata, "Gene0001").axes[0]
    middles = np.array([path.vertices[:-1].mean(axis=0) for path in drawn(ax)[0].get_paths()])
    order = np.lexsort(middles.T.round(3))
    places = adata.obsm["spatial"]
    assert np.allclose(middles[order], places[np.lexsort(places.T.round(3))], atol=1e-3)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize(("lattice", "corners"), [("visium", 6), ("square", 4)])
def test_pixels_tile_the_plane(lattice, corners):
    adata = datasets.simulated_section(
        10, 10, 2, genes_per_programme=2, n_background_genes=2, lattice=lattice, median_counts=500.0
    )
    raster = GeneImages.from_anndata(adata, ImageConfig(min_spots=1)).raster
    path = draw_pixels(plt.subplots()[1], raster, np.zeros(raster.n_pixels), (0, 1), "viridis").get_paths()[0]
    x, y = path.vertices[:-1].T
    assert len(x) == corners
    area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    per_spot = 100.0**2 * (np.sqrt(3) / 2 if lattice == "visium" else 1.0)
    assert area == pytest.approx(per_spot, rel=1e-4)


def test_scattered_cells_are_drawn():
    adata = datasets.simulated_section(14, 14, 2, 4, 8, lattice="cells")
    assert drawn(pl.gene_images(adata, adata.var_names[0]).axes[0])


@pytest.mark.parametrize(
    ("genes", "says"),
    [(["nobody"], "unknown here"), (["mt-Nd1"], "excluded by name"), ([], "at least one gene")],
)
def test_genes_without_an_image_are_named(fitted, genes, says):
    with pytest.raises(InputError, match=says):
        pl.gene_images(fitted, genes)


def test_ncols_is_checked(fitted):
    with pytest.raises(InputError, match="`ncols`"):
        pl.gene_images(fitted, ["Gene0001"], ncols=0)


def test_limits_of_a_flat_image_are_usable():
    low, high = limits_of(np.full(10, 2.0))
    assert low < 2.0 < high


# --- gene groups -----------------------------------------------------------------------------------------


def headings(figure):
    """Name of each group on a page and the number of its genes, in their order."""
    said = [note.get_text() for ax in figure.axes for note in ax.texts]
    return list(zip(said[::2], (int(one.split()[0]) for one in said[1::2]), strict=True))


def label_of(heading):
    return heading.split(":")[0].removeprefix("Group ").lower()


def test_gene_groups_shows_each_group_with_its_own_genes(fitted):
    figure = pl.gene_groups(fitted)
    found = headings(figure)
    assert [note.get_text() for note in figure.texts][1:] == ["Mean images have a scale of their own."]
    sizes = [size for _, size in found]
    assert len(found) == 5
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == int((fitted.var["sigel_status"] == "embedded").sum())
    named = titles(figure)
    for at, (heading, _) in enumerate(found):
        assert named[4 * at] == "mean"
        genes = named[4 * at + 1 : 4 * at + 4]
        assert set(fitted.var.loc[genes, "sigel_group"]) == {label_of(heading)}


def test_groups_are_called_after_the_set_that_they_are_rich_in(fitted):
    adata = fitted.copy()
    group = adata.var["sigel_group"].astype(object).to_numpy().copy()
    first, *_, last = [label_of(name) for name, _ in headings(pl.gene_groups(fitted))]
    group[group == first] = "no pattern"
    adata.var["sigel_group"] = group
    known = {"HALLMARK_OF_THE_LAST": list(adata.var_names[group == last]), "all": list(adata.var_names)}
    found = [name for name, _ in headings(pl.gene_groups(adata, gene_sets=known))]
    assert f"Group {last}: Of the last" in found
    assert found[-1] == "No pattern"
    assert sum(":" in name for name in found) == 1
    with pytest.raises(InputError, match="`gene_sets`"):
        pl.gene_groups(adata, gene_sets={"elsewhere": ["A", "B", "C", "D", "E"]})


def test_the_mean_image_is_the_mean_of_the_group(fitted):
    import torch

    from sigel.images.tensors import ImageViews

    images = GeneImages.from_anndata(fitted)
    figure = pl.gene_groups(fitted, n_genes=1, max_groups=1)
    label = label_of(headings(figure)[0][0])
    members = fitted.var_names[fitted.var["sigel_group"] == label]
    wanted = ImageViews(images).shown(torch.from_numpy(images.index(list(members)))).mean(dim=0)
    shown = drawn(figure.axes[0])[0].get_array()
    assert np.allclose(shown, wanted, atol=1e-5)


def test_typical_genes_point_where_the_group_points(fitted):
    adata = fitted.copy()
    label = "1"
    members = np.flatnonzero(adata.var["sigel_group"] == label)
    z = np.array(adata.varm["X_sigel"])
    z[members] = [1.0, 0, 0, 0, 0, 0]
    z[members[1:]] += np.random.default_rng(0).normal(scale=0.5, size=(len(members) - 1, 6))
    adata.varm["X_sigel"] = z.astype(np.float32)
    figure = pl.gene_groups(adata, n_genes=2)
    at = [label_of(name) for name, _ in headings(figure)].index(label)
    unit = (z - np.nanmean(z, axis=0))[members]  # about the mean of all genes
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    best = members[np.argmax(unit @ unit.mean(axis=0))]
    assert titles(figure)[3 * at + 1] == adata.var_names[best]


def test_many_groups_are_cut_and_it_is_said(fitted):
    figure = pl.gene_groups(fitted, n_genes=2, max_groups=2)
    assert len(headings(figure)) == 2
    assert "2 largest of 5" in figure.get_suptitle()


def test_small_groups_show_the_genes_that_they_have(fitted):
    adata = fitted.copy()
    adata.var["sigel_group"] = pd.Categorical(["1"] + ["2"] * (adata.n_vars - 1))
    figure = pl.gene_groups(adata, n_genes=3)
    assert headings(figure)[-1] == ("Group 1", 1)
    assert titles(figure)[4:6] == ["mean", adata.var_names[0]]


def test_genes_without_a_pattern_are_kept_on_a_page_and_not_counted(fitted):
    adata = fitted.copy()
    group = adata.var["sigel_group"].astype(object).to_numpy().copy()
    sizes = adata.var["sigel_group"].value_counts()
    group[group == sizes.index[-1]] = "no pattern"
    adata.var["sigel_group"] = group
    figure = pl.gene_groups(adata, n_genes=1, max_groups=3)
    wanted = [f"Group {name}" for name in sizes.index[:2]]
    assert [name for name, _ in headings(figure)] == [*wanted, "No pattern"]
    assert figure.get_suptitle().startswith("The 2 largest of 4 groups of genes")
    assert pl.gene_groups(adata, n_genes=1).get_suptitle().startswith("4 groups of genes")
    one = pl.gene_groups(adata, n_genes=1, max_groups=1)
    assert [name for name, _ in headings(one)] == wanted[:1]
    assert one.get_suptitle().startswith("The largest of 4 groups")
    group[(group != "no pattern") & (group != "")] = "1"
    adata.var["sigel_group"] = group
    assert pl.gene_groups(adata, n_genes=1).get_suptitle().startswith("1 group of genes")


@pytest.mark.parametrize("argument", ["n_genes", "max_groups"])
@pytest.mark.parametrize("value", [0, "a", 1.5, None, True])
def test_gene_groups_checks_numbers(fitted, argument, value):
    with pytest.raises(InputError, match=f"`{argument}`"):
        pl.gene_groups(fitted, **{argument: value})


def test_pictures_refuse_what_is_no_number_of_columns_or_no_colour_map(fitted):
    genes = list(fitted.var_names[:1])
    with pytest.raises(InputError, match="`ncols`: found 'a'"):
        pl.gene_images(fitted, genes, ncols="a")
    for draw in (pl.gene_groups, lambda *args, **rest: pl.gene_images(*args, genes, **rest)):
        with pytest.raises(InputError, match=r"`cmap`: found 'virids', .*nearest: 'viridis'"):
            draw(fitted, cmap="virids")
        with pytest.raises(InputError, match="`cmap`: found 3"):
            draw(fitted, cmap=3)


def test_small_gene_sets_are_looked_at_where_it_is_asked(fitted):
    known = {"two": list(fitted.var_names[:2])}
    with pytest.raises(InputError, match="Use min_size=1"):
        pl.gene_groups(fitted, gene_sets=known)
    assert pl.gene_groups(fitted, gene_sets=known, min_size=1) is not None


# --- gene map --------------------------------------------------------------------------------------------


def scattered(figure):
    ax = figure.axes[0]
    return np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])


def test_gene_map_has_a_dot_for_each_embedded_gene(fitted):
    figure = pl.gene_map(fitted, method="pca")
    n = int((fitted.var["sigel_status"] == "embedded").sum())
    assert len(scattered(figure)) == n
    ax = figure.axes[0]
    assert ax.get_title().startswith(f"Map of the genes\n{n} genes in ")
    assert {text.get_text() for text in ax.texts} == {"1", "2", "3", "4", "5"}


def test_tsne_is_the_same_for_the_same_seed(fitted):
    first, again = (scattered(pl.gene_map(fitted, seed=2)) for _ in range(2))
    assert np.array_equal(first, again)


def test_gene_map_colours_by_numbers_or_categories_and_writes_names(fitted):
    ax = pl.gene_map(fitted, method="pca", color="programme", labels=["Gene0005"]).axes[0]
    assert "Gene0005" in {text.get_text() for text in ax.texts}
    assert len(ax.get_legend().get_texts()) == 5
    by_group = pl.gene_map(fitted, method="pca")
    groups = sorted({one for one in fitted.var["sigel_group"].dropna().astype(str) if one}, key=int)
    seen = [to_hex(dots.get_facecolor()[0]).upper() for dots in by_group.axes[0].collections]
    assert seen == [PALETTE[int(one) - 1] for one in groups]  # those of R, and of the domains
    numbers = pl.gene_map(fitted, method="pca", color="level")
    assert len(numbers.axes) == 2


def test_a_label_stands_at_its_gene(fitted):
    figure = pl.gene_map(fitted, method="pca", labels="Gene0002", color="level")
    note = next(text for text in figure.axes[0].texts if text.get_text() == "Gene0002")
    kept = np.isfinite(fitted.varm["X_sigel"]).all(axis=1)
    row = int(kept[: fitted.var_names.get_loc("Gene0002")].sum())
    assert np.allclose(note.xy, scattered(figure)[row])


def test_a_group_is_named_at_its_gene_nearest_to_the_medians(fitted):
    figure = pl.gene_map(fitted, method="pca")
    for dots in figure.axes[0].collections:
        at = np.asarray(dots.get_offsets())
        nearest = at[np.linalg.norm(at - np.median(at, axis=0), axis=1).argmin()]
        note = next(text for text in figure.axes[0].texts if text.get_text() == dots.get_label())
        assert np.allclose(note.xy, nearest)


def test_gene_map_draws_on_given_axes(fitted):
    figure = plt.figure()
    for ax in (figure.subplots(), figure.add_subfigure(figure.add_gridspec(2, 2)[0]).subplots()):
        assert pl.gene_map(fitted, method="pca", ax=ax) is figure
        assert ax.collections


@pytest.mark.parametrize("n", [1, 2, 4])
def test_gene_map_of_very_few_genes(fitted, n):
    few = fitted[:, list(fitted.var_names[:n])].copy()
    assert len(scattered(pl.gene_map(few))) == n


def test_gene_map_names_what_is_wrong(fitted):
    with pytest.raises(InputError, match="`color`"):
        pl.gene_map(fitted, color="nothing")
    with pytest.raises(InputError, match="mt-Nd1"):
        pl.gene_map(fitted, labels=["mt-Nd1"])
    with pytest.raises(InputError, match=r"unknown here \(nearest: 'Gene0002'"):
        pl.gene_map(fitted, labels=["gene0002"])
    with pytest.raises(InputError, match="`method`"):
        pl.gene_map(fitted, method="globe")
    with pytest.raises(InputError, match=r"sigel\.tl\.embed"):
        pl.gene_map(fitted, key="other")
    with pytest.raises(InputError, match=r"sigel\.tl\.embed"):
        pl.gene_groups(fitted, key="other")


# --- all of them -----------------------------------------------------------------------------------------

ALL = {
    "history": lambda adata: pl.history(adata),
    "gene_images": lambda adata: pl.gene_images(adata, ["Gene0001"]),
    "gene_groups": lambda adata: pl.gene_groups(adata, n_genes=1),
    "gene_map": lambda adata: pl.gene_map(adata, method="pca"),
}


# Pictures of answers, with tests of their own.
ELSEWHERE = {
    "disease_calibration",
    "disease_gene",
    "domain_confusion",
    "domain_stability",
    "domains",
    "gene_changes",
    "gene_pair",
    "group_page",
    "group_stability",
    "imputation_accuracy",
    "imputed_genes",
    "pattern_genes",
    "similar_genes",
    "spatial_genes",
}


def test_all_pictures_are_listed():
    assert set(ALL) | ELSEWHERE == set(pl.__all__)


@pytest.mark.parametrize("name", ALL)
def test_pictures_only_read_the_object_and_show_nothing(fitted, name, monkeypatch, tmp_path):
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a window was opened"))
    before = unchanged(fitted)
    made = ALL[name](fitted)
    getattr(made, "figure", made).savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000
    assert unchanged(fitted) == before


@pytest.mark.parametrize("name", ALL)
def test_without_matplotlib_it_is_said_how_to_get_it(fitted, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sigel\[plot\]"):
        ALL[name](fitted)


def test_importing_the_pictures_does_not_import_matplotlib():
    import subprocess

    code = "import sigel.pl, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.nightly
def test_pictures_are_of_the_layer_and_the_places_that_were_fitted():
    adata = sigel.datasets.simulated_section(12, 13, 2, 10, 12, seed=3)
    plain = adata.copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = (adata.X > 50).astype(np.float32)
    adata.obsm["place"] = adata.obsm.pop("spatial")
    quick = {"train": {"pretrain_epochs": 1, "refine_epochs": 1}, "encoder": {"depth": 1, "dim": 16}}
    sigel.tl.embed(adata, layer="counts", spatial_key="place", config=quick, progress=False)
    gene = adata.var_names[0]
    drawn, wanted = (drawn_values(sigel.pl.gene_images(a, gene)) for a in (adata, plain))
    assert np.allclose(drawn, wanted)


def drawn_values(figure):
    return figure.axes[0].collections[0].get_array()


@pytest.mark.parametrize("draw", ["gene_images", "gene_groups", "gene_map", "history"])
def test_what_is_no_section_is_refused(draw):
    arguments = ([3], ["G0"]) if draw == "gene_images" else ([3],)
    with pytest.raises(InputError, match=r"AnnData|history"):
        getattr(sigel.pl, draw)(*(a[0] if a == [3] else a for a in arguments))
