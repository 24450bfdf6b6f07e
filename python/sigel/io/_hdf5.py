"""HDF5 files that are read without leaving them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from sigel.errors import InputError
from sigel.io._tables import reading


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
    """Refuse names of other files in a file.

    Parameters
    ----------
    file, path
        It, and where it is.
    """
    outside: list[str] = []

    def look(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            outside.append(name)
        elif isinstance(link, h5py.HardLink):
            one = file[name]
            if isinstance(one, h5py.Dataset) and (one.is_virtual or one.external):
                outside.append(name)

    file.visititems_links(look)
    if outside:
        found = f"{path.name!r}, whose {outside[0]!r} lies in another file"
        raise InputError("path", found, "a file that holds all of it", "Write it anew as one file.")
