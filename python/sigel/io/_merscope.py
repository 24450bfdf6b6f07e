"""Folders of MERSCOPE: a table of counts and one of cells, alone or several by name."""

from __future__ import annotations

from pathlib import Path

from sigel.io._cell_csv import counts_of, header, text_columns
from sigel.io._features import features_of, with_kinds
from sigel.io._opened import Opened
from sigel.io._pairs import both_of, paired
from sigel.io._sources import GENE, Options, Source
from sigel.io._tables import places_in, read_table, rows_of

COUNTS, CELLS = "cell_by_gene", "cell_metadata"
_CONTROLS = {"Blank": r"[Bb]lank[-_ ]?\d+"}


def find_merscope(folder: Path) -> list[Source]:
    """Samples of a folder, if it is one of MERSCOPE's, whole or not.

    Parameters
    ----------
    folder
        A folder.
    """
    return paired(folder, "merscope", COUNTS, CELLS)


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
        features=with_kinds(features_of(names[1:], names[1:], GENE), _CONTROLS),
        counts=lambda: counts_of(matrix, at, len(names)),
        files={"counts": matrix, "places": path},
    )
