"""What describes a spot: windows that stay in their section, reach as patterns do, and are never dense."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.decomposition import PCA

from sigel.config.domains import DomainConfig
from sigel.errors import InputError
from sigel.images.section import Section
from sigel.tasks.domains.inputs import describe, nearest_to_middle
from sigel.tasks.domains.windows import Tissue, principal_axes, reach, window_scores

RINGS = DomainConfig().rings


def lattice(n_rows=30, n_cols=30):
    """A hexagonal one of one section."""
    row, col = (a.ravel() for a in np.mgrid[:n_rows, :n_cols])
    places = np.column_stack([col + 0.5 * (row % 2), row * np.sqrt(3) / 2])
    return Tissue(places, np.zeros(len(places), int))


def noisy(pattern, n_genes=40, noise=1.0, seed=0):
    """Genes that show a pattern, each with its own noise."""
    rng = np.random.default_rng(seed)
    return sparse.csr_matrix(pattern[:, None] + noise * rng.normal(size=(len(pattern), n_genes)))


def random_sparse(n_rows, n_columns, seed=0, density=0.2):
    made = sparse.random_array((n_rows, n_columns), density=density, rng=np.random.default_rng(seed))
    return sparse.csr_matrix(made)


# --- windows -----------------------------------------------------------------------------------------------


def test_windows_stay_within_sections():
    one = lattice(12, 10)
    mixed = np.random.default_rng(0).permutation(240)
    places = np.vstack([one.coordinates, one.coordinates])[mixed]  # two sections at the very same places
    section = np.repeat([0, 1], 120)[mixed]
    both = Tissue(places, section)
    assert both.n_sections == 2
    for n in (1, 7, 19, 300):
        means = both.means(n)
        assert sparse.issparse(means)
        entries = means.tocoo()
        assert (section[entries.row] == section[entries.col]).all()
        np.testing.assert_allclose(means.sum(axis=1), 1, rtol=1e-5)
        for k in (0, 1):
            alone = Tissue(places[section == k], np.zeros(120, int)).means(n)
            inside = means[section == k][:, section == k]
            assert abs(inside - alone).max() < 1e-6


def test_a_window_of_one_is_the_spot_itself():
    assert (lattice(5, 5).means(1) != sparse.eye_array(25)).nnz == 0


@settings(max_examples=20, deadline=None)
@given(
    angle=st.floats(0, 6.28),
    scale=st.floats(1e-3, 1e4),
    shift=st.floats(-1e4, 1e4),
    flip=st.booleans(),
)
def test_turning_scaling_and_moving_the_tissue_change_no_window(angle, scale, shift, flip):
    tissue = lattice(9, 8)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * (tissue.coordinates * [1, -1 if flip else 1] @ turn + shift)
    for n in (7, 19):
        difference = tissue.means(n) - Tissue(moved, tissue.section).means(n)
        assert abs(difference).max() < 1e-5


# --- reach -------------------------------------------------------------------------------------------------


def test_the_window_reaches_as_far_as_the_planted_pattern():
    tissue = lattice()
    x, y = tissue.coordinates.T
    long = 2.0 * np.sin(2 * np.pi * x / 60) * np.cos(2 * np.pi * y / 60)
    rng = np.random.default_rng(1)
    window, correlation = reach(noisy(long), tissue, RINGS, 0.6)
    assert window == 37
    assert correlation[0] == 1
    assert (correlation[1:] > 0.8).all()
    white, correlation = reach(noisy(np.zeros(900)), tissue, RINGS, 0.6)
    assert white == 1
    assert len(correlation) == len(RINGS)
    apart = noisy(3.0 * rng.normal(size=900))  # a pattern of single spots, the same in all genes
    assert reach(apart, tissue, RINGS, 0.6)[0] == 1


def test_stripes_one_spot_wide_are_not_smoothed_away():
    tissue = lattice()
    row = np.arange(900) // 30
    assert reach(noisy(3.0 * (row % 2)), tissue, RINGS, 0.6)[0] == 1


def test_the_wider_the_pattern_the_wider_the_window():
    tissue = lattice()
    x, y = tissue.coordinates.T
    windows = [
        reach(
            noisy(2.0 * np.sin(2 * np.pi * x / length) * np.sin(2 * np.pi * y / length)), tissue, RINGS, 0.6
        )[0]
        for length in (4, 12, 20, 80)
    ]
    assert windows == sorted(windows)
    assert windows[0] < windows[1] < windows[-1] == 37


def test_genes_without_a_pattern_do_not_shorten_the_reach():
    tissue = lattice()
    x, y = tissue.coordinates.T
    long = noisy(2.0 * np.sin(2 * np.pi * x / 60) * np.cos(2 * np.pi * y / 60))
    diluted = sparse.csr_matrix(sparse.hstack([long, noisy(np.zeros(900), n_genes=200, seed=2)]))
    assert reach(diluted, tissue, RINGS, 0.6)[0] == 37


def test_levels_of_sections_are_no_pattern():
    one = lattice(15, 15)
    places = np.vstack([one.coordinates, one.coordinates])
    section = np.repeat([0, 1], 225)
    assert reach(noisy(5.0 * section), Tissue(places, section), RINGS, 0.6)[0] == 1


def test_the_order_of_spots_and_units_do_not_matter_to_reach():
    tissue = lattice(20, 20)
    x, y = tissue.coordinates.T
    values = noisy(np.sin(x / 3) + np.sin(y / 3))
    window, correlation = reach(values, tissue, RINGS, 0.6)
    order = np.random.default_rng(3).permutation(400)
    moved = Tissue(0.37 * tissue.coordinates[order] - 12, tissue.section[order])
    again, same = reach(values[order], moved, RINGS, 0.6)
    assert again == window
    np.testing.assert_allclose(same, correlation, atol=1e-5)


def test_two_rings_are_a_choice_too():
    tissue = lattice()
    x, y = tissue.coordinates.T
    long = noisy(2.0 * np.sin(2 * np.pi * x / 60) * np.cos(2 * np.pi * y / 60))
    assert reach(long, tissue, (1,), 0.6)[0] == 1
    assert reach(long, tissue, (1, 7), 0.6)[0] == 7
    assert reach(noisy(np.zeros(900)), tissue, (1, 7), 0.6)[0] == 1


def test_rings_wider_than_the_tissue_do_no_harm():
    tissue = lattice(5, 5)
    window, correlation = reach(noisy(tissue.coordinates[:, 0]), tissue, (1, 7, 19, 37, 500), 0.6)
    assert window in (1, 7, 19)
    assert np.isfinite(correlation).all()


# --- components --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "n"), [((200, 60), 5), ((60, 200), 5), ((40, 12), 6), ((30, 30), 40)])
def test_axes_are_those_of_numpy_and_sklearn(shape, n):
    x = random_sparse(*shape)
    axes = principal_axes(x, n, np.random.default_rng(0))
    dense = x.toarray()
    n = min(n, shape[1], shape[0] - 1)
    assert axes.shape == (shape[1], n)
    np.testing.assert_allclose(axes.T @ axes, np.eye(n), atol=1e-8)
    by_numpy = np.linalg.svd(dense - dense.mean(axis=0), full_matrices=False)[2][:n]
    # An axis has no direction.
    np.testing.assert_allclose(abs((by_numpy @ axes).diagonal()), 1, atol=1e-6)
    by_sklearn = PCA(n, svd_solver="full").fit(dense).components_
    np.testing.assert_allclose(abs((by_sklearn @ axes).diagonal()), 1, atol=1e-6)
    assert (axes[abs(axes).argmax(axis=0), np.arange(n)] > 0).all()


def test_the_start_of_the_solver_leaves_no_trace():
    x = random_sparse(300, 80)
    one, two = (principal_axes(x, 5, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_scores_are_principal_components_of_smoothed_genes():
    tissue, values = lattice(14, 14), random_sparse(196, 50)
    scores = window_scores(values, tissue, 7, 6, 10**6, np.random.default_rng(0))
    smoothed = (tissue.means(7) @ values).toarray()
    expected = PCA(6, svd_solver="full").fit_transform(smoothed)
    sign = np.sign((scores * expected).sum(axis=0))
    np.testing.assert_allclose(scores * sign, expected, atol=1e-4 * abs(expected).max())  # float32 weights
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-10)
    assert (np.diff(scores.var(axis=0)) < 0).all()


def test_axes_from_some_spots_serve_all():
    tissue = lattice()
    x, y = tissue.coordinates.T
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 30))
    clear = np.column_stack([np.sin(x / 4), np.sin(y / 6)]) @ loadings
    values = sparse.csr_matrix(clear + 0.2 * rng.normal(size=(900, 30)))
    full = window_scores(values, tissue, 7, 2, 10**6, np.random.default_rng(0))
    some = window_scores(values, tissue, 7, 2, 150, np.random.default_rng(0))
    assert some.shape == full.shape
    for at in range(2):
        assert abs(np.corrcoef(full[:, at], some[:, at])[0, 1]) > 0.98


def test_nothing_dense_of_spots_and_genes_is_made():
    """8,000 spots x 4,000 genes would be 256 MB in float64; blocks and scores are a tenth of that."""
    tissue = lattice(100, 80)
    values = random_sparse(8000, 4000, density=0.002)
    tracemalloc.start()
    try:
        reach(values, tissue, (1, 7, 19), 0.6)
        axes = principal_axes(values, 5, np.random.default_rng(0))
        window_scores(values, tissue, 7, 5, 4000, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert axes.shape == (4000, 5)
    assert peak < 200e6


# --- descriptions ------------------------------------------------------------------------------------------


def section_of(tissue, n_genes=30, seed=0):
    rng = np.random.default_rng(seed)
    rate = 2 + 1.5 * np.sin(tissue.coordinates[:, :1] / 4 + np.arange(n_genes) % 3)
    counts = sparse.csr_matrix(rng.poisson(rate).astype(np.float32))
    return Section(counts, np.array([f"G{i}" for i in range(n_genes)], dtype=object), tissue.coordinates)


def test_a_description_keeps_what_it_says():
    tissue = lattice(16, 16)
    section = section_of(tissue)
    genes = np.array(["G7", "G3", "G20", "G1"], dtype=object)
    found = describe(section, tissue, genes, np.ones((4, 1)), DomainConfig(), np.random.default_rng(0))
    assert found.genes.tolist() == genes.tolist()
    assert sparse.issparse(found.values)
    library = section.counts.toarray().sum(axis=1, keepdims=True)
    expected = np.log1p(section.counts.toarray() / library * np.median(library))
    np.testing.assert_allclose(found.values.toarray(), expected[:, [7, 3, 20, 1]], rtol=1e-5)
    assert found.features.shape == (256, 2)  # at most half of the genes
    assert found.features is found.views[0][0]
    assert len(found.views) == 1
    assert len(found.views[0]) == 1 + sum(1 < n < found.window for n in RINGS)
    assert found.window in RINGS


def test_weights_scale_genes_and_a_given_window_is_taken():
    tissue = lattice(16, 16)
    section = section_of(tissue)
    genes, weight = section.genes[:10], np.linspace(0.1, 2, 10)
    config = DomainConfig(window=11, n_components=3)
    found = describe(section, tissue, genes, weight[:, None], config, np.random.default_rng(0))
    assert found.window == 11
    smoothed = (tissue.means(11) @ found.values).toarray() * weight
    expected = PCA(3, svd_solver="full").fit_transform(smoothed)
    assert found.features.shape == (256, 3)
    np.testing.assert_allclose(abs(found.features), abs(expected), atol=1e-4 * abs(expected).max())


def test_every_choice_of_genes_has_views_of_its_own():
    tissue = lattice(16, 16)
    section = section_of(tissue)
    weight = np.zeros((12, 2))
    weight[:8, 0], weight[4:, 1] = 1, 2
    config = DomainConfig(window=11, n_components=3)
    told = []
    found = describe(
        section,
        tissue,
        section.genes[:12],
        weight,
        config,
        np.random.default_rng(0),
        lambda *one: told.append(one),
    )
    assert told == [("windows", 1, 2, "11 spots, 8 genes"), ("windows", 2, 2, "11 spots, 8 genes")]
    assert [len(windows) for windows in found.views] == [2, 2]
    for windows, genes, scale in zip(found.views, (slice(0, 8), slice(4, 12)), (1, 2), strict=True):
        for view, n in zip(windows, (11, 7), strict=True):
            smoothed = scale * (tissue.means(n) @ found.values[:, genes]).toarray()
            expected = PCA(3, svd_solver="full").fit_transform(smoothed)
            np.testing.assert_allclose(abs(view), abs(expected), atol=1e-4 * abs(expected).max())


def test_a_window_is_no_wider_than_half_of_the_smallest_section():
    one = lattice(16, 16)
    places = np.vstack([one.coordinates, one.coordinates[:30] + 100])
    tissue = Tissue(places, np.repeat([0, 1], [256, 30]))
    section = section_of(tissue)
    how = (section, tissue, section.genes[:10], np.ones((10, 1)))
    with pytest.raises(InputError, match=r"`window`.*16 spots.*up to 15, half of the smallest section"):
        describe(*how, DomainConfig(window=16), np.random.default_rng(0))
    assert describe(*how, DomainConfig(window=15), np.random.default_rng(0)).window == 15
    assert describe(*how, DomainConfig(correlation=1e-9), np.random.default_rng(0)).window <= 15


def test_the_patch_in_the_middle_is_of_every_section():
    one = lattice(20, 20)
    places = np.vstack([one.coordinates, 3 * one.coordinates[:100] + 1000])
    section = np.repeat([0, 1], [400, 100])
    patch = nearest_to_middle(Tissue(places, section), 250)
    assert np.bincount(section[patch]).tolist() == [200, 50]
    assert (np.diff(patch) > 0).all()
    far = np.linalg.norm(places - np.median(places[:400], axis=0), axis=1)[:400]
    left = np.setdiff1d(np.arange(400), patch)
    assert far[patch[patch < 400]].max() <= far[left].min() + 1e-9
