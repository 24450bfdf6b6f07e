"""Counts read some spots at a time: the same results wherever they lie, and never all of them at once."""

from __future__ import annotations

import hashlib
import importlib.util
import tracemalloc

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import sigel
from conftest import QUICK
from sigel.errors import InputError
from sigel.images import GeneImages, pooling
from sigel.images import counts as chunks
from sigel.images.counts import SpotRows
from sigel.images.raster import rasterise
from sigel.images.section import Section
from sigel.runtime import provenance
from sigel.tasks.embedding import embed_spots

pytestmark = pytest.mark.filterwarnings("ignore:zarr v3 autosharding")
HAS_DASK = importlib.util.find_spec("dask") is not None


class Blocks:
    """What `SpotRows` uses of a dask array, and which rows were computed at a time."""

    __module__ = "dask.array.core"

    def __init__(self, matrix, sizes, columns=None):
        self.matrix, self.shape, self.dtype, self.ndim = matrix, matrix.shape, matrix.dtype, 2
        self.chunks = (tuple(sizes), columns or (matrix.shape[1],))
        self.numblocks = tuple(map(len, self.chunks))
        self.computed = []

    def __getitem__(self, rows):
        self.asked = rows
        return self

    def compute(self):
        self.computed.append((self.asked.start, self.asked.stop))
        return self.matrix[self.asked]


@pytest.fixture
def section(toy):
    counts, genes, coordinates, _ = toy()
    counts = counts.tolil()
    counts[:, 5] = 0
    counts[17] = 0
    return anndata.AnnData(
        sparse.csr_matrix(counts), var=pd.DataFrame(index=genes), obsm={"spatial": coordinates}
    )


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of some spots each and pools of few, so that a small section is read in many steps."""

    def read(self, counts, *, values=300):
        whole(self, counts, values=values)

    whole = SpotRows.__init__
    monkeypatch.setattr(SpotRows, "__init__", read)
    monkeypatch.setattr(pooling, "_WAITING", 700)


def on_disk(kind: str, matrix, folder):
    """The counts in a file of some kind."""
    if kind == "h5ad":
        anndata.AnnData(matrix).write_h5ad(folder / "x.h5ad")
        return anndata.read_h5ad(folder / "x.h5ad", backed="r").X
    if kind == "dense h5ad":
        anndata.AnnData(matrix.toarray()).write_h5ad(folder / "x.h5ad")
        return anndata.read_h5ad(folder / "x.h5ad", backed="r").X
    if kind == "blocks of HDF5":
        file = h5py.File(folder / "x.h5", "w")
        return file.create_dataset("x", data=matrix.toarray(), chunks=(4, 3))
    if kind == "zarr":
        group = zarr.open_group(folder / "x.zarr", mode="w")
        anndata.io.write_elem(group, "x", matrix)
        return anndata.io.sparse_dataset(group["x"])
    if kind == "dense zarr":
        shape, dtype = matrix.shape, matrix.dtype
        array = zarr.open_array(folder / "x.zarr", mode="w", shape=shape, dtype=dtype, chunks=(9, 40))
        array[:] = matrix.toarray()
        return array
    raise ValueError(kind)


KINDS = ["h5ad", "dense h5ad", "blocks of HDF5", "zarr", "dense zarr"]


def same(one: GeneImages, other: GeneImages) -> None:
    for name in ("data", "indices", "indptr"):
        left, right = getattr(one.counts, name), getattr(other.counts, name)
        assert left.dtype == right.dtype
        assert np.array_equal(left, right)
    assert np.array_equal(one.depth, other.depth)
    assert list(one.status) == list(other.status)
    assert list(one.genes) == list(other.genes)
    assert one.integer == other.integer
    assert one.data_hash == other.data_hash


# --- the same result -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_images_from_disk_are_those_from_memory(section, tmp_path, small_chunks, kind, dtype):
    matrix = section.X.astype(dtype)
    stored = on_disk(kind, matrix, tmp_path)
    assert sum(1 for _ in SpotRows(stored)) > 3
    genes, coordinates = list(section.var_names), section.obsm["spatial"]
    same(
        GeneImages.from_arrays(matrix, genes, coordinates), GeneImages.from_arrays(stored, genes, coordinates)
    )


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(60, 120), st.integers(1, 9)),
    values=st.integers(1, 200),
    waiting=st.integers(1, 400),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore:The values are not whole")
def test_sums_do_not_depend_on_where_a_chunk_ends(seed, shape, values, waiting):
    """Values that are no counts round differently in another order, so equal bits mean the same order."""
    rng = np.random.default_rng(seed)
    matrix = sparse.csr_matrix((rng.random(shape) * (rng.random(shape) < 0.6)).astype(np.float32))
    raster = rasterise(rng.random((shape[0], 2)), None, sigel.ImageConfig(pixel_size=0.25))
    included = rng.random(shape[1]) < 0.8
    section = Section(matrix, np.arange(shape[1]))

    def sums(values, waiting):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pooling, "_WAITING", waiting)
            rows = SpotRows(matrix, values=values)
            return pooling._sums(section, rows, included, raster, sigel.ImageConfig())

    once, often = sums(10**6, 10**6), sums(values, waiting)
    assert np.array_equal(once.pooled.toarray(), often.pooled.toarray())
    assert np.array_equal(once.depth, often.depth)
    assert np.array_equal(once.detected, often.detected)
    assert once.integer == often.integer
    assert np.array_equal(once.detected, np.diff(matrix.tocsc().indptr))


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 50), st.integers(1, 8)),
    values=st.integers(1, 99),
    how=st.sampled_from(["csr", "csc", "coo", "dense"]),
)
@settings(max_examples=60, deadline=None)
def test_chunks_put_together_are_the_counts(seed, shape, values, how):
    rng = np.random.default_rng(seed)
    dense = rng.poisson(0.5, shape)
    counts = dense if how == "dense" else sparse.coo_matrix(dense).asformat(how)
    found = list(SpotRows(counts, values=values))
    edges = [where.start for where, _ in found] + [found[-1][0].stop]
    assert edges[0] == 0
    assert edges[-1] == shape[0]
    assert edges == sorted(set(edges))
    assert all(where.stop == start for (where, _), start in zip(found[:-1], edges[1:], strict=False))
    assert np.array_equal(sparse.vstack([chunk for _, chunk in found]).toarray(), dense)
    per_row = shape[1] if how == "dense" else np.diff(sparse.csr_matrix(dense).indptr).max()
    assert all(chunk.nnz <= values + per_row for _, chunk in found)


def test_the_hash_is_that_of_all_parts_at_once(section, monkeypatch):
    made = GeneImages.from_anndata(section)
    counts, raster = made.counts, made.raster
    digest = hashlib.sha256()
    parts = (counts.data, counts.indices, counts.indptr, made.depth, raster.pixel_of_spot)
    for part in (*parts, raster.rows, raster.cols, raster.affine):
        digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    digest.update("\n".join([raster.kind, *made.genes]).encode())
    monkeypatch.setattr(provenance, "_HASHED", 7)
    assert made.data_hash == digest.hexdigest()[:16]


@pytest.mark.parametrize("kind", ["h5ad", "dense zarr"])
@pytest.mark.parametrize("normalize", [True, False])
def test_spots_from_disk_are_those_from_memory(section, tmp_path, kind, normalize):
    rng = np.random.default_rng(0)
    kept = np.arange(section.n_vars) != 5
    representations = rng.standard_normal((int(kept.sum()), 4)).astype(np.float32)
    expected = embed_spots(section.X, representations, genes=kept, normalize=normalize)
    with pytest.MonkeyPatch.context() as patch:
        whole = SpotRows.__init__
        patch.setattr(SpotRows, "__init__", lambda self, counts: whole(self, counts, values=300))
        found = embed_spots(
            on_disk(kind, section.X, tmp_path), representations, genes=kept, normalize=normalize
        )
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert np.array_equal(embed_spots(section.X[:, kept], representations, normalize=normalize), expected)
    assert not found[17].any()


# --- through the door ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [False, True])
def test_a_backed_object_is_embedded_as_one_in_memory(section, tmp_path, small_chunks, dense):
    if dense:
        section.X = section.X.toarray()
    section.write_h5ad(tmp_path / "section.h5ad")
    before = (tmp_path / "section.h5ad").read_bytes()
    backed = anndata.read_h5ad(tmp_path / "section.h5ad", backed="r")
    config = {**QUICK, "image": {"min_spots": 1}}
    for adata in (section, backed):
        sigel.tl.embed(adata, n_dims=8, n_groups=4, device="cpu", config=config, progress=False)
    assert backed.isbacked
    assert (tmp_path / "section.h5ad").read_bytes() == before
    for name in ("varm", "obsm"):
        found, expected = getattr(backed, name)["X_sigel"], getattr(section, name)["X_sigel"]
        assert np.array_equal(found, expected, equal_nan=True)
    assert list(backed.var["sigel_status"]) == list(section.var["sigel_status"])
    assert backed.uns["sigel"]["provenance"]["data_hash"] == section.uns["sigel"]["provenance"]["data_hash"]
    assert sigel.pl.gene_images(backed, ["G1", "G2"]) is not None


def test_a_layer_on_disk_and_subsets_are_read_too(section, tmp_path, small_chunks):
    expected = GeneImages.from_anndata(section)
    lazy = anndata.AnnData(
        obs=section.obs,
        var=section.var,
        obsm=dict(section.obsm),
        layers={"counts": on_disk("zarr", section.X, tmp_path)},
    )
    same(GeneImages.from_anndata(lazy, layer="counts"), expected)
    section.write_h5ad(tmp_path / "section.h5ad")
    backed = anndata.read_h5ad(tmp_path / "section.h5ad", backed="r")
    part = section[20:, 3:]
    same(GeneImages.from_anndata(backed[20:, 3:]), GeneImages.from_anndata(part))
    section.X = section.X.toarray()
    same(GeneImages.from_anndata(section[20:, 3:]), GeneImages.from_anndata(backed[20:, 3:]))


def test_a_real_section_streams_to_the_same_images(real_section, tmp_path, monkeypatch):
    adata = real_section("starmap_v1_BY3_1k.h5ad")
    adata.X = sparse.csr_matrix(adata.X)
    adata.write_h5ad(tmp_path / "section.h5ad")
    expected = GeneImages.from_anndata(adata)
    whole = SpotRows.__init__
    values = adata.X.nnz // 20
    monkeypatch.setattr(SpotRows, "__init__", lambda self, counts: whole(self, counts, values=values))
    monkeypatch.setattr(pooling, "_WAITING", adata.X.nnz // 7)
    same(GeneImages.from_anndata(anndata.read_h5ad(tmp_path / "section.h5ad", backed="r")), expected)


# --- dask ------------------------------------------------------------------------------------------------


def test_blocks_of_dask_are_computed_once_each(section):
    sizes = [40, 0, 30, section.n_obs - 70]
    blocks = Blocks(section.X, sizes)
    genes = list(section.var_names)
    found = GeneImages.from_arrays(blocks, genes, section.obsm["spatial"])
    same(found, GeneImages.from_anndata(section))
    assert blocks.computed == [(0, 40), (40, 70), (70, section.n_obs)]


@pytest.mark.parametrize(
    ("sizes", "columns", "words"),
    [
        ([float("nan"), 40], None, ["unknown size", "compute_chunk_sizes"]),
        (None, (20, 20), ["blocks of genes", "by spots"]),
    ],
)
def test_blocks_that_cannot_be_streamed_are_named_with_the_fix(section, sizes, columns, words):
    blocks = Blocks(section.X, sizes or [section.n_obs], columns)
    with pytest.raises(InputError, match="`counts`") as error:
        SpotRows(blocks)
    assert all(word in str(error.value) for word in words)
    assert not blocks.computed


def test_a_block_that_fails_is_told_of_with_its_spots(section):
    class LostWorker(Exception):
        pass

    class Failing(Blocks):
        def compute(self):
            if self.asked.start >= 40:
                raise LostWorker("worker 3 died\nand more")
            return super().compute()

    failing = Failing(section.X, [40, section.n_obs - 40])
    with pytest.raises(
        InputError, match=rf"spots 40 to {section.n_obs - 1} .*LostWorker: worker 3 died\)"
    ) as told:
        GeneImages.from_arrays(failing, list(section.var_names), section.obsm["spatial"])
    assert isinstance(told.value.__cause__, LostWorker)


if HAS_DASK:  # no dependency: where it is installed its own arrays are read too

    @pytest.mark.parametrize("dense", [False, True])
    def test_lazy_elements_of_anndata_are_read_by_block(section, tmp_path, dense):
        import dask

        matrix = section.X.toarray() if dense else section.X
        with h5py.File(tmp_path / "x.h5", "w") as file:
            anndata.io.write_elem(file, "x", matrix)
            lazy = anndata.experimental.read_elem_lazy(file["x"], chunks=(25, 40))
            adata = anndata.AnnData(lazy, obs=section.obs, var=section.var, obsm=dict(section.obsm))
            expected = GeneImages.from_anndata(section)
            with dask.config.set(scheduler="synchronous"):
                same(GeneImages.from_anndata(adata), expected)
                same(GeneImages.from_anndata(adata[20:]), GeneImages.from_anndata(section[20:]))
            if not dense:
                anndata.io.write_elem(file, "by_genes", matrix.tocsc())
                with pytest.raises(InputError, match="blocks of genes"):
                    SpotRows(
                        anndata.experimental.read_elem_lazy(file["by_genes"], chunks=(matrix.shape[0], 9))
                    )


# --- memory ----------------------------------------------------------------------------------------------


def test_the_counts_are_never_in_memory_as_a_whole(tmp_path, small_chunks, monkeypatch):
    rng = np.random.default_rng(0)
    n_cells, n_genes = 20_000, 60
    matrix = sparse.csr_matrix(rng.poisson(0.5, (n_cells, n_genes)).astype(np.float32))
    stored = on_disk("h5ad", matrix, tmp_path)
    places, genes = rng.random((n_cells, 2)), [f"g{i}" for i in range(n_genes)]
    config = sigel.ImageConfig(pixel_size=0.25, min_spots=1)
    monkeypatch.setattr(pooling, "_WAITING", 20_000)
    chunk = SpotRows.__init__
    monkeypatch.setattr(SpotRows, "__init__", lambda self, counts: chunk(self, counts, values=10_000))

    def extra(counts) -> int:
        tracemalloc.start()
        try:
            GeneImages.from_arrays(counts, genes[: counts.shape[1]], places, config=config)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    size = matrix.data.nbytes + matrix.indices.nbytes
    # What the raster takes does not depend on the counts: a section of one gene takes that, too.
    base = extra(matrix[:, :1])
    assert extra(stored) - base < size / 3
    assert extra(matrix.toarray()) - base < size / 3


# --- what cannot be read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_counts_by_genes_on_disk_are_refused_with_the_fix(section, tmp_path, kind):
    stored = on_disk(kind, section.X.tocsc(), tmp_path)
    with pytest.raises(InputError, match="`counts`: found counts on disk stored by genes") as error:
        GeneImages.from_arrays(stored, list(section.var_names), section.obsm["spatial"])
    assert "tocsr()" in str(error.value)
    assert "to_memory()" in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_one_matrix_is_made_only_of_counts_in_memory(section, tmp_path, kind):
    with pytest.raises(InputError, match=r"counts on disk.*to_memory"):
        chunks.as_csr(on_disk(kind, section.X, tmp_path))
    assert (chunks.as_csr(section[:9].X) != section.X[:9]).nnz == 0


def test_what_holds_no_numbers_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        texts = file.create_dataset("texts", data=np.array([[b"a", b"b"]]))
        line = file.create_dataset("line", data=np.arange(5.0))
        group = file.create_group("group")
        words = Blocks(np.array([["a", "b"]]), [1])
        for counts in (texts, line, group, words, np.array([["a"]]), np.arange(4), "counts"):
            with pytest.raises(InputError, match=r"`counts`: .*numbers, spots x genes"):
                SpotRows(counts)


@pytest.mark.parametrize(
    ("value", "words"),
    [(np.nan, "1 values that are NaN or infinite"), (-2.0, "negative values .smallest -2")],
)
def test_a_bad_value_is_found_with_its_place(section, tmp_path, small_chunks, value, words):
    matrix = section.X.tolil()
    matrix[60, 3] = value
    stored = on_disk("h5ad", matrix.tocsr(), tmp_path)
    with pytest.raises(InputError, match=words) as error:
        GeneImages.from_arrays(stored, list(section.var_names), section.obsm["spatial"])
    first, last = map(int, str(error.value).partition(" in spots ")[2].partition(";")[0].split(" to "))
    assert first <= 60 <= last < section.n_obs - 1
    assert last - first < 40


def test_fractions_on_disk_are_warned_of_once(section, tmp_path, small_chunks):
    stored = on_disk("h5ad", section.X * 0.37, tmp_path)
    genes, coordinates = list(section.var_names), section.obsm["spatial"]
    with pytest.warns(UserWarning, match="not whole numbers") as warned:
        found = GeneImages.from_arrays(stored, genes, coordinates)
    assert len(warned) == 1
    with pytest.warns(UserWarning, match="not whole numbers"):
        same(found, GeneImages.from_arrays(section.X * 0.37, genes, coordinates))


def test_half_precision_on_disk_is_read(section, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", data=section.X.toarray().astype(np.float16))
        found = GeneImages.from_arrays(stored, list(section.var_names), section.obsm["spatial"])
    same(found, GeneImages.from_anndata(section))


def test_a_chunk_is_64_megabytes():
    assert chunks.CHUNK_VALUES * (4 + 4) == 64 * 2**20


def test_chunks_from_disk_make_the_matrix_that_they_came_from(tmp_path):
    rng = np.random.default_rng(0)
    matrix = sparse.random_array((3_000, 40), density=0.5, rng=rng, format="csr", dtype=np.float32)
    matrix.data = np.ceil(5 * matrix.data)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        anndata.io.write_elem(file, "x", sparse.csr_matrix(matrix))
        stored = SpotRows(anndata.io.sparse_dataset(file["x"]), values=700)
        loaded = Section(stored, np.array([f"G{i}" for i in range(40)], dtype=object)).in_memory().counts
    assert loaded.shape == matrix.shape
    assert (loaded != matrix).nnz == 0
    assert loaded.indices.dtype == np.int32
    before = loaded.indices.copy()
    loaded.has_sorted_indices = False
    loaded.sort_indices()  # they were in order, as the matrix says of itself
    assert np.array_equal(loaded.indices, before)
