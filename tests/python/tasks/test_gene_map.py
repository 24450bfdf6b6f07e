"""Genes laid out in the plane: distances kept, groups kept together, the seed, few genes, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

from sigel.errors import InputError
from sigel.tasks import gene_map as module
from sigel.tasks.gene_map import gene_map, group_on_map


@pytest.fixture
def clouds():
    """Representations of three groups of 40 genes far apart, and the group of each."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(3), 40)
    return 20 * np.eye(3, 6)[of] + rng.normal(size=(120, 6)), of


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def test_principal_components_keep_distances_in_a_plane():
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(30, 2)) @ np.linalg.qr(rng.normal(size=(5, 2)))[0].T + 3
    place = gene_map(flat, method="pca")
    np.testing.assert_allclose(distances(place), distances(flat), atol=1e-9)


@pytest.mark.parametrize("many", [50, 2000])
def test_tsne_keeps_groups_apart(clouds, monkeypatch, many):
    monkeypatch.setattr(module, "MANY", many)
    z, of = clouds
    near = distances(gene_map(z, seed=3))
    np.fill_diagonal(near, np.inf)
    assert (of[near.argmin(axis=1)] == of).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_few_genes_have_a_place_each(n, method):
    place = gene_map(np.random.default_rng(2).normal(size=(n, 4)), method=method)
    assert place.shape == (n, 2)
    assert np.isfinite(place).all()


def test_a_group_stands_among_as_many_others_as_are_wanted(clouds, monkeypatch):
    z, of = clouds
    monkeypatch.setattr(module, "MOST_AROUND", 10)
    place, rows = group_on_map(z, of == 1, method="pca", seed=0)
    assert (len(place), (of[rows] == 1).sum()) == (50, 40)
    again, other = (group_on_map(z, of == 1, method="pca", seed=seed)[0] for seed in (0, 1))
    np.testing.assert_array_equal(again, place)
    assert not np.allclose(other, place)


def test_all_others_are_there_where_they_are_few(clouds):
    z, of = clouds
    place, rows = group_on_map(z, of == 0, method="pca")
    assert len(place) == len(z)
    # The others come first, so that the group is drawn over them.
    np.testing.assert_allclose(
        place[of[rows] == 0], gene_map(np.vstack([z[of != 0], z[of == 0]]), method="pca")[80:]
    )


def test_wrong_input_is_named(clouds):
    with pytest.raises(InputError, match="`method`"):
        gene_map(clouds[0], method="globe")
    with pytest.raises(InputError, match="`seed`"):
        gene_map(clouds[0], seed=-1)
