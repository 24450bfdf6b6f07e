"""What made a result: versions, seed, device, data hash, time. Stored beside every result."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from scipy import sparse

from sigel._version import __version__
from sigel.errors import warn

# What is hashed at a time: 8 MB as float64.
_HASHED = 2**20


def content_hash(*parts: np.ndarray | str) -> str:
    """Short hash of what a result is made of: the same input gives the same hash.

    Parameters
    ----------
    parts
        Arrays of numbers and texts, in an order that is always the same.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
            continue
        # By pieces: as numbers of eight bytes all at once would be twice the images.
        for start in range(0, len(part), _HASHED):
            digest.update(np.asarray(part[start : start + _HASHED], dtype=np.float64).tobytes())
    return digest.hexdigest()[:16]


def section_hash(genes: Iterable[object], *parts: tuple[Any, np.ndarray | None]) -> str:
    """Short hash of a section: the sums of its values over genes and over spots, names of genes, places.

    Values count as the engine reads them, as numbers of four bytes, and so do their sums: the hash is that of
    the data, whichever door they come by and whatever the kind of matrix.

    Parameters
    ----------
    genes
        Their names.
    parts
        Values `(n_spots, n_genes)` in memory and places `(n_spots, n_columns)`, or None: of the section, or
        of each part of it, one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sigel.runtime.provenance import section_hash
    >>> counts = np.eye(3)
    >>> section_hash("abc", (counts, None)) == section_hash("abc", (sparse.csc_matrix(counts), None))
    True
    """
    sums = [_sums(values) for values, _ in parts]
    of_genes = np.sum([one for one, _ in sums], axis=0)
    of_spots = np.concatenate([one for _, one in sums])
    places = [np.asarray(at).ravel() for _, at in parts if at is not None]
    rounded = (one.astype(np.float32) for one in (of_genes, of_spots))
    return content_hash(*rounded, "\n".join(map(str, genes)), *places)


def _sums(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Over spots, for each gene, and over genes, for each spot; some rows at a time."""
    if sparse.issparse(values) and values.format == "csc":
        of_spots, of_genes = _sums(values.T)
        return of_genes, of_spots
    held = sparse.csr_matrix(values) if sparse.issparse(values) else None
    n_rows, n_columns = values.shape
    n_values = values.size if held is None else held.nnz
    step = max(1, _HASHED * n_rows // max(1, n_values))
    of_columns, of_rows = np.zeros(n_columns), np.zeros(n_rows)
    for start in range(0, n_rows, step):
        rows = slice(start, start + step)
        block = _exact(values[rows]) if held is None else _rows_of(held, rows)
        of_columns += np.asarray(block.sum(axis=0)).ravel()
        of_rows[rows] = np.asarray(block.sum(axis=1)).ravel()
    return of_columns, of_rows


def _rows_of(values: sparse.csr_matrix, rows: slice) -> sparse.csr_matrix:
    """Some rows, to be summed; what says where values stand is not copied."""
    ends = values.indptr[rows.start : rows.stop + 1]
    at = slice(ends[0], ends[-1])
    parts = (_exact(values.data[at]), values.indices[at], ends - ends[0])
    return sparse.csr_matrix(parts, shape=(len(ends) - 1, values.shape[1]))


def _exact(values: np.ndarray) -> np.ndarray:
    """What the engine reads, in numbers whose sums lose nothing."""
    return values.astype(np.float32, copy=False).astype(np.float64)


@contextmanager
def kept_or_told() -> Iterator[None]:
    """Tell of a record that could not be made: what took long to make is not lost for what is said of it."""
    try:
        yield
    except Exception as error:
        warn(f"How this result was made could not be kept ({type(error).__name__}: {error}).")


def provenance(seed: int, device: torch.device, data_hash: str, seconds: float) -> dict[str, Any]:
    """A flat record of plain values.

    Parameters
    ----------
    seed, device, data_hash, seconds
        As used in the fit.
    """
    return {
        "sigel": __version__,
        "python": platform.python_version(),
        **versions("torch", "numpy", "scipy", "scikit-learn", "anndata", "lightning-fabric"),
        "seed": int(seed),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "data_hash": data_hash,
        "wall_time": round(seconds, 3),
    }


def versions(*packages: str) -> dict[str, str]:
    """Installed versions, `"absent"` where a package is not installed.

    Parameters
    ----------
    packages
        Distribution names.
    """
    return {name: _version(name) for name in packages}


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
