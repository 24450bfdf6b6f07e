"""Raster: every spot has a pixel, the way back works, and bad places are named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.raster import Raster, rasterise


def visium(height: int, width: int, parity: int = 0) -> np.ndarray:
    row, col = (a.ravel() for a in np.mgrid[:height, : 2 * width])
    keep = (row + col) % 2 == parity
    return np.column_stack([row[keep], col[keep]])


def places(lattice: np.ndarray) -> np.ndarray:
    """Hexagonal spacing of 100 units."""
    return np.column_stack([50.0 * lattice[:, 1], 86.6 * lattice[:, 0]])


@pytest.mark.parametrize("parity", [0, 1])
def test_visium_lattice_gives_each_spot_its_own_pixel_and_six_neighbours(parity):
    lattice = visium(9, 8, parity)
    raster = rasterise(places(lattice), lattice, ImageConfig())
    assert raster.kind == "hexagonal"
    assert raster.shape == (9, 8)
    assert len(np.unique(raster.pixel_of_spot)) == len(lattice)
    degree = np.diff(raster.neighbors.indptr)
    assert degree.max() == 6
    inner = (raster.rows > 0) & (raster.rows < 8) & (raster.cols > 0) & (raster.cols < 7)
    assert (degree[inner] == 6).all()
    # the six neighbours are the nearest places in the tissue
    xy = raster.coordinates()
    source, target = raster.neighbors.nonzero()
    assert np.allclose(np.linalg.norm(xy[source] - xy[target], axis=1), 100, rtol=1e-3)


def test_pixel_centres_are_the_spots_own_coordinates_on_a_lattice():
    lattice = visium(7, 6)
    xy = places(lattice) + [300, 40]
    raster = rasterise(xy, lattice, ImageConfig())
    assert np.allclose(raster.coordinates()[raster.pixel_of_spot], xy, atol=1e-6)


def test_square_array_without_lattice_columns_becomes_its_own_grid():
    row, col = (a.ravel() for a in np.mgrid[:11, :7])
    raster = rasterise(np.column_stack([col, row]) * 200.0, None, ImageConfig())
    assert raster.shape == (11, 7)
    assert raster.n_pixels == 77
    assert np.diff(raster.neighbors.indptr).max() == 8


@given(
    n=st.integers(30, 200),
    seed=st.integers(0, 2**16),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
    pixel=st.none() | st.floats(0.02, 0.2),
)
@settings(max_examples=30, deadline=None)
def test_any_cloud_of_cells_round_trips(n, seed, scale, pixel):
    xy = np.random.default_rng(seed).random((n, 2)) * [1.0, 0.7] * scale
    size = None if pixel is None else pixel * scale
    raster = rasterise(xy, None, ImageConfig(pixel_size=size))
    # a pixel lies within half a diagonal of each of its cells
    side = raster.affine[0, 1]
    distance = np.abs(raster.coordinates()[raster.pixel_of_spot] - xy).max(axis=1)
    assert (distance <= side * (0.5 + 1e-6)).all()
    # values laid out and read back are the same, and the mask is where the pixels are
    values = np.arange(raster.n_pixels, dtype=float)
    image = raster.to_images(values)
    assert np.isnan(image[~raster.mask]).all()
    assert (image[raster.mask] == values).all()
    assert raster.spots_per_pixel.sum() == n
    assert max(raster.shape) <= 96 or size is not None
    # neighbours: rows sum to 1, no pixel is left alone without itself
    assert np.allclose(raster.neighbors.sum(axis=1), 1)


def test_json_round_trip():
    raster = rasterise(places(visium(5, 5)), visium(5, 5), ImageConfig())
    again = Raster.from_dict(json.loads(json.dumps(raster.to_dict())))
    assert again.shape == raster.shape
    assert again.kind == raster.kind
    assert np.allclose(again.coordinates(), raster.coordinates())


def test_one_pixel_column_and_disconnected_tissue_work():
    line = np.column_stack([np.zeros(20), np.arange(20.0)])
    assert rasterise(line, None, ImageConfig(pixel_size=1.0)).shape == (20, 1)
    assert rasterise(line, None, ImageConfig()).shape[1] == 1
    lattice = np.column_stack([np.arange(20), np.zeros(20)])
    assert rasterise(line, lattice, ImageConfig()).shape == (20, 1)
    row, col = (a.ravel() for a in np.mgrid[:5, :5])
    island = np.column_stack([col, row]).astype(float)
    both = rasterise(np.vstack([island, island + 30]), None, ImageConfig())
    assert both.n_pixels == 50
    graph = both.neighbors
    assert graph[:25, 25:].nnz == 0


@pytest.mark.parametrize(
    ("coordinates", "lattice", "config", "words"),
    [
        (np.full((20, 2), np.nan), None, {}, ["coordinates", "20 of 20", "Subset"]),
        (np.random.default_rng(0).random((20, 3)), None, {}, ["coordinates", "(20, 3)", "[:, :2]"]),
        (np.ones((20, 2)), None, {}, ["coordinates", "one single place"]),
        (np.random.default_rng(0).random((5, 2)), None, {}, ["5 spots", "at least 9"]),
        (None, None, {}, ["coordinates", "nothing", "obsm"]),
        (np.random.default_rng(0).random((20, 2)), None, {"grid": "lattice"}, ["grid", "array_row"]),
        (np.array([["a", "b"]] * 20), None, {}, ["coordinates", "float"]),
        (np.random.default_rng(0).random((20, 2)), None, {"pixel_size": 1e-6}, ["pixel_size", "at least"]),
    ],
)
def test_bad_places_are_named_with_a_fix(coordinates, lattice, config, words):
    with pytest.raises(InputError) as error:
        rasterise(coordinates, lattice, ImageConfig(**config))
    for word in words:
        assert word in str(error.value)


def test_sections_that_share_array_positions_fall_back_to_coordinates():
    lattice = np.vstack([visium(5, 5), visium(5, 5)])
    xy = places(lattice)
    xy[len(xy) // 2 :] += 1000
    raster = rasterise(xy, lattice, ImageConfig())
    assert raster.kind == "continuous"
    with pytest.raises(InputError, match="several sections"):
        rasterise(xy, lattice, ImageConfig(grid="lattice"))


def test_a_large_lattice_is_binned_down():
    row, col = (a.ravel() for a in np.mgrid[:200, :150])
    raster = rasterise(None, np.column_stack([row, col]), ImageConfig())
    assert max(raster.shape) <= 96
    assert raster.spots_per_pixel.max() > 1
