"""What a large reference takes: all genes of 100,000 cells without places for a panel, beside reading both.

Usage: python -m benchmarks.imputation.scale METHOD OUT REFERENCE TARGET; the last line printed is JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.processes import marks_of_each, memory_gb
from benchmarks.harness.report import Table, say

# Cells and genes of the reference, cells and genes of the panel.
SIZES = ((25_000, 10_000, 10_000, 300), (100_000, 20_000, 40_000, 300))
QUICK = ((400, 120, 300, 40),)
KINDS, PATCHES, DEPTH, PANEL_DEPTH = 24, 200, 3000, 250
NOTE = (
    "Simulated cells of 24 kinds, 3,000 counts each, as a reference without places; a panel of 300 genes "
    "with 250 counts a cell, seven cells in ten of the kind of their patch. All genes that the panel lacks "
    "and that have counts in enough cells, with intervals, go to a file (`out`). A process of its own on two "
    "threads; peak memory of the process, libraries, reference and target included. Reading: what it takes "
    "to read both files and add up each gene's counts, the least that any method needs. Goal: 100,000 x "
    "20,000 for 40,000 cells in 300 seconds and 6 GB."
)


def imputed(reference: str, target: str, out: str) -> dict[str, float]:
    """`sigel.tl.impute` at its defaults, into a file.

    Parameters
    ----------
    reference, target
        Files.
    out
        Folder for the result.
    """
    cells, panel = anndata.read_h5ad(reference), anndata.read_h5ad(target)
    file = sigel.tl.impute(panel, cells, out=Path(out) / "imputed.h5ad", progress=False, device="cpu")
    with h5py.File(file) as opened:  # anndata would read the bounds of all genes into memory
        return {"genes imputed": opened["X"].shape[1]}


def reading(reference: str, target: str, out: str) -> dict[str, float]:
    """The counts of each gene.

    Parameters
    ----------
    reference, target
        Files.
    out
        Stays empty.
    """
    for file in (reference, target):
        np.asarray(anndata.read_h5ad(file).X.sum(axis=0))
    return {}


METHODS: dict[str, Callable[[str, str, str], dict[str, float]]] = {"SIGEL": imputed, "reading": reading}


def imputation_scale(job: Job) -> list[Table]:
    """The table.

    Parameters
    ----------
    job
        The call.
    """
    rows = []
    for n_cells, n_genes, n_target, n_panel in QUICK if job.quick else SIZES:
        row: dict[str, object] = {"reference cells": n_cells, "genes": n_genes, "target cells": n_target}
        with tempfile.TemporaryDirectory() as folder:
            files = made(Path(folder), n_cells, n_genes, n_target, n_panel, job.seed)
            marks = marks_of_each(__name__, METHODS, *files)
        row |= {"genes imputed": marks.pop("genes imputed, SIGEL"), **marks}
        rows.append(row)
        say(f"imputation_scale: {row}")
    return [{"title": "seconds and memory of a large reference of cells", "note": NOTE, "rows": rows}]


def made(folder: Path, n_cells: int, n_genes: int, n_target: int, n_panel: int, seed: int) -> tuple[str, str]:
    """Files of a reference and of a target.

    Parameters
    ----------
    folder
        Where they go.
    n_cells, n_genes
        Of the reference.
    n_target, n_panel
        Cells and genes of the target.
    seed
        Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    level = rng.lognormal(0, 1.6, n_genes)
    programmes = rng.standard_normal((KINDS, 12)) @ rng.standard_normal((12, n_genes))
    rates = level * np.exp(0.35 * programmes * (rng.random(n_genes) < 0.4))  # (n_kinds, n_genes)
    genes = np.array([f"G{at}" for at in range(n_genes)])
    counts = _drawn(rates, rng.integers(0, KINDS, n_cells), DEPTH, rng)
    reference = anndata.AnnData(counts, var=pd.DataFrame(index=genes))
    panel = rng.choice(np.argsort(-level)[: 10 * n_panel], min(n_panel, n_genes // 2), replace=False)
    places, centres = rng.random((n_target, 2)) * 6000, rng.random((PATCHES, 2)) * 6000
    of_patch = rng.integers(0, KINDS, PATCHES)[cKDTree(centres).query(places)[1]]
    kind = np.where(rng.random(n_target) < 0.7, of_patch, rng.integers(0, KINDS, n_target))
    seen = _drawn(rates[:, panel], kind, PANEL_DEPTH, rng)
    target = anndata.AnnData(seen, var=pd.DataFrame(index=genes[panel]), obsm={"spatial": places})
    files = str(folder / "reference.h5ad"), str(folder / "target.h5ad")
    for adata, file in zip((reference, target), files, strict=True):
        adata.write_h5ad(file)
    return files


def _drawn(rates: np.ndarray, kind: np.ndarray, depth: int, rng: np.random.Generator) -> sparse.csr_matrix:
    """Counts of cells of each kind, by drawing one molecule after the other."""
    rows, columns = [], []
    for one, shares in enumerate(np.cumsum(rates / rates.sum(axis=1, keepdims=True), axis=1)):
        cells = np.flatnonzero(kind == one)
        rows.append(np.repeat(cells, rng.poisson(depth, len(cells))).astype(np.int32))
        found = np.searchsorted(shares, rng.random(len(rows[-1])))
        columns.append(np.minimum(found, rates.shape[1] - 1).astype(np.int32))
    at = np.concatenate(rows), np.concatenate(columns)
    shape = len(kind), rates.shape[1]
    return sparse.csr_matrix((np.ones(len(at[0]), np.float32), at), shape)


def main(method: str, out: str, reference: str, target: str) -> None:
    """Run a method.

    Parameters
    ----------
    method
        Key of `METHODS`.
    out
        Folder.
    reference, target
        Files.
    """
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = METHODS[method](reference, target, out)
    print(json.dumps(found | {"seconds": time.perf_counter() - started, "peak GB": memory_gb("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
