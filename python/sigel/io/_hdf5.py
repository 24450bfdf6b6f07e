"""HDF5 files: read without leaving them, and written so that a full disk is an error and no more."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import h5py

from sigel.errors import InputError
from sigel.io._sizes import check_declared
from sigel.io._tables import reading

if TYPE_CHECKING:
    from anndata import AnnData


# Bytes; larger pieces are values, which the library only passes on. Of small ones so many are kept.
_SMALL, _KEPT = 1 << 16, 1 << 26
# Names in a file, counted by each way that leads to them, and groups within groups.
_MOST_NAMES, _DEEPEST = 20_000, 50


@contextmanager
def written_hdf5(
    path: Path, mode: Literal["x", "r+"] = "x"
) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """An HDF5 file to write to, and what raises the error of its disk, if there was one by then.

    Parameters
    ----------
    path
        The file.
    mode
        `"x"` for a new one, or `"r+"`.

    Raises
    ------
    OSError
        When the disk took less than all of it.

    Notes
    -----
    Once a write has failed, as on a full disk, the HDF5 library can neither flush nor close its file, and
    ends the process in trying. So it hears of no failure: the file that it writes to keeps the error.
    """
    with _Sink(path, "x+b" if mode == "x" else "r+b") as sink:
        try:
            with h5py.File(sink, "w" if mode == "x" else "r+") as file:
                yield file, sink.check
        finally:
            sink.check()  # what else went wrong came of it


class _Sink(io.RawIOBase):
    """A file that takes all that is written, and remembers that it was lost.

    What the library wrote of its own it may read again, and must find: of what is lost small pieces are kept.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self._file = path.open(mode, buffering=0)
        self._error: OSError | None = None
        self._lost: dict[int, bytes] = {}
        self._kept = 0

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._file.close()
        super().close()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        start, view = self._file.tell(), memoryview(buffer).cast("B")
        n = self._file.readinto(view) or 0  # type: ignore[attr-defined]
        if self._error is None:
            return n
        view[n:] = bytes(len(view) - n)
        for at, piece in self._lost.items():
            first, last = max(at, start), min(at + len(piece), start + len(view))
            if first < last:
                view[first - start : last - start] = piece[first - at : last - at]
        return len(view)

    def write(self, values: Any) -> int:
        at, view = self._file.tell(), memoryview(values).cast("B")
        n = 0
        try:
            while n < len(view) and self._error is None:
                n += self._file.write(view[n:])
        except OSError as error:
            self._error = error
        if n < len(view) <= _SMALL and self._kept < _KEPT:
            self._lost.pop(at, None)  # the latest comes last
            self._lost[at] = bytes(view)
            self._kept += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0


def write_h5ad(adata: AnnData, path: Path) -> None:
    """Write an object, as its own `write_h5ad` does.

    Parameters
    ----------
    adata
        In memory, or its counts in another file, from which they are copied as they are stored.
    path
        A new file.

    Raises
    ------
    OSError
        When the disk took less than all of it.
    """
    from anndata.experimental import write_dispatched

    adata.strings_to_categoricals()
    if adata.raw is not None:
        adata.strings_to_categoricals(adata.raw.var)

    def write(write_one: Callable[..., None], store: Any, name: str, value: Any, **how: Any) -> None:
        stored = getattr(value, "group", None)
        if isinstance(stored, h5py.Group):
            store.copy(stored, name)
        else:
            write_one(store, name, value, dataset_kwargs=how.get("dataset_kwargs", {}))

    with written_hdf5(path) as (file, _):
        write_dispatched(file, "/", adata, callback=write)


@contextmanager
def opened_hdf5(path: Path, wanted: str) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading; one that points at other files is refused.

    Parameters
    ----------
    path
        The file.
    wanted
        What it should be.
    """
    with reading(path, wanted), h5py.File(path, "r") as file:
        check_within(file, path)
        yield file


def check_within(file: h5py.File, path: Path) -> None:
    """Refuse names of other files in a file, links without end, and more values than it can hold.

    Parameters
    ----------
    file, path
        It, and where it is.
    """
    seen: set[int] = set()
    groups, visited = [""], 0
    declared = stored = 0
    while groups:
        within = groups.pop()
        group = file[within] if within else file
        for name in group:
            link, full = group.get(name, getlink=True), f"{within}/{name}".lstrip("/")
            # What a link points at, if anything, is found by its own name, too.
            one = None if isinstance(link, h5py.ExternalLink) else group.get(name)
            if isinstance(link, h5py.ExternalLink) or (
                isinstance(one, h5py.Dataset) and (one.is_virtual or one.external)
            ):
                found = f"{path.name!r}, whose {full!r} lies in another file"
                raise InputError("path", found, "a file that holds all of it", "Write it anew as one file.")
            if one is None:
                continue
            known = _address(one) in seen
            seen.add(_address(one))
            visited += 1
            if visited > _MOST_NAMES or full.count("/") > _DEEPEST:  # who reads all of it would not end
                raise ValueError(f"links that lead to the same again and again, {full[:60]!r} among them")
            if isinstance(one, h5py.Group):
                groups.append(full)
            elif isinstance(one, h5py.Dataset):
                declared += max(one.size or 0, math.prod(one.chunks or (0,))) * one.dtype.itemsize
                stored += 0 if known else one.id.get_storage_size()
    check_declared(declared, stored, "values")


def _address(one: h5py.HLObject) -> int:
    return int(h5py.h5o.get_info(one.id).addr)
