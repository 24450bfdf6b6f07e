"""A method on some sections, in a process of its own, if need be by another Python that has its package.

Usage: python -m benchmarks.spatial_genes.stages METHOD FOLDER FILE ...; tables go to FOLDER, the last
line is JSON.

Packages that the project does not need are looked for in the running Python and in that of the variable
SIGEL_PEERS: that of an environment with those packages and with what the project needs itself.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import pandas as pd

import sigel
from benchmarks.harness.processes import by_python, memory_gb, python_with
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
    if (
        method.startswith("SIGEL")
        and importlib.util.find_spec("sigel.tasks.spatial_genes.one_section") is None
    ):
        return "not in this version"
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
    with tempfile.TemporaryDirectory() as folder:
        marks = by_python(python, __name__, method, folder, *files)
        tables = [
            pd.read_csv(Path(folder) / f"{n}.csv", float_precision="round_trip") for n in range(len(files))
        ]
    return Outcome(tables, **marks)


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


def main(method: str, folder: str, *files: str) -> None:
    """Run a method on files, tables into a folder.

    Parameters
    ----------
    method
        Key of `METHODS`.
    folder
        Where tables go.
    *files
        h5ad files.
    """
    if method != "surface":  # what is compiled or imported at the first call is no part of the time
        _timed(method, sigel.datasets.simulated_section(**SMALL))
    before, seconds = memory_gb("VmRSS"), []
    for n, file in enumerate(files):
        table, took = _timed(method, anndata.read_h5ad(file))
        table.to_csv(Path(folder) / f"{n}.csv", index=False)
        seconds.append(took)
    print(json.dumps({"seconds": seconds, "before_gb": before, "peak_gb": memory_gb("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
