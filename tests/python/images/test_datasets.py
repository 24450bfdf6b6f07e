"""The simulated sections keep their promises: shape, depth, truth, and no way to the truth but by place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sigel.datasets import simulated_panel, simulated_section
from sigel.errors import InputError

SMALL = {"n_rows": 20, "n_cols": 20, "n_programmes": 4, "genes_per_programme": 30, "n_background_genes": 60}


@pytest.fixture(scope="module")
def section():
    return simulated_section(seed=0)


@pytest.fixture(scope="module")
def genes(section):
    """Which rows of `var` are ordinary genes rather than mitochondrial ones or spike-ins."""
    return section.var_names.str.startswith("Gene")


def log_rates(section, genes):
    """Log of counts per median library, spots x genes."""
    counts = section.X[:, np.flatnonzero(genes)].toarray()
    library = counts.sum(axis=1, keepdims=True)
    return np.log1p(counts / library * np.median(library))


def neighbour_means(section, values):
    """Mean of each spot's six nearest neighbours, itself left out."""
    from scipy.spatial import cKDTree

    near = cKDTree(section.obsm["spatial"]).query(section.obsm["spatial"], k=7)[1][:, 1:]
    return values[near].mean(axis=1)


def moran(section, values):
    """Correlation of each column with the mean of its neighbours."""
    around = neighbour_means(section, values)
    a, b = values - values.mean(0), around - around.mean(0)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))


def test_counts_are_sparse_whole_numbers_of_realistic_depth(section, genes):
    assert isinstance(section.X, sparse.csr_matrix)
    assert section.X.dtype == np.float32
    assert section.X.has_sorted_indices
    assert (section.X.data > 0).all()
    assert (section.X.data == np.round(section.X.data)).all()
    assert 1100 <= section.n_obs <= 1500
    assert genes.sum() == 1200
    assert 3000 < np.median(np.asarray(section.X.sum(axis=1))) < 5000
    zeros = 1 - section.X.nnz / np.prod(section.shape)
    assert 0.3 < zeros < 0.5
    level = np.asarray(section.X.mean(axis=0)).ravel()[genes]
    assert 100 < level.max() / np.quantile(level, 0.005) < 2000


def test_tissue_is_not_a_full_rectangle_and_has_a_hole(section):
    at = section.obs[["array_row", "array_col"]].to_numpy()
    mask = np.zeros((40, 80), dtype=bool)
    mask[at[:, 0], at[:, 1]] = True
    assert ((at.sum(axis=1) % 2) == 0).all()
    assert 0.6 < section.n_obs / 1600 < 0.95
    corners = mask[[0, 0, 38, 38], [0, 78, 0, 78]]
    assert not corners.any()
    from scipy.ndimage import label

    on_lattice = np.add.outer(np.arange(40), np.arange(80)) % 2 == 0
    rectangle = mask[:, ::2] | mask[:, 1::2]
    assert on_lattice.sum() == 1600
    gaps, n = label(~rectangle)
    edge = set(np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]]))
    assert any(gap not in edge for gap in range(1, n + 1))


def test_hexagonal_neighbours_are_equally_far_apart(section):
    from scipy.spatial import cKDTree

    distance = cKDTree(section.obsm["spatial"]).query(section.obsm["spatial"], k=7)[0][:, 1:]
    assert np.allclose(np.median(distance, axis=0), 100.0)


def test_truth_is_written_and_follows_from_the_arguments(section):
    counts = section.var["programme"].value_counts()
    assert counts["background"] == 480 + 12
    assert (counts.drop("background") == 90).all()
    assert len(counts) == 9
    assert section.obsm["programmes"].shape == (section.n_obs, 8)
    assert section.obsm["programmes"].min() >= 0
    assert section.obsm["programmes"].max() <= 1
    assert set(section.obs["region"]) <= set(section.var["programme"].cat.categories)
    assert section.uns["simulated"] is True
    assert "imulated" in section.uns["simulation"]["note"]


def test_programmes_differ_from_each_other():
    for seed in range(5):
        shapes = simulated_section(genes_per_programme=2, n_background_genes=10, seed=seed).obsm["programmes"]
        alike = np.abs(np.corrcoef(shapes.T)) - np.eye(8)
        assert alike.max() < 0.6
        assert (shapes.mean(axis=0) > 0.04).all()


def test_background_genes_have_no_pattern_and_programme_genes_do(section, genes):
    values = log_rates(section, genes)
    truth = section.var["programme"].to_numpy()[genes]
    level = section.var["level"].to_numpy()[genes]
    seen = moran(section, values)
    background = seen[(truth == "background") & (level > 0.5)]
    # Under no pattern the correlation with six neighbours scatters by about 1 / sqrt(n_obs).
    assert abs(background.mean()) < 0.01
    assert background.std() < 1.5 / np.sqrt(section.n_obs)
    assert np.median(seen[(truth != "background") & (level > 0.5)]) > 0.2


def test_genes_follow_the_shape_of_their_programme(section, genes):
    values = log_rates(section, genes)
    shapes = section.obsm["programmes"]
    a = (values - values.mean(0)) / values.std(0)
    b = (shapes - shapes.mean(0)) / shapes.std(0)
    like = a.T @ b / section.n_obs
    names = np.array(section.uns["simulation"]["programmes"])
    truth = section.var["programme"].to_numpy()[genes]
    planted = truth != "background"
    assert (names[like.argmax(axis=1)] == truth)[planted].mean() > 0.9


def test_level_order_and_dispersion_do_not_give_the_groups_away(section, genes):
    from scipy.stats import kruskal

    var = section.var[genes]
    order = np.arange(len(var))
    for values in (np.log(var["level"]), np.log(var["dispersion"]), order):
        by_group = [np.asarray(values)[var["programme"] == g] for g in var["programme"].cat.categories]
        assert kruskal(*by_group).pvalue > 1e-3


def test_levels_are_the_mean_counts_of_genes(section, genes):
    level = section.var["level"].to_numpy()[genes]
    library = np.asarray(section.X[:, np.flatnonzero(genes)].sum(axis=1)).ravel()
    seen = (
        np.asarray(section.X[:, np.flatnonzero(genes)].sum(axis=0)).ravel()
        / library.sum()
        * np.median(library)
    )
    common = level > 2
    assert common.sum() > 200
    assert np.quantile(np.abs(seen / level - 1)[common], 0.9) < 0.25


def test_counts_are_overdispersed_as_stated(section, genes):
    """Mean of (variance - mean) over spots, given each spot's own expectation, matches the dispersion."""
    chosen = np.flatnonzero(genes & (section.var["programme"] == "background").to_numpy())
    counts = section.X[:, chosen].toarray().astype(float)
    library = np.asarray(section.X[:, np.flatnonzero(genes)].sum(axis=1)).reshape(-1, 1)
    expected = library * (counts.sum(0) / library.sum())
    estimate = ((counts - expected) ** 2 - expected).sum(0) / (expected**2).sum(0)
    level = section.var["level"].to_numpy()[chosen]
    stated = section.var["dispersion"].to_numpy()[chosen]
    strong = level > 5
    assert strong.sum() > 20
    assert np.corrcoef(np.log(estimate[strong]), np.log(stated[strong]))[0, 1] > 0.7
    assert 0.7 < np.median(estimate[strong] / stated[strong]) < 1.3


def test_the_groups_can_be_recovered_from_the_images_alone(section, genes):
    """A floor under every claim of recovery: smooth, scale, PCA, k-means already finds the planted groups."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import adjusted_rand_score

    values = log_rates(section, genes)
    values = (values + neighbour_means(section, values)) / 2
    images = ((values - values.mean(0)) / values.std(0)).T
    truth = section.var["programme"].to_numpy()[genes]
    planted = truth != "background"
    z = PCA(16, random_state=0).fit_transform(images[planted])
    found = KMeans(8, n_init=5, random_state=0).fit_predict(z)
    assert adjusted_rand_score(truth[planted], found) > 0.9
    level = np.log(section.var["level"].to_numpy()[genes][planted])[:, None]
    by_level = KMeans(8, n_init=5, random_state=0).fit_predict(level)
    assert adjusted_rand_score(truth[planted], by_level) < 0.05


def test_filtered_genes_are_there_to_be_filtered(section):
    from sigel.images import GeneImages

    images = GeneImages.from_anndata(section)
    left_out = set(images.all_genes[images.status == "excluded by name"])
    assert {"mt-Nd1", "ERCC-00074"} <= left_out
    assert all(not gene.startswith("Gene") for gene in left_out)
    assert images.raster.kind == "hexagonal"


def test_the_same_seed_gives_the_same_section_and_another_seed_another():
    first, again, other = (simulated_section(**SMALL, seed=seed) for seed in (3, 3, 4))
    assert (first.X != again.X).nnz == 0
    assert first.obs.equals(again.obs)
    assert first.var.equals(again.var)
    assert first.shape != other.shape or (first.X != other.X).nnz > 0


def test_the_global_random_state_is_neither_read_nor_changed():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    simulated_section(**SMALL)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize(
    ("lattice", "kind"), [("visium", "hexagonal"), ("square", "square"), ("cells", None)]
)
def test_lattices(lattice, kind):
    section = simulated_section(**SMALL, lattice=lattice)
    has_array = {"array_row", "array_col"} <= set(section.obs)
    assert has_array == (kind is not None)
    assert len(np.unique(section.obsm["spatial"], axis=0)) == section.n_obs
    from sigel.images import GeneImages

    assert GeneImages.from_anndata(section).raster.kind == (kind or "continuous")


@settings(max_examples=8, deadline=None)
@given(
    n_rows=st.integers(6, 25),
    n_cols=st.integers(6, 25),
    n_programmes=st.integers(1, 11),
    genes=st.integers(1, 5),
    background=st.integers(1, 20),
    lattice=st.sampled_from(["visium", "square", "cells"]),
    seed=st.integers(0, 2**32),
)
def test_every_size_works(n_rows, n_cols, n_programmes, genes, background, lattice, seed):
    section = simulated_section(
        n_rows, n_cols, n_programmes, genes, background, lattice=lattice, median_counts=50.0, seed=seed
    )
    assert section.n_vars == n_programmes * genes + background + 12
    assert 0 < section.n_obs <= n_rows * n_cols
    assert section.var_names.is_unique
    assert section.obs_names.is_unique
    assert np.isfinite(section.X.data).all()
    assert np.isfinite(section.obsm["programmes"]).all()


def test_median_counts_is_met_whatever_the_number_of_genes():
    for wanted in (200.0, 5000.0):
        section = simulated_section(**SMALL, median_counts=wanted)
        own = np.flatnonzero(section.var_names.str.startswith("Gene"))
        assert abs(np.median(np.asarray(section.X[:, own].sum(axis=1))) / wanted - 1) < 0.1


def test_blocks_of_genes_bound_memory(monkeypatch):
    """No array of all spots x all genes is made: every draw stays below the size of a block."""
    from sigel import datasets

    monkeypatch.setattr(datasets, "_CHUNK", 5000)
    sizes = []
    block = datasets._Shares.block

    def spy(self, start, stop):
        made = block(self, start, stop)
        sizes.append(made.size)
        return made

    monkeypatch.setattr(datasets._Shares, "block", spy)
    section = simulated_section(**SMALL)
    assert len(sizes) > 5
    assert max(sizes) <= 5000
    assert section.n_vars == 4 * 30 + 60 + 12


def test_written_and_read_again(tmp_path):
    import anndata

    section = simulated_section(**SMALL)
    section.write_h5ad(tmp_path / "section.h5ad")
    read = anndata.read_h5ad(tmp_path / "section.h5ad")
    assert (read.X != section.X).nnz == 0
    assert bool(read.uns["simulated"])


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("n_rows", 3),
        ("n_cols", 10.5),
        ("n_programmes", 0),
        ("genes_per_programme", -1),
        ("n_background_genes", 0),
        ("median_counts", 0),
        ("median_counts", float("nan")),
        ("median_counts", "many"),
        ("lattice", "triangles"),
        ("fold", (4.0, 2.0)),
        ("fold", 3.0),
        ("fold", (0.5, 2.0)),
        ("seed", -1),
        ("n_rows", True),
    ],
)
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(InputError, match=f"`{argument}`"):
        simulated_section(**{argument: value})


# --- a tissue seen by a panel and by the whole transcriptome -----------------------------------------------


@pytest.fixture(scope="module")
def views():
    """Target, reference, hidden."""
    return simulated_panel(seed=0)


@pytest.fixture(scope="module")
def common(views):
    """Genes with enough counts to be compared; their log rates in the target's cells and in the spots."""
    target, reference, hidden = views
    own = reference.var_names[reference.var_names.str.startswith("Gene")]
    chosen = own[(reference.var.loc[own, "level"] > 3).to_numpy()]
    complete = sparse.hstack([target.X, hidden.X], format="csr")
    at = target.var_names.append(hidden.var_names).get_indexer(own)
    seen = []
    for counts in (complete[:, at].toarray(), reference[:, own].X.toarray()):
        library = counts.sum(axis=1, keepdims=True)
        rates = np.log1p(counts / library * np.median(library))
        seen.append(rates[:, own.isin(chosen)])
    return chosen, *seen


def column_correlation(a, b):
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))


def nearest_spot(views):
    from scipy.spatial import cKDTree

    target, reference, _ = views
    return cKDTree(reference.obsm["spatial"]).query(target.obsm["spatial"])


def test_panel_and_hidden_genes_are_all_genes_once(views):
    target, reference, hidden = views
    own = reference.var_names[reference.var_names.str.startswith("Gene")]
    assert target.n_vars == 80
    assert sorted([*target.var_names, *hidden.var_names]) == list(own)
    assert list(hidden.var_names) == sorted(hidden.var_names)
    assert reference.n_vars == len(own) + 12
    for one in views:
        assert one.uns["simulated"] is True
        assert isinstance(one.X, sparse.csr_matrix)
        assert one.X.dtype == np.float32
        assert (one.X.data == np.round(one.X.data)).all()
        assert one.X.has_sorted_indices
    assert views[0].uns["simulation"] is not views[2].uns["simulation"]


def test_target_and_hidden_are_the_same_cells(views):
    target, reference, hidden = views
    assert target.obs.equals(hidden.obs)
    for key in ("spatial", "programmes"):
        assert (target.obsm[key] == hidden.obsm[key]).all()
    assert "array_row" not in target.obs
    assert {"array_row", "array_col"} <= set(reference.obs)
    assert not set(target.obs_names) & set(reference.obs_names)


def test_the_panel_is_in_an_order_of_its_own(views):
    target, reference, _ = views
    place = reference.var_names.get_indexer(target.var_names)
    # Under a random order neighbours rise as often as they fall: 39.5 of 79, standard deviation 2.6.
    assert 28 < (np.diff(place) > 0).sum() < 52


def test_the_panel_holds_its_share_of_every_programme():
    for n_panel, of_programme, of_background in ((80, 6, 32), (20, 1.5, 8), (1199, 90, 480)):
        target, _, hidden = simulated_panel(n_panel, n_rows=8, n_cols=8)
        sizes = target.var["programme"].value_counts()
        assert np.abs(sizes.drop("background") - of_programme).max() <= 1
        assert abs(sizes["background"] - of_background) <= 1
        assert hidden.n_vars == 1200 - n_panel


def test_cells_lie_on_the_reference_tissue_but_not_on_its_spots(views):
    distance, _ = nearest_spot(views)
    assert distance.max() < 100
    assert (distance > 0).all()
    assert np.median(distance) > 15
    assert abs(views[0].n_obs / views[1].n_obs - 1) < 0.05


def test_both_views_follow_the_same_programmes(views, common):
    genes, cells, spots = common
    target, reference, _ = views
    _, near = nearest_spot(views)
    planted = (reference.var.loc[genes, "programme"] != "background").to_numpy()
    alike = column_correlation(cells, spots[near])
    assert np.median(alike[planted]) > 0.25
    assert abs(alike[~planted].mean()) < 0.01
    for number in range(8):
        found = np.corrcoef(target.obsm["programmes"][:, number], reference.obsm["programmes"][near, number])
        assert found[0, 1] > 0.75


def test_the_views_share_no_noise(views, common):
    """What the programmes leave of a gene in a cell says nothing of what they leave in the spot beside it."""
    _, cells, spots = common
    target, reference, _ = views
    _, near = nearest_spot(views)

    def rest(values, programmes):
        known = np.column_stack([np.ones(len(programmes)), programmes, programmes**2]).astype(float)
        return values - known @ np.linalg.lstsq(known, values, rcond=None)[0]

    left = rest(spots, reference.obsm["programmes"])[near]
    alike = column_correlation(rest(cells, target.obsm["programmes"]), left)
    # Of independent noise: mean 0 over genes (0.0015 is its standard error), and 1 / sqrt(n) of one gene.
    # Twins drawn from one another's counts would agree to 0.1 and more, as all genes here are overdispersed.
    assert abs(alike.mean()) < 0.008
    assert alike.std() == pytest.approx(1 / np.sqrt(target.n_obs), rel=0.15)


def test_library_sizes_are_the_target_s_own(views):
    target, reference, hidden = views
    cells = np.log(np.asarray(target.X.sum(axis=1) + hidden.X.sum(axis=1)).ravel())
    spots = np.log(np.asarray(reference.X[:, :1200].sum(axis=1)).ravel())
    assert cells.std() == pytest.approx(0.4, abs=0.08)
    assert abs(np.corrcoef(cells, spots[nearest_spot(views)[1]])[0, 1]) < 0.25


def test_each_gene_has_an_efficiency_of_its_own_on_the_target(views, common):
    genes = common[0]
    _, reference, hidden = views
    assert np.log(hidden.var["efficiency"]).std() == pytest.approx(0.5, abs=0.05)
    kept = hidden.var_names.isin(genes)
    seen = np.asarray(hidden.X[:, kept].mean(axis=0)).ravel()
    there = np.asarray(reference[:, hidden.var_names[kept]].X.mean(axis=0)).ravel()
    shift = np.log(seen / there)
    assert np.corrcoef(shift, np.log(hidden.var["efficiency"][kept]))[0, 1] > 0.95
    assert shift.std() == pytest.approx(0.5, abs=0.1)
    stated = hidden.var["level"][kept] / reference.var.loc[hidden.var_names[kept], "level"]
    assert np.allclose(stated, hidden.var["efficiency"][kept])


def test_the_same_seed_gives_the_same_views_and_another_seed_others(tmp_path):
    import anndata

    first, again, other = (simulated_panel(20, **SMALL, seed=seed) for seed in (3, 3, 4))
    for one, same in zip(first, again, strict=True):
        assert (one.X != same.X).nnz == 0
        assert one.var.equals(same.var)
        assert one.obs.equals(same.obs)
    assert list(first[0].var_names) != list(other[0].var_names)
    first[0].write_h5ad(tmp_path / "target.h5ad")
    assert (anndata.read_h5ad(tmp_path / "target.h5ad").X != first[0].X).nnz == 0


@pytest.mark.parametrize("lattice", ["square", "cells"])
def test_the_reference_may_have_another_lattice(lattice):
    target, reference, _ = simulated_panel(20, **SMALL, lattice=lattice)
    assert ("array_row" in reference.obs) == (lattice == "square")
    assert "array_row" not in target.obs
    assert not np.isin(target.obsm["spatial"], reference.obsm["spatial"]).all(axis=1).any()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("n_panel", 0),
        ("n_panel", 12.0),
        ("n_panel", 1200),
        ("n_rows", 3),
        ("n_background_genes", 0),
        ("median_counts", -1.0),
        ("lattice", "triangles"),
        ("fold", (4.0, 2.0)),
        ("seed", -1),
    ],
)
def test_bad_arguments_of_the_panel_are_named(argument, value):
    with pytest.raises(InputError, match=f"`{argument}`"):
        simulated_panel(**{argument: value})
