"""A method of imputation on the folds of a split, in a process of its own, if need be by another Python.

Usage: python -m benchmarks.imputation.stages METHOD OUT FOLDER; FOLDER holds what `hand_over` writes, results
go to the folder OUT, the last line printed is JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

from benchmarks.harness.processes import in_own_process, memory_gb
from benchmarks.imputation import baselines
from benchmarks.imputation.folds import Fold, Predicted, fold_of
from benchmarks.imputation.peers import GIMVI_EPOCHS, TANGRAM_EPOCHS, gimvi, ours, tangram


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Parameters
    ----------
    call
        From a fold to what it found.
    package
        What must be installed.
    """

    call: Callable[[Fold], Predicted]
    package: str = "sklearn"


AUTO = "SIGEL, auto"
TANGRAM, GIMVI = f"Tangram, {TANGRAM_EPOCHS} epochs", f"gimVI, {GIMVI_EPOCHS} epochs"
OURS = {
    AUTO: Method(ours("auto"), "sigel"),
    **{
        f"SIGEL, {name}": Method(ours(name), "sigel")
        for name in ("representation", "ridge", "neighbors", "gan")
    },
}
PEERS = {
    TANGRAM: Method(tangram, "tangram"),
    GIMVI: Method(gimvi, "scvi"),
}
BASELINES = {
    "mean image": Method(baselines.mean_image),
    "kNN of spots": Method(baselines.spot_neighbours),
    "kNN of spots, smoothed": Method(baselines.smoothed_neighbours),
    "kNN of images": Method(baselines.image_neighbours),
    "ridge on PCA": Method(baselines.ridge_on_components),
    "SpaGE-style": Method(baselines.spage),
}
METHODS = {**BASELINES, **OURS, **PEERS}


@dataclass(frozen=True)
class Outcome:
    """What a method found in each fold, and what it took.

    Parameters
    ----------
    folds
        One a fold.
    seconds, cpu_seconds
        Of each: by the clock, and of the processors, which tells more where they are shared.
    peak_gb
        Largest memory of the process, libraries included.
    """

    folds: list[Predicted]
    seconds: list[float]
    cpu_seconds: list[float]
    peak_gb: float


def hand_over(
    folder: Path,
    target: anndata.AnnData,
    references: list[anndata.AnnData],
    folds: list[list[str]],
    seed: int,
    *,
    quick: bool = False,
) -> None:
    """Write what a method shall see: only counts, names and coordinates.

    Parameters
    ----------
    folder
        Where to.
    target, references
        As in `Fold`, all genes of the folds still in the target; references with places or without.
    folds
        Genes held out at a time.
    seed, quick
        As in `Fold`.
    """
    for name, adata in {"target": target, **{f"reference{n}": r for n, r in enumerate(references)}}.items():
        places = {key: adata.obsm[key] for key in ("spatial",) if key in adata.obsm}
        bare = anndata.AnnData(adata.X, obs=adata.obs[[]], var=adata.var[[]], obsm=places)
        bare.write_h5ad(folder / f"{name}.h5ad")
    job = {"folds": folds, "n_references": len(references), "seed": seed, "quick": quick}
    (folder / "job.json").write_text(json.dumps(job))


def apply(method: str, folder: Path, *, python: str = sys.executable, alone: bool = True) -> Outcome:
    """Run a method on what lies in a folder.

    Parameters
    ----------
    method
        Key of `METHODS`.
    folder
        As `hand_over` left it.
    python
        Runs it; has the method's package.
    alone
        False runs it in this process, where memory may be that of something else.

    Raises
    ------
    RuntimeError
        When the method fails in its process; with what it said.
    """
    if not alone:
        made = [_timed(method, fold) for fold in read_folds(folder)]
        folds, seconds, cpu = (list(column) for column in zip(*made, strict=True))
        return Outcome(folds, seconds, cpu, memory_gb("VmHWM"))
    folds, marks = in_own_process(__name__, method, str(folder), read=_load_all, python=python)
    return Outcome(folds, **marks)


def read_folds(folder: Path) -> list[Fold]:
    """The folds that lie in a folder.

    Parameters
    ----------
    folder
        As `hand_over` left it.
    """
    job = json.loads((folder / "job.json").read_text())
    target = anndata.read_h5ad(folder / "target.h5ad")
    references = [anndata.read_h5ad(folder / f"reference{n}.h5ad") for n in range(job["n_references"])]
    return [fold_of(target, references, held, job["seed"], quick=job["quick"]) for held in job["folds"]]


def _timed(method: str, fold: Fold) -> tuple[Predicted, float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clock, cpu = time.perf_counter(), time.process_time()
        found = METHODS[method].call(fold)
        return found, time.perf_counter() - clock, time.process_time() - cpu


def _save(folder: Path, n: int, found: Predicted) -> None:
    for name in ("values", "lower", "upper"):
        if (x := getattr(found, name)) is not None:
            np.save(folder / f"{n}.{name}.npy", x.astype(np.float32))
    if found.genes is not None:
        found.genes.to_csv(folder / f"{n}.csv")
    (folder / f"{n}.json").write_text(json.dumps(found.about))


def _load_all(folder: Path) -> list[Predicted]:
    return [_load(folder, n) for n in range(len(list(folder.glob("*.json"))))]


def _load(folder: Path, n: int) -> Predicted:
    arrays = [folder / f"{n}.{name}.npy" for name in ("values", "lower", "upper")]
    values, lower, upper = (np.load(path) if path.is_file() else None for path in arrays)
    assert values is not None
    table = folder / f"{n}.csv"
    genes = pd.read_csv(table, index_col=0, float_precision="round_trip") if table.is_file() else None
    return Predicted(values, lower, upper, genes, json.loads((folder / f"{n}.json").read_text()))


def main(method: str, out: str, folder: str) -> None:
    """Run a method on the folds in a folder.

    Parameters
    ----------
    method
        Key of `METHODS`.
    out
        Folder where results go.
    folder
        As `hand_over` left it.
    """
    importlib.import_module(METHODS[method].package)  # its time is no part of the method's
    seconds, cpu_seconds = [], []
    for n, fold in enumerate(read_folds(Path(folder))):
        found, took, cpu = _timed(method, fold)
        _save(Path(out), n, found)
        seconds.append(took)
        cpu_seconds.append(cpu)
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_gb": memory_gb("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
