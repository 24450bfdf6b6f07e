"""Gene images: sums per pixel, the gene filter, normalisation, thinning, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.tensors import ImageViews

PLAIN = {"normalize": "none", "scale": "none", "smooth": 0.0, "min_spots": 1}


def whole(images: GeneImages) -> np.ndarray:
    return ImageViews(images).whole(torch.arange(images.n_genes)).numpy()


@given(seed=st.integers(0, 999), n=st.integers(30, 90), genes=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_a_pixel_holds_the_sum_or_mean_of_its_spots(seed, n, genes):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2.0, (n, genes)).astype(np.float32) + 1
    xy = rng.random((n, 2))
    names = [f"g{i}" for i in range(genes)]
    for how in ("sum", "mean"):
        config = ImageConfig(**PLAIN, aggregate=how, pixel_size=0.2)
        images = GeneImages.from_arrays(counts, names, xy, config=config)
        expected = np.zeros((genes, images.raster.n_pixels))
        np.add.at(expected.T, images.raster.pixel_of_spot, counts)
        if how == "mean":
            expected /= images.raster.spots_per_pixel
        assert np.allclose(whole(images), expected, rtol=1e-5)


def test_log_images_match_a_plain_float64_computation(toy):
    counts, genes, xy, _ = toy()
    images = GeneImages.from_arrays(counts, genes, xy, config=ImageConfig(normalize="log", smooth=0.5))
    dense = counts.toarray().astype(np.float64)
    library = dense.sum(axis=1)
    log = np.log1p(dense / library[:, None] * np.median(library)).T
    order = np.argsort(images.raster.pixel_of_spot)
    log = log[:, order]
    log = 0.5 * log + 0.5 * log @ images.raster.neighbors.toarray().astype(np.float64).T
    z = (log - log.mean(axis=1, keepdims=True)) / log.std(axis=1, keepdims=True)
    assert np.allclose(whole(images), np.clip(z, -10, 10), atol=1e-4)


def test_other_scales_and_sums_match_a_plain_float64_computation(toy):
    """Three spots a pixel, or so: the log of a sum is that of a mean times the spots."""
    counts, genes, xy, _ = toy()
    config = ImageConfig(normalize="log", aggregate="sum", scale="max", pixel_size=2.0, min_spots=1)
    images = GeneImages.from_arrays(counts, genes, xy, config=config)
    raster, dense = images.raster, counts.toarray().astype(np.float64)
    pooled = np.zeros((raster.n_pixels, len(genes)))
    np.add.at(pooled, raster.pixel_of_spot, dense)
    library = pooled.sum(axis=1, keepdims=True)
    spots = raster.spots_per_pixel[:, None]
    assert spots.max() > 1
    value = np.log1p(pooled / library * np.median(library / spots) * spots).T
    np.testing.assert_allclose(whole(images), value / value.max(axis=1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("normalize", ["pearson", "log", "none"])
def test_a_view_has_the_images_of_the_genes_that_were_asked_for(toy, normalize):
    counts, genes, xy, _ = toy()
    images = GeneImages.from_arrays(counts, genes, xy, config=ImageConfig(normalize=normalize))
    views, rows = ImageViews(images), torch.tensor([5, 2, 30])
    torch.testing.assert_close(views.view(rows).image, views.whole(torch.arange(len(genes)))[rows])
    depth = images.depth / images.depth.sum() if normalize != "none" else np.full(views.n_pixels, 1.0)
    np.testing.assert_allclose(views.gene_share, depth / depth.sum(), rtol=1e-5)


def test_sparse_and_dense_inputs_give_the_same_images(toy):
    counts, genes, xy, _ = toy()
    reference = GeneImages.from_arrays(counts, genes, xy)
    for kind in (counts.toarray(), counts.tocsc(), counts.toarray().astype(int), sparse.coo_matrix(counts)):
        other = GeneImages.from_arrays(kind, genes, xy)
        assert (other.counts != reference.counts).nnz == 0
        assert other.data_hash == reference.data_hash


def test_genes_are_left_out_by_detection_and_by_name_and_reported(toy):
    counts, genes, xy, _ = toy()
    counts = counts.tolil()
    counts[:, 3] = 0
    counts[:, 4] = 0
    counts[:5, 4] = 7
    genes[0], genes[1], genes[2] = "MT-ND1", "mt-Co1", "ERCC-00002"
    images = GeneImages.from_arrays(counts.tocsr(), genes, xy)
    assert list(images.status[:5]) == ["excluded by name"] * 3 + ["detected in fewer than 10 spots"] * 2
    assert list(images.genes) == genes[5:]
    assert images.counts.shape[0] == len(genes) - 5
    # the library that normalises leaves the excluded genes out
    assert images.depth.sum() == counts.tocsr()[:, 3:].sum()
    assert list(images.index(["G7", "G5"])) == [2, 0]
    with pytest.raises(InputError, match="excluded by name"):
        images.index(["MT-ND1"])
    with pytest.raises(InputError, match="unknown"):
        images.index(["Nope"])


def test_halves_are_a_split_of_the_counts_and_reproducible(toy):
    counts, genes, xy, _ = toy()
    images = GeneImages.from_arrays(counts, genes, xy, config=ImageConfig(**PLAIN))
    views, rows = ImageViews(images), torch.tensor([3, 0, 5])
    first, second = views.halves(rows, 0.5, torch.Generator().manual_seed(1))
    part = torch.tensor([2, 0])
    assert torch.equal(
        views.halves(rows, 0.5, torch.Generator().manual_seed(1), part)[1].image, second.image[part]
    )
    first, second = first.image, second.image
    assert torch.equal((first + second) / 2, views.whole(rows))  # each stands for the whole
    assert (first != second).any()
    again, _ = views.halves(rows, 0.5, torch.Generator().manual_seed(1))
    assert torch.equal(first, again.image)
    share = float(first.sum() / (first + second).sum())
    assert 0.4 < share < 0.6


def test_images_are_z_scored_and_flat_genes_stay_finite(toy):
    counts, genes, xy, _ = toy()
    flat = sparse.csr_matrix(np.ones((counts.shape[0], 1), dtype=np.float32) * 3)
    both = sparse.hstack([counts, flat]).tocsr()
    images = GeneImages.from_arrays(both, [*genes, "flat"], xy, config=ImageConfig(normalize="none"))
    z = whole(images)
    assert np.isfinite(z).all()
    assert np.allclose(z[:-1].mean(axis=1), 0, atol=1e-4)
    assert np.allclose(z[:-1].std(axis=1), 1, atol=1e-3)
    assert np.allclose(z[-1], 0)


def test_a_spot_without_counts_does_no_harm(toy):
    counts, genes, xy, _ = toy()
    counts = counts.tolil()
    counts[7] = 0
    assert np.isfinite(whole(GeneImages.from_arrays(counts.tocsr(), genes, xy))).all()


@pytest.mark.parametrize("scale", ["zscore", "none"])
def test_fewer_counts_hold_as_much_noise_and_less_signal(toy, scale):
    """Counts are Poisson: with a share s of them the signal's variance is s as large beside that of noise."""
    counts, genes, xy, _ = toy()
    views = ImageViews(GeneImages.from_arrays(counts, genes, xy, config=ImageConfig(scale=scale)))
    rows = torch.arange(views.n_genes)
    noise = views.view(rows).noise
    halves = views.halves(rows, 0.25, torch.Generator().manual_seed(1))
    for half, share in zip(halves, (0.25, 0.75), strict=True):
        expected = noise / share if scale == "none" else noise / (noise + share * (1 - noise).clamp_min(0))
        most = float(half.noise.max())  # a bound that z-scores have
        torch.testing.assert_close(half.noise, expected.clamp_max(most), rtol=1e-4, atol=1e-6)
        assert (half.noise >= noise - 1e-6).all()


def test_values_that_are_not_counts_work_with_a_warning_and_without_thinning(toy):
    counts, genes, xy, _ = toy()
    with pytest.warns(UserWarning, match="not whole numbers"):
        images = GeneImages.from_arrays(counts * 0.37, genes, xy)
    assert not images.integer
    assert images.n_genes == len(genes)


def spoil(kind: str, counts, genes, xy):
    counts, genes, xy = counts.tolil(copy=True), list(genes), xy.copy()
    if kind == "nan":
        counts[0, 0] = np.nan
    elif kind == "negative":
        counts[0, 0] = -1
    elif kind == "duplicated":
        genes[1] = genes[0]
    elif kind == "names":
        genes = genes[:-1]
    elif kind == "places":
        xy = xy[:-1]
    elif kind == "missing place":
        xy[3, 0] = np.nan
    elif kind == "empty":
        counts[:] = 0
    return counts.tocsr(), genes, xy


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nan", ["counts", "NaN"]),
        ("negative", ["counts", "negative", "normalize"]),
        ("duplicated", ["genes", "G0", "var_names_make_unique"]),
        ("names", ["genes", "39 names for 40"]),
        ("places", ["coordinates", "one place for each spot"]),
        ("missing place", ["coordinates", "1 of", "finite"]),
        ("empty", ["min_spots", '"min_spots": 1']),
    ],
)
def test_bad_input_is_named_with_a_fix(toy, kind, words):
    counts, genes, xy = spoil(kind, *toy()[:3])
    with pytest.raises(InputError) as error:
        GeneImages.from_arrays(counts, genes, xy)
    for word in words:
        assert word in str(error.value)


def test_anndata_is_only_read_and_its_faults_are_named(toy):
    counts, genes, xy, _ = toy()
    adata = AnnData(counts.copy())
    adata.var_names = genes
    with pytest.raises(InputError, match="spatial_key"):
        GeneImages.from_anndata(adata)
    adata.obsm["spatial"] = xy
    with pytest.raises(InputError, match="layer"):
        GeneImages.from_anndata(adata, layer="counts")
    adata.layers["counts"] = adata.X.copy()
    before = adata.X.copy()
    from_layer = GeneImages.from_anndata(adata, layer="counts")
    assert from_layer.data_hash == GeneImages.from_anndata(adata).data_hash
    assert (before != adata.X).nnz == 0


@pytest.mark.parametrize(
    ("name", "kind", "height"),
    [
        ("st_mousebrain_hippo1.h5ad", "hexagonal", 50),
        ("dlpfc_151510.h5ad", "hexagonal", 78),
        ("starmap_v1_BY3_1k.h5ad", "continuous", None),
        ("xenium_mousebrain.h5ad", "continuous", None),
    ],
)
def test_real_sections(real_section, name, kind, height):
    adata = real_section(name)
    images = GeneImages.from_anndata(adata)
    assert images.raster.kind == kind
    assert height in (None, images.raster.shape[0])
    assert max(images.raster.shape) <= 96
    # neighbouring pixels look alike in tissue: the raster and the counts belong together
    x = ImageViews(GeneImages.from_anndata(adata, ImageConfig(smooth=0.0))).whole(torch.arange(50)).numpy()
    near = (x * (images.raster.neighbors @ x.T).T).mean(axis=1)
    shuffled = x[:, np.random.default_rng(0).permutation(x.shape[1])]
    apart = (x * (images.raster.neighbors @ shuffled.T).T).mean(axis=1)
    assert near.mean() > apart.mean() + 0.02


@pytest.mark.parametrize("patterns", [("(?i)^mt-",), ("^(m)t-", "^(x)\\\\1"), ("(?i)^MT-", "^ERCC")])
def test_each_name_pattern_is_a_regular_expression_of_its_own(toy, patterns):
    counts, _, xy, _ = toy(n_genes=4)
    config = ImageConfig(min_spots=1, exclude=tuple(p.replace("\\\\", "\\") for p in patterns))
    images = GeneImages.from_arrays(counts, ["mt-Nd1", "xx", "ERCC1", "Actb"], xy, config=config)
    assert images.status[0] == "excluded by name"
    assert "Actb" in images.genes


def test_a_section_of_excluded_genes_alone_names_the_patterns(toy):
    counts, _, xy, _ = toy(n_genes=2)
    with pytest.raises(InputError, match="`exclude`: found 2 genes"):
        GeneImages.from_arrays(counts, ["mt-Nd1", "mt-Nd2"], xy)


def test_the_hash_knows_all_that_images_are_made_of(toy):
    counts, genes, xy, _ = toy()
    config = ImageConfig(min_spots=100)
    counts = counts.tolil()
    counts[90:, 7] = 0
    before = GeneImages.from_arrays(sparse.csr_matrix(counts), genes, xy, config=config)
    assert before.status[7].startswith("detected")
    counts[:90, 7] *= 9
    after = GeneImages.from_arrays(sparse.csr_matrix(counts), genes, xy, config=config)
    again = GeneImages.from_arrays(sparse.csr_matrix(counts), genes, xy.copy(), config=config)
    assert before.data_hash != after.data_hash == again.data_hash
    assert after.data_hash != GeneImages.from_arrays(counts.tocsr(), genes, xy * 2, config=config).data_hash


@pytest.mark.parametrize(
    ("genes", "words"), [([np.True_, np.False_], "mask.*var_names"), (["G0", "nogene"], "'nogene', unknown")]
)
def test_genes_are_asked_for_by_name(toy, genes, words):
    counts, names, xy, _ = toy(n_genes=2)
    images = GeneImages.from_arrays(counts, names, xy, config=ImageConfig(min_spots=1))
    with pytest.raises(InputError, match=words):
        images.index(genes)


def test_names_with_line_breaks_are_refused(toy):
    counts, _, xy, _ = toy(n_genes=2)
    with pytest.raises(InputError, match="line break"):
        GeneImages.from_arrays(counts, ["A", "B\n"], xy)


def test_pearson_residuals_match_a_plain_float64_computation(toy):
    counts, genes, xy, _ = toy()
    config = ImageConfig(normalize="pearson", scale="none", smooth=0.0, min_spots=1)
    images = GeneImages.from_arrays(counts, genes, xy, config=config)
    c = images.counts.toarray().astype(float)
    mu = np.outer(c.sum(axis=1), images.depth) / images.depth.sum()
    residual = (c - mu) / np.sqrt(mu + mu**2 / 100)
    limit = np.sqrt(c.shape[1])
    assert np.allclose(whole(images), np.clip(residual, -limit, limit), atol=1e-4)


def test_pearson_residuals_of_genes_without_pattern_have_unit_noise(toy):
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.3, 3, 400)
    rate = rng.uniform(0.3, 6, 30)
    counts = sparse.csr_matrix(rng.poisson(np.outer(depth, rate)).astype(np.float32))
    col, row = (a.ravel() for a in np.mgrid[:20, :20])
    config = ImageConfig(normalize="pearson", scale="none", smooth=0.0, min_spots=1)
    images = GeneImages.from_arrays(
        counts, [f"G{i}" for i in range(30)], np.column_stack([col, row]), config=config
    )
    assert np.allclose(whole(images).std(axis=1), 1, atol=0.15)
    first, second = ImageViews(images).halves(torch.arange(30), 0.5, torch.Generator().manual_seed(0))
    together = np.mean(
        [np.corrcoef(a, b)[0, 1] for a, b in zip(first.image.numpy(), second.image.numpy(), strict=True)]
    )
    assert abs(together) < 0.05


def test_a_spot_to_every_pixel_is_pooled_in_any_order_and_form(toy):
    counts, genes, xy, _ = toy()
    plain = GeneImages.from_arrays(counts, genes, xy, config=ImageConfig(**PLAIN))
    order = np.random.default_rng(0).permutation(len(xy))
    counts = sparse.csr_matrix(counts)
    # Every value as two entries that add up to it.
    twice = sparse.coo_matrix(counts)
    halves = np.tile(twice.data / 2, 2), (np.tile(twice.row, 2), np.tile(twice.col, 2))
    rows = np.argsort(halves[1][0], kind="stable")
    split = sparse.csr_matrix((halves[0][rows], halves[1][1][rows], 2 * counts.indptr), shape=counts.shape)
    for values, places in ((counts[order], xy[order]), (split, xy), (split[order], xy[order])):
        found = GeneImages.from_arrays(values, genes, places, config=ImageConfig(**PLAIN))
        assert (found.counts != plain.counts).nnz == 0


def test_columns_of_counts_are_the_counts(toy):
    counts, genes, xy, _ = toy()
    views = ImageViews(GeneImages.from_arrays(counts, genes, xy, config=ImageConfig(**PLAIN)))
    rows = torch.tensor([3, 0, 5])
    columns = views.count_columns(rows)
    assert columns.is_contiguous()
    assert columns.dtype == torch.float32
    assert torch.equal(columns.T, views.counts(rows))
