"""Array positions are held against the coordinates before they are believed."""

from __future__ import annotations

import numpy as np
import pytest

import sigel
from sigel.images import GeneImages
from sigel.images.lattice import contradicts

SIZES = {"n_rows": 16, "n_cols": 16, "n_programmes": 3, "genes_per_programme": 12, "n_background_genes": 20}
AGAINST = r"Array positions \(array_row, array_col\) contradict the coordinates"


@pytest.fixture
def section():
    return sigel.datasets.simulated_section(seed=0, **SIZES)


def positions(adata):
    return adata.obs[["array_row", "array_col"]].to_numpy(dtype=float)


def with_positions(adata, at):
    made = adata.copy()
    made.obs["array_row"], made.obs["array_col"] = at.T
    return made


def swapped(at):
    return at[:, ::-1]


def misordered(at):
    return np.random.default_rng(0).permutation(at)


def partly_misordered(at):
    at, some = at.copy(), np.random.default_rng(1).choice(len(at), len(at) // 4, replace=False)
    at[some] = at[np.roll(some, 1)]
    return at


@pytest.mark.parametrize("change", [swapped, misordered, partly_misordered])
def test_positions_that_contradict_the_coordinates_are_left_aside(section, change):
    wrong = with_positions(section, change(positions(section)))
    with pytest.warns(UserWarning, match=AGAINST):
        table = sigel.tl.spatial_genes(wrong, score=False, progress=False)
    right = sigel.tl.spatial_genes(section, score=False, progress=False)
    np.testing.assert_allclose(table["statistic"], right["statistic"], rtol=0.02, atol=0.02)
    with pytest.warns(UserWarning, match=AGAINST):
        assert GeneImages.from_anndata(wrong).raster.kind == "hexagonal"


def turned(xy):
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    return xy @ turn.T


@pytest.mark.parametrize(
    "change",
    [
        lambda xy: xy,
        lambda xy: xy * [-1, 1],
        lambda xy: xy[:, ::-1],
        turned,
        lambda xy: xy * [1, 1.3],
        lambda xy: xy * [2, 1],
        lambda xy: np.round(xy / 12),
        lambda xy: xy + np.random.default_rng(0).normal(0, 4, xy.shape),
        lambda xy: xy + 20 * np.sin(xy / 300),
    ],
)
@pytest.mark.parametrize("lattice", ["visium", "square"])
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_positions_are_believed_where_coordinates_are_turned_stretched_or_rough(change, lattice, share):
    adata = sigel.datasets.simulated_section(seed=0, lattice=lattice, **SIZES)
    some = np.random.default_rng(2).random(adata.n_obs) < share
    assert not contradicts(positions(adata)[some], change(adata.obsm["spatial"])[some])


def test_coordinates_that_are_the_positions_themselves_agree(section):
    at = positions(section)
    assert not contradicts(at, at[:, ::-1])
    side = np.concatenate([at, at + [0, 60]]), np.concatenate([at[:, ::-1], at[:, ::-1] + [500, 80]])
    assert not contradicts(*side)


def test_rows_in_another_order_contradict_the_coordinates(section):
    """Neighbours in a row are neighbours still, and all columns are right."""
    at = positions(section)
    row = np.arange(at[:, 0].max() + 1)
    order = np.concatenate([np.random.default_rng(3).permutation(row[odd::2]) for odd in (0, 1)])
    shuffled = np.empty_like(row)
    shuffled[np.concatenate([row[0::2], row[1::2]]).astype(int)] = order
    wrong = np.column_stack([shuffled[at[:, 0].astype(int)], at[:, 1]])
    assert contradicts(wrong, section.obsm["spatial"])


def test_places_that_many_spots_share_contradict_nothing(section):
    at, xy = positions(section), section.obsm["spatial"].copy()
    wrong = at[np.random.default_rng(4).permutation(len(at))]
    assert contradicts(wrong, xy)
    xy[1::4] = xy[::4][: len(xy[1::4])]  # half of the spots share their place with another
    assert not contradicts(wrong, xy)
