"""What a file says that it holds beside what it can hold, before memory is taken for it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sigel.errors import in_bytes

# No compression in use makes values smaller than this, but for constants; of those some are spared.
_TIMES, SPARED = 1000, 1 << 28
# Tables in text, gzipped, are some ten times as large as their file.
_TIMES_TEXT = 200
# An entry of a Matrix Market file has four letters or more; gzipped, they are some five times fewer.
_ENTRY, _TIMES_ENTRIES = 4, 100


def check_declared(declared: int, stored: int, what: str) -> None:
    """Refuse values that what is stored cannot hold.

    Parameters
    ----------
    declared, stored
        Bytes that they would take, and bytes that there are.
    what
        What it is, for messages.

    Raises
    ------
    ValueError
        When it is a thousand times as large.
    """
    if declared > _TIMES * stored + SPARED:
        raise ValueError(f"{what} of {in_bytes(declared)}, of which {in_bytes(stored)} are stored")


def check_zarr(group: Any, folder: Path) -> None:
    """The same for all arrays of a zarr folder.

    Parameters
    ----------
    group, folder
        It, and where it is.
    """
    declared = sum(
        max(array.nbytes, array.dtype.itemsize * math.prod(array.chunks)) for array in _arrays(group)
    )
    if declared > SPARED:  # a large store has many files
        stored = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        check_declared(declared, stored, "arrays")


def _arrays(group: Any) -> Iterator[Any]:
    for _, array in group.arrays():
        yield array
    for _, within in group.groups():
        yield from _arrays(within)


def check_unpacked(path: Path) -> None:
    """Refuse a gzipped table that is far larger than tables are.

    Parameters
    ----------
    path
        A file; one of another ending is not looked at.

    Raises
    ------
    ValueError
        When it is.
    """
    if path.suffix != ".gz":
        return
    most, n = _TIMES_TEXT * path.stat().st_size + SPARED, 0
    with path.open("rb") as file:
        unpack = zlib.decompressobj(31)
        rest = file.read(1 << 20)
        while rest:
            n += len(unpack.decompress(rest, 1 << 24))
            if n > most:
                raise ValueError(f"a table of more than {in_bytes(most)} in {in_bytes(path.stat().st_size)}")
            rest = unpack.unconsumed_tail or unpack.unused_data
            if unpack.eof:  # such files may be joined, or end in zeros
                rest = rest.lstrip(b"\0")
                unpack = zlib.decompressobj(31) if rest else unpack
            rest = rest or file.read(1 << 20)


def check_entries(path: Path, entries: int) -> None:
    """Refuse a Matrix Market file that says of more entries than its letters can be.

    Parameters
    ----------
    path, entries
        The file, and what it says.

    Raises
    ------
    ValueError
        When it does.
    """
    size = path.stat().st_size
    letters = _TIMES_ENTRIES * size + SPARED // 4 if path.suffix == ".gz" else size
    if not 0 <= _ENTRY * entries <= letters:
        raise ValueError(f"{entries} entries in {in_bytes(size)}")


def check_parquet(path: Path) -> None:
    """Refuse a parquet file that says of far more values than it can hold.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ValueError
        When it does.
    """
    from pyarrow import parquet

    about = parquet.read_metadata(path)
    unpacked = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
    declared = max(unpacked, 8 * about.num_rows * about.num_columns)
    check_declared(declared, path.stat().st_size, "a table")
