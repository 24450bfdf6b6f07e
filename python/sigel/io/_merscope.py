"""Folders of MERSCOPE: a table of counts and one of cells, alone or several by name."""

from __future__ import annotations

from pathlib import Path

from sigel.io._cell_csv import counts_of, features_of, header, text_columns
from sigel.io._opened import Opened
from sigel.io._sources import Options, Source, name_of
from sigel.io._tables import missing, places_in, read_table, rows_of

COUNTS, CELLS = "cell_by_gene", "cell_metadata"
_CONTROLS = {"Blank": r"[Bb]lank[-_ ]?\d+"}


def find_merscope(folder: Path) -> list[Source]:
    """Samples of a folder, if it is one of MERSCOPE's, whole or not.

    Parameters
    ----------
    folder
        A folder.
    """
    return paired(folder, "merscope", COUNTS, CELLS, (".csv", ".csv.gz"))


def paired(folder: Path, platform: str, counts: str, cells: str, ends: tuple[str, ...]) -> list[Source]:
    """Samples whose two tables go together by what else stands in their names.

    Parameters
    ----------
    folder, platform
        Where, and the platform that it may be of.
    counts, cells
        What stands in the names of tables of counts, and of cells.
    ends
        How their names may end.
    """
    found: dict[str, dict[str, Path]] = {}
    for kind, word in (("counts", counts), ("places", cells)):
        for path in sorted(folder.glob(f"*{word}*")):
            end = next((end for end in ends if path.name.endswith(end)), None)
            if end is not None and path.is_file():
                rest = path.name.removesuffix(end).replace(word, "/", 1)
                found.setdefault(rest, {}).setdefault(kind, path)
    names = {rest: rest.replace("/", "").strip("_-. ") for rest in found}
    single = name_of(folder)
    named = {rest: (name or single) if len(found) > 1 else single for rest, name in names.items()}
    return [Source(platform, named[rest], folder, files) for rest, files in found.items()]


def both_of(source: Source, counts: str, cells: str) -> tuple[Path, Path]:
    """Tables of counts and of cells, or a refusal.

    Parameters
    ----------
    source, counts, cells
        The sample, and what stands in the names of its tables.
    """
    words = {"counts": (cells, counts), "places": (counts, cells)}
    for kind, (have, lack) in words.items():
        if kind not in source.files:
            there = next(iter(source.files.values())).name
            raise missing(source.path, [there.replace(have, lack)], f"{kind} that go with {there!r}")
    return source.files["counts"], source.files["places"]


def open_merscope(source: Source, options: Options) -> Opened:
    """Cells by their centres, in micrometres.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    matrix, path = both_of(source, COUNTS, CELLS)
    names = header(matrix)
    cells = text_columns(matrix, [0], len(names))[0].to_numpy(dtype=object)
    # The names of cells, of up to 18 digits, are in the first column, whatever it is called.
    table = read_table(path, text=(0,), index_col=0)
    table = table.set_axis(table.index.astype(str))
    table = table.iloc[rows_of(cells, table.index, matrix, path)]
    at = range(1, len(names))
    return Opened(
        source=source,
        cells=cells,
        obs=table.drop(columns=["center_x", "center_y"], errors="ignore"),
        places=places_in(table, "center_x", "center_y", path),
        keep=None,
        features=features_of(names[1:], _CONTROLS),
        counts=lambda: counts_of(matrix, at, len(names)),
        files={"counts": matrix, "places": path},
    )
