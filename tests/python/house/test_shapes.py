"""Shapes in signatures are checked while tests run."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from sigel.images.raster import spacing_of


def test_places_of_another_shape_are_refused():
    places = np.random.default_rng(0).uniform(size=(20, 3))
    with pytest.raises(TypeCheckError, match="places"):
        spacing_of(places)
    assert spacing_of(places[:, :2]) > 0


def test_values_of_another_kind_are_refused():
    with pytest.raises(TypeCheckError, match="places"):
        spacing_of(np.arange(20).reshape(10, 2))
