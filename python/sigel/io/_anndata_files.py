"""AnnData on disk: .h5ad files and zarr folders."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from sigel.errors import InputError, unknown_name
from sigel.images.named_columns import as_places
from sigel.images.sound_matrix import check_structure
from sigel.io._hdf5 import opened_hdf5
from sigel.io._sizes import check_zarr
from sigel.io._sources import Options, Source
from sigel.io._tables import FAULTS, reading
from sigel.runtime.requires import requires

if TYPE_CHECKING:
    from anndata import AnnData

H5AD = "an .h5ad file"
ZARR = "an AnnData in a zarr folder"
# Counts that are not 0, half a gigabyte of them: fewer are as well read at once.
MANY = 2**26
# Where else places are kept, in `obsm` and in pairs of columns of `obs`.
_OBSM = ("X_spatial", "spatial_coords")
_PAIRS = (
    ("x_centroid", "y_centroid"),
    ("center_x", "center_y"),
    ("CenterX_global_px", "CenterY_global_px"),
    ("pxl_col_in_fullres", "pxl_row_in_fullres"),
    ("x", "y"),
)


class WithoutXError(InputError):
    """An AnnData holds nothing where counts are, unless they are in a layer."""


def zarr_attributes(folder: Path) -> dict[str, Any] | None:
    """What a zarr group of format 2 or 3 says of itself; None where a folder is none.

    Parameters
    ----------
    folder
        The folder.
    """
    second, third = folder / ".zgroup", folder / "zarr.json"
    if not second.is_file() and not third.is_file():
        return None
    path = third if third.is_file() else folder / ".zattrs"
    if not path.is_file():
        return {}
    with reading(path, "attributes of a zarr group"):
        said = json.loads(path.read_text(encoding="utf-8"))
        return dict(said.get("attributes", {}) if path == third else said)


def find_zarr(folder: Path) -> list[Source]:
    """The sample of a folder, if it is an AnnData in zarr.

    Parameters
    ----------
    folder
        A folder.
    """
    said = zarr_attributes(folder)
    if said is None:
        return []
    is_one = said.get("encoding-type") == "anndata" or {"obs", "var"} <= {p.name for p in folder.iterdir()}
    return [Source("zarr", folder.absolute().name.removesuffix(".zarr"), folder)] if is_one else []


def read_h5ad(source: Source, options: Options) -> AnnData:
    """An .h5ad file, the counts that were asked for in `X`.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    import anndata

    with opened_hdf5(source.path, H5AD) as file:
        _check_store(file, source.path, H5AD)
        stays = options.on_disk and not options.raw and options.layer is None and _holds_many(file)
    with reading(source.path, H5AD):
        if stays:
            return with_places(_read_by(partial(anndata.read_h5ad, backed="r"), source.path))
        return arranged(_read_by(anndata.read_h5ad, source.path), options)


def _holds_many(file: Any) -> bool:
    """Whether counts are stored so that some spots are read without the rest, and are worth it."""
    if "X" not in file or file["X"].attrs.get("encoding-type") != "csr_matrix":
        return False
    return int(file["X/data"].shape[0]) >= MANY


def read_zarr(source: Source, options: Options) -> AnnData:
    """An AnnData in zarr, the counts that were asked for in `X`.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    import anndata

    with reading(source.path, ZARR), warnings.catch_warnings():
        # What will be written by default some day is nothing to a reader.
        warnings.filterwarnings("ignore", message=".*zarr v[23]|.*[Cc]onsolidated metadata")
        group = _opened_zarr(source.path)
        check_zarr(group, source.path)
        _check_chunks(group, source.path, options)
        return arranged(_read_by(anndata.io.read_zarr, source.path), options)


def _read_by(reader: Callable[[Path], AnnData], path: Path) -> AnnData:
    """What a reader says of elements that it does not know is an error of its own."""
    try:
        return reader(path)
    except FAULTS:
        raise
    except Exception as error:
        raise ValueError(str(error)) from error


def _opened_zarr(folder: Path) -> Any:
    zarr = requires("zarr", "path", f"{folder.name!r}, a zarr folder")
    return zarr.open_group(str(folder), mode="r")


def _check_chunks(group: Any, path: Path, options: Options) -> None:
    """Refuse sparse counts of which files are lost: zarr would read zeros, of which they hold none."""
    name = "raw/X" if options.raw else "X" if options.layer is None else f"layers/{options.layer}"
    if f"{name}/data" not in group:
        return
    values = group[f"{name}/data"]
    lost = int(values.nchunks - values.nchunks_initialized)
    if lost:
        found = f"{path.name!r}, which lacks {lost} of {int(values.nchunks)} pieces of {name}"
        raise InputError("path", found, "a whole store", "Copy or download it anew.")


def _check_store(group: Any, path: Path, wanted: str) -> None:
    lacking = [name for name in ("obs", "var") if name not in group]
    if lacking:
        there = ", ".join(list(group)[:8]) or "nothing"
        found = f"{path.name!r} without {' and '.join(lacking)} (it has {there})"
        raise InputError("path", found, wanted, "For Space Ranger's or Xenium's matrix give its folder.")


def arranged(adata: AnnData, options: Options) -> AnnData:
    """Counts in `X`, sparse, and places, where there are any.

    Parameters
    ----------
    adata
        As it was stored.
    options
        Says which counts.
    """
    if options.raw:
        adata = _raw(adata, options)
    elif options.layer is not None:
        if options.layer not in adata.layers:
            known = ", ".join(map(repr, adata.layers)) or "none"
            found = unknown_name(options.layer, adata.layers)
            raise InputError("layer", found, "a layer of it", f"There are: {known}.")
        adata.X = adata.layers[options.layer]
    if adata.X is None:
        known = ", ".join(map(repr, adata.layers)) or "none"
        fix = f"Name their layer; there are: {known}."
        raise WithoutXError("path", "an AnnData without X", "raw counts", fix)
    check_structure(adata.X, "path")
    if not (sparse.issparse(adata.X) and adata.X.format == "csr"):
        adata.X = sparse.csr_matrix(adata.X)
    return with_places(adata)


def with_places(adata: AnnData) -> AnnData:
    """Places in `obsm["spatial"]`, where there are any.

    Parameters
    ----------
    adata
        As it was stored.
    """
    if "spatial" not in adata.obsm:
        places = _places(adata)
        if places is not None:
            adata.obsm["spatial"] = places
    return adata


def _raw(adata: AnnData, options: Options) -> AnnData:
    from anndata import AnnData

    if options.layer is not None:
        raise InputError("raw", "raw=True and a layer", "one of them", "Leave one out.")
    if adata.raw is None:
        raise InputError("raw", "True for an AnnData without raw", "False", "Leave raw out.")
    kept = {"obs": adata.obs, "obsm": dict(adata.obsm), "uns": dict(adata.uns)}
    return AnnData(adata.raw.X, var=adata.raw.var, **kept)


def _places(adata: AnnData) -> np.ndarray | None:
    for key in _OBSM:
        if key in adata.obsm:
            places = as_places(adata.obsm[key], f"obsm[{key!r}]")
            if places.ndim == 2:
                return places[:, :2].astype(np.float64)
    for pair in _PAIRS:
        if set(pair) <= set(adata.obs.columns):
            columns = adata.obs[list(pair)]
            if all(np.issubdtype(kind, np.number) for kind in columns.dtypes):
                return columns.to_numpy(dtype=np.float64)
    return None


@contextmanager
def opened_store(source: Source) -> Iterator[Any]:
    """The group that an AnnData lies in, for looking at.

    Parameters
    ----------
    source
        An .h5ad file, or a folder in zarr.
    """
    if source.platform == "h5ad":
        with opened_hdf5(source.path, H5AD) as file:
            _check_store(file, source.path, H5AD)
            yield file
        return
    with reading(source.path, ZARR):
        group = _opened_zarr(source.path)
        _check_store(group, source.path, ZARR)
        yield group


def sizes_of(group: Any, options: Options) -> tuple[int, int]:
    """Cells and genes of the counts that would be read, which are not.

    Parameters
    ----------
    group
        Of `opened_store`.
    options
        Says which counts.
    """
    var = group["raw/var"] if options.raw and "raw" in group else group["var"]
    return _length(group["obs"]), _length(var)


def _length(table: Any) -> int:
    if hasattr(table, "shape"):  # anndata before 0.7 wrote one compound dataset
        return int(table.shape[0])
    return int(table[table.attrs.get("_index", "_index")].shape[0])
