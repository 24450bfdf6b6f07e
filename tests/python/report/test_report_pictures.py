"""Images as tiles of one picture: shape, levels, and what a PNG reader finds in it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("matplotlib")

from PIL import Image

import sigel
from sigel.report._figures import picture, viridis
from sigel.report._pictures import N_LEVELS, Frame, across, limits_over, sprite, tiles_of


def read(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.mode == "P"
        return np.asarray(picture)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9), st.integers(1, 7), st.integers(1, 9), st.integers(0, 99))
def test_a_reader_finds_each_tile_where_the_page_looks_for_it(n, height, width, seed):
    tiles = np.random.default_rng(seed).integers(0, N_LEVELS + 1, (n, height, width)).astype(np.uint8)
    found = read(sprite(tiles, viridis(N_LEVELS)))
    wide = min(across((height, width)), max(n, 1))
    for k, tile in enumerate(tiles):
        row, col = divmod(k, wide)
        assert (found[row * height : (row + 1) * height, col * width : (col + 1) * width] == tile).all()


def test_many_tiles_stand_in_several_rows():
    tiles = np.ones((300, 3, 48), dtype=np.uint8)
    found = read(sprite(tiles, viridis(N_LEVELS)))
    assert found.shape == (3 * 4, 85 * 48)
    assert int(found.sum()) == tiles.size


def test_beside_the_tissue_it_is_clear_and_colours_are_those_of_viridis():
    tiles = np.array([[[0, 1], [N_LEVELS, 1]]], dtype=np.uint8)
    with Image.open(io.BytesIO(sprite(tiles, viridis(N_LEVELS)))) as one:
        pixels = np.asarray(one.convert("RGBA"))
    assert pixels[0, 0, 3] == 0
    assert pixels[0, 1].tolist() == [68, 1, 84, 255]
    assert pixels[1, 0].tolist() == [253, 231, 37, 255]


@pytest.fixture(scope="module")
def images():
    return sigel.GeneImages.from_anndata(sigel.datasets.simulated_section(20, 16, 4, 10, 20))


@pytest.mark.parametrize("side", [8, 20, 48, 200])
def test_a_tile_has_the_shape_of_the_section(images, side):
    frame = Frame.of(images.raster, side)
    assert max(frame.shape) <= side
    places = images.raster.coordinates()
    ratio = np.divide(*(np.ptp(places, axis=0) + 1))
    assert frame.shape[1] / frame.shape[0] == pytest.approx(ratio, rel=0.25)
    sums = np.asarray(frame.weights.sum(axis=1)).ravel()
    assert set(np.round(sums, 5)) <= {0.0, 1.0}
    # All pixels of the section are seen.
    assert (np.asarray(frame.weights.sum(axis=0)).ravel() > 0).all()


def test_up_is_up_and_left_is_left(images):
    frame = Frame.of(images.raster, 32)
    places = images.raster.coordinates()
    for axis in (0, 1):
        (tile,) = frame.tiles(places[None, :, axis], (places[:, axis].min(), places[:, axis].max()))
        lines = np.where(tile > 0, tile, np.nan)
        along, down = np.nanmean(lines, axis=0), np.nanmean(lines, axis=1)
        rising, flat = (along, down) if axis == 0 else (down, along)
        assert np.corrcoef(rising, np.arange(len(rising)))[0, 1] > 0.99
        assert np.ptp(flat) < np.ptp(rising) / 2


def test_levels_follow_the_values_and_end_at_the_limits(images):
    frame = Frame.of(images.raster, 24)
    n = images.raster.n_pixels
    values = np.stack([np.full(n, one) for one in (-9.0, -1.0, 0.0, 1.0, 9.0)])
    levels = [set(tile[tile > 0]) for tile in frame.tiles(values, (-1.0, 1.0))]
    assert levels == [{1}, {1}, {8}, {N_LEVELS}, {N_LEVELS}]


def test_tiles_are_the_images_for_the_eye(images):
    from sigel.pl._base import shown_images

    frame, rows = Frame.of(images.raster, 32), np.array([5, 2])
    limits = limits_over(images, np.arange(images.n_genes))
    made = tiles_of(images, frame, rows, limits)
    shown = shown_images(images, list(images.genes[rows]))
    np.testing.assert_array_equal(made, frame.tiles(shown, limits))
    assert tiles_of(images, frame, rows[:0], limits).shape == (0, *frame.shape)


def test_several_sections_lie_below_each_other():
    parts = [sigel.datasets.simulated_section(12, 12, 4, 10, 20, seed=k) for k in (0, 1)]
    import anndata

    joined = anndata.concat(dict(zip("ab", parts, strict=True)), label="section", index_unique="_")
    images = sigel.GeneImages.from_anndata(joined, section_key="section")
    frame = Frame.of(images.raster, 60)
    assert frame.shape[0] > 1.5 * frame.shape[1]
    empty = (np.diff(frame.weights.indptr).reshape(frame.shape) == 0).all(axis=1)
    assert empty[5:-5].any()


def test_a_picture_is_closed_where_drawing_it_fails():
    import matplotlib.pyplot as plt

    def draw():
        figure = plt.figure()
        figure.savefig = None
        return figure

    opened = plt.get_fignums()
    with pytest.raises(TypeError):
        picture(draw, alt="", read="", beware="")
    assert plt.get_fignums() == opened
