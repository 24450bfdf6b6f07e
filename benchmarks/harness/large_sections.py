"""Large sections for the speed table: as many genes or cells as a user may have, made within seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

import sigel

if TYPE_CHECKING:
    from anndata import AnnData

# 16,000 genes on about 3,500 spots of a hexagonal lattice of 72 x 59 pixels, as a Visium section has.
VISIUM: dict[str, Any] = {
    "n_rows": 73,
    "n_cols": 60,
    "n_programmes": 8,
    "genes_per_programme": 1000,
    "n_background_genes": 8000,
    "median_counts": 3000.0,
}
# Some 1,500 spots x 4,000 genes: what both doors run twice.
DOORS: dict[str, Any] = VISIUM | {
    "n_rows": 48,
    "n_cols": 40,
    "genes_per_programme": 250,
    "n_background_genes": 2000,
}
# A first fit through each door.
SMALL: dict[str, Any] = {"n_rows": 14, "n_cols": 14, "genes_per_programme": 10, "n_background_genes": 40}
# Cells x genes of an imaging platform.
CELLS: dict[str, Any] = {"n_cells": 1_000_000, "n_genes": 500, "counts": 200.0}


def write_section(path: Path, seed: int, **parameters: Any) -> tuple[int, int]:
    """Simulate a section into an h5ad file.

    Parameters
    ----------
    path
        Of the file.
    seed
        Of the simulation.
    **parameters
        Passed to `sigel.datasets.simulated_section`.

    Returns
    -------
    tuple
        Spots and genes.
    """
    adata = sigel.datasets.simulated_section(seed=seed, **parameters)
    adata.write_h5ad(path)
    return adata.shape


def cell_blocks(
    n_cells: int, n_genes: int, counts: float = 200.0, *, seed: int = 0, chunk: int = 4_000
) -> tuple[np.ndarray, Iterator[sparse.csr_matrix]]:
    """Scattered cells whose genes peak at places of their own, drawn a chunk of cells at a time.

    Parameters
    ----------
    n_cells, n_genes
        Size.
    counts
        Mean counts of a cell.
    seed
        Of the draws.
    chunk
        Cells at a time: what is dense is no larger than chunk x genes.

    Returns
    -------
    coordinates, blocks
        x and y, `(n_cells, 2)`; CSR blocks of chunk x n_genes.
    """
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(0, 1.2, n_genes)).astype(np.float32)
    centre = rng.random((2, n_genes), dtype=np.float32)
    sharp = (-0.5 / rng.uniform(0.1, 0.3, n_genes) ** 2).astype(np.float32)
    coordinates = rng.random((n_cells, 2), dtype=np.float32)

    def blocks() -> Iterator[sparse.csr_matrix]:
        for start in range(0, n_cells, chunk):
            at = coordinates[start : start + chunk]
            square = (at[:, :1] - centre[0]) ** 2 + (at[:, 1:] - centre[1]) ** 2  # (chunk, n_genes)
            rate = level * (1 + 4 * np.exp(square * sharp))
            depth = counts * np.exp(0.3 * rng.standard_normal(len(at)) - 0.045) / rate.sum(axis=1)
            yield sparse.csr_matrix(rng.poisson(rate * depth[:, None].astype(np.float32)))

    return 10 * np.sqrt(n_cells) * coordinates.astype(np.float64), blocks()


def scattered_cells(
    n_cells: int, n_genes: int, counts: float = 200.0, *, seed: int = 0, chunk: int = 4_000
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """All cells of `cell_blocks` in memory.

    Parameters
    ----------
    n_cells, n_genes, counts, seed, chunk
        As there.

    Returns
    -------
    counts, coordinates
        CSR float32 `(n_cells, n_genes)`; x and y, `(n_cells, 2)`.
    """
    coordinates, blocks = cell_blocks(n_cells, n_genes, counts, seed=seed, chunk=chunk)
    indptr = np.zeros(n_cells + 1, dtype=np.int64)
    # Room for every count to be a gene of its own: pages that are never written take no memory.
    room = min(n_cells * n_genes, int(1.2 * counts * n_cells) + 100_000)
    indices, data, filled, row = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.float32), 0, 0
    for block in blocks:
        indptr[row + 1 : row + block.shape[0] + 1] = filled + block.indptr[1:]
        indices[filled : filled + block.nnz], data[filled : filled + block.nnz] = block.indices, block.data
        filled, row = filled + block.nnz, row + block.shape[0]
    matrix = sparse.csr_matrix((data[:filled], indices[:filled], indptr), shape=(n_cells, n_genes))
    return matrix, coordinates


def write_cells(path: Path, n_cells: int, n_genes: int, counts: float = 200.0, *, seed: int = 0) -> int:
    """Write the cells of `cell_blocks` to an h5ad file, a block at a time.

    Parameters
    ----------
    path
        Of the file.
    n_cells, n_genes, counts, seed
        As in `cell_blocks`.

    Returns
    -------
    int
        Number of stored counts.
    """
    coordinates, blocks = cell_blocks(n_cells, n_genes, counts, seed=seed)
    return write_blocks(path, placed(coordinates, n_genes), (block.astype(np.float32) for block in blocks))


def placed(coordinates: np.ndarray, n_genes: int, counts: sparse.csr_matrix | None = None) -> AnnData:
    """Cells and genes with names.

    Parameters
    ----------
    coordinates
        x and y of each cell.
    n_genes
        How many genes.
    counts
        `(n_cells, n_genes)`; None: none yet.
    """
    import pandas as pd
    from anndata import AnnData

    obs = pd.DataFrame(index=[f"Cell{n}" for n in range(len(coordinates))])
    var = pd.DataFrame(index=[f"Gene{n}" for n in range(n_genes)])
    return AnnData(counts, obs=obs, var=var, obsm={"spatial": coordinates})


def write_blocks(path: Path, adata: AnnData, blocks: Iterable[sparse.csr_matrix]) -> int:
    """Write an object to an h5ad file, and its counts a block of cells at a time.

    Parameters
    ----------
    path
        Of the file.
    adata
        Without counts.
    blocks
        CSR, float32.

    Returns
    -------
    int
        Number of stored counts.
    """
    import anndata
    import h5py

    adata.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        for n, block in enumerate(blocks):
            if n == 0:
                anndata.io.write_elem(file, "X", block)
                stored = anndata.io.sparse_dataset(file["X"])
            else:
                stored.append(block)
        return len(file["X/data"])
