"""Folders of CosMx: fields of view put together by global coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sigel.errors import InputError
from sigel.io._cell_csv import counts_of, header, text_columns
from sigel.io._features import features_of, with_kinds
from sigel.io._opened import Opened
from sigel.io._pairs import both_of, paired
from sigel.io._sources import GENE, Options, Source
from sigel.io._tables import need_columns, places_in, read_table, rows_of

COUNTS, CELLS, FIELDS = "exprMat_file", "metadata_file", "fov_positions_file"
_CONTROLS = {
    "Negative Probe": r"NegPrb[-_]?\d+|Negative[-_]?\d+",
    "System Control": r"SystemControl[-_]?\d+|FalseCode[-_]?\d+",
}
_NAMES = ("fov", "cell_ID")
_OTHER = {"", "cell", "cell_id", "cellid", "fov"}
_GLOBAL = ("CenterX_global_px", "CenterY_global_px")
_LOCAL = ("CenterX_local_px", "CenterY_local_px")


def find_cosmx(folder: Path) -> list[Source]:
    """Samples of a folder, if it is one of CosMx's, whole or not.

    Parameters
    ----------
    folder
        A folder.
    """
    return paired(folder, "cosmx", COUNTS, CELLS)


def open_cosmx(source: Source, options: Options) -> Opened:
    """Cells by their centres, in pixels; what lies outside cells, cell 0, is not wanted.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    matrix, path = both_of(source, COUNTS, CELLS)
    names = header(matrix)
    need_columns(names, _NAMES, matrix)
    at = [names.index(name) for name in _NAMES]
    ids = text_columns(matrix, at, len(names)).set_axis(list(_NAMES), axis=1)
    cells = _cell_names(ids)
    table = read_table(path, text=_NAMES, low_memory=False)
    need_columns(table, _NAMES, path)
    table = table.set_index(_cell_names(table))
    inside = (ids["cell_ID"] != "0").to_numpy()
    files = {"counts": matrix, "places": path}
    rows = rows_of(cells[inside], table.index, matrix, path)
    # Outside cells there is no place; those rows are dropped.
    row = np.zeros(len(cells), dtype=np.intp)
    row[inside] = rows
    places, fields = _places(source, table.iloc[rows], path)
    everywhere = np.full((len(cells), 2), np.nan)
    everywhere[inside] = places
    genes = [k for k, name in enumerate(names) if name.lower() not in _OTHER]
    symbols = [names[k] for k in genes]
    return Opened(
        source=source,
        cells=cells,
        obs=table.iloc[row].drop(columns=list(_GLOBAL), errors="ignore"),
        places=everywhere,
        keep=inside,
        features=with_kinds(features_of(symbols, symbols, GENE), _CONTROLS),
        counts=lambda: counts_of(matrix, genes, len(names)),
        files=files | ({"fields of view": fields} if fields else {}),
    )


def _cell_names(table: pd.DataFrame) -> np.ndarray:
    """`cell_ID` is numbered within a field of view; the name has both, as Seurat's has."""
    return (table["cell_ID"] + "_" + table["fov"]).to_numpy(dtype=object)


def _places(source: Source, table: pd.DataFrame, path: Path) -> tuple[np.ndarray, Path | None]:
    """Global places, or local ones moved by the place of their field of view."""
    if set(_GLOBAL) <= set(table.columns):
        return places_in(table, *_GLOBAL, path), None
    need_columns(table, _LOCAL, path)
    name = source.files["counts"].name.replace(COUNTS, FIELDS)
    fields = next((one for one in (path.parent / name, path.parent / f"{name}.gz") if one.is_file()), None)
    if fields is None:
        found = f"{path.name!r} without {', '.join(_GLOBAL)}, and no {name!r}"
        fix = "Copy the file of the fields' places, too, or export the cells with global coordinates."
        raise InputError("path", found, "where the fields of view lie", fix)
    corners = read_table(fields)
    corners = corners.rename(columns={"FOV": "fov"})
    need_columns(corners, ("fov", "x_global_px", "y_global_px"), fields)
    corners = corners.set_index(corners["fov"].astype(str))
    lost = sorted(set(table["fov"]) - set(corners.index))
    if lost:
        found = f"{fields.name!r} without the field of view {lost[0]}"
        raise InputError("path", found, "a place for each field of view", "Take the files of one run.")
    corner = places_in(corners, "x_global_px", "y_global_px", fields)
    return places_in(table, *_LOCAL, path) + corner[corners.index.get_indexer(table["fov"])], fields
