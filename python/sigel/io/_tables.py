"""Tables of cells in files, csv or parquet, and what is said of those that cannot be used."""

from __future__ import annotations

import gzip
import importlib.util
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, OutOfMemoryError
from sigel.io._sizes import check_parquet, check_unpacked
from sigel.runtime.requires import requires

# Letters of a line, beyond which a file is something else.
_LONGEST = 1 << 26
# What readers of others say of a file that is cut off or is something else.
FAULTS = (
    *(OSError, EOFError, zlib.error, SyntaxError, MemoryError),
    *(ValueError, LookupError, TypeError, RuntimeError, AttributeError, ArithmeticError),
)


@contextmanager
def reading(path: Path, wanted: str) -> Iterator[None]:
    """Say of a file that cannot be read which one it is, and why.

    Parameters
    ----------
    path
        The file.
    wanted
        What it should have been.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError(str(error)) from error
    except FAULTS as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:120]
        found = f"{path.name!r}, which cannot be read ({why})"
        fix = f"Is it whole? Copy or download it anew: {path}."
        raise InputError("path", found, wanted, fix) from error


def first_of(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of some files that a folder has, csv before parquet where pyarrow is missing.

    Parameters
    ----------
    folder, names
        Where, and which, the dearest first.
    """
    there = [folder / name for name in names if (folder / name).is_file()]
    if importlib.util.find_spec("pyarrow") is None:
        there.sort(key=lambda path: path.suffix == ".parquet")
    return there[0] if there else None


def partner(folder: Path, names: Sequence[str], what: str) -> Path:
    """The same, or a refusal that says what is there instead.

    Parameters
    ----------
    folder, names
        As in `first_of`.
    what
        What the file holds.
    """
    path = first_of(folder, names)
    if path is None:
        raise missing(folder, names, what)
    return path


def missing(folder: Path, names: Sequence[str], what: str) -> InputError:
    """What is said where a folder lacks a file.

    Parameters
    ----------
    folder, names, what
        As in `partner`.
    """
    there = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    wanted, fix = f"{what}: {' or '.join(names)}", "Copy the whole folder, or name another."
    return InputError("path", with_contents(folder, there), wanted, fix)


def with_contents(folder: Path, there: Sequence[str]) -> str:
    """Words for a folder and the first of what is in it.

    Parameters
    ----------
    folder, there
        It, and the names in it.
    """
    shown = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    return f"{str(folder)!r} with {shown or 'nothing in it'}"


def read_table(path: Path, text: Sequence[str | int] = (), **settings: object) -> pd.DataFrame:
    """A csv, plain or gzipped, or a parquet file.

    Parameters
    ----------
    path
        The file.
    text
        Columns, by name or place, that are names even where they look like numbers.
    settings
        Of `pandas.read_csv`.
    """
    with reading(path, "a table of cells"):
        if path.suffix == ".parquet":
            requires("pyarrow", "path", f"{path.name!r}, a parquet file")
            check_parquet(path)
            table = pd.read_parquet(path)
            for name in set(text) & set(table.columns):
                table[name] = [_text(value) for value in table[name]]
            return table
        check_unpacked(path)
        return pd.read_csv(path, dtype=dict.fromkeys(text, str), **settings)  # type: ignore[call-overload,no-any-return]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def lines_of(path: Path) -> Iterator[str]:
    """Lines of a text file, plain or gzipped.

    Parameters
    ----------
    path
        The file.
    """
    with io.TextIOWrapper(_bytes_of(path), encoding="utf-8-sig") as lines:
        while line := lines.readline(_LONGEST):
            if len(line) == _LONGEST:
                raise ValueError("a line without an end")
            yield line.rstrip("\r\n")


def _bytes_of(path: Path) -> Any:
    return gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb")


def first_line(path: Path) -> str:
    """The first of them; empty where there is none.

    Parameters
    ----------
    path
        The file.
    """
    with reading(path, "a text file"):
        return next(lines_of(path), "")


def need_columns(table: Iterable[object], names: Sequence[str], path: Path) -> None:
    """Refuse a table without some columns.

    Parameters
    ----------
    table
        It, or the names of its columns.
    names
        Of the columns.
    path
        Where it came from.
    """
    there = [str(name) for name in table]
    lacking = [name for name in names if name not in there]
    if lacking:
        found = f"{path.name!r} without {', '.join(lacking)} (it has {', '.join(there[:8])})"
        raise InputError("path", found, f"columns {', '.join(names)}", "Is this the platform's own file?")


def rows_of(cells: np.ndarray, table: pd.Index, matrix: Path, places: Path) -> np.ndarray:
    """The row of a table for each cell of a matrix, by name.

    Parameters
    ----------
    cells, table
        Names of the cells of the matrix, and of the rows.
    matrix, places
        Where they came from.
    """
    for names, path in ((pd.Index(cells), matrix), (table, places)):
        if not names.is_unique:
            found = f"{names[names.duplicated()][0]!r} twice in {path.name!r}"
            raise InputError("path", found, "names of cells that occur once", "Export the file anew.")
    rows = table.get_indexer(pd.Index(cells))
    lost = rows < 0
    if lost.any():
        example, other = cells[lost][0], str(table[0]) if len(table) else "nothing"
        found = f"{int(lost.sum())} of {len(cells)} cells of {matrix.name!r} that {places.name!r} lacks"
        found += f", for example {example!r} (there are names such as {other!r})"
        fix = "Take both files from one run, with names of cells as they were written."
        raise InputError("path", found, "a place for every cell", fix)
    return rows


def places_in(table: pd.DataFrame, x: str, y: str, path: Path) -> np.ndarray:
    """Two columns as places, `(n, 2)`, finite.

    Parameters
    ----------
    table, x, y
        It, and its columns.
    path
        Where it came from.
    """
    need_columns(table, (x, y), path)
    places = table[[x, y]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    lost = int((~np.isfinite(places).all(axis=1)).sum())
    if lost:
        found = f"{lost} of {len(places)} rows of {path.name!r} without {x} and {y}"
        fix = "Is the file whole? Else take these cells out of both files."
        raise InputError("path", found, "finite numbers", fix)
    return places
