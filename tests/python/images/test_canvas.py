"""Several sections on one canvas: each keeps its own pixels, images and depth, and none sees another."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import sigel
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.canvas import GAP, SHOWN_GAP, near_each_other, on_one_canvas, sections_across
from sigel.images.raster import Raster, rasterise
from sigel.images.section import Section
from sigel.images.tensors import ImageViews

CONFIG = sigel.ImageConfig(min_spots=3)


def lattice_of(height: int, width: int, odd: int = 0) -> np.ndarray:
    """A hexagonal lattice whose first row begins at column `odd`."""
    row, col = (a.ravel() for a in np.mgrid[:height, :width])
    return np.column_stack([row, 2 * col + (row + odd) % 2])


@pytest.fixture
def pieces():
    """Two sections of other sizes, spots mixed, and the mask of the first."""
    one, two = (
        sigel.datasets.simulated_section(n, n + 2, 2, 10, 20, seed=seed) for n, seed in ((12, 0), (16, 1))
    )
    rng = np.random.default_rng(0)
    order = rng.permutation(one.n_obs + two.n_obs)
    counts = np.vstack([one.X.toarray(), two.X.toarray()])[order]
    places = np.vstack([one.obsm["spatial"], two.obsm["spatial"]])[order]
    lattice = np.vstack([ad.obs[["array_row", "array_col"]] for ad in (one, two)])[order]
    first = (np.arange(len(order)) < one.n_obs)[order]
    labels = np.where(first, "A", "B").astype(object)
    return Section(counts, one.var_names.to_numpy(), places, lattice, labels), labels


def alone(section: Section, spots: np.ndarray) -> GeneImages:
    return GeneImages.from_section(replace(section.take(spots), labels=None), CONFIG)


@pytest.mark.parametrize("odd", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("height", [6, 7])
def test_neighbours_are_those_of_each_section(odd, height):
    rasters = [rasterise(None, lattice_of(height, 5, k), sigel.ImageConfig()) for k in odd]
    canvas = on_one_canvas(rasters)
    assert canvas.kind == "hexagonal"
    found = canvas.neighbors.toarray()
    for part, raster in zip(canvas.parts, rasters, strict=True):
        assert np.array_equal(found[part, part], raster.neighbors.toarray())
        found[part, part] = 0
        distance = canvas.positions()[part] - raster.positions()
        assert np.ptp(distance, axis=0) == pytest.approx(0, abs=1e-5)
    assert not found.any()
    assert canvas.rows[canvas.parts[1]].min() - canvas.rows[canvas.parts[0]].max() > GAP
    assert (np.diff(canvas.rows * canvas.shape[1] + canvas.cols) > 0).all()
    assert np.allclose(canvas.coordinates()[:, ::-1], canvas.positions())


def test_the_grid_of_a_section_is_cut_out_as_it_was():
    rasters = [rasterise(None, lattice_of(height, 5), sigel.ImageConfig()) for height in (6, 9)]
    canvas = on_one_canvas(rasters)
    for k, raster in enumerate(rasters):
        own = canvas.section(k)
        assert own.shape == raster.shape
        for name in ("rows", "cols", "pixel_of_spot"):
            assert np.array_equal(getattr(own, name), getattr(raster, name))
        assert (own.neighbors != raster.neighbors).nnz == 0
        assert np.allclose(own.coordinates(), canvas.coordinates()[canvas.parts[k]])


@pytest.mark.parametrize("first", [0, 1, 38, 41])
def test_a_section_begins_at_its_own_first_row_and_column_wherever_it_lay(first):
    lattices = [lattice_of(6, 5), lattice_of(7, 4) + [first, first % 2 + 20]]
    canvas = on_one_canvas([rasterise(None, lattice, sigel.ImageConfig()) for lattice in lattices])
    one, two = canvas.parts
    assert canvas.rows[two].min() - canvas.rows[one].max() - 1 in (GAP, GAP + 1)
    assert canvas.cols[two].min() == 0
    shown = near_each_other(canvas)
    assert shown.cols[two].min() - shown.cols[one].max() - 1 == SHOWN_GAP
    assert shown.shape == (shown.rows.max() + 1, shown.cols.max() + 1)
    for part in (one, two):
        distance = shown.positions()[part] - canvas.positions()[part]
        assert np.ptp(distance, axis=0) == pytest.approx(0, abs=1e-5)
    alone = rasterise(None, lattices[1], sigel.ImageConfig())
    assert np.array_equal(near_each_other(alone).rows, alone.rows)


@pytest.mark.parametrize("kind", ["hexagonal", "square"])
@pytest.mark.parametrize(("n", "n_across"), [(2, 2), (3, 2), (4, 2), (6, 3), (12, 4)])
def test_sections_of_a_picture_fill_a_page(kind, n, n_across):
    hexagons = [lattice_of(12 + k % 3, 10) for k in range(n)]
    squares = [np.stack(np.mgrid[: 10 + k % 3, :10], axis=-1).reshape(-1, 2) for k in range(n)]
    lattices = hexagons if kind == "hexagonal" else squares
    canvas = on_one_canvas([rasterise(None, lattice, sigel.ImageConfig()) for lattice in lattices])
    assert canvas.kind == kind
    shown = near_each_other(canvas)
    assert sections_across(canvas) == n_across
    places = shown.coordinates()
    wide, high = np.ptp(places, axis=0)
    assert 0.4 < high / wide < 2
    # Each section keeps its shape, none lies on another, and they are read as text is.
    for part, was in zip(shown.parts, canvas.parts, strict=True):
        moved = places[part] - canvas.coordinates()[was]
        assert np.ptp(moved, axis=0) == pytest.approx(0, abs=1e-6)
    assert len(np.unique(places.round(3), axis=0)) == shown.n_pixels
    corner = [tuple(places[part].min(axis=0)) for part in shown.parts]
    for k in range(1, n):
        beside = corner[k][0] > corner[k - 1][0] + 9
        assert beside if k % n_across else corner[k][1] > corner[k - 1][1] + 7


def test_sections_of_other_kinds_lie_on_a_square_grid():
    square = np.stack(np.mgrid[:4, :5], axis=-1).reshape(-1, 2)
    rasters = [rasterise(None, lattice, sigel.ImageConfig()) for lattice in (lattice_of(5, 5), square)]
    canvas = on_one_canvas(rasters)
    assert canvas.kind == "square"
    assert np.allclose(canvas.coordinates()[:, ::-1], canvas.positions())
    again = Raster.from_dict(json.loads(json.dumps(canvas.to_dict())))
    assert again.starts == canvas.starts == (0, 25)
    assert again.parts == canvas.parts
    with pytest.raises(ValueError, match="sections that begin"):
        Raster.from_dict({**canvas.to_dict(), "starts": [0, 99]})


def test_each_section_has_the_images_that_it_has_alone(pieces):
    section, labels = pieces
    images = GeneImages.from_section(section, CONFIG)
    assert set(images.sections) == {"A", "B"}
    views, seen = ImageViews(images), np.zeros(len(labels), dtype=int)
    for k, name in enumerate(images.sections):
        own = alone(section, labels == name)
        part, own_views = images.raster.parts[k], ImageViews(own)
        rows = torch.from_numpy(images.index(own.genes))
        view, wanted = views.section_view(rows, k), own_views.view(torch.arange(own.n_genes))
        assert torch.allclose(view.image[:, part], wanted.image, atol=1e-5)
        assert float(view.image.abs().sum()) == pytest.approx(float(view.image[:, part].abs().sum()))
        assert torch.allclose(view.noise, wanted.noise, atol=1e-5)
        assert torch.allclose(view.amplitude, wanted.amplitude, atol=1e-5)
        assert np.array_equal(images.depth[part], own.depth)
        spots = np.flatnonzero(labels == name)
        assert np.array_equal(images.raster.pixel_of_spot[spots] - part.start, own.raster.pixel_of_spot)
        seen[spots] += 1
        assert np.array_equal(images.genes[images.present[:, k]], own.genes)
    assert (seen == 1).all()


def test_a_gene_that_one_section_hardly_has_is_absent_there_and_judged_by_the_other(pieces):
    section, labels = pieces
    counts = section.counts.copy()
    counts[np.ix_(labels == "A", [4])] = 0
    counts[np.flatnonzero(labels == "A")[:2], 4] = 3  # in two spots, of three that are wanted
    images = GeneImages.from_section(replace(section, counts=counts), CONFIG)
    row, a = int(images.index([section.genes[4]])[0]), images.sections.index("A")
    assert not images.present[row, a]
    assert images.present[row, 1 - a]
    views, rows = ImageViews(images), torch.tensor([row, 0])
    view, own = views.view(rows), views.section_view(rows, 1 - a)
    assert not view.image[0, images.raster.parts[a]].any()
    assert float(view.noise[0]) == pytest.approx(float(own.noise[0]))
    assert float(view.amplitude[0]) == pytest.approx(float(own.amplitude[0]))
    both = [float(views.section_view(rows, k).noise[1]) for k in (0, 1)]
    sizes = [part.stop - part.start for part in images.raster.parts]
    assert float(view.noise[1]) == pytest.approx(np.average(both, weights=sizes), rel=1e-5)
    first, second = views.halves(rows, 0.5, torch.Generator().manual_seed(0))
    assert not first.image[0, images.raster.parts[a]].any()
    assert torch.isfinite(first.image).all()
    assert torch.isfinite(second.amplitude).all()


def test_the_level_of_a_gene_in_a_section_is_no_pattern(pieces):
    """A depth of ten times as much in one section, and its image has the same mean and size there."""
    section, labels = pieces
    counts = section.counts.copy()
    counts[labels == "A"] *= 10
    images = GeneImages.from_section(replace(section, counts=counts), CONFIG)
    image = ImageViews(images).whole(torch.arange(images.n_genes))
    present = torch.from_numpy(images.present)
    for k, part in enumerate(images.raster.parts):
        mine = image[present[:, k]][:, part]
        assert float(mine.mean(dim=1).abs().max()) < 0.02  # but for what is held within +-clip
        assert float((mine.square().mean(dim=1) - 1).abs().max()) < 0.1


def test_one_label_is_one_section(pieces):
    section, labels = pieces
    spots = labels == "B"
    one, other = alone(section, spots), GeneImages.from_section(section.take(spots), CONFIG)
    assert other.sections == ()
    assert other.present is None
    assert one.data_hash == other.data_hash


def test_sections_of_which_there_is_one_are_that_one(pieces):
    section, labels = pieces
    one = section.take(labels == "B")
    images, wanted = GeneImages.from_sections([("B", one)], CONFIG), GeneImages.from_section(one, CONFIG)
    assert images.sections == ()
    assert images.present is None
    assert images.data_hash == wanted.data_hash
    assert np.array_equal(images.raster.affine, wanted.raster.affine)
    assert np.array_equal(images.all_genes, wanted.all_genes)
    assert np.array_equal(images.status, wanted.status)


def test_sections_with_genes_of_their_own(pieces):
    section, labels = pieces
    one, two = (replace(section.take(labels == name), labels=None) for name in "AB")
    fewer = replace(two, counts=two.counts[:, ::-1][:, 5:], genes=two.genes[::-1][5:])
    images = GeneImages.from_sections([("A", one), ("B", fewer)], CONFIG)
    assert list(images.all_genes) == list(one.genes)
    b, wanted = images.raster.parts[1], GeneImages.from_section(fewer, CONFIG)
    both = [gene for gene in images.genes if gene in set(wanted.genes)]
    found = images.counts[images.index(both)][:, b].toarray()
    assert np.array_equal(found, wanted.counts[wanted.index(both)].toarray())
    lacking = [gene for gene in one.genes[-5:] if gene in set(images.genes)]
    assert not images.present[images.index(lacking), 1].any()
    taken = images.take(np.array([3, 1]))
    assert np.array_equal(taken.present, images.present[[3, 1]])


def test_a_refusal_names_the_section(pieces):
    section, labels = pieces
    few = labels.copy()
    few[np.flatnonzero(labels == "B")[1:]] = "A"
    apart = replace(section, coordinates=section.coordinates + (labels == "B")[:, None] * 1e6, lattice=None)
    with pytest.raises(InputError, match=r"1 spots on 1 pixels|one single place"):
        GeneImages.from_section(replace(apart, labels=few), CONFIG)
    with pytest.raises(InputError, match="in section 'B'"):
        GeneImages.from_section(replace(apart, labels=few), CONFIG)
    counts = section.counts.copy()
    counts[np.flatnonzero(labels == "B")[0], 0] = -1
    with pytest.raises(InputError, match=r"negative values.*in section 'B'"):
        GeneImages.from_section(replace(section, counts=counts), CONFIG)
