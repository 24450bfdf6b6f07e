"""Large sections on disk in each way that people keep them, and an AnnData whose counts stay there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from benchmarks.harness.large_sections import placed, write_blocks, write_cells

# 1,000,000 cells of an imaging platform; bins of 8 micrometres of a whole transcriptome.
CELLS: dict[str, Any] = {"n_cells": 1_000_000, "n_genes": 500, "counts": 200.0}
BINS: dict[str, Any] = {"n_bins": 600_000, "n_genes": 18_000, "counts": 250.0}
# More counts than 32-bit numbers can tell apart, 2^31.
BEYOND: dict[str, Any] = {"n_cells": 240_000, "n_genes": 12_000, "counts": 20_400.0}


def write_bins(path: Path, n_bins: int, n_genes: int, counts: float, *, seed: int = 0) -> int:
    """Write square bins of a whole transcriptome to an h5ad file: twelve layers with programmes of their own.

    Parameters
    ----------
    path
        Of the file.
    n_bins, n_genes
        Size, about: bins fill a square.
    counts
        Mean counts of a bin.
    seed
        Of the draws.

    Returns
    -------
    int
        Number of stored counts.
    """
    rng = np.random.default_rng(seed)
    side = int(np.sqrt(n_bins))
    row, col = np.divmod(np.arange(side * side), side)
    centres = rng.random((12, 2)) * side
    layer = cKDTree(centres).query(np.stack([row, col], axis=1))[1]
    level = rng.lognormal(0, 1.8, n_genes)
    rates = level * np.exp(1.2 * rng.standard_normal((12, n_genes)) * (rng.random(n_genes) < 0.3))
    shares = np.cumsum(rates / rates.sum(axis=1, keepdims=True), axis=1)
    names = [f"Gene{n}" for n in range(n_genes)]
    obs = pd.DataFrame({"array_row": row, "array_col": col}, index=[f"Bin{n}" for n in range(side * side)])
    places = 8.0 * np.stack([col, row], axis=1)
    adata = anndata.AnnData(obs=obs, var=pd.DataFrame(index=names), obsm={"spatial": places})

    def blocks() -> Iterator[sparse.csr_matrix]:
        for start in range(0, side * side, 20_000):
            own = layer[start : start + 20_000]
            depth = rng.poisson(counts * np.exp(0.4 * rng.standard_normal(len(own)) - 0.08))
            bins = np.repeat(np.arange(len(own)), depth)
            gene, drawn = np.empty(len(bins), dtype=np.int64), rng.random(len(bins))
            for one in np.unique(own):
                of = own[bins] == one
                gene[of] = np.searchsorted(shares[one], drawn[of])
            at = bins, np.minimum(gene, n_genes - 1)
            yield sparse.csr_matrix((np.ones(len(bins), np.float32), at), (len(own), n_genes))

    return write_blocks(path, adata, blocks())


def write_many_counts(path: Path, n_cells: int, n_genes: int, counts: float, *, seed: int = 0) -> int:
    """Write stripes of cells with nearly all genes to an h5ad file; cells of a stripe are repeats of some.

    Parameters
    ----------
    path
        Of the file.
    n_cells, n_genes
        Size; cells in multiples of 240.
    counts
        Mean counts of a cell.
    seed
        Of the draws.

    Returns
    -------
    int
        Number of stored counts.
    """
    rng = np.random.default_rng(seed)
    size, width = n_cells // 240, counts / n_genes
    kinds = []
    for at in range(8):
        rate = width * np.exp(0.5 * np.sin(at + np.arange(n_genes)))
        block = sparse.csr_matrix(rng.poisson(rate, (size, n_genes)).astype(np.float32))
        block.indptr = block.indptr.astype(np.int64)
        kinds.append(block)
    places = np.stack([np.repeat(np.arange(240.0), size), rng.random(n_cells) * 240], axis=1) * 20
    return write_blocks(path, placed(places, n_genes), (kinds[at // 30] for at in range(240)))


def write_stores(folder: Path, seed: int, **size: Any) -> dict[str, Path]:
    """The cells as h5ad and zarr and, where their packages are there, for dask and as a SpatialData store.

    Parameters
    ----------
    folder
        Where they go.
    seed
        Of the draws.
    **size
        As `CELLS`.

    Returns
    -------
    dict
        Path by source, a key of `SOURCES`.
    """
    file, store = folder / "cells.h5ad", folder / "cells.zarr"
    write_cells(file, **size, seed=seed)
    adata = anndata.read_h5ad(file)
    adata.write_zarr(store)
    found = {"h5ad": file, "zarr": store}
    if find_spec("dask") is not None:
        found["dask"] = file
    if find_spec("spatialdata") is None:
        return found
    import spatialdata

    tables = {"table": spatialdata.models.TableModel.parse(adata)}
    spatialdata.SpatialData(tables=tables).write(folder / "spatialdata.zarr")
    return found | {"SpatialData": folder / "spatialdata.zarr"}


def on_disk(path: str) -> anndata.AnnData:
    """h5ad, counts on disk.

    Parameters
    ----------
    path
        Of the file.
    """
    return anndata.read_h5ad(path, backed="r")


def zarr_on_disk(path: str) -> anndata.AnnData:
    """zarr, counts on disk.

    Parameters
    ----------
    path
        Of the store.
    """
    import zarr

    opened = zarr.open(path, mode="r")
    return _without_counts(opened, anndata.io.sparse_dataset(opened["X"]))


def by_dask(path: str) -> anndata.AnnData:
    """h5ad, counts as a dask array in blocks of cells.

    Parameters
    ----------
    path
        Of the file.
    """
    opened = h5py.File(path)
    return _without_counts(opened, anndata.experimental.read_elem_lazy(opened["X"]))


def of_spatialdata(path: str) -> anndata.AnnData:
    """The table of a SpatialData store, as `sigel.io.read` gives it.

    Parameters
    ----------
    path
        Of the store.
    """
    import sigel

    return sigel.io.read(path)


def _without_counts(opened: Any, counts: Any) -> anndata.AnnData:
    """All of an opened file but its counts in memory."""
    obs, var, places = (anndata.io.read_elem(opened[name]) for name in ("obs", "var", "obsm"))
    adata = anndata.AnnData(obs=obs, var=var, obsm=places)
    adata.X = counts
    return adata


SOURCES: dict[str, Callable[[str], anndata.AnnData]] = {
    "h5ad": on_disk,
    "zarr": zarr_on_disk,
    "dask": by_dask,
    "SpatialData": of_spatialdata,
}
