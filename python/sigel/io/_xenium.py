"""Folders of Xenium: cells, and features that are genes or controls."""

from __future__ import annotations

from pathlib import Path

from sigel.io._feature_matrix import FeatureMatrix, find_matrix, open_matrix
from sigel.io._features import with_kinds
from sigel.io._opened import Opened
from sigel.io._sources import Options, Source, name_of
from sigel.io._tables import first_of, missing, need_columns, partner, places_in, read_table, rows_of
from sigel.io._xenium_zarr import CELLS as ZARR_CELLS
from sigel.io._xenium_zarr import MATRIX as ZARR_MATRIX
from sigel.io._xenium_zarr import open_zarr_matrix, zarr_cells

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
    marks = (*CELLS, f"{MATRIX}.h5", MATRIX, "experiment.xenium", ZARR_CELLS, ZARR_MATRIX)
    return [Source("xenium", name_of(folder), folder)] if any((folder / m).exists() for m in marks) else []


def open_xenium(source: Source, options: Options) -> Opened:
    """Cells by their centroids, in micrometres.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    matrix = _matrix(source.path)
    path = first_of(source.path, CELLS) or partner(source.path, (*CELLS, ZARR_CELLS), "places of the cells")
    table = zarr_cells(path) if path.name == ZARR_CELLS else read_table(path, text=("cell_id",))
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


def _matrix(folder: Path) -> FeatureMatrix:
    """The counts; those in zarr where there are no others."""
    if find_matrix(folder, MATRIX) is None:
        path = folder / ZARR_MATRIX
        if not path.is_file():
            raise missing(folder, [f"{MATRIX}.h5 or {MATRIX}/ or {ZARR_MATRIX}"], "counts")
        return open_zarr_matrix(path)
    return open_matrix(folder, (MATRIX,))
