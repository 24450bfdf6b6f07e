"""Shapes in signatures are checked while tests run."""

import dataclasses

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

import sigel
from sigel.images.raster import spacing_of
from sigel.images.tensors import ImageViews


def test_places_of_another_shape_are_refused():
    places = np.random.default_rng(0).uniform(size=(20, 3))
    with pytest.raises(TypeCheckError, match="places"):
        spacing_of(places)
    assert spacing_of(places[:, :2]) > 0


def test_values_of_another_kind_are_refused():
    with pytest.raises(TypeCheckError, match="places"):
        spacing_of(np.arange(20).reshape(10, 2))


def test_images_whose_parts_do_not_fit_each_other_are_refused(toy):
    counts, genes, places, _ = toy()
    images = sigel.GeneImages.from_arrays(counts, genes, places)
    with pytest.raises(TypeCheckError, match="depth"):
        dataclasses.replace(images, depth=images.depth[1:])
    with pytest.raises(TypeCheckError, match="rows"):
        ImageViews(images).whole(torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(TypeCheckError, match="values"):
        images.raster.to_spots(np.array(0.0))
