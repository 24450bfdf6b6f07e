"""Cells of Visium HD, as Space Ranger 4 finds them: counts, and outlines whose centres are their places."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of, warn
from sigel.io._feature_matrix import find_matrix, open_matrix
from sigel.io._geojson import outlines_in
from sigel.io._opened import Opened
from sigel.io._pictures import Pictures
from sigel.io._sources import Options, Source, name_of, whole_path
from sigel.io._tables import partner

SEGMENTED = "segmented_outputs"
MATRICES = ("filtered_feature_cell_matrix", "raw_feature_cell_matrix")
# The second has the same outlines with the cluster of each.
OUTLINES = ("cell_segmentations.geojson", "graphclust_annotated_cell_segmentations.geojson")
_CELL = re.compile(r"cellid_(\d{1,18})(?:-\d+)?")


def find_visium_cells(folder: Path) -> list[Source]:
    """The sample of a folder, if it has cells, whole or not, or is the folder of these cells itself.

    Parameters
    ----------
    folder
        A folder.
    """
    if _has_cells(folder):
        around = whole_path(folder)
        named = name_of(around.parent if around.name == SEGMENTED else around)
        return [Source("visium_hd_cells", named, folder)]
    within = folder / SEGMENTED
    return [Source("visium_hd_cells", name_of(folder), within)] if _has_cells(within) else []


def _has_cells(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    outlines = any((folder / name).is_file() for name in OUTLINES)
    return outlines or any(find_matrix(folder, name) is not None for name in MATRICES)


def open_visium_cells(source: Source, options: Options) -> Opened:
    """Cells at the centres of their outlines, in pixels of the full picture.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    matrix = open_matrix(source.path, MATRICES[1:] if options.raw else MATRICES)
    path = partner(source.path, OUTLINES, "outlines of the cells")
    centres = outlines_in(path)
    if not centres.index.is_unique:
        twice = centres.index[centres.index.duplicated()][0]
        found = f"cell {twice} twice in {path.name!r}"
        raise InputError("path", found, "an outline for each cell", "Copy or download it anew.")
    rows = centres.index.get_indexer(_numbers_of(matrix.cells, matrix.path))
    lost = rows < 0
    if lost.all():
        cells = number_of(len(lost), "cell")
        found = f"{cells} of {matrix.path.name!r}, none of which has an outline in {path.name!r}"
        raise InputError("path", found, "an outline for each cell", "Take both files from one run.")
    if lost.any():
        warn(f"{int(lost.sum())} of {len(lost)} cells have no outline in {path.name!r} and are left out.")
    pictures = Pictures.within(source.path / "spatial")
    if pictures.scales is None:
        pictures = Pictures.within(source.path.parent / "spatial")
    files = {"counts": matrix.path, "places": path}
    return Opened(
        source=source,
        cells=matrix.cells,
        obs=pd.DataFrame(index=pd.RangeIndex(len(matrix.cells))),
        places=np.where(lost[:, None], np.nan, centres.to_numpy()[rows]),
        keep=~lost,
        features=matrix.features,
        counts=matrix.counts,
        files=files | ({"scale factors": pictures.scales} if pictures.scales else {}),
        pictures=pictures,
    )


def _numbers_of(cells: np.ndarray, path: Path) -> np.ndarray:
    """The number in the name of each cell."""
    found = [_CELL.fullmatch(str(cell)) for cell in cells]
    if None in found or len(set(cells)) < len(cells):
        other = next((cell for cell, one in zip(cells, found, strict=True) if one is None), "one twice")
        wanted = "names such as 'cellid_000000001-1'"
        raise InputError("path", f"{str(other)!r} among the cells of {path.name!r}", wanted, "Is it whole?")
    return np.array([int(one[1]) for one in found if one is not None], dtype=np.int64)
