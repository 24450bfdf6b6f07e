"""Pictures of spatial domains, of labels beside them and of stability: what is drawn, what is refused."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgb, to_rgba
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

import sigel
from sigel import pl
from sigel.errors import InputError
from sigel.pl._colours import NOTHING, PALETTE, colours_of


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def with_domains(adata, section_key=""):
    """Domains as `sigel.tl.domains` and `sigel.tl.domain_stability` write them, made of x alone: known."""
    x = np.argsort(np.argsort(adata.obsm["spatial"][:, 0], kind="stable"), kind="stable") / adata.n_obs
    code = np.searchsorted([0.45, 0.75, 0.9], x, side="right") + 1
    adata.obs["sigel_domain"] = pd.Categorical(code.astype(str), ["1", "2", "3", "4"])
    adata.obs["sigel_domain_prob"] = np.linspace(0.3, 0.9, adata.n_obs)
    adata.obs["sigel_domain_stability"] = np.arange(adata.n_obs) % 6 / 5
    stability = {
        "domain": np.array(["1", "2", "3", "4"]),
        "n_spots": np.bincount(code)[1:],
        "stability": np.array([0.9, 0.4, 1.0, 0.7]),
        "lowest": np.array([0.8, 0.3, 1.0, 0.2]),
        "ari": np.float64(0.87),
        "ari_by_seed": np.linspace(0.8, 0.9, 5),
        "seeds": np.arange(1, 6),
    }
    about = {"method": "mixture", "n_domains": 4, "section_key": section_key, "spatial_key": "spatial"}
    adata.uns["sigel"] = {"domains": {**about, "stability": stability}}
    return adata


def simulated(lattice="visium", seed=0, side=16):
    return sigel.datasets.simulated_section(side, side, 3, 4, 8, lattice=lattice, seed=seed)


@pytest.fixture
def adata():
    """A hexagonal section."""
    return with_domains(simulated())


@pytest.fixture
def cohort():
    """A square section and a smaller one at the same place."""
    parts = {"a": simulated("square", 1), "b": simulated("square", 2, side=12)}
    return with_domains(anndata.concat(parts, label="slide", index_unique="-"), "slide")


def spots(ax):
    """What draws the spots of a panel, or None."""
    found = [c for c in ax.collections if isinstance(c, PolyCollection | EllipseCollection)]
    return found[0] if found else None


def panels(figure):
    return [ax for ax in figure.axes if spots(ax) is not None and spots(ax).get_array() is not None]


def middles(drawn):
    """Where spots are drawn, `(n, 2)`."""
    if isinstance(drawn, EllipseCollection):
        return np.asarray(drawn.get_offsets())
    return np.array([path.vertices[:-1].mean(axis=0) for path in drawn.get_paths()])


def shades(ax, at):
    """Hexadecimal colour of the spot drawn at each of these places."""
    drawn = spots(ax)
    drawn.update_scalarmappable()
    found = middles(drawn)
    near = np.linalg.norm(at[:, None] - found[None], axis=-1).argmin(axis=1)
    return np.array([to_hex(one).upper() for one in drawn.get_facecolors()])[near]


def legend(figure):
    return {text.get_text(): to_hex(patch.get_facecolor()).upper() for text, patch in entries(figure)}


def entries(figure):
    (box,) = figure.legends
    return zip(box.get_texts(), box.get_patches(), strict=True)


def words(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


# --- domains on the tissue --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lattice", "kind"),
    [("visium", PolyCollection), ("square", PolyCollection), ("cells", EllipseCollection)],
)
def test_every_spot_stands_at_its_place_in_the_colour_of_its_domain(lattice, kind):
    adata = with_domains(simulated(lattice))
    (ax,) = panels(pl.domains(adata))
    assert isinstance(spots(ax), kind)
    assert len(middles(spots(ax))) == adata.n_obs
    wanted = [PALETTE[int(name) - 1] for name in adata.obs["sigel_domain"]]
    assert shades(ax, adata.obsm["spatial"]).tolist() == wanted
    away = np.linalg.norm(adata.obsm["spatial"][:, None] - middles(spots(ax))[None], axis=-1).min(axis=1)
    assert away.max() < 1.0  # neighbours lie 100 apart
    low, high = ax.get_ylim()
    assert low > high
    assert ax.get_aspect() == 1


def test_the_legend_counts_the_spots_and_the_title_the_domains(adata):
    figure = pl.domains(adata)
    sizes = adata.obs["sigel_domain"].value_counts()
    assert legend(figure) == {f"{k}  ({sizes[k]})": PALETTE[int(k) - 1] for k in ["1", "2", "3", "4"]}
    assert figure.axes[0].get_title() == "4 domains"
    text = legend(pl.domains(with_domains(simulated(side=60))))
    assert next(iter(text)).startswith("1  (1,")


def test_a_domain_has_its_number_amid_its_own_spots(adata):
    (ax,) = panels(pl.domains(adata))
    written = {text.get_text(): text.get_position() for text in ax.texts}
    assert {"1", "2"} <= set(written)
    for name, place in written.items():
        away = np.linalg.norm(adata.obsm["spatial"] - place, axis=1)
        near = adata.obs["sigel_domain"].astype(str).to_numpy()[np.argsort(away)[:7]]
        assert (near == name).mean() > 0.5


def test_a_scattered_domain_has_no_number(adata):
    rng = np.random.default_rng(0)
    code = np.where(rng.random(adata.n_obs) < 0.05, "2", "1")
    adata.obs["sigel_domain"] = pd.Categorical(code)
    (ax,) = panels(pl.domains(adata))
    assert [text.get_text() for text in ax.texts] == ["1"]


def test_a_domain_keeps_its_colour_in_a_part_of_the_section(adata):
    part = adata[adata.obs["sigel_domain"].isin(["2", "4"])].copy()
    figure = pl.domains(part)
    assert list(legend(figure).values()) == [PALETTE[1], PALETTE[3]]
    assert set(shades(panels(figure)[0], part.obsm["spatial"])) == {PALETTE[1], PALETTE[3]}


def test_spots_without_a_domain_are_grey_and_counted(adata):
    adata.obs.loc[adata.obs_names[:5], "sigel_domain"] = np.nan
    figure = pl.domains(adata)
    assert legend(figure)["none  (5)"] == to_hex(NOTHING).upper()
    assert set(shades(panels(figure)[0], adata.obsm["spatial"][:5])) == {to_hex(NOTHING).upper()}
    cells = with_domains(simulated("cells"))
    cells.obs.loc[cells.obs_names[:5], "sigel_domain"] = np.nan
    assert set(shades(panels(pl.domains(cells))[0], cells.obsm["spatial"][:5])) == {to_hex(NOTHING).upper()}


def test_each_section_has_a_panel_and_spots_of_one_size(cohort):
    figure = pl.domains(cohort)
    drawn = panels(figure)
    assert [ax.get_title() for ax in drawn] == ["a", "b"]
    for name, ax in zip("ab", drawn, strict=True):
        part = cohort[cohort.obs["slide"] == name]
        assert len(middles(spots(ax))) == part.n_obs
        assert shades(ax, part.obsm["spatial"]).tolist() == [
            PALETTE[int(domain) - 1] for domain in part.obs["sigel_domain"]
        ]
    assert np.ptp(drawn[0].get_xlim()) == pytest.approx(np.ptp(drawn[1].get_xlim()))
    assert figure.get_suptitle() == "4 domains"


def test_sections_in_other_units_are_drawn_by_their_spacing(cohort):
    own = cohort.obs["slide"].to_numpy() == "b"
    cohort.obsm["spatial"][own] *= 40
    first, second = (np.ptp(ax.get_xlim()) for ax in panels(pl.domains(cohort)))
    assert second / first == pytest.approx(40, rel=0.01)


def test_sections_look_alike_also_where_one_has_no_lattice(cohort):
    own = cohort.obs["slide"].to_numpy() == "b"
    cohort.obs.loc[own, "array_row"] += 0.5
    rng = np.random.default_rng(0)
    cohort.obsm["spatial"][own] += rng.normal(0, 15, (own.sum(), 2))
    assert all(isinstance(spots(ax), EllipseCollection) for ax in panels(pl.domains(cohort)))


def test_another_column_is_shown_in_the_same_way(adata):
    figure = pl.domains(adata, color="region")
    sizes = adata.obs["region"].value_counts()
    assert set(legend(figure)) == {f"{name}  ({n})" for name, n in sizes.items() if n}
    assert not panels(figure)[0].texts
    numbers = pl.domains(adata, color="sigel_domain_prob")
    assert not numbers.legends
    (ax,) = [ax for ax in panels(numbers) if ax.get_title()]
    assert np.allclose(np.sort(spots(ax).get_array()), adata.obs["sigel_domain_prob"])
    assert len(numbers.axes) == 2


def test_another_column_needs_no_domains(adata):
    drawn = legend(pl.domains(adata, color="region"))
    del adata.uns["sigel"], adata.obs["sigel_domain"]
    assert legend(pl.domains(adata, color="region")) == drawn
    with pytest.raises(InputError, match="`key`"):
        pl.domains(adata)
    with pytest.raises(InputError, match="`key`"):
        pl.domains(adata, key="coarse", color="region")


def test_numbers_that_look_like_text_stand_in_their_order_and_odd_names_are_drawn(adata):
    adata.obs["sigel_domain"] = np.arange(adata.n_obs) % 12 + 1
    assert [name.split()[0] for name in legend(pl.domains(adata))] == [str(k) for k in range(1, 13)]
    adata.obs["odd"] = np.where(np.arange(adata.n_obs) % 2, "$x_$ {", "a_b$")
    for figure in (pl.domains(adata, color="odd"), pl.domain_confusion(adata, "odd")):
        figure.canvas.draw()


def test_coordinates_may_be_elsewhere_or_the_lattice_itself(adata):
    adata.obsm["turned"] = adata.obsm["spatial"][:, ::-1] * 2
    (ax,) = panels(pl.domains(adata, spatial_key="turned"))
    assert shades(ax, adata.obsm["turned"])[0] == PALETTE[int(adata.obs["sigel_domain"].iloc[0]) - 1]
    del adata.obsm["spatial"]
    (ax,) = panels(pl.domains(adata))
    at = adata.obs[["array_col", "array_row"]].to_numpy() * [1.0, np.sqrt(3)]
    wanted = [PALETTE[int(name) - 1] for name in adata.obs["sigel_domain"]]
    assert shades(ax, at).tolist() == wanted


def test_a_hundred_names_have_a_hundred_colours():
    names = [str(n) for n in range(1, 101)]
    assert len(set(colours_of(names))) == 100
    assert colours_of(names)[:20] == list(PALETTE)
    assert colours_of(["37", "21"]) == [colours_of(names)[36], colours_of(names)[20]]


def test_colours_are_told_apart_with_every_kind_of_colour_vision():
    """Distances in CIELAB after the simulation of Machado et al. 2009; below 2.3 nobody sees a difference."""
    red_blind = [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
    green_blind = [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ]
    blue_blind = [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ]
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    rgb = np.array([to_rgb(shade) for shade in (*PALETTE, NOTHING, "white")])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for seen in (np.eye(3), *map(np.array, (red_blind, green_blind, blue_blind))):
        xyz = np.clip(linear @ seen.T, 0, 1) @ to_xyz.T / [0.9505, 1, 1.089]
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        lab = np.column_stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])])
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(len(lab) - 2, 1)]
        assert apart.min() > 15
        assert np.linalg.norm(lab[:-2, None] - lab[None, -2:], axis=-1).min() > 15


# --- domains and labels -----------------------------------------------------------------------------------


@pytest.fixture
def labelled(adata):
    """Labels in an order of their own: "top" is domains 2 and 3, "mid" 1, "low" 4 and some of 1."""
    domain = adata.obs["sigel_domain"].astype(int).to_numpy()
    label = np.array([None, "mid", "top", "top", "low"], dtype=object)[domain]
    label[np.flatnonzero(domain == 1)[:9]] = "low"
    label[np.flatnonzero(domain == 2)[:7]] = None
    adata.obs["layer"] = pd.Categorical(label, ["top", "unused", "low", "mid"])
    return adata


def cells(figure):
    """Numbers written in the table, by row and column."""
    found = [text for text in figure.axes[0].texts if text.get_text().isdecimal()]
    return {tuple(int(k) for k in text.get_position()[::-1]): int(text.get_text()) for text in found}


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_confusion_is_a_staircase_in_the_order_of_the_labels(labelled):
    figure = pl.domain_confusion(labelled, "layer")
    ax = figure.axes[0]
    assert ticks(ax.xaxis) == ["top", "low", "mid"]
    # Domain 3 is the smaller one of "top", and follows it.
    assert ticks(ax.yaxis) == ["2", "3", "4", "1"]
    sizes = labelled.obs["sigel_domain"].value_counts()
    assert cells(figure) == {
        (0, 0): sizes["2"] - 7,
        (1, 0): sizes["3"],
        (2, 1): sizes["4"],
        (3, 1): 9,
        (3, 2): sizes["1"] - 9,
    }
    (image,) = ax.images
    assert np.allclose(image.get_array().sum(axis=1), 1)
    assert image.get_array()[3, 1] == pytest.approx(9 / sizes["1"])
    assert image.get_clim() == (0, 1)


def test_confusion_tells_the_indices_and_the_spots_that_were_left_out(labelled):
    figure = pl.domain_confusion(labelled, "layer")
    told = labelled.obs.dropna(subset="layer")
    ari = adjusted_rand_score(told["layer"], told["sigel_domain"])
    nmi = normalized_mutual_info_score(told["layer"], told["sigel_domain"])
    assert figure.axes[0].get_title() == f"ARI {ari:.2f}, NMI {nmi:.2f}"
    assert f"{len(told):,} spots; 7 without a label left out" in words(figure)
    full = pl.domain_confusion(labelled, "sigel_domain")
    assert f"{labelled.n_obs:,} spots" in words(full)
    assert full.axes[0].get_title() == "ARI 1.00, NMI 1.00"
    labelled.obs["text"] = labelled.obs["layer"].astype(object).where(labelled.obs["layer"].notna(), "")
    assert f"{len(told):,} spots; 7 without a label left out" in words(pl.domain_confusion(labelled, "text"))


def test_long_labels_stay_on_the_page(labelled):
    labelled.obs["long"] = labelled.obs["layer"].cat.rename_categories({"top": "t" * 90, "low": "l" * 40})
    figure = pl.domain_confusion(labelled, "long")
    figure.canvas.draw()
    assert "t" * 39 + "…" in ticks(figure.axes[0].xaxis)
    assert "l" * 40 in ticks(figure.axes[0].xaxis)
    for tick in figure.axes[0].get_xticklabels():
        assert tick.get_window_extent().x0 >= 0


@pytest.mark.parametrize("seed", range(5))
def test_the_diagonal_of_mixed_domains_is_the_best_there_is(adata, seed):
    from itertools import permutations

    rng = np.random.default_rng(seed)
    domain = rng.integers(0, 5, adata.n_obs)
    shuffled = rng.permutation(5)[domain]
    adata.obs["sigel_domain"] = pd.Categorical((shuffled + 1).astype(str))
    noisy = np.where(rng.random(adata.n_obs) < 0.5, domain, rng.integers(0, 5, adata.n_obs))
    adata.obs["truth"] = np.array(list("abcde"))[noisy]
    figure = pl.domain_confusion(adata, "truth")
    table = pd.crosstab(adata.obs["sigel_domain"], adata.obs["truth"]).to_numpy()
    best = max(table[list(order), range(5)].sum() for order in permutations(range(5)))
    assert sum(cells(figure)[k, k] for k in range(5)) == best
    assert ticks(figure.axes[0].xaxis) == list("abcde")


def test_numbers_that_do_not_fit_are_left_out():
    adata = with_domains(simulated(side=60))
    adata.obs["many"] = (np.arange(adata.n_obs) % 80).astype(str)
    figure = pl.domain_confusion(adata, "many")
    assert len(ticks(figure.axes[0].xaxis)) == 80
    assert not cells(figure)


# --- stability --------------------------------------------------------------------------------------------


def test_stability_stands_beside_the_tissue_from_the_most_stable_domain_down(adata):
    figure = pl.domain_stability(adata)
    ax = figure.subfigs[0].axes[0]
    assert ticks(ax.xaxis) == ["3", "1", "4", "2"]
    lines, dots = ax.collections
    assert np.allclose(dots.get_offsets()[:, 1], [1.0, 0.9, 0.7, 0.4])
    assert [to_hex(one).upper() for one in dots.get_facecolors()] == [PALETTE[k] for k in (2, 0, 3, 1)]
    ends = np.array([path.vertices[:, 1] for path in lines.get_paths()])
    assert np.allclose(ends.min(axis=1), [1.0, 0.8, 0.2, 0.3])
    assert dots.get_sizes().argmax() == 1  # the largest domain
    assert ax.get_title() == "5 more seeds: adjusted Rand index 0.87"
    (tissue,) = [ax for ax in figure.subfigs[1].axes if isinstance(spots(ax), PolyCollection)][:1]
    drawn = spots(tissue)
    order = np.linalg.norm(adata.obsm["spatial"][:, None] - middles(drawn)[None], axis=-1).argmin(axis=1)
    assert np.allclose(drawn.get_array()[order], adata.obs["sigel_domain_stability"])
    assert drawn.get_clim() == (0, 1)


def test_stability_of_sections_and_of_one_seed(cohort):
    found = cohort.uns["sigel"]["domains"]["stability"]
    found["seeds"] = np.array([4])
    figure = pl.domain_stability(cohort)
    assert [ax.get_title() for ax in figure.subfigs[1].axes if ax.get_title()] == ["a", "b"]
    assert figure.subfigs[0].axes[0].get_title().startswith("One more seed")


# --- all three --------------------------------------------------------------------------------------------

DRAW = {
    "domains": lambda adata, **more: pl.domains(adata, **more),
    "domain_confusion": lambda adata, **more: pl.domain_confusion(adata, "region", **more),
    "domain_stability": lambda adata, **more: pl.domain_stability(adata, **more),
}


@pytest.mark.parametrize("name", DRAW)
def test_pictures_only_read_show_nothing_and_outlive_a_file(adata, name, monkeypatch, tmp_path):
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a window was opened"))
    before = adata.copy()
    DRAW[name](adata).savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000
    assert adata.obs.equals(before.obs)
    assert sorted(adata.uns["sigel"]["domains"]) == sorted(before.uns["sigel"]["domains"])
    adata.write_h5ad(tmp_path / "section.h5ad")
    again = DRAW[name](anndata.read_h5ad(tmp_path / "section.h5ad"))
    assert words(again) == words(DRAW[name](adata))


@pytest.mark.parametrize("name", DRAW)
def test_a_key_without_domains_is_refused_with_the_nearest_that_has_some(adata, name):
    adata.uns["coarse"] = {"domains": dict(adata.uns["sigel"]["domains"])}
    with pytest.raises(InputError, match=r"`key`.*'sigle'.*nearest: 'sigel'.*sigel\.tl\.domains"):
        DRAW[name](adata, key="sigle")
    with pytest.raises(InputError, match=r"`key`.*'coarse', under which there are no domains"):
        DRAW[name](adata, key="coarse")  # the column of obs is gone
    bare = simulated()
    with pytest.raises(InputError, match=r"`key`.*sigel\.tl\.domains\(adata, key_added='sigel'\)"):
        DRAW[name](bare)
    bare.uns["sigel"] = {"params": "{}"}
    with pytest.raises(InputError, match=r"`key`.*under which there are no domains"):
        DRAW[name](bare)
    with pytest.raises(InputError, match="AnnData"):
        DRAW[name]([1, 2])


def test_another_key_has_its_own_domains(adata):
    adata.uns["coarse"] = {"domains": dict(adata.uns["sigel"]["domains"])}
    adata.obs["coarse_domain"] = adata.obs["sigel_domain"].where(adata.obs["sigel_domain"] != "4", "3")
    assert panels(pl.domains(adata, key="coarse"))[0].get_title() == "3 domains"


def test_columns_that_are_not_there_are_named_with_the_nearest(adata):
    with pytest.raises(InputError, match=r"`labels`.*'regoin'.*nearest: 'region'"):
        pl.domain_confusion(adata, "regoin")
    with pytest.raises(InputError, match=r"`color`.*'Region'.*nearest: 'region'"):
        pl.domains(adata, color="Region")
    with pytest.raises(InputError, match=r"`spatial_key`.*'spacial'.*nearest: 'spatial'"):
        pl.domains(adata, spatial_key="spacial")
    for wrong in (None, ["region"], 3):
        with pytest.raises(InputError, match="`labels`"):
            pl.domain_confusion(adata, wrong)


def test_columns_that_are_no_labels_are_refused(adata):
    adata.obs["empty"] = np.nan
    adata.obs["name"] = adata.obs_names
    for labels, message in (("empty", "without a label"), ("name", "at most 100")):
        with pytest.raises(InputError, match=f"`labels`.*{message}"):
            pl.domain_confusion(adata, labels)
    for color, message in (("empty", "without a value"), ("name", "at most 100")):
        with pytest.raises(InputError, match=f"`color`.*{message}"):
            pl.domains(adata, color=color)


def test_sections_that_are_gone_and_spots_without_a_place_are_refused(cohort, adata):
    cohort.obs = cohort.obs.rename(columns={"slide": "slides"})
    with pytest.raises(InputError, match=r"`adata`.*'slide'.*nearest: 'slides'"):
        pl.domains(cohort)
    adata.obsm["spatial"][3] = np.nan
    with pytest.raises(InputError, match="without finite coordinates"):
        pl.domains(adata)
    adata.obsm["flat"] = np.zeros((adata.n_obs, 1))
    with pytest.raises(InputError, match="shape"):
        pl.domains(adata, spatial_key="flat")


def test_sections_on_top_of_each_other_are_refused_unless_they_are_told_apart(cohort):
    cohort.uns["sigel"]["domains"]["section_key"] = ""
    with pytest.raises(InputError, match="on top of each other"):
        pl.domains(cohort)


def test_stability_that_is_missing_or_of_other_domains_says_what_to_call(adata):
    other = adata.copy()
    other.obs["sigel_domain"] = other.obs["sigel_domain"].cat.rename_categories(list("abcd"))
    with pytest.raises(InputError, match=r"other domains.*sigel\.tl\.domain_stability"):
        pl.domain_stability(other)
    column = adata.copy()
    del column.obs["sigel_domain_stability"]
    del adata.uns["sigel"]["domains"]["stability"]
    for missing in (adata, column):
        with pytest.raises(InputError, match=r"no stability.*sigel\.tl\.domain_stability"):
            pl.domain_stability(missing)


@pytest.mark.parametrize("n", [1, 6])
def test_very_few_spots_can_be_drawn(adata, n):
    few = adata[:n].copy()
    for draw in DRAW.values():
        draw(few).canvas.draw()


def test_what_sigel_finds_can_be_drawn():
    adata = sigel.datasets.simulated_section(16, 16, 3, 20, 40, seed=1)
    sigel.tl.domains(adata, 3, config={"starts": 4}, progress=False)
    sigel.tl.domain_stability(adata, n_seeds=1, progress=False)
    for draw in DRAW.values():
        draw(adata).canvas.draw()
    assert to_rgba(PALETTE[0]) in [patch.get_facecolor() for _, patch in entries(pl.domains(adata))]
