"""Pictures of the tissue under spots: the right one, at its place, where it was asked for or is of use."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.colors import to_hex

import sigel
from sigel import pl
from sigel.errors import InputError
from sigel.pl._colours import PALETTE

SCALE = 0.31  # pixels of the picture for each of the full one
SPOT = 42  # which lies over what is dark


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def with_picture(adata, name="one", spot=SPOT, diameter=55.0, margin=400.0):
    """A white picture with a dark square as wide as two spots around one of them."""
    places = adata.obsm["spatial"] = adata.obsm["spatial"] - adata.obsm["spatial"].min(axis=0) + margin
    width, height = np.ceil((places.max(axis=0) + margin) * SCALE).astype(int)
    picture = np.full((height, width, 3), 0.97, dtype=np.float32)
    low, high = (np.round((places[spot] + side) * SCALE).astype(int) for side in (-55, 55))
    picture[low[1] : high[1], low[0] : high[0]] = 0.0
    factors = {"tissue_hires_scalef": SCALE, "spot_diameter_fullres": diameter}
    adata.uns["spatial"] = {name: {"images": {"hires": picture}, "scalefactors": factors}}
    return adata


def simulated(lattice="visium", seed=0, side=12):
    adata = sigel.datasets.simulated_section(side, side, 3, 4, 8, lattice=lattice, seed=seed)
    adata.obs["kind"] = [str(1 + k % 3) for k in range(adata.n_obs)]
    return adata


@pytest.fixture
def adata():
    return with_picture(simulated())


def pictures(figure):
    return [image for ax in figure.findobj(mpl.axes.Axes) for image in ax.images]


def discs(figure):
    drawn = [c for ax in figure.findobj(mpl.axes.Axes) for c in ax.collections]
    return [
        c for c in drawn if isinstance(c, EllipseCollection | PolyCollection) and c.get_array() is not None
    ]


def seen(figure, ax, places):
    """Grey of the page at places of the section, the spots taken away."""
    for drawn in ax.collections:
        drawn.set_visible(False)
    figure.canvas.draw()
    page = np.asarray(figure.canvas.buffer_rgba())[..., :3].mean(axis=-1)
    across, up = ax.transData.transform(places).T
    return page[np.floor(page.shape[0] - up).astype(int), np.floor(across).astype(int)]


@pytest.mark.parametrize("draw", ["domains", "gene_images", "gene_pair"])
def test_the_spot_over_a_dark_square_is_drawn_over_it(adata, draw):
    calls = {
        "domains": lambda: pl.domains(adata, color="kind"),
        "gene_images": lambda: pl.gene_images(adata, "Gene0001", histology=True),
        "gene_pair": lambda: pl.gene_pair(adata, "Gene0001", "Gene0002"),
    }
    figure = calls[draw]()
    figure.set_dpi(200)
    ax = pictures(figure)[0].axes
    place = adata.obsm["spatial"][SPOT]
    # Within the square on all four sides, and outside it on all four.
    sides = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    dark = seen(figure, ax, place + np.concatenate([[[0, 0]], 45 * sides]))
    light = seen(figure, ax, place + 65 * sides)
    assert dark.max() < 160 < 230 < light.min()
    others = np.delete(adata.obsm["spatial"], SPOT, axis=0)
    assert seen(figure, ax, others).min() > 230


def test_spots_are_discs_of_their_true_width_through_which_the_picture_is_seen(adata):
    figure = pl.domains(adata, color="kind")
    (drawn,) = discs(figure)
    assert isinstance(drawn, EllipseCollection)
    assert np.allclose(drawn.get_offsets(), adata.obsm["spatial"])
    assert np.unique(drawn._widths * 2) == pytest.approx([55.0])
    assert 0.5 < drawn.get_alpha() < 1
    drawn.update_scalarmappable()
    assert {to_hex(one).upper() for one in drawn.get_facecolors()} == set(PALETTE[:3])
    (picture,) = pictures(figure)
    assert picture.get_array().min() > 0.3  # paled
    left, right, bottom, top = picture.get_extent()
    low, high = adata.obsm["spatial"].min(axis=0), adata.obsm["spatial"].max(axis=0)
    # Cropped to the spots, and no further.
    assert low[0] - 110 < left < low[0] - 50
    assert high[1] + 50 < bottom < high[1] + 110
    assert (right > high[0], top < low[1]) == (True, True)
    assert picture.axes.get_xlim()[0] >= left


def test_objects_without_a_picture_and_those_that_want_none_are_drawn_as_before(adata):
    (drawn,) = discs(pl.domains(adata, color="kind", histology=False))
    assert isinstance(drawn, PolyCollection)
    assert not pictures(pl.gene_images(adata, "Gene0001"))
    del adata.uns["spatial"]
    figure = pl.domains(adata, color="kind")
    assert isinstance(discs(figure)[0], PolyCollection)
    assert not pictures(figure)
    with pytest.raises(InputError, match=r'histology.*adata.uns\["spatial"\]'):
        pl.domains(adata, color="kind", histology=True)


def test_spots_that_leave_no_room_hide_the_picture_unless_it_is_asked_for():
    bins = with_picture(simulated("square"), diameter=100.0)
    assert not pictures(pl.domains(bins, color="kind"))
    figure = pl.domains(bins, color="kind", histology=True)
    assert len(pictures(figure)) == 1
    assert np.unique(discs(figure)[0]._widths * 2) == pytest.approx([100.0])
    cells = with_picture(simulated("cells"), diameter=np.nan)
    assert not pictures(pl.domains(cells, color="kind"))
    assert pictures(pl.domains(cells, color="kind", histology=True))


def test_each_section_has_its_own_picture():
    parts = {"a": with_picture(simulated(), "a", 10), "b": with_picture(simulated(seed=1), "b", 60)}
    adata = anndata.concat(parts, label="slide", index_unique="-", uns_merge="unique")
    assert set(adata.uns["spatial"]) == {"a", "b"}
    figure = pl.domains(adata, color="kind", section_key="slide")
    figure.set_dpi(200)
    assert [image.axes.get_title() for image in pictures(figure)] == ["a", "b"]
    for image, (name, spot) in zip(pictures(figure), {"a": 10, "b": 60}.items(), strict=True):
        shade = seen(figure, image.axes, parts[name].obsm["spatial"])
        assert np.flatnonzero(shade < 160).tolist() == [spot]
    # Of a part that has its section alone, too.
    only = adata[adata.obs["slide"] == "b"].copy()
    assert len(pictures(pl.domains(only, color="kind"))) == 1
    # Where one has none, all are drawn as before, unless those that are there are asked for.
    del adata.uns["spatial"]["a"]
    assert not pictures(pl.domains(adata, color="kind", section_key="slide"))
    some = pl.domains(adata, color="kind", section_key="slide", histology=True)
    assert [image.axes.get_title() for image in pictures(some)] == ["b"]


def test_two_sections_beside_each_other_may_share_a_picture(adata):
    adata.obs["half"] = np.where(adata.obsm["spatial"][:, 0] < 1000, "left", "right")
    assert len(pictures(pl.domains(adata, color="kind", section_key="half"))) == 2


def test_a_picture_that_does_not_go_with_the_places_is_never_drawn(adata):
    adata.obsm["micrometres"] = adata.obsm["spatial"] * 3
    assert not pictures(pl.domains(adata, color="kind", spatial_key="micrometres"))
    with pytest.raises(InputError, match="lie beside the picture"):
        pl.domains(adata, color="kind", spatial_key="micrometres", histology=True)
    lattice = adata.copy()
    del lattice.obsm["spatial"]
    assert not pictures(pl.domains(lattice, color="kind"))
    with pytest.raises(InputError, match="spots without coordinates"):
        pl.domains(lattice, color="kind", histology=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", np.zeros((4, 4, 3))),
        ("images", [np.zeros((4, 4, 3))]),
        ("scalefactors", None),
        ("scalefactors", {"tissue_hires_scalef": "a third"}),
        ("images", {"hires": "hires.png"}),
    ],
)
def test_what_others_store_in_its_place_is_drawn_without(adata, name, value):
    adata.uns["spatial"]["one"][name] = value
    assert not pictures(pl.domains(adata, color="kind"))
    with pytest.raises(InputError, match="`histology`"):
        pl.domains(adata, color="kind", histology=True)


def test_a_spot_of_no_known_width_has_one(adata):
    adata.uns["spatial"]["one"]["scalefactors"]["spot_diameter_fullres"] = None
    assert pictures(pl.domains(adata, color="kind", histology=True))


@pytest.mark.parametrize("white", [255, 65535, 255.0])
def test_pictures_of_any_depth_are_as_light(adata, white):
    stored = adata.uns["spatial"]["one"]["images"]
    plain = pictures(pl.domains(adata, color="kind"))[0].get_array()
    kind = np.float32 if isinstance(white, float) else np.uint16 if white > 255 else np.uint8
    stored["hires"] = np.round(stored["hires"] * white).astype(kind)
    deep = pictures(pl.domains(adata, color="kind"))[0].get_array()
    np.testing.assert_allclose(deep, plain, atol=0.005)


def test_pictures_are_chosen_by_name(adata):
    stored = adata.uns["spatial"]["one"]
    stored["images"]["lowres"] = (stored["images"]["hires"][::2, ::2, 0] * 255).astype(np.uint8)  # grey
    stored["scalefactors"]["tissue_lowres_scalef"] = SCALE / 2
    by_default, low = (pl.domains(adata, color="kind", histology=one) for one in (None, "lowres"))
    fine, coarse = (pictures(figure)[0].get_array() for figure in (by_default, low))
    assert fine.shape[0] > 1.8 * coarse.shape[0]
    assert (coarse.min() > 0.3, coarse.max() <= 1) == (True, True)
    with pytest.raises(InputError, match="'hires', 'lowres'"):
        pl.domains(adata, color="kind", histology="medium")
    with pytest.raises(InputError, match="None, True, False or a name"):
        pl.domains(adata, color="kind", histology=3)
    del stored["scalefactors"]["tissue_lowres_scalef"]
    with pytest.raises(InputError, match="tissue_lowres_scalef"):
        pl.domains(adata, color="kind", histology="lowres")


def test_what_is_stored_by_others_under_the_name_is_no_picture(adata):
    for odd in (
        "text",
        {"one": "text"},
        {"one": {"images": {}}},
        {"one": {"images": {"hires": np.zeros(3)}}},
    ):
        adata.uns["spatial"] = odd
        assert not pictures(pl.domains(adata, color="kind"))


def test_images_of_several_sections_have_no_picture_under_them():
    adata = anndata.concat(
        {"a": with_picture(simulated(), "a"), "b": with_picture(simulated(seed=1), "b")},
        label="slide",
        index_unique="-",
        uns_merge="unique",
    )
    adata.uns["sigel"] = {"section_key": "slide"}
    assert not pictures(pl.gene_images(adata, "Gene0001", histology=None))
    with pytest.raises(InputError, match="images of 2 sections"):
        pl.gene_images(adata, "Gene0001", histology=True)


@pytest.mark.nightly
def test_imputed_genes_lie_over_the_picture_of_either_object():
    target, reference, hidden = sigel.datasets.simulated_panel(seed=0)
    genes = list(hidden.var_names[:2])
    imputed = sigel.tl.impute(target, reference, genes=genes, progress=False)
    assert not pictures(pl.imputed_genes(imputed, genes))
    with_picture(imputed)
    figure = pl.imputed_genes(imputed, genes, histology=True)
    assert len(pictures(figure)) == len(discs(figure)) == 4
    hidden.uns["spatial"] = imputed.uns.pop("spatial")
    assert pictures(pl.imputed_genes(imputed, genes, measured=hidden, histology=True))
