"""What describes a spot: windows that stay in their section, components without a dense matrix."""

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
from sigel.tasks.domains.inputs import describe, values_of
from sigel.tasks.domains.windows import Tissue, principal_axes, view_of


def lattice(n_rows=30, n_cols=30):
    """A hexagonal one of one section."""
    row, col = (a.ravel() for a in np.mgrid[:n_rows, :n_cols])
    places = np.column_stack([col + 0.5 * (row % 2), row * np.sqrt(3) / 2])
    return Tissue(places, np.zeros(len(places), int))


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


@pytest.mark.parametrize("angle", [0, 0.03, 0.7])
@pytest.mark.parametrize("spacing", [50, 137.6])
def test_windows_of_a_lattice_in_whole_pixels_are_those_of_the_exact_one(angle, spacing):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = spacing * lattice(20, 20).coordinates @ turn
    holes = np.random.default_rng(0).random(400) > 0.1
    island = spacing * (lattice(4, 5).coordinates + [40, 0]) @ turn
    places = np.vstack([places[holes], island]) + 1234.5
    section = np.zeros(len(places), int)
    exact, rounded = Tissue(places, section), Tissue(np.round(places), section)
    for n in DomainConfig().windows:
        assert abs(exact.means(n) - rounded.means(n)).max() < 1e-6


# --- components --------------------------------------------------------------------------------------------


def with_gaps(n_rows, n_columns, seed=0):
    """Sparse values, each of ten directions with twice the variance of the next."""
    rng = np.random.default_rng(seed)
    rank = min(10, n_rows - 1, n_columns)
    left = np.linalg.qr(rng.normal(size=(n_rows, rank)))[0]
    right = np.linalg.qr(rng.normal(size=(n_columns, rank)))[0]
    noise = 1e-3 * rng.normal(size=(n_rows, n_columns)) / np.sqrt(n_rows)
    return sparse.csr_matrix(
        left * 2.0 ** -(np.arange(rank) / 2) @ right.T + noise + rng.normal(size=n_columns)
    )


def identity(n):
    return sparse.eye_array(n, format="csr")


@pytest.mark.parametrize(("shape", "n"), [((200, 60), 5), ((60, 200), 5), ((400, 300), 8), ((40, 12), 6)])
@pytest.mark.parametrize("window", [1, 7])
def test_axes_are_those_of_numpy_and_sklearn(shape, n, window):
    places = np.random.default_rng(1).uniform(size=(shape[0], 2))
    means = Tissue(places, np.zeros(shape[0], int)).means(window)
    x = with_gaps(*shape)
    axes = principal_axes(means, x, n, np.random.default_rng(0))
    dense = np.asarray(means.todense(), dtype=float) @ x.toarray()
    assert axes.shape == (shape[1], n)
    np.testing.assert_allclose(axes.T @ axes, np.eye(n), atol=1e-8)
    by_numpy = np.linalg.svd(dense - dense.mean(axis=0), full_matrices=False)[2][:n]
    # An axis has no direction.
    np.testing.assert_allclose(abs((by_numpy @ axes).diagonal()), 1, atol=1e-3)
    by_sklearn = PCA(n, svd_solver="full").fit(dense).components_
    np.testing.assert_allclose(abs((by_sklearn @ axes).diagonal()), 1, atol=1e-3)
    assert (axes[abs(axes).argmax(axis=0), np.arange(n)] > 0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 40), st.integers(1, 50), st.integers(0, 99))
def test_axes_are_orthonormal_and_as_many_as_there_can_be(n_rows, n_columns, n, seed):
    x = random_sparse(n_rows, n_columns, seed=seed)
    axes = principal_axes(identity(n_rows), x, n, np.random.default_rng(seed))
    n = min(n, n_columns, n_rows - 1)
    assert axes.shape == (n_columns, n)
    np.testing.assert_allclose(axes.T @ axes, np.eye(n), atol=1e-8)
    # So small a matrix is searched whole: no variance is missed.
    dense = x.toarray() - x.toarray().mean(axis=0)
    best = np.linalg.svd(dense, compute_uv=False)[:n] ** 2
    found = ((dense @ axes) ** 2).sum(axis=0)
    np.testing.assert_allclose(found.sum(), best.sum(), rtol=1e-3, atol=1e-9)


def test_the_start_of_the_solver_leaves_no_trace_where_there_are_gaps():
    x = with_gaps(300, 80)
    one, two = (principal_axes(identity(300), x, 5, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_only_the_rows_that_are_averaged_count():
    """Axes of some windows are those of these windows alone, whatever the other spots hold."""
    tissue, x = lattice(14, 14), with_gaps(196, 50)
    rows = np.sort(np.random.default_rng(0).choice(196, 60, replace=False))
    axes = principal_axes(tissue.means(7)[rows], x, 4, np.random.default_rng(0))
    dense = np.asarray(tissue.means(7)[rows].todense(), dtype=float) @ x.toarray()
    expected = PCA(4, svd_solver="full").fit(dense).components_
    np.testing.assert_allclose(abs((expected @ axes).diagonal()), 1, atol=1e-3)


def test_scores_are_principal_components_of_smoothed_genes():
    tissue, values = lattice(14, 14), with_gaps(196, 50)
    scores = view_of(values, tissue, 7, 6, np.random.default_rng(0)).scores
    smoothed = np.asarray(tissue.means(7) @ values.toarray())
    expected = PCA(6, svd_solver="full").fit_transform(smoothed)
    sign = np.sign((scores * expected).sum(axis=0))
    np.testing.assert_allclose(scores * sign, expected, atol=1e-3 * abs(expected).max())  # float32 weights
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-10)
    assert (np.diff(scores.var(axis=0)) < 0).all()


def test_axes_from_some_spots_serve_all():
    tissue = lattice()
    x, y = tissue.coordinates.T
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 30))
    clear = np.column_stack([np.sin(x / 4), np.sin(y / 6)]) @ loadings
    values = sparse.csr_matrix(clear + 0.2 * rng.normal(size=(900, 30)))
    full = view_of(values, tissue, 7, 2, np.random.default_rng(0)).scores
    spots = np.sort(rng.choice(900, 150, replace=False))
    view = view_of(values, tissue, 7, 2, np.random.default_rng(0), spots)
    some = view.of_all(values, tissue)
    np.testing.assert_allclose(some[spots], view.scores, atol=1e-4)
    assert view.scores.shape == (150, 2)
    assert some.shape == full.shape
    for at in range(2):
        assert abs(np.corrcoef(full[:, at], some[:, at])[0, 1]) > 0.98


def test_nothing_dense_of_spots_and_genes_is_made():
    """8,000 spots x 4,000 genes would be 256 MB in float64; blocks and scores are a tenth of that."""
    tissue = lattice(100, 80)
    values = random_sparse(8000, 4000, density=0.002)
    tracemalloc.start()
    try:
        axes = principal_axes(tissue.means(7), values, 5, np.random.default_rng(0))
        view_of(values, tissue, 7, 5, np.random.default_rng(0), np.arange(0, 8000, 2)).of_all(values, tissue)
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


def described(section, tissue, genes, config=None, **how):
    config = config or DomainConfig()
    return describe(values_of(section, genes, config), genes, tissue, config, np.random.default_rng(0), **how)


def test_a_description_keeps_what_it_says():
    tissue = lattice(16, 16)
    section = section_of(tissue)
    genes = np.array(["G7", "G3", "G20", "G1"], dtype=object)
    found = described(section, tissue, genes)
    assert found.genes.tolist() == genes.tolist()
    assert sparse.issparse(found.values)
    library = section.counts.toarray().sum(axis=1, keepdims=True)
    expected = np.log1p(section.counts.toarray() / library * np.median(library))
    np.testing.assert_allclose(found.values.toarray(), expected[:, [7, 3, 20, 1]], rtol=1e-5)
    assert found.features.shape == (256, 2)  # at most half of the genes
    assert found.window == 7
    assert [view.window for view in found.views] == [1, 4, 7, 13, 19]
    assert all(view.scores.shape == (256, 2) for view in found.views)
    assert found.features is found.views[2].scores
    assert described(section, tissue, genes, views=False).views == ()


def test_every_window_is_of_its_own_width():
    tissue = lattice(16, 16)
    section = section_of(tissue)
    config = DomainConfig(windows=(1, 5), window=11, components=(2, 3))
    told = []
    found = described(section, tissue, section.genes[:10], config, progress=lambda *one: told.append(one))
    assert told == [
        ("windows", 1, 3, "11 spots, 10 genes"),
        ("windows", 2, 3, "1 spots, 10 genes"),
        ("windows", 3, 3, "5 spots, 10 genes"),
    ]
    assert found.window == 11
    for window, view in ((11, found.features), *((view.window, view.scores) for view in found.views)):
        smoothed = (tissue.means(window) @ found.values).toarray()
        expected = PCA(3, svd_solver="full").fit_transform(smoothed)
        assert view.shape == (256, 3)
        np.testing.assert_allclose(abs(view), abs(expected), atol=1e-4 * abs(expected).max())


@pytest.mark.nightly
def test_a_window_is_no_wider_than_half_of_the_smallest_section():
    one = lattice(16, 16)
    places = np.vstack([one.coordinates, one.coordinates[:30] + 100])
    tissue = Tissue(places, np.repeat([0, 1], [256, 30]))
    section = section_of(tissue)
    how = (section, tissue, section.genes[:10])
    for wide, name in ((DomainConfig(window=16), "window"), (DomainConfig(windows=(1, 16)), "windows")):
        with pytest.raises(InputError, match=rf"`{name}`.*16 spots.*up to 15, half of the smallest section"):
            described(*how, wide)
    asked = described(*how, DomainConfig(window=15, windows=(2, 15)))
    assert (asked.window, [view.window for view in asked.views]) == (15, [2, 15])
    # The defaults give way.
    usual = described(*how)
    assert (usual.window, [view.window for view in usual.views]) == (7, [1, 4, 7, 13, 15])
    tiny = Tissue(lattice(2, 5).coordinates, np.zeros(10, int))
    small = described(section_of(tiny), tiny, section.genes[:10])
    assert (small.window, [view.window for view in small.views]) == (5, [1, 4, 5])


def test_of_many_spots_some_of_every_section_are_judged_and_all_can_be_described():
    one = lattice(16, 16)
    tissue = Tissue(np.vstack([one.coordinates, one.coordinates[:64] + 100]), np.repeat([0, 1], [256, 64]))
    section = section_of(tissue)
    config = DomainConfig(max_spots=100, windows=(1, 7), components=(3,))
    found = described(section, tissue, section.genes, config)
    assert 100 <= len(found.judged) <= 105
    assert 20 <= tissue.section[found.judged].sum() <= 25  # its share of a hundred, and no fewer than 20
    for view in found.views:
        of_all = view.of_all(found.values, tissue)
        assert of_all.shape == (320, 3)
        np.testing.assert_allclose(of_all[found.judged], view.scores, atol=1e-4)
    np.testing.assert_allclose(found.features[found.judged], found.views[1].scores, atol=1e-4)
