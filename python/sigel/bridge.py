"""The door that R uses: plain pieces in, plain pieces out, so that reticulate has nothing to guess."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from sigel import datasets
from sigel._version import __version__
from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.provenance import versions
from sigel.runtime import Progress, resolve_device
from sigel.tasks.embed import embed_section
from sigel.views import ImageViews


def version() -> str:
    """Version of the engine, for the handshake."""
    return __version__


def sitrep() -> dict[str, Any]:
    """Versions, device, threads and the speed of a matrix product in GFLOP/s."""
    import platform
    import sys

    n = 1024
    a = torch.ones(n, n)
    a @ a  # the first product pays for thread start-up
    started = time.perf_counter()
    for _ in range(3):
        a @ a
    seconds = (time.perf_counter() - started) / 3
    device = resolve_device("auto")
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "sigel": __version__,
        **versions("torch", "numpy", "scipy", "anndata", "lightning-fabric", "scikit-learn"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch_gflops": 2 * n**3 / seconds / 1e9,
    }


def embed(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    settings: dict[str, Any],
    seed: float,
    device: str,
    progress: Progress | None,
    save_to: str | None,
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """Embed the genes of one section; see `sigel.tl.embed`.

    Parameters
    ----------
    i, p, x, dim
        Slots of a dgCMatrix, genes x cells.
    genes, cells
        Its row and column names.
    coordinates
        `(n_cells, 2)`, x and y, or None where there is a lattice.
    lattice
        `(n_cells, 2)`, array row and column, or None.
    settings
        Nested settings of `SIGELConfig`.
    seed, device
        As in `sigel.tl.embed`.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    save_to, checkpoint
        Folders for the fitted model and for the state after each epoch, or None.
    """
    config = SIGELConfig.from_dict(_whole_numbers(settings))
    counts = _spots_by_genes(i, p, x, dim)
    images = _images(counts, genes, coordinates, lattice, config.image)
    result = embed_section(
        images,
        counts,
        config,
        seed=_whole(seed),
        device=device,
        progress=progress,
        save=save_to,
        checkpoint=checkpoint,
    )
    return {
        "sgr": result.representations.astype(np.float64),
        "spot_embedding": result.spots.astype(np.float64),
        "group": result.group.tolist(),
        "group_prob": result.group_prob.astype(np.float64),
        "status": result.status.tolist(),
        "history": {name: column.tolist() for name, column in result.history.items()},
        "params": result.params,
        "provenance": json.dumps(result.model.provenance),
        "bic": result.bic,
        "raster": json.dumps(result.model.raster.to_dict()),
        "model": "" if save_to is None else str(Path(save_to).resolve()),
    }


def gene_images(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    settings: dict[str, Any],
    features: Sequence[str],
) -> dict[str, Any]:
    """Images of some genes, smoothed for the eye; arguments as in `embed`.

    Parameters
    ----------
    features
        Names of genes.

    Returns
    -------
    dict
        `values` `(n_features, n_pixels)`, `row` and `col` of the tissue pixels, `shape` of the grid,
        `x` and `y` of the pixels in the section's coordinates.
    """
    config = ImageConfig.from_dict(_whole_numbers(settings))
    images = _images(_spots_by_genes(i, p, x, dim), genes, coordinates, lattice, config)
    rows = torch.from_numpy(images.index(list(features)))
    places = images.raster.coordinates()
    return {
        "values": ImageViews(images).shown(rows).double().numpy(),
        "row": images.raster.rows.tolist(),
        "col": images.raster.cols.tolist(),
        "x": places[:, 0],
        "y": places[:, 1],
        "shape": list(images.raster.shape),
    }


def simulate(settings: dict[str, Any], seed: float) -> dict[str, Any]:
    """A simulated section in plain pieces; see `sigel.datasets.simulated_section`.

    Parameters
    ----------
    settings
        Arguments of `simulated_section`.
    seed
        Its seed.
    """
    adata = datasets.simulated_section(**_whole_numbers(settings), seed=_whole(seed))
    pieces = _pieces(adata)
    return pieces | {
        "programme": adata.var["programme"].astype(str).tolist(),
        "region": adata.obs["region"].astype(str).tolist(),
    }


def read_h5ad(path: str) -> dict[str, Any]:
    """An h5ad file in plain pieces, counts as in `X`.

    Parameters
    ----------
    path
        The file.
    """
    import anndata

    if not Path(path).is_file():
        raise InputError("path", repr(path), "an .h5ad file", "Check the path.")
    return _pieces(anndata.read_h5ad(path))


def _pieces(adata: Any) -> dict[str, Any]:
    if adata.X is None:
        raise InputError("path", "a file without X", "raw counts in X", "Write the counts to X first.")
    matrix = sparse.csr_matrix(adata.X, copy=True)  # spots x genes by rows is genes x cells by columns
    matrix.sum_duplicates()  # sorts, too: R wants increasing indices
    if matrix.nnz > np.iinfo(np.int32).max:
        fix = "Read it in Python, or take fewer spots or genes."
        raise InputError("path", f"{matrix.nnz} counts above zero", "fewer than 2^31, R's limit", fix)
    spatial = adata.obsm.get("spatial")
    lattice = None
    if {"array_row", "array_col"} <= set(adata.obs.columns):
        lattice = adata.obs[["array_row", "array_col"]].to_numpy(dtype=np.float64)
    return {
        "i": matrix.indices.astype(np.int32),
        "p": matrix.indptr.astype(np.int32),
        "x": matrix.data.astype(np.float64),
        "dim": [matrix.shape[1], matrix.shape[0]],
        "genes": [str(name) for name in adata.var_names],
        "cells": [str(name) for name in adata.obs_names],
        "coordinates": None if spatial is None else _plane(spatial),
        "lattice": lattice,
        "obs": {str(name): _column(adata.obs[name]) for name in adata.obs.columns},
    }


def _plane(spatial: Any) -> np.ndarray:
    places = np.asarray(spatial, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2:
        fix = "Keep the two columns of the section's plane in the file."
        raise InputError("path", f'obsm["spatial"] of shape {places.shape}', "x and y of every spot", fix)
    return places


def _column(column: Any) -> list[Any]:
    if column.dtype.kind in "iufb":
        return column.astype(float).tolist()
    return ["" if value is None or value != value else str(value) for value in column]


def _spots_by_genes(i: Any, p: Any, x: Any, dim: Sequence[int]) -> sparse.csr_matrix:
    """The columns of a genes x cells dgCMatrix are the rows of a cells x genes CSR: no copy of structure."""
    n_genes, n_cells = (int(n) for n in dim)
    parts = (
        np.asarray(x, dtype=np.float32).reshape(-1),
        np.asarray(i, dtype=np.int32).reshape(-1),
        np.asarray(p).reshape(-1),
    )
    return sparse.csr_matrix(parts, shape=(n_cells, n_genes))


def _images(
    counts: sparse.csr_matrix, genes: Sequence[str], coordinates: Any, lattice: Any, config: ImageConfig
) -> GeneImages:
    genes = [genes] if isinstance(genes, str) else list(genes)
    places = None if coordinates is None else np.asarray(coordinates, dtype=np.float64)
    array = None if lattice is None else np.asarray(lattice, dtype=np.float64)
    return GeneImages.from_arrays(counts, genes, places, array, config)


def _whole(number: float) -> int:
    if not float(number).is_integer():
        raise InputError("seed", repr(number), "a whole number >= 0", "Use seed.use = 0.")
    return int(number)


def _whole_numbers(settings: Any) -> Any:
    """R has no integer literals without L: whole doubles become int, all the way down."""
    if isinstance(settings, dict):
        return {name: _whole_numbers(value) for name, value in settings.items()}
    if isinstance(settings, float) and settings.is_integer():
        return int(settings)
    return settings
