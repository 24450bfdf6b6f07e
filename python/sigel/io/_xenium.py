"""Folders of Xenium: cells, and features that are genes or controls."""

from __future__ import annotations

from pathlib import Path

from sigel.io._feature_matrix import open_matrix
from sigel.io._features import with_kinds
from sigel.io._opened import Opened
from sigel.io._sources import Options, Source, name_of
from sigel.io._tables import need_columns, partner, places_in, read_table, rows_of

MATRIX = "cell_feature_matrix"
CELLS = ("cells.parquet", "cells.csv.gz", "cells.csv")
# Where early versions, and folders without kinds of features, have them among the genes.
_BY_NAME = {
    "Negative Control Probe": r"NegControlProbe[_-].*|antisense[_-].*",
    "Negative Control Codeword": r"NegControlCodeword[_-].*",
    "Blank Codeword": r"BLANK[_-].*",
    "Unassigned Codeword": r"UnassignedCodeword[_-].*",
    "Deprecated Codeword": r"DeprecatedCodeword[_-].*",
    "Genomic Control": r"Intergenic_Region[_-].*",
}


def find_xenium(folder: Path) -> list[Source]:
    """The sample of a folder, if it is one of Xenium's, whole or not.

    Parameters
    ----------
    folder
        A folder.
    """
    marks = (*CELLS, f"{MATRIX}.h5", MATRIX, "experiment.xenium")
    return [Source("xenium", name_of(folder), folder)] if any((folder / m).exists() for m in marks) else []


def open_xenium(source: Source, options: Options) -> Opened:
    """Cells by their centroids, in micrometres.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    matrix = open_matrix(source.path, (MATRIX,))
    path = partner(source.path, CELLS, "places of the cells")
    table = read_table(path, text=("cell_id",))
    need_columns(table, ("cell_id", "x_centroid", "y_centroid"), path)
    table = table.set_index("cell_id")
    table = table.iloc[rows_of(matrix.cells, table.index, matrix.path, path)]
    return Opened(
        source=source,
        cells=matrix.cells,
        obs=table.drop(columns=["x_centroid", "y_centroid"]),
        places=places_in(table, "x_centroid", "y_centroid", path),
        keep=None,
        features=with_kinds(matrix.features, _BY_NAME),
        counts=matrix.counts,
        files={"counts": matrix.path, "places": path},
    )
