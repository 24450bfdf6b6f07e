"""Counts in a csv file with a line for each cell, read a piece at a time."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, number_of
from sigel.io._tables import first_line, reading

_WANTED = "counts, a line for each cell"
# Values of a piece while they are dense: 80 MB.
_PIECE = 20_000_000


def header(path: Path) -> list[str]:
    """Names of the columns.

    Parameters
    ----------
    path
        The file, plain or gzipped.
    """
    names = next(csv.reader([first_line(path)]), [])
    if len(names) < 2:
        found = f"{path.name!r} with {number_of(len(names), 'column')}"
        raise InputError("path", found, _WANTED, "Copy or download it anew.")
    return names


def text_columns(path: Path, at: Sequence[int], n_columns: int) -> pd.DataFrame:
    """Some columns as text, whatever they look like: numbers of 18 digits are names.

    Parameters
    ----------
    path
        The file.
    at
        Places of the columns.
    n_columns
        How many there are.
    """
    with reading(path, _WANTED):
        return pd.read_csv(path, dtype=str, keep_default_na=False, **_some(at, n_columns))[list(at)]


def _some(at: Sequence[int], n_columns: int) -> dict[str, Any]:
    """How pandas reads some columns, called by their places, below the line of names."""
    below = {"skiprows": 1, "header": None, "index_col": False}
    return {**below, "names": range(n_columns), "usecols": list(at)}


def counts_of(path: Path, at: Sequence[int], n_columns: int) -> sparse.csr_matrix:
    """Some columns as counts, cells x features.

    Parameters
    ----------
    path, at, n_columns
        As in `text_columns`.
    """
    columns = list(at)
    pieces, n = [], 0
    with reading(path, _WANTED):
        rows = max(1, _PIECE // max(1, len(columns)))
        for chunk in pd.read_csv(path, dtype=np.float32, chunksize=rows, **_some(at, n_columns)):
            values = chunk[columns].to_numpy()
            short = np.isnan(values).any(axis=1)
            if short.any():
                line = n + int(short.argmax()) + 2
                found = f"line {line} of {path.name!r}, which is cut off or lacks counts"
                raise InputError("path", found, _WANTED, "Copy or download it anew.")
            pieces.append(sparse.csr_matrix(values))
            n += len(values)
    return sparse.csr_matrix(sparse.vstack(pieces, format="csr"))
