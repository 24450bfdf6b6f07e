"""Damaged matrices are refused before native code runs; entries in pieces are added up; a GPU is named."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
from scipy import sparse

import sigel
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.counts import SpotRows, as_csr
from sigel.images.sound_matrix import check_structure

SMALL = {"n_rows": 12, "n_cols": 12, "n_programmes": 3, "genes_per_programme": 8, "n_background_genes": 12}


@pytest.fixture(scope="module")
def section():
    return sigel.datasets.simulated_section(seed=0, **SMALL)


def in_pieces(matrix, dtype=None):
    """The same matrix, every entry stored in two pieces, the later columns of a row first."""
    x = matrix.tocsr()
    half = np.floor(x.data / 2)
    pieces = np.stack([half, x.data - half], axis=1)
    rows = [np.arange(a, b)[::-1] for a, b in zip(x.indptr[:-1], x.indptr[1:], strict=True)]
    order = np.concatenate(rows)
    parts = pieces[order].ravel(), np.repeat(x.indices[order], 2), x.indptr * 2
    return sparse.csr_matrix(parts, shape=x.shape, dtype=dtype)


def damaged(matrix, how):
    x = matrix.tocsc() if how == "csc" else matrix.tocsr().copy()
    if how in ("over 32 bits", "csc"):
        pointers = x.indptr.astype(np.int64)
        pointers[-1] -= 2**31
        x.indptr = pointers.astype(np.int32)
    elif how == "pointers that fall":
        x.indptr[5] = x.indptr[9]
    elif how == "past the entries":
        x.indptr[-1] += 1000
    elif how == "past the genes":
        x.indices[3] = 10**6
    elif how == "too few pointers":
        x.indptr = x.indptr[:-1]
    elif how == "coo":
        x = x.tocoo()
        x.row[2] = 10**6
    return x


@pytest.mark.parametrize(
    "how",
    ["over 32 bits", "csc", "pointers that fall", "past the entries", "past the genes"]
    + ["too few pointers", "coo"],
)
def test_damaged_matrices_are_refused_by_every_reader(section, how):
    broken = damaged(section.X, how)
    for read in (as_csr, SpotRows, check_structure):
        with pytest.raises(InputError, match="damaged sparse matrix"):
            read(broken)
    with pytest.raises(InputError, match=r"`counts`.*damaged"):
        GeneImages.from_arrays(broken, list(section.var_names), section.obsm["spatial"])


@pytest.mark.parametrize("verb", ["spatial_genes", "domains", "embed"])
@pytest.mark.parametrize("beside", [False, True])
def test_verbs_refuse_a_damaged_layer_by_its_name(section, verb, beside):
    held = section.copy()
    if beside:
        held.obs["in_tissue"] = 1
        held.obs.loc[held.obs_names[0], "in_tissue"] = 0
    held.layers["over"] = held.X.copy()
    held.layers["over"].indptr[-1] -= 2**30
    with pytest.raises(InputError, match=r"`layer`.*index pointers"):
        getattr(sigel.tl, verb)(held, layer="over", progress=False)


def test_a_damaged_file_is_refused(section, tmp_path):
    path = tmp_path / "x.h5ad"
    section.write_h5ad(path)
    import h5py

    with h5py.File(path, "r+") as file:
        file["X/indptr"][-1] = 10**8
    held = anndata.read_h5ad(path, backed="r")
    with pytest.raises(InputError, match="index pointers up to 100000000"):
        GeneImages.from_anndata(held)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_entries_in_pieces_are_added_up_and_left_as_they_are(section, dtype):
    pieces = in_pieces(section.X, dtype)
    before = [part.copy() for part in (pieces.data, pieces.indices, pieces.indptr)]
    once = as_csr(pieces)
    assert once.has_canonical_format
    np.testing.assert_array_equal(once.toarray(), section.X.toarray())
    split = sparse.vstack([chunk for _, chunk in SpotRows(pieces, values=300)])
    np.testing.assert_array_equal(split.toarray(), section.X.toarray())
    for part, was in zip((pieces.data, pieces.indices, pieces.indptr), before, strict=True):
        np.testing.assert_array_equal(part, was)


def test_small_whole_numbers_do_not_run_over_when_added_up():
    pieces = sparse.csr_matrix((np.array([200, 100], np.uint8), [1, 1], [0, 2]), shape=(1, 3))
    assert as_csr(pieces)[0, 1] == 300
    assert pieces.nnz == 2


@pytest.mark.nightly
def test_domains_and_imputation_do_not_depend_on_pieces(section):
    other = section.copy()
    other.X = in_pieces(section.X)
    for adata in (section, other):
        sigel.tl.domains(adata, 3, progress=False)
    assert (section.obs["sigel_domain"] == other.obs["sigel_domain"]).all()
    small = {**SMALL, "genes_per_programme": 24}
    target, reference, _ = sigel.datasets.simulated_panel(seed=0, **small)
    whole = sigel.tl.impute(target, reference, progress=False)
    target.X = in_pieces(target.X)
    np.testing.assert_array_equal(whole.X, sigel.tl.impute(target, reference, progress=False).X)


class OnGpu:
    """Refuses numpy, as a matrix of cupy does."""

    __module__ = "cupy"
    shape, dtype, ndim = (400, 100), np.dtype("float32"), 2

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")


class Unreadable:
    shape, dtype, ndim, __array__ = OnGpu.shape, OnGpu.dtype, 2, OnGpu.__array__


def test_a_matrix_on_a_gpu_is_refused_with_the_line_that_brings_it_here(section):
    genes = [f"g{i}" for i in range(100)]
    places = np.random.default_rng(0).random((400, 2))
    with pytest.raises(InputError, match=r"`counts`.*on a GPU.*counts = counts\.get\(\)"):
        GeneImages.from_arrays(OnGpu(), genes, places)
    with pytest.raises(InputError, match=r"`coordinates`.*on a GPU"):
        GeneImages.from_arrays(np.ones((400, 100)), genes, OnGpu())
    with pytest.raises(InputError, match=r"which numpy cannot read.*\.get\(\)"):
        GeneImages.from_arrays(Unreadable(), genes, places)
