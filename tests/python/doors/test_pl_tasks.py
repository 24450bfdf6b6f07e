"""Pictures of patterns and of spatial genes: what they show, and that they only read."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection, PolyCollection

import sigel
from sigel import pl
from sigel.errors import InputError
from sigel.images.tensors import ImageViews


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def section():
    return sigel.datasets.simulated_section(18, 18, 3, 12, 40, seed=1)


@pytest.fixture(scope="module")
def table(section):
    return sigel.tl.pattern_genes(section, "region", {"ring": 0.9}, n_null=0, progress=False)


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def panels(figure):
    found = [c for ax in figure.axes for c in ax.collections if isinstance(c, PolyCollection)]
    return [
        c for c in found if c.get_array() is not None and c.get_transform().contains_branch(c.axes.transData)
    ]


# --- patterns --------------------------------------------------------------------------------------------


def test_the_pattern_stands_first_and_its_best_genes_follow(section, table):
    figure = pl.pattern_genes(section, table, n=5, ncols=3)
    told = titles(figure)
    assert told[0] == "pattern\nring 0.9"
    best = table.sort_values("rank").index[:5]
    assert [title.split("{")[1].split("}")[0] for title in told[1:]] == list(best)
    assert [title.split("\n")[1] for title in told[1:]] == [f"{s:.2f}" for s in table.loc[best, "similarity"]]


def test_panels_show_the_images_z_scored_on_one_scale(section, table):
    figure = pl.pattern_genes(section, table, n=2)
    drawn = panels(figure)[:3]
    assert len({c.get_clim() for c in drawn}) == 1
    for c in drawn:
        assert abs(c.get_array().mean()) < 1e-6
        assert c.get_array().std() == pytest.approx(1, abs=1e-6)
    images = sigel.GeneImages.from_anndata(section)
    best = list(table.sort_values("rank").index[:2])
    shown = ImageViews(images).shown(torch.from_numpy(images.index(best))).numpy()
    for c, image in zip(drawn[1:], shown, strict=True):
        assert np.corrcoef(c.get_array(), image)[0, 1] > 0.9999
    inside = (section.obs["region"] == "ring").to_numpy()
    pattern = drawn[0].get_array()[images.raster.pixel_of_spot]
    assert pattern[inside].mean() > pattern[~inside].mean() + 1


def test_rows_of_the_table_and_names_with_signs_can_be_drawn(section, table):
    genes = table.sort_values("rank").index
    adata = section.copy()
    odd = table.rename(index={genes[3]: "A_b-1$", genes[2]: r"$\q$ ^"})
    adata.var_names = odd.index
    odd.attrs["levels"] = {r"$\ring$": 0.9}
    figure = pl.pattern_genes(adata, odd.loc[["A_b-1$", r"$\q$ ^", genes[9]]])
    assert len(titles(figure)) == 4
    figure.canvas.draw()


def test_titles_tell_of_multiples_many_regions_and_numbers(section):
    def told(*arguments, **options):
        table = sigel.tl.pattern_genes(section, *arguments, n_null=0, progress=False, n_draws=2, **options)
        return titles(pl.pattern_genes(section, table, n=1))[0]

    assert told("region", {"ring": 5, "blob": 2}, unit="multiple") == "pattern\nring ×5, blob ×2"
    levels = {"ring": 0.9, "blob": 0.8, "layer": 0.7, "background": 0.2}
    assert told("region", levels).startswith("pattern\nring 0.9, blob 0.8, layer 0.7")
    assert told("array_row") == "pattern\narray_row"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="rank"), "`table`: found another table"),
        (lambda t: None, "`table`: found another table"),
        (lambda t: t.assign(rank=np.nan), "no gene with a rank"),
        (lambda t: _without_pattern(t), "without its pattern"),
        (lambda t: _other_grid(t), "a pattern on 4 pixels"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_told(section, table, change, says):
    with pytest.raises(InputError, match=says):
        pl.pattern_genes(section, change(table))


def _without_pattern(table):
    table = table.copy()
    table.attrs = {}
    return table


def _other_grid(table):
    table = table.copy()
    table.attrs = {**table.attrs, "image": [0.0, 1.0, 2.0, 3.0]}
    return table


@pytest.mark.parametrize("argument", ["n", "ncols"])
def test_numbers_of_panels_are_checked(section, table, argument):
    with pytest.raises(InputError, match=f"`{argument}`"):
        pl.pattern_genes(section, table, **{argument: 0})


# --- spatial genes ---------------------------------------------------------------------------------------


@pytest.fixture
def tested(section):
    """A section with results as `sigel.tl.spatial_genes` writes them."""
    adata = section.copy()
    rng = np.random.default_rng(0)
    n = adata.n_vars
    effect = rng.uniform(0, 0.8, n)
    score = 30 * effect + rng.normal(0, 1, n)
    columns = {
        "effect": effect,
        "score": score,
        "pval": 10.0 ** -score.clip(0),
        "qval": np.where(score > 12, 0.01, 0.5),
        "rank": (-score).argsort().argsort() + 1.0,
    }
    for name, values in columns.items():
        values[:3] = np.nan
        adata.var[f"sigel_spatial_{name}"] = values
    return adata


def dots(ax):
    return [c for c in ax.collections if isinstance(c, PathCollection)]


def test_called_genes_have_their_own_colour_and_the_first_their_names(tested):
    ax = pl.spatial_genes(tested, n_labels=4).axes[0]
    others, called = dots(ax)
    var = tested.var
    is_called = var["sigel_spatial_qval"] < 0.05
    at = var.loc[is_called, ["sigel_spatial_effect", "sigel_spatial_score"]].to_numpy()
    assert np.allclose(np.sort(called.get_offsets(), axis=0), np.sort(at, axis=0))
    assert len(others.get_offsets()) == tested.n_vars - 3 - is_called.sum()
    assert not np.allclose(others.get_facecolor(), called.get_facecolor())
    named = {text.get_text(): text.xy for text in ax.texts}
    first = var.sort_values("sigel_spatial_rank").index[:4]
    assert set(named) == set(first)
    for gene, place in named.items():
        assert np.allclose(
            place, var.loc[gene, ["sigel_spatial_effect", "sigel_spatial_score"]].astype(float)
        )
    assert ax.get_ylabel().startswith("SIGEL score")


@pytest.mark.parametrize("n_labels", [10, 40])
def test_names_do_not_cover_each_other(tested, n_labels):
    figure = pl.spatial_genes(tested, n_labels=n_labels)
    heights = sorted(text.xyann[1] for text in figure.axes[0].texts)
    assert len(heights) == n_labels
    assert np.diff(heights).min() > 0.9 * min(0.055, 1 / n_labels)
    assert heights[0] > -0.01
    assert heights[-1] <= 1


def test_p_values_stand_in_for_a_score_that_was_not_asked_for(tested):
    tested.var["sigel_spatial_score"] = np.nan
    tested.var.loc[tested.var_names[5], "sigel_spatial_pval"] = 0.0
    ax = pl.spatial_genes(tested, n_labels=0).axes[0]
    assert "log" in ax.get_ylabel()
    assert np.isfinite(np.concatenate([c.get_offsets() for c in dots(ax)])).all()
    assert not ax.texts


def test_spatial_genes_says_what_is_missing(tested):
    with pytest.raises(InputError, match=r"sigel\.tl\.spatial_genes"):
        pl.spatial_genes(tested, key="other")
    with pytest.raises(InputError, match="`n_labels`"):
        pl.spatial_genes(tested, n_labels=-1)
    with pytest.raises(InputError, match="`adata`"):
        pl.spatial_genes([1])
    tested.var["sigel_spatial_effect"] = np.nan
    with pytest.raises(InputError, match="no gene that has an answer"):
        pl.spatial_genes(tested)


# --- both ------------------------------------------------------------------------------------------------


def test_pictures_only_read(tested, table, tmp_path):
    before = tested.copy()
    pl.spatial_genes(tested).savefig(tmp_path / "genes.png")
    pl.pattern_genes(tested, table).savefig(tmp_path / "pattern.png")
    assert min((tmp_path / name).stat().st_size for name in ("genes.png", "pattern.png")) > 1000
    assert list(tested.var) == list(before.var)
    assert tested.var.equals(before.var)
    assert list(tested.uns) == list(before.uns)
