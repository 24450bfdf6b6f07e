"""SpatialData: a table of a store or an object, with the centres of the shapes that its rows stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of, unknown_name
from sigel.io._anndata_files import arranged, read_zarr, zarr_attributes
from sigel.io._centroids import centroids_in
from sigel.io._sources import Options, Source

if TYPE_CHECKING:
    from anndata import AnnData

_TABLES = ("tables", "table")  # the second before version 0.1
_FIX = 'Store the places in obsm["spatial"] of the table.'


def find_spatialdata(folder: Path) -> list[Source]:
    """The sample of a folder, if it is a SpatialData store.

    Parameters
    ----------
    folder
        A folder.
    """
    if zarr_attributes(folder) is None or not any((folder / name).is_dir() for name in _TABLES):
        return []
    return [Source("spatialdata", folder.absolute().name.removesuffix(".zarr"), folder)]


def tables_of(folder: Path) -> dict[str, Path]:
    """Tables of a store, by name.

    Parameters
    ----------
    folder
        The store.
    """
    within = next(folder / name for name in _TABLES if (folder / name).is_dir())
    there = sorted(one for one in within.iterdir() if one.is_dir())
    return {one.name: one for one in there if zarr_attributes(one) is not None}


def table_named(names: Iterable[str], wanted: str | None, where: str) -> str:
    """The name of one table: the one asked for, else the only one, else `"table"`.

    Parameters
    ----------
    names
        Of all.
    wanted
        As the caller said.
    where
        What they are of.
    """
    there = list(names)
    if not there:
        raise InputError("path", f"{where} without a table", "a table of counts", "Is it whole?")
    chosen = wanted if wanted is not None else there[0] if len(there) == 1 else "table"
    if chosen not in there:
        found = f"{len(there)} tables" if wanted is None else unknown_name(wanted, there)
        raise InputError("table", found, f"one of {', '.join(there)}", f'Use table="{there[0]}".')
    return chosen


def read_spatialdata(source: Source, options: Options) -> AnnData:
    """One table of a store.

    Parameters
    ----------
    source, options
        Where, and how.
    """
    tables = tables_of(source.path)
    path = tables[table_named(tables, options.table, repr(source.path.name))]
    adata = read_zarr(replace(source, path=path), options)
    shapes = source.path / "shapes"
    there = {one.name: one / "shapes.parquet" for one in shapes.iterdir()} if shapes.is_dir() else {}
    there = {name: file for name, file in there.items() if file.is_file()}
    return _placed(adata, set(there), lambda name: centroids_in(there[name]))


def read_object(sdata: Any, options: Options) -> AnnData:
    """One table of an object in memory, which stays as it is.

    Parameters
    ----------
    sdata
        A `spatialdata.SpatialData`.
    options
        How.
    """
    tables, shapes = dict(sdata.tables), dict(getattr(sdata, "shapes", {}))
    name = table_named(tables, options.table, "a SpatialData object")
    adata = arranged(tables[name].copy(), options)
    return _placed(adata, set(shapes), lambda name: _centres(shapes[name]))


def _centres(frame: Any) -> pd.DataFrame:
    centre = frame.geometry.centroid
    return pd.DataFrame({"x": centre.x, "y": centre.y}).set_axis(frame.index.astype(str))


def _placed(adata: AnnData, there: set[str], centres: Callable[[str], pd.DataFrame]) -> AnnData:
    """The table with places; those that it has go before the centres of its shapes."""
    if "spatial" in adata.obsm:
        return adata
    said = dict(adata.uns.get("spatialdata_attrs", {}))
    keys = [str(said.get(name)) for name in ("region_key", "instance_key")]
    if not said or not set(keys) <= set(adata.obs.columns):
        raise InputError("path", "a table that says of no shapes where they are", "places of its cells", _FIX)
    regions = adata.obs[keys[0]].astype(str).to_numpy()
    names = adata.obs[keys[1]].astype(str).to_numpy()
    places = np.full((adata.n_obs, 2), np.nan)
    for region in pd.unique(regions):
        if region not in there:
            found = f"a table of {region!r}, of which there are no shapes"
            known = f"one of {', '.join(sorted(there))}" if there else "shapes in the store"
            raise InputError("path", found, known, _FIX)
        of_region = regions == region
        frame = centres(region)
        rows = frame.index.get_indexer(names[of_region]) if frame.index.is_unique else np.array([-1])
        if (rows < 0).any():
            found = (
                f"{number_of(int((rows < 0).sum()), 'cell')} of the table without a shape among {region!r}"
            )
            raise InputError("path", found, "a shape for every cell", _FIX)
        places[of_region] = frame.to_numpy()[rows]
    adata.obsm["spatial"] = places
    return adata
