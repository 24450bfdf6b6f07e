"""Pictures of similar genes, of a group's page and of stability: what is drawn, and what is refused."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import sigel
from sigel import pl
from sigel.errors import InputError


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    """A section with groups, and a stability as `sigel.tl.group_stability` writes it."""
    adata = sigel.datasets.simulated_section(
        16, 16, n_programmes=3, genes_per_programme=12, n_background_genes=40, fold=(4.0, 8.0)
    )
    sigel.tl.embed(adata, preset="fast", n_groups=4, device="cpu", progress=False)
    adata.uns["sigel"]["stability"] = {
        "group": np.array(["1", "2", "3", "4"]),
        "n_genes": np.array([40, 12, 12, 12]),
        "stability": np.array([0.9, 0.4, 1.0, 0.7]),
        "lowest": np.array([0.8, 0.3, 1.0, 0.2]),
        "ari": 0.87,
        "seeds": np.array([1, 2]),
    }
    return adata


def panels(figure):
    """Axes that show a gene image, in their order."""
    return [ax for ax in figure.axes if any(isinstance(c, PolyCollection) for c in ax.collections)]


def image(ax):
    return next(c for c in ax.collections if isinstance(c, PolyCollection))


def words(figure):
    """Every text on the figure."""
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def contents(adata):
    return sorted(adata.uns), sorted(adata.varm), sorted(adata.var), sorted(adata.obs), adata.X.sum()


# --- similar genes ---------------------------------------------------------------------------------------


def test_query_and_found_genes_stand_side_by_side_on_one_scale(fitted):
    before = contents(fitted)
    table = sigel.tl.similar_genes(fitted, ["Gene0001", "Gene0002"], n=6)
    figure = pl.similar_genes(fitted, table, n=5, ncols=4)
    drawn = panels(figure)
    titles = [ax.get_title() for ax in drawn]
    assert titles[:2] == ["Gene0001\nquery", "Gene0002\nquery"]
    wanted = [f"{row.gene}\n{row.similarity:.2f}" for row in table.head(5).itertuples()]
    assert titles[2:] == wanted
    assert len({image(ax).get_clim() for ax in drawn}) == 1
    alone = pl.gene_images(fitted, table["gene"][0])
    assert np.array_equal(image(drawn[2]).get_array(), image(panels(alone)[0]).get_array())
    assert contents(fitted) == before


def test_each_query_begins_a_row(fitted):
    table = sigel.tl.similar_genes(fitted, ["Gene0001", "Gene0002"], n=4, combine="each")
    figure = pl.similar_genes(fitted, table, ncols=3)
    drawn = panels(figure)
    assert len(drawn) == 10
    queries = [ax for ax in drawn if ax.get_title().endswith("query")]
    assert [ax.get_title() for ax in queries] == ["Gene0001\nquery", "Gene0002\nquery"]
    assert [ax.get_subplotspec().colspan.start for ax in queries] == [0, 0]
    assert [ax.get_subplotspec().rowspan.start for ax in queries] == [0, 2]


def test_all_found_genes_are_named_alike_with_their_similarity(fitted):
    table = sigel.tl.similar_genes(fitted, "Gene0001", n=9)
    drawn = panels(pl.similar_genes(fitted, table))[1:]
    wanted = [f"{gene}\n{one:.2f}" for gene, one in zip(table["gene"], table["similarity"], strict=True)]
    assert [ax.get_title() for ax in drawn] == wanted
    assert len({(ax.title.get_color(), ax.title.get_fontweight()) for ax in drawn}) == 1


def test_a_table_that_is_no_answer_is_refused(fitted):
    table = sigel.tl.similar_genes(fitted, "Gene0001", n=4)
    for other in (table.drop(columns="similarity"), table.head(0), None, 1):
        with pytest.raises(InputError, match=r"`table`.*similar_genes"):
            pl.similar_genes(fitted, other)
    with pytest.raises(InputError, match=r"`genes`.*unknown"):
        pl.similar_genes(fitted, table.assign(gene="nobody"))
    many = sigel.tl.similar_genes(fitted, fitted.var_names[:12], n=9, combine="each")
    with pytest.raises(InputError, match=r"`table`.*120 panels"):
        pl.similar_genes(fitted, many)
    with pytest.raises(InputError, match="`ncols`"):
        pl.similar_genes(fitted, table, ncols=0)


def test_names_stand_for_the_genes_found_for_them(fitted):
    name = str(fitted.var_names[fitted.var["sigel_status"] == "embedded"][0])
    table = sigel.tl.similar_genes(fitted, name, n=4)
    for given in (name, [name]):
        drawn, wanted = (panels(pl.similar_genes(fitted, one, n=4)) for one in (given, table))
        assert [ax.get_title() for ax in drawn] == [ax.get_title() for ax in wanted]
    with pytest.raises(InputError, match=r"`table`.*nobody"):
        pl.similar_genes(fitted, "nobody")
    with pytest.raises(InputError, match="`table`: found another table"):
        pl.similar_genes(fitted, [])


# --- a group's page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["2", 2])
def test_a_page_shows_the_mean_the_place_the_figures_and_the_typical_genes(fitted, group):
    before = contents(fitted)
    figure = pl.group_page(fitted, group, n_genes=6, method="pca")
    row = sigel.tl.gene_groups(fitted).set_index("group").loc["2"]
    drawn = panels(figure)
    assert len(drawn) == 7
    genes = [ax.get_title() for ax in drawn[1:]]
    assert genes[:5] == row["typical"].split(",")
    assert len({image(ax).get_clim() for ax in drawn}) == 1
    members = fitted.var_names[(fitted.var["sigel_group"] == "2").to_numpy()]
    each = [image(ax).get_array() for ax in panels(pl.gene_images(fitted, list(members)))]
    assert np.allclose(image(drawn[0]).get_array(), np.mean(each, axis=0), atol=1e-5)
    said = words(figure)
    assert {"Group 2", row["medoid"], f"{row['n_genes']}", "0.40 (lowest 0.30)"} <= set(said)
    # The map: all embedded genes, those of the group in the colour on top.
    (place,) = [ax for ax in figure.axes if ax.get_title() == "Its genes among all"]
    others, own = place.collections
    assert len(own.get_offsets()) == len(members)
    embedded = (fitted.var["sigel_status"] == "embedded").sum()
    assert len(others.get_offsets()) == embedded - len(members)
    assert contents(fitted) == before


def test_a_page_without_stability_leaves_it_out(fitted):
    adata = fitted.copy()
    del adata.uns["sigel"]["stability"]
    assert "stability" not in words(pl.group_page(adata, 1, method="pca"))
    assert "stability" in words(pl.group_page(fitted, 1, method="pca"))


def test_a_group_of_one_gene_and_many_genes_on_the_map(fitted, monkeypatch):
    adata = fitted.copy()
    group = adata.var["sigel_group"].astype(object)
    group["Gene0001"] = "lonely"
    adata.var["sigel_group"] = group.astype("category")
    monkeypatch.setattr("sigel.tasks.gene_map.MOST_AROUND", 20)
    figure = pl.group_page(adata, "lonely")
    assert len(panels(figure)) == 2
    (place,) = [ax for ax in figure.axes if ax.get_title() == "Its genes among all"]
    assert [len(dots.get_offsets()) for dots in place.collections] == [20, 1]


def test_a_group_that_is_not_there_is_named_with_those_that_are(fitted):
    with pytest.raises(InputError, match=r"`group`.*'9'.*There are: 1, 2, 3, 4"):
        pl.group_page(fitted, 9)
    with pytest.raises(InputError, match=r"`key`.*embed"):
        pl.group_page(fitted, 1, key="other")
    with pytest.raises(InputError, match="`n_genes`"):
        pl.group_page(fitted, 1, n_genes=0)


# --- stability -------------------------------------------------------------------------------------------


def test_stability_is_drawn_from_the_most_stable_group_down(fitted):
    figure = pl.group_stability(fitted)
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["3", "1", "4", "2"]
    lines, dots = ax.collections
    assert np.allclose(dots.get_offsets()[:, 1], [1.0, 0.9, 0.7, 0.4])
    ends = np.array([path.vertices[:, 1] for path in lines.get_paths()])
    assert np.allclose(ends.min(axis=1), [1.0, 0.8, 0.2, 0.3])
    sizes = dots.get_sizes()
    assert sizes.argmax() == 1  # the group of 40 genes
    assert "2 more fits" in ax.get_title()
    assert "0.87" in ax.get_title()


def test_stability_that_is_not_there_says_what_to_call(fitted):
    adata = fitted.copy()
    del adata.uns["sigel"]["stability"]
    with pytest.raises(InputError, match=r"sigel\.tl\.group_stability"):
        pl.group_stability(adata)
    with pytest.raises(InputError, match=r"sigel\.tl\.embed"):
        pl.group_stability(fitted, key="other")


def test_names_with_two_dollars_are_no_mathematics(fitted):
    adata = fitted.copy()
    money = r"$\q$ "
    adata.var["what is " + money] = [f"{money}{k % 3}" for k in range(adata.n_vars)]
    adata.var["how much " + money] = np.arange(adata.n_vars, dtype=float)
    adata.var_names = money + adata.var_names
    for color in ("what is " + money, "how much " + money):
        figure = pl.gene_map(adata, color=color, method="pca", labels=[adata.var_names[0]])
        figure.canvas.draw()
        assert color in words(figure)
    assert adata.var_names[0] in words(figure)
