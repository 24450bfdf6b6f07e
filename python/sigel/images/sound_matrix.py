"""Matrices as callers have them: whether they lie in memory, hold together, and have each entry once."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sigel.errors import InputError

_GPU = {"cupy", "cupyx", "torch"}


def libraries_of(values: object) -> set[str]:
    """Libraries whose class this is: views of anndata are those of numpy, scipy or dask as well.

    Parameters
    ----------
    values
        Any object.
    """
    return {base.__module__.partition(".")[0] for base in type(values).__mro__}


def as_host_array(values: Any, argument: str) -> np.ndarray:
    """An array in memory; what lies on a GPU is refused with the line that brings it here.

    Parameters
    ----------
    values
        Whatever numpy takes.
    argument
        What the caller calls it.

    Raises
    ------
    InputError
        When numpy takes it not.
    """
    check_on_host(values, argument)
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        found = f"an object of class {type(values).__name__}, which numpy cannot read ({error})"
        fix = "Pass a numpy array; from a GPU cupy's .get() and torch's .cpu().numpy() make one."
        raise InputError(argument, found, "an array in memory", fix) from error


def check_on_host(values: Any, argument: str) -> None:
    """Refuse what lies on a GPU.

    Parameters
    ----------
    values, argument
        As in `as_host_array`.

    Raises
    ------
    InputError
        When it does.
    """
    device = str(getattr(values, "device", "cpu")) if "torch" in libraries_of(values) else ""
    if device.startswith("cpu") or not libraries_of(values) & _GPU:
        return
    bring = ".cpu().numpy()" if device else ".get()"
    found = f"a {type(values).__module__.partition('.')[0]} {type(values).__name__} on a GPU"
    fix = f"Bring it to the host first: {argument} = {argument}{bring}."
    raise InputError(argument, found, "an array or a scipy sparse matrix in memory", fix)


def check_structure(matrix: Any, argument: str = "counts") -> None:
    """Refuse a sparse matrix whose parts do not go together: native code would read beyond them.

    Parameters
    ----------
    matrix
        Of scipy, in any layout; what is not sparse is sound.
    argument
        What the caller calls it.

    Raises
    ------
    InputError
        When pointers fall or lead past the entries, or entries lie outside the matrix.
    """
    if not sparse.issparse(matrix):
        return
    found = ""
    if matrix.format in ("csr", "csc", "bsr"):
        major, minor = matrix.shape if matrix.format != "csc" else matrix.shape[::-1]
        if matrix.format == "bsr":
            major, minor = (n // size for n, size in zip(matrix.shape, matrix.blocksize, strict=True))
        found = _wrong_pointers(matrix.indptr, major, min(len(matrix.indices), len(matrix.data)))
        found = found or _outside(matrix.indices[: matrix.indptr[-1]], minor)
    elif matrix.format == "coo":
        if not len(matrix.row) == len(matrix.col) == len(matrix.data):
            found = "as many rows, columns and values as do not go together"
        for at, size in zip((matrix.row, matrix.col), matrix.shape, strict=True):
            found = found or _outside(at, size)
    if found:
        fix = (
            "Read it again from its file, or make it anew with 64-bit pointers: "
            "scipy.sparse.csr_matrix((data, indices, indptr.astype('int64')), shape=shape)."
        )
        raise InputError(argument, f"a damaged sparse matrix: {found}", "one that holds together", fix)


def check_pointers(indptr: np.ndarray, n_rows: int, n_stored: int, argument: str = "counts") -> None:
    """Refuse pointers of a matrix on disk that do not lead through its entries.

    Parameters
    ----------
    indptr
        Pointers.
    n_rows, n_stored
        Rows, and entries that are there.
    argument
        What the caller calls it.

    Raises
    ------
    InputError
        When they do not.
    """
    found = _wrong_pointers(indptr, n_rows, n_stored)
    if found:
        fix = "Write or download the file anew."
        raise InputError(argument, f"a damaged sparse matrix: {found}", "one that holds together", fix)


def with_entries_once(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """A CSR matrix each of whose entries is stored once, by rising column.

    Parameters
    ----------
    matrix
        Of floating numbers; it is left as it is, and is the result where it is so already.
    """
    if matrix.has_canonical_format:
        return matrix
    matrix = matrix.copy()
    matrix.sum_duplicates()
    return matrix


def _wrong_pointers(indptr: np.ndarray, n_rows: int, n_stored: int) -> str:
    if len(indptr) != n_rows + 1:
        return f"{len(indptr)} index pointers for {n_rows} rows"
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        return "index pointers that do not rise from 0, as when they ran over 32 bits"
    if indptr[-1] > n_stored:
        return f"index pointers up to {indptr[-1]} over {n_stored} entries"
    return ""


def _outside(at: np.ndarray, size: int) -> str:
    if len(at) and not (at.min() >= 0 and at.max() < size):
        return f"entries at places {at.min()} to {at.max()} of {size}"
    return ""
