"""Counts as Space Ranger and Xenium write them: an HDF5 file, or a folder with a Matrix Market file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError
from sigel.io._features import features_of
from sigel.io._hdf5 import opened_hdf5
from sigel.io._sizes import check_entries, check_unpacked
from sigel.io._sources import GENE
from sigel.io._tables import first_of, lines_of, missing, partner, reading

_HDF5 = "counts in an HDF5 file of Space Ranger, Cell Ranger or Xenium"


class FeatureMatrix(NamedTuple):
    """A matrix whose names are read, and whose counts are not."""

    path: Path
    cells: np.ndarray
    features: pd.DataFrame
    counts: Callable[[], sparse.csr_matrix]  # cells x features


def find_matrix(folder: Path, name: str) -> Path | None:
    """A matrix by its name: the HDF5 file, with or without something before its name, else the folder.

    Parameters
    ----------
    folder, name
        For example `"filtered_feature_bc_matrix"`.
    """
    plain = folder / f"{name}.h5"
    if plain.is_file():
        return plain
    if (folder / name).is_dir():
        return folder / name
    named = sorted(path for path in folder.glob(f"*{name}.h5") if path.is_file())
    if len(named) > 1:
        found = f"{len(named)} of them in {str(folder)!r}: {', '.join(path.name for path in named[:4])}"
        raise InputError("path", found, f"one file *{name}.h5", "Give every sample a folder of its own.")
    return named[0] if named else None


def open_matrix(folder: Path, names: tuple[str, ...]) -> FeatureMatrix:
    """The first of some matrices that a folder has, or a refusal.

    Parameters
    ----------
    folder, names
        Where, and which, the dearest first.
    """
    for name in names:
        path = find_matrix(folder, name)
        if path is not None:
            return _open_folder(path) if path.is_dir() else _open_hdf5(path)
    raise missing(folder, [f"{name}.h5 or {name}/" for name in names], "counts")


def _open_hdf5(path: Path) -> FeatureMatrix:
    with opened_hdf5(path, _HDF5) as file:
        group = file.get("matrix")
        if not (isinstance(group, h5py.Group) and isinstance(group.get("features"), h5py.Group)):
            found = f"{path.name!r} with {', '.join(file) or 'nothing in it'}"
            raise InputError("path", found, _HDF5, "Take the file that the platform's own software wrote.")
        cells = _texts(group["barcodes"])
        names, kinds = _texts(group["features/name"]), _texts(group["features/feature_type"])
        features = features_of(_texts(group["features/id"]), names, kinds)
        if "genome" in group["features"]:
            features["genome"] = _texts(group["features/genome"])
        wanted = (len(features), len(cells))
        shape = tuple(int(n) for n in group["shape"][:])
        if shape != wanted or len(group["indptr"]) != len(cells) + 1:
            found = f"{path.name!r} of {_sizes(*shape)}, with names of {_sizes(*wanted)}"
            raise InputError("path", found, "a name for each", "Copy or download it anew.")
    return FeatureMatrix(path, cells, features, lambda: _hdf5_counts(path, wanted))


def _hdf5_counts(path: Path, shape: tuple[int, int]) -> sparse.csr_matrix:
    with opened_hdf5(path, _HDF5) as file:
        group = file["matrix"]
        data, indices, ends = (group[name][:] for name in ("data", "indices", "indptr"))
    ends = ends.astype(np.int64)
    whole = ends[0] == 0 and ends[-1] == len(data) == len(indices) and (np.diff(ends) >= 0).all()
    if not whole or (len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < shape[0]):
        found = f"{path.name!r}, whose counts do not go together"
        raise InputError("path", found, "a whole file", "Copy or download it anew.")
    if len(data) <= np.iinfo(np.int32).max:
        indices, ends = indices.astype(np.int32), ends.astype(np.int32)
    # Columns of features x cells are rows of cells x features.
    return sparse.csr_matrix((data.astype(np.float32), indices, ends), shape=shape[::-1])


def _texts(values: h5py.Dataset) -> np.ndarray:
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values[:]], dtype=object)


def _open_folder(folder: Path) -> FeatureMatrix:
    either = [(f"{name}.gz", name) for name in ("matrix.mtx", "barcodes.tsv", "features.tsv")]
    matrix, barcodes = (partner(folder, names, "counts") for names in either[:2])
    named = first_of(folder, (*either[2], "genes.tsv"))
    if named is None:
        raise missing(folder, either[2], "names of features")
    cells = _lines(barcodes)[0].to_numpy(dtype=object)
    columns = _lines(named)
    names = columns[1] if 1 in columns else columns[0]
    kinds = columns[2] if 2 in columns else pd.Series(GENE, index=columns.index)
    features = features_of(columns[0].to_numpy(), names.to_numpy(), kinds.to_numpy())
    shape = _stated_shape(matrix)
    if shape != (len(features), len(cells)):
        found = f"{matrix.name!r} of {_sizes(*shape)}, with names of {_sizes(len(features), len(cells))}"
        raise InputError("path", found, "a name for each", "Take the files of one run.")
    return FeatureMatrix(matrix, cells, features, lambda: _market_counts(matrix))


def _sizes(n_features: int, n_cells: int) -> str:
    return f"{n_features} features and {n_cells} cells"


def _lines(path: Path) -> pd.DataFrame:
    with reading(path, "names, a line each"):
        check_unpacked(path)
        return pd.read_csv(path, sep="\t", header=None, dtype=str, keep_default_na=False, quoting=3)


def _stated_shape(path: Path) -> tuple[int, int]:
    with reading(path, "counts in a Matrix Market file"):
        for line in lines_of(path):
            if not line.startswith("%"):
                n_rows, n_columns, n_entries = (int(part) for part in line.split()[:3])
                check_entries(path, n_entries)
                return n_rows, n_columns
        raise ValueError("no sizes in it")


def _market_counts(path: Path) -> sparse.csr_matrix:
    from scipy.io import mmread

    with reading(path, "counts in a Matrix Market file"):
        return sparse.csr_matrix(mmread(path).T, dtype=np.float32)
