"""Counts some spots at a time: whatever holds them, on disk or in memory, is read once from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from sigel.errors import InputError
from sigel.images.sound_matrix import (
    as_host_array,
    check_on_host,
    check_pointers,
    check_structure,
    libraries_of,
    with_entries_once,
)

# Values at a time: 64 MB as float32 with their columns. Larger chunks are no faster, only larger.
CHUNK_VALUES = 2**23


class SpotRows:
    """Counts `(n_spots, n_genes)` that are read as CSR chunks of consecutive spots.

    Parameters
    ----------
    counts
        One of

        - a scipy sparse matrix or array, or a numpy array;
        - a sparse dataset of anndata (`X` of a backed AnnData, `anndata.io.sparse_dataset` of a group in an
          h5ad or zarr file), stored by spots (CSR);
        - an HDF5 or zarr array, which is dense;
        - a dask array in blocks of spots, as `anndata.experimental.read_elem_lazy` makes it: a block
          is computed at a time;
        - another `SpotRows`.
    values
        Stored values of a chunk, about; a dense chunk has that many in all. Default 2^23: 64 MB. Blocks of
        dask are taken as they are.

    Raises
    ------
    InputError
        When it holds no numbers, its parts do not go together, or it is stored by genes on disk, where no
        spot can be read without the rest.

    Examples
    --------
    >>> import numpy as np
    >>> from sigel.images.counts import SpotRows
    >>> rows = SpotRows(np.ones((5, 3)), values=6)
    >>> [(where.start, where.stop, chunk.nnz) for where, chunk in rows]
    [(0, 2, 6), (2, 4, 6), (4, 5, 3)]
    """

    shape: tuple[int, int]
    _bounds: np.ndarray
    _read: _Reader

    def __init__(self, counts: Any, *, values: int = CHUNK_VALUES) -> None:
        if isinstance(counts, SpotRows):
            self._bounds, self._read, self.shape = counts._bounds, counts._read, counts.shape
            return
        check_on_host(counts, "counts")
        libraries = libraries_of(counts)
        if "dask" in libraries:
            self._bounds, self._read = _of_dask(counts)
        elif "anndata" in libraries and hasattr(counts, "group"):
            self._bounds, self._read = _of_sparse_dataset(counts, values)
        elif libraries & {"h5py", "zarr"} and hasattr(counts, "dtype"):
            self._bounds, self._read = _of_dense_dataset(counts, values)
        else:
            counts = _in_memory(counts)
            self._bounds, self._read = _of_memory(counts, values)
        self.shape = (int(counts.shape[0]), int(counts.shape[1]))

    @classmethod
    def joined(cls, parts: Sequence[Any], columns: Sequence[np.ndarray], n_genes: int) -> SpotRows:
        """Counts of several sections one after the other, each with genes of its own.

        Parameters
        ----------
        parts
            Counts of each, as in the constructor.
        columns
            Column of each gene of a part in the whole.
        n_genes
            Columns of the whole.
        """
        each = [cls(counts) for counts in parts]
        begin = np.cumsum([0, *(rows.shape[0] for rows in each)])
        found = cls.__new__(cls)
        inner = [rows._bounds[:-1] + start for rows, start in zip(each, begin, strict=False)]
        found._bounds = np.append(np.concatenate(inner), begin[-1])

        def read(start: int, stop: int) -> sparse.csr_matrix:
            k = int(np.searchsorted(begin, start, side="right")) - 1
            own = as_csr(each[k]._read(start - int(begin[k]), stop - int(begin[k])))
            parts = own.data, columns[k][own.indices], own.indptr
            return sparse.csr_matrix(parts, shape=(own.shape[0], n_genes))

        found._read, found.shape = read, (int(begin[-1]), n_genes)
        return found

    @classmethod
    def some(cls, counts: Any, spots: np.ndarray | slice) -> SpotRows:
        """Counts of some of the spots, in their order, read as those of all are.

        Parameters
        ----------
        counts
            As in the constructor.
        spots
            Which, a mask `(n_spots,)` or their rising numbers.
        """
        rows, found = cls(counts), cls.__new__(cls)
        at = np.arange(rows.shape[0])[spots]
        found._bounds = np.unique(np.searchsorted(at, rows._bounds))

        def read(start: int, stop: int) -> Any:
            first, last = int(at[start]), int(at[stop - 1]) + 1
            return rows._read(first, last)[at[start:stop] - first]

        found._read, found.shape = read, (len(at), rows.shape[1])
        return found

    def __iter__(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield where each chunk lies among the spots, and the chunk as floating-point CSR."""
        for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True):
            yield slice(int(start), int(stop)), as_csr(self._read(int(start), int(stop)))


def as_csr(counts: sparse.spmatrix | np.ndarray) -> sparse.csr_matrix:
    """Counts in memory of any sparse layout or dense, `(n_spots, n_genes)`, as floating-point CSR.

    Parameters
    ----------
    counts
        Not copied where it is that already, with every entry stored once; entries in pieces are added up.

    Raises
    ------
    InputError
        When it holds no numbers, its parts do not go together, or it lies elsewhere: `SpotRows` reads that.
    """
    counts = _in_memory(counts)
    if np.dtype(counts.dtype) == np.float16:  # scipy knows no sparse half precision
        counts = counts.astype(np.float32)
    matrix = sparse.csr_matrix(counts)
    return with_entries_once(matrix if matrix.dtype.kind == "f" else matrix.astype(np.float32))


_Reader = Callable[[int, int], Any]


def _in_memory(counts: Any) -> Any:
    if not sparse.issparse(counts):
        elsewhere = libraries_of(counts) & {"anndata", "h5py", "zarr", "dask"} and hasattr(counts, "dtype")
        if elsewhere and not isinstance(counts, np.ndarray):
            found, fix = "counts on disk (a backed object)", "Call adata.to_memory() first."
            raise InputError("counts", found, "counts in memory", fix)
        counts = as_host_array(counts, "counts")
    if counts.ndim != 2 or counts.dtype.kind not in "fiub":
        raise _no_numbers(counts)
    check_structure(counts)
    return counts


def _no_numbers(counts: Any) -> InputError:
    found = f"an array of shape {tuple(counts.shape)} and type {counts.dtype}"
    return InputError("counts", found, "numbers, spots x genes", "Pass a numeric matrix.")


def _of_memory(counts: Any, values: int) -> tuple[np.ndarray, _Reader]:
    if not sparse.issparse(counts):
        return _even(counts.shape, values), lambda start, stop: counts[start:stop]
    matrix = sparse.csr_matrix(counts)

    def read(start: int, stop: int) -> sparse.csr_matrix:
        # A slice of scipy's copies; parts of its arrays do not.
        first, last = matrix.indptr[start], matrix.indptr[stop]
        parts = matrix.data[first:last], matrix.indices[first:last], matrix.indptr[start : stop + 1] - first
        return sparse.csr_matrix(parts, shape=(stop - start, matrix.shape[1]))

    return _filled(matrix.indptr, values), read


def _of_sparse_dataset(counts: Any, values: int) -> tuple[np.ndarray, _Reader]:
    if counts.format != "csr":
        raise _by_genes(f"counts on disk stored by genes ({counts.format.upper()})")
    if counts.dtype.kind not in "fiub":
        raise _no_numbers(counts)
    indptr = counts.group["indptr"][...]
    check_pointers(
        indptr, counts.shape[0], min(int(counts.group[name].shape[0]) for name in ("data", "indices"))
    )
    return _filled(indptr, values), lambda start, stop: counts[start:stop]


def _of_dense_dataset(counts: Any, values: int) -> tuple[np.ndarray, _Reader]:
    if len(counts.shape) != 2 or counts.dtype.kind not in "fiub":
        raise _no_numbers(counts)
    # Stored blocks are read whole or not at all: chunks end where they do, unless that takes far more memory.
    stored = counts.chunks[0] if counts.chunks else 1
    stored = stored if stored * counts.shape[1] <= 2 * values else 1
    return _even(counts.shape, values, stored), lambda start, stop: counts[start:stop]


def _of_dask(counts: Any) -> tuple[np.ndarray, _Reader]:
    if counts.ndim != 2 or counts.dtype.kind not in "fiub":
        raise _no_numbers(counts)
    sizes = np.array(counts.chunks[0], dtype=np.float64)
    if np.isnan([*sizes, *counts.chunks[1]]).any():
        fix = "Call its compute_chunk_sizes() first."
        raise InputError("counts", "a dask array with blocks of unknown size", "known sizes", fix)
    if len(sizes) == 1 and counts.numblocks[1] > 1:
        raise _by_genes("a dask array in blocks of genes")
    bounds = np.unique(np.append(0, np.cumsum(sizes))).astype(np.int64)

    def read(start: int, stop: int) -> Any:
        try:
            return counts[start:stop].compute()
        except MemoryError:
            raise
        # Whatever the work behind a block, or a cluster that lost its workers, says.
        except Exception as error:
            found = f"a dask array whose spots {start} to {stop - 1} could not be computed ({_said(error)})"
            fix = "See what .compute() of these rows says, and the log of the cluster's scheduler."
            raise InputError("counts", found, "counts that can be read", fix) from error

    return bounds, read


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:200]


def _by_genes(found: str) -> InputError:
    fix = (
        "Write them by spots once (adata.X = adata.X.tocsr() of the object in memory, then write it again), "
        "or pass them in memory: adata.to_memory()."
    )
    return InputError("counts", found, "counts stored by spots (CSR)", fix)


def _filled(indptr: np.ndarray, values: int) -> np.ndarray:
    """Rows where chunks of about so many stored values end, `(n_chunks + 1,)`; a row is never split."""
    n_rows, stored = len(indptr) - 1, int(indptr[-1])
    ends = np.searchsorted(indptr, np.arange(values, stored, values), side="right") - 1
    return np.unique(np.concatenate([[0], ends, [n_rows]]))


def _even(shape: tuple[int, ...], values: int, multiple: int = 1) -> np.ndarray:
    """Rows where chunks of a dense array end, `(n_chunks + 1,)`; so many rows each are a multiple."""
    n_rows, n_columns = int(shape[0]), max(int(shape[1]), 1)
    step = max(values // n_columns // multiple, 1) * multiple
    return np.unique(np.append(np.arange(0, n_rows, step), n_rows))
