"""Folders of Space Ranger, versions 1 to 4, and the bins of Visium HD."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, warn
from sigel.io._feature_matrix import find_matrix, open_matrix
from sigel.io._opened import Opened
from sigel.io._pictures import Pictures
from sigel.io._sources import Options, Source, name_of, whole_path
from sigel.io._tables import first_line, partner, places_in, read_table, rows_of
from sigel.io._visium_cells import find_visium_cells

MATRICES = ("filtered_feature_bc_matrix", "raw_feature_bc_matrix")
POSITIONS = ("tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv")
BINS = "binned_outputs"
DEFAULT_BIN = 8  # micrometres, as Space Ranger's own pictures
_COLUMNS = ("barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres")
_BIN = re.compile(r"square_(\d{3})um")


def find_visium(folder: Path) -> list[Source]:
    """The sample of a folder, if it is one of Space Ranger's, whole or not.

    Parameters
    ----------
    folder
        A folder.
    """
    is_one = bin_of(folder) is None and _is_section(folder)
    return [Source("visium", name_of(folder), folder)] if is_one else []


def find_visium_hd(folder: Path) -> list[Source]:
    """The same, of Visium HD: a folder with bins, or one bin.

    Parameters
    ----------
    folder
        A folder.
    """
    around = whole_path(folder)
    if around.name == BINS and bins_of(around.parent):
        return [Source("visium_hd", name_of(around.parent), around.parent)]
    is_one = (bin_of(folder) is not None and _is_section(folder)) or (folder / BINS).is_dir()
    return [Source("visium_hd", name_of(folder), folder)] if is_one else []


def _is_section(folder: Path) -> bool:
    places = any((folder / "spatial" / name).is_file() for name in POSITIONS)
    return places or any(find_matrix(folder, name) is not None for name in MATRICES)


def bin_of(folder: Path) -> int | None:
    """Size in micrometres, where a folder is named as one bin's.

    Parameters
    ----------
    folder
        A folder.
    """
    named = _BIN.fullmatch(whole_path(folder).name)
    return int(named[1]) if named else None


def bins_of(folder: Path) -> dict[int, Path]:
    """The bins that there are, by size in micrometres.

    Parameters
    ----------
    folder
        Space Ranger's `outs`.
    """
    within = folder / BINS
    there = sorted(within.iterdir()) if within.is_dir() else []
    return {size: one for one in there if (size := bin_of(one)) is not None and one.is_dir()}


def open_visium(source: Source, options: Options) -> Opened:
    """A section, its spots beside the tissue marked as not wanted.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    names = MATRICES[1:] if options.raw else MATRICES[::-1] if options.off_tissue else MATRICES
    matrix = open_matrix(source.path, names)
    folder = source.path / "spatial"
    path = partner(folder, POSITIONS, "places of the spots")
    table = _positions(path)
    if matrix.path.name.endswith(f"{MATRICES[1]}.h5") or matrix.path.parent.name == MATRICES[1]:
        table = _completed(table, matrix.cells, path)
    table = table.iloc[rows_of(matrix.cells, table.index, matrix.path, path)]
    places = table[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(dtype=np.float64)
    obs = table[list(_COLUMNS[1:4])]
    pictures = Pictures.within(folder)
    files = {"counts": matrix.path, "places": path}
    return Opened(
        source=source,
        cells=matrix.cells,
        obs=obs,
        places=places,
        keep=np.isfinite(places[:, 0]) if options.off_tissue else (obs["in_tissue"] == 1).to_numpy(),
        features=matrix.features,
        counts=matrix.counts,
        files=files | ({"scale factors": pictures.scales} if pictures.scales else {}),
        pictures=pictures,
    )


def open_visium_hd(source: Source, options: Options) -> Opened:
    """One bin size of a section of Visium HD.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    one = bin_of(source.path)
    bins = bins_of(source.path) if one is None else {one: source.path}
    default = DEFAULT_BIN if one is None else one
    size = default if options.bin_size is None else options.bin_size
    if size not in bins:
        found = f"{size}, of which there is no folder in {str(source.path)!r}"
        wanted = f"one of {', '.join(map(str, bins))}" if bins else "a folder such as square_008um"
        fix = f"Use bin_size={next(iter(bins))}." if bins else "Copy the whole folder binned_outputs."
        raise InputError("bin_size", found, wanted, fix)
    opened = open_visium(replace(source, path=bins[size]), options)
    choices: dict[str, tuple[Any, ...]] = {"bin_size": tuple(bins)}
    if find_visium_cells(source.path):
        choices["platform"] = ("visium_hd", "visium_hd_cells")
    return replace(opened, choices=choices)


def _positions(path: Path) -> pd.DataFrame:
    """Positions by barcode: from parquet, or from csv with or without a line of names."""
    if path.suffix == ".parquet" or first_line(path).startswith("barcode"):
        table = read_table(path, text=("barcode",))
    else:
        table = read_table(path, text=(0,), header=None)
        if table.shape[1] == len(_COLUMNS):
            table.columns = pd.Index(_COLUMNS)
    lacking = [name for name in _COLUMNS if name not in table]
    if lacking:
        found = f"{path.name!r} with {table.shape[1]} columns, without {', '.join(lacking)}"
        raise InputError("path", found, f"columns {', '.join(_COLUMNS)}", "Take Space Ranger's own file.")
    table = table.set_index("barcode")
    places_in(table, "pxl_col_in_fullres", "pxl_row_in_fullres", path)
    numbers = table[list(_COLUMNS[1:])].apply(pd.to_numeric, errors="coerce")
    bad = ~np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1)
    if bad.any():
        found = f"{int(bad.sum())} of {len(table)} lines of {path.name!r} that are cut off or no numbers"
        raise InputError("path", found, "whole numbers", "Copy or download it anew.")
    return numbers.astype(dict.fromkeys(_COLUMNS[1:4], np.int64))


def _completed(table: pd.DataFrame, cells: np.ndarray, path: Path) -> pd.DataFrame:
    """The table with a row, beside the tissue, for spots of an unfiltered matrix that it leaves out."""
    lacking = np.setdiff1d(cells.astype(str), table.index.to_numpy(dtype=str))
    if not len(lacking) or len(lacking) == len(cells):
        return table
    warn(f"{len(lacking)} of {len(cells)} spots have no place in {path.name!r} and are left out.")
    more = pd.DataFrame(dict.fromkeys(_COLUMNS[1:4], 0), index=pd.Index(lacking, dtype=object))
    return pd.concat([table, more])
