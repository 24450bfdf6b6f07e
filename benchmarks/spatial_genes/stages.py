"""A method on some sections, in a process of its own, if need be by another Python that has its package.

Usage: python -m benchmarks.spatial_genes.stages METHOD OUT FILE ...; tables go to the folder OUT, the last
line printed is JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import pandas as pd

import sigel
from benchmarks.harness.processes import in_own_process, memory_gb, python_with
from benchmarks.spatial_genes.peers import KNOWN, PEERS, TESTS_ALONE

METHODS = PEERS | {"surface": KNOWN, "SIGEL, test alone": TESTS_ALONE}
SMALL: dict[str, Any] = {"n_rows": 14, "n_cols": 14, "genes_per_programme": 5, "n_background_genes": 10}


@dataclass(frozen=True)
class Outcome:
    """What a method found, and what it took.

    Parameters
    ----------
    tables
        One a section, rows numbered in the order of its genes.
    seconds
        Of each.
    before_gb, peak_gb
        Memory of the process before the first section, and at most.
    """

    tables: list[pd.DataFrame]
    seconds: list[float]
    before_gb: float
    peak_gb: float


def why_not(method: str) -> str | None:
    """Why a method cannot run here; None where it can.

    Parameters
    ----------
    method
        Key of `METHODS`.
    """
    return None if python_with(METHODS[method].package) else "not installed"


def apply(method: str, sections: Iterable[anndata.AnnData], *, alone: bool = True) -> Outcome:
    """Run a method on some sections.

    Parameters
    ----------
    method
        Key of `METHODS`, one that `why_not` has nothing against.
    sections
        Spots x genes, raw counts.
    alone
        False runs it in this process where its package is here; memory may then be that of something else.

    Raises
    ------
    RuntimeError
        When the method fails; with what it said.
    """
    if not alone and python_with(METHODS[method].package) == sys.executable:
        before, tables, seconds = memory_gb("VmRSS"), [], []
        for adata in sections:
            table, took = _timed(method, adata)
            tables.append(table)
            seconds.append(took)
        return Outcome(tables, seconds, before, memory_gb("VmHWM"))
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for n, adata in enumerate(sections):
            files.append(str(Path(folder) / f"{n}.h5ad"))
            _plain(adata).write_h5ad(files[-1])
        return apply_files(method, files)


def applied(
    methods: Iterable[str], sections: list[anndata.AnnData], *, alone: bool
) -> Iterator[tuple[str, list[pd.DataFrame]]]:
    """Each method that can run here with its tables of some sections.

    Parameters
    ----------
    methods
        Keys of `METHODS`.
    sections, alone
        As in `apply`.
    """
    for method in methods:
        if why_not(method) is None:
            yield method, apply(method, sections, alone=alone).tables


def apply_files(method: str, files: list[str]) -> Outcome:
    """Run a method on sections that lie on disk.

    Parameters
    ----------
    method
        Key of `METHODS`.
    files
        h5ad files; reading them is not timed.
    """
    python = python_with(METHODS[method].package)
    assert python is not None
    tables, marks = in_own_process(__name__, method, *files, read=_load, python=python)
    return Outcome(tables, **marks)


def _load(out: Path) -> list[pd.DataFrame]:
    n_files = len(list(out.iterdir()))
    return [pd.read_csv(out / f"{n}.csv", float_precision="round_trip") for n in range(n_files)]


def _plain(adata: anndata.AnnData) -> anndata.AnnData:
    """Only what methods need, so that other versions of anndata can read it."""
    lattice = [key for key in ("array_row", "array_col") if key in adata.obs]
    known = [key for key in ("family", "weight") if key in adata.var]
    obsm = {key: adata.obsm[key] for key in ("spatial", "surface") if key in adata.obsm}
    uns = {key: adata.uns[key] for key in ("families", "dispersions") if key in adata.uns}
    return anndata.AnnData(adata.X, obs=adata.obs[lattice], var=adata.var[known], obsm=obsm, uns=uns)


def _timed(method: str, adata: anndata.AnnData) -> tuple[pd.DataFrame, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        table = METHODS[method].call(adata)
        took = time.perf_counter() - started
    return table.reset_index(drop=True), took


def main(method: str, out: str, *files: str) -> None:
    """Run a method on files, tables into a folder.

    Parameters
    ----------
    method
        Key of `METHODS`.
    out
        Folder where tables go.
    *files
        h5ad files.
    """
    if method != "surface":  # what is compiled or imported at the first call is no part of the time
        _timed(method, sigel.datasets.simulated_section(**SMALL))
    before, seconds = memory_gb("VmRSS"), []
    for n, file in enumerate(files):
        table, took = _timed(method, anndata.read_h5ad(file))
        table.to_csv(Path(out) / f"{n}.csv", index=False)
        seconds.append(took)
    print(json.dumps({"seconds": seconds, "before_gb": before, "peak_gb": memory_gb("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
