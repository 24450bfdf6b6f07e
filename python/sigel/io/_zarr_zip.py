"""Zarr stores in a zip file, read in place: nothing of them is unpacked on disk."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sigel.errors import InputError
from sigel.io._tables import reading
from sigel.runtime.requires import requires

# What a group is told by, of format 2 and 3.
_ROOTS = (".zgroup", "zarr.json")
# Arrays may be so many times as large as the file, and some more; real ones are some ten times.
_SWOLLEN, _SPARED = 100, 1 << 26
_NEVER_EMPTY = ("data", "indices", "cell_id")
_MOST_NAMES = 1_000_000


@contextmanager
def opened_zarr_zip(path: Path, wanted: str) -> Iterator[Any]:
    """The group in a zip file, open for reading.

    Parameters
    ----------
    path
        The file; its group may lie in a folder within.
    wanted
        What it should be.
    """
    zarr = requires("zarr", "path", f"{path.name!r}, a zarr store in a zip file")
    with reading(path, wanted), warnings.catch_warnings():
        # What will be written by default some day is nothing to a reader.
        warnings.filterwarnings("ignore", message=".*zarr v[23]|.*[Cc]onsolidated metadata")
        try:
            within = _root_of(path)
            with closing(zarr.storage.ZipStore(str(path), mode="r")) as store:
                yield zarr.open_group(store, mode="r", path=within or None)
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from error


def _root_of(path: Path) -> str:
    """Where the group lies, after names and sizes of all parts were looked at."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if len(parts) > _MOST_NAMES:
        raise ValueError(f"{len(parts)} parts")
    for part in parts:
        name = PurePosixPath(part.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise ValueError(f"a part named {part.filename[:60]!r}, outside of it")
        _check_size(path, part.file_size, f"a part, {part.filename[:60]!r}")
    roots = [PurePosixPath(part.filename) for part in parts if part.filename.split("/")[-1] in _ROOTS]
    if not roots:
        raise ValueError("no zarr store in it")
    first = min(roots, key=lambda root: len(root.parts)).parent
    return "" if str(first) == "." else str(first)


def _check_size(path: Path, size: int, what: str) -> None:
    if size > _SWOLLEN * path.stat().st_size + _SPARED:
        raise ValueError(f"{what} of {size / 2**30:.1f} GiB once unpacked")


def values_of(group: Any, name: str, path: Path) -> np.ndarray:
    """An array of a group; refused where pieces are lost, or where it is far larger than its file could hold.

    Parameters
    ----------
    group
        Of `opened_zarr_zip`.
    name
        Of the array.
    path
        Of the file.
    """
    if name not in group or not hasattr(group[name], "dtype"):
        there = ", ".join(list(group)[:8]) or "nothing"
        found = f"{path.name!r} without {name!r} (it has {there})"
        raise InputError("path", found, "Xenium's own file", "Take the file that the platform wrote.")
    array = group[name]
    # A piece is unpacked as a whole, whatever the array needs of it.
    for shape in (array.shape, array.chunks):
        _check_size(path, math.prod(shape) * array.dtype.itemsize, f"an array, {name!r},")
    # A piece of zeros alone need not be stored; names, counts and their cells never are.
    lost = int(array.nchunks - array.nchunks_initialized)
    if lost and name in _NEVER_EMPTY:
        found = f"{path.name!r}, which lacks {lost} of {int(array.nchunks)} pieces of {name}"
        raise InputError("path", found, "a whole store", "Copy or download it anew.")
    return np.asarray(array[:])
