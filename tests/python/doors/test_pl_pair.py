"""Two genes on the tissue: what is drawn is what the counts say; they meet where both are high."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import sparse
from scipy.spatial import cKDTree

import sigel
from r_pieces import pieces
from sigel import bridge
from sigel.errors import InputError


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def left_and_right(lattice="cells"):
    """A section whose first gene is seen on the left half, the second on the right, the third everywhere."""
    adata = sigel.datasets.simulated_section(16, 16, 3, 4, 20, lattice=lattice, seed=1)
    left = adata.obsm["spatial"][:, 0] < np.median(adata.obsm["spatial"][:, 0])
    counts = adata.X.toarray()
    counts[:, :3] = 30 * np.stack([left, ~left, np.ones_like(left)], axis=1)
    adata.X = sparse.csr_matrix(counts)
    return adata, left


def panels(figure):
    return [ax for part in figure.subfigs for ax in part.axes if ax.collections and ax.get_title()]


def values_of(figure):
    return [np.asarray(ax.collections[0].get_array()) for ax in panels(figure)]


def test_genes_are_means_of_log_counts_on_scales_of_their_own():
    adata, _ = left_and_right()
    before = adata.copy()
    figure = sigel.pl.gene_pair(adata, "Gene0001", "Gene0009")
    assert [ax.get_title() for ax in panels(figure)] == ["Gene0001", "Gene0009", "where they meet"]
    counts = adata.X.toarray()
    log = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    near = cKDTree(adata.obsm["spatial"]).query(adata.obsm["spatial"], 7)[1]
    first, second, together = values_of(figure)
    scaled = []
    for ax, drawn, gene in zip(panels(figure), (first, second), ("Gene0001", "Gene0009"), strict=False):
        mean = log[near, adata.var_names.get_loc(gene)].mean(axis=1)
        np.testing.assert_allclose(drawn, mean, rtol=1e-5)
        low, high = np.quantile(mean, (0.01, 0.99))
        assert ax.collections[0].get_clim() == pytest.approx((low, high), rel=1e-5)
        scaled.append(np.clip((mean - low) / (high - low), 0, 1))
    np.testing.assert_allclose(together, np.sqrt(scaled[0] * scaled[1]), atol=1e-4)
    assert panels(figure)[2].collections[0].get_clim() == (0, 1)
    labels = [ax.get_xlabel() for part in figure.subfigs for ax in part.axes if ax.get_xlabel()]
    assert labels == ["log1p of counts per 10,000, mean of 7 spots"] * 2 + ["1: both are high, 0: one is low"]
    assert list(adata.uns) == list(before.uns)
    assert (adata.X != before.X).nnz == 0


@pytest.mark.parametrize("lattice", ["cells", "visium", "square"])
def test_genes_of_two_halves_meet_nowhere_and_one_meets_itself(lattice):
    adata, _ = left_and_right(lattice)
    first, _, together = values_of(sigel.pl.gene_pair(adata, "Gene0001", "Gene0002"))
    assert len(first) == adata.n_obs
    # Windows reach over the middle, and a neighbour or two on either side are no place of both.
    assert np.quantile(together, 0.75) == 0
    assert together.max() < 0.9
    adata.X[:, 2] = 2 * adata.X[:, 0]
    same = values_of(sigel.pl.gene_pair(adata, "Gene0001", "Gene0003"))[2]
    assert np.corrcoef(same, first)[0, 1] > 0.98


def test_spots_beside_the_tissue_are_left_out():
    adata, _ = left_and_right("visium")
    adata.obs["in_tissue"] = (np.arange(adata.n_obs) % 5 > 0).astype(int)
    inside = adata[adata.obs["in_tissue"] == 1].copy()
    drawn, wanted = (values_of(sigel.pl.gene_pair(one, "Gene0004", "Gene0005")) for one in (adata, inside))
    assert len(drawn[0]) == inside.n_obs
    np.testing.assert_allclose(drawn, wanted)


def test_a_gene_of_few_spots_and_one_of_none_are_drawn():
    adata, _ = left_and_right()
    counts = adata.X.toarray()
    counts[:, :2] = 0
    counts[0, 0] = 5
    adata.X = sparse.csr_matrix(counts)
    rare, nothing, together = values_of(sigel.pl.gene_pair(adata, "Gene0001", "Gene0002"))
    assert 0 < (rare > 0).sum() < 20
    assert not nothing.any()
    assert not together.any()


def test_counts_and_places_are_those_of_the_fit():
    adata, _ = left_and_right("visium")
    plain = adata.copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = adata.X * 0
    adata.obsm["place"] = adata.obsm.pop("spatial")
    adata.uns["sigel"] = {"layer": "counts", "spatial_key": "place"}
    drawn, wanted = (values_of(sigel.pl.gene_pair(one, "Gene0001", "Gene0002")) for one in (adata, plain))
    np.testing.assert_allclose(drawn, wanted)


@pytest.mark.parametrize(
    ("genes", "options", "argument", "text"),
    [
        (("Gen0001", "Gene0002"), {}, "gene_a", "nearest: 'Gene0001'"),
        (("Gene0001", "gene0002"), {}, "gene_b", "nearest: 'Gene0002'"),
        (("Gene0001", "Gene0001"), {}, "gene_b", "Name two genes"),
        (("Gene0001", 3), {}, "gene_b", "3, unknown here"),
        (("Gene0001", "Gene0002"), {"cmap": "virdis"}, "cmap", "viridis"),
        (("Gene0001", "Gene0002"), {"spatial_key": "place"}, "spatial_key", "spatial"),
    ],
)
def test_what_cannot_be_drawn_is_refused(genes, options, argument, text):
    adata, _ = left_and_right()
    with pytest.raises(InputError, match=text) as refused:
        sigel.pl.gene_pair(adata, *genes, **options)
    assert refused.value.argument == argument


def test_two_genes_are_seen_in_one_section():
    adata, _ = left_and_right()
    half = np.arange(adata.n_obs) < adata.n_obs // 2
    adata.obs["slide"] = np.where(half, "a", "b")
    adata.uns["sigel"] = {"section_key": "slide"}
    with pytest.raises(
        InputError, match=r"`adata`: found 2 sections; wanted one.*adata.obs\['slide'\] == 'a'"
    ):
        sigel.pl.gene_pair(adata, "Gene0001", "Gene0002")


def test_r_is_given_the_same():
    adata, _ = left_and_right("visium")
    figure = sigel.pl.gene_pair(adata, "Gene0003", "Gene0007")
    answer = bridge.gene_pair(section=pieces(adata), gene_a="Gene0003", gene_b="Gene0007")
    order = drawn_order(panels(figure)[0], adata)
    for name, drawn in zip(("first", "second", "together"), values_of(figure), strict=True):
        np.testing.assert_allclose(answer[name][order], drawn, rtol=1e-6)
    assert answer["limits"][0] == pytest.approx(panels(figure)[0].collections[0].get_clim())


def drawn_order(ax, adata):
    """The spot that each pixel of a panel stands for."""
    middles = [path.vertices[:-1].mean(axis=0) for path in ax.collections[0].get_paths()]
    return cKDTree(adata.obsm["spatial"]).query(middles)[1]
