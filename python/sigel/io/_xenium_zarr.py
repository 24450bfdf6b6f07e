"""Counts and cells of Xenium in the zarr stores that Xenium Explorer reads, where other files are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, number_of
from sigel.io._feature_matrix import FeatureMatrix
from sigel.io._features import features_of
from sigel.io._sources import GENE
from sigel.io._zarr_zip import opened_zarr_zip, values_of

MATRIX = "cell_feature_matrix.zarr.zip"
CELLS = "cells.zarr.zip"
_MATRIX, _CELLS = "counts in a zarr store of Xenium", "cells in a zarr store of Xenium"
_ALPHABET = np.array(list("abcdefghijklmnop"))
# Sums over genes stand among them.
_SUMS = "aggregate"
# As they are called here, and in `cells.csv.gz`.
_COLUMNS = {"cell_centroid_x": "x_centroid", "cell_centroid_y": "y_centroid"}


def open_zarr_matrix(path: Path) -> FeatureMatrix:
    """Names of cells and features; counts when they are asked for.

    Parameters
    ----------
    path
        `cell_feature_matrix.zarr.zip`.
    """
    with opened_zarr_zip(path, _MATRIX) as root:
        group = _group(root, path)
        said = dict(group.attrs)
        names, ids, kinds = (
            list(map(str, said.get(f"feature_{part}", ()))) for part in ("keys", "ids", "types")
        )
        ids, kinds = ids or names, kinds or ["gene"] * len(names)
        cells = names_of_cells(values_of(group, "cell_id", path))
        if not len(names) == len(ids) == len(kinds) or not names:
            found = (
                f"{path.name!r} with {len(names)} names, {len(ids)} ids and {len(kinds)} kinds of features"
            )
            raise InputError("path", found, "one of each for every feature", "Copy or download it anew.")
    wanted = np.array([not kind.startswith(_SUMS) for kind in kinds])
    called = np.array([_kind(kind) for kind in kinds], dtype=object)
    features = features_of(np.array(ids, dtype=object), np.array(names, dtype=object), called)[wanted]
    return FeatureMatrix(path, cells, features, lambda: _counts(path, len(names), len(cells))[:, wanted])


def _group(root: Any, path: Path) -> Any:
    if "cell_features" not in root:
        there = ", ".join(list(root)[:8]) or "nothing in it"
        found = f"{path.name!r} with {there}"
        raise InputError("path", found, _MATRIX, "Take the file that the platform wrote.")
    return root["cell_features"]


def _kind(kind: str) -> str:
    """As other files of Xenium call it: `negative_control_probe` is "Negative Control Probe"."""
    return GENE if kind == "gene" else kind.replace("_", " ").title()


def _counts(path: Path, n_features: int, n_cells: int) -> sparse.csr_matrix:
    """Cells x features; stored are rows of features."""
    with opened_zarr_zip(path, _MATRIX) as root:
        group = _group(root, path)
        data, cells, ends = (values_of(group, name, path) for name in ("data", "indices", "indptr"))
    numbers = cells.dtype.kind in "iu" and ends.dtype.kind in "iu"
    ends = ends.astype(np.int64)
    if len(ends) == n_features:  # without the last
        ends = np.append(ends, len(data))
    whole = len(ends) == n_features + 1 and ends[0] == 0 and ends[-1] == len(data) == len(cells)
    # Looked at before anything native runs.
    within = not len(cells) or 0 <= int(cells.min()) <= int(cells.max()) < n_cells
    if not (numbers and whole and within) or (np.diff(ends) < 0).any():
        found = f"{path.name!r}, whose counts do not go together"
        raise InputError("path", found, "a whole file", "Copy or download it anew.")
    rows = sparse.csr_matrix((data.astype(np.float32), cells, ends), shape=(n_features, n_cells))
    return rows.T.tocsr()


def zarr_cells(path: Path) -> pd.DataFrame:
    """What is known of the cells, by name, as in `cells.csv.gz`.

    Parameters
    ----------
    path
        `cells.zarr.zip`.
    """
    with opened_zarr_zip(path, _CELLS) as root:
        names = names_of_cells(values_of(root, "cell_id", path))
        values = values_of(root, "cell_summary", path)
        columns = [str(name) for name in dict(root["cell_summary"].attrs).get("column_names", ())]
    if values.ndim != 2 or values.shape != (len(names), len(columns)):
        sizes = f"{number_of(len(names), 'cell')}, {number_of(len(columns), 'column')}"
        found = f"{path.name!r} with {sizes} and values {values.shape}"
        raise InputError("path", found, "a value for each", "Copy or download it anew.")
    table = pd.DataFrame(values, columns=[_COLUMNS.get(name, name) for name in columns])
    return table.assign(cell_id=names)


def names_of_cells(ids: np.ndarray) -> np.ndarray:
    """Names of cells from two numbers each: a digit of 16 is a letter from a to p, and the suffix follows.

    Parameters
    ----------
    ids
        `(n, 2)`, number and suffix; `(n,)` before version 1.3, which named cells by numbers.

    Examples
    --------
    >>> names_of_cells(np.array([[1437536272, 1], [1437536273, 1]], dtype=np.uint32)).tolist()
    ['ffkpbaba-1', 'ffkpbabb-1']
    """
    if ids.ndim == 1 or ids.shape[1] == 1:
        return ids.reshape(-1).astype(str).astype(object)
    if ids.ndim != 2 or ids.shape[1] != 2:
        raise InputError("path", f"cell_id of shape {ids.shape}", "two numbers for each cell", "Is it whole?")
    digits = (ids[:, :1].astype(np.uint64) >> np.arange(28, -1, -4, dtype=np.uint64)) & np.uint64(15)
    letters = _ALPHABET[digits.astype(np.int64)]
    return np.array(
        [f"{''.join(row)}-{end}" for row, end in zip(letters, ids[:, 1], strict=True)], dtype=object
    )
