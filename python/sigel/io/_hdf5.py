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
    groups, seen = [""], set()
    while groups:
        within = groups.pop()
        group = file[within] if within else file
        for name in group:
            link, full = group.get(name, getlink=True), f"{within}/{name}".lstrip("/")
            if isinstance(link, h5py.HardLink):
                one = group[name]
                address = h5py.h5o.get_info(one.id).addr
                if isinstance(one, h5py.Group) and address not in seen:
                    groups.append(full)
                seen.add(address)
                outside = isinstance(one, h5py.Dataset) and bool(one.is_virtual or one.external)
            else:
                outside = isinstance(link, h5py.ExternalLink)
            if outside:
                found = f"{path.name!r}, whose {full!r} lies in another file"
                raise InputError("path", found, "a file that holds all of it", "Write it anew as one file.")
