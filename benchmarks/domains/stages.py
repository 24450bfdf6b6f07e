"""A method of spatial domains on one tissue at some seeds, in a process of its own, by whichever Python can.

Usage: python -m benchmarks.domains.stages METHOD OUT FOLDER N_SEEDS; FOLDER holds what `hand_over` writes,
labels go to the folder OUT, the last line printed is JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
from scipy import sparse

from benchmarks.domains import baselines, peers
from benchmarks.domains.inputs import Found, Given
from benchmarks.harness.processes import in_own_process, memory_gb, on_threads

OWN, ALL, MORAN, CHOSEN = "its default", "all genes", "highest Moran's I", "chosen genes"
# One thread each: two methods run at a time, and all are timed alike.
SINGLE = on_threads(1)
LABELS = "labels.npy"
# What is compiled at a first call is no part of a method's time.
SMALL = {"n_rows": 14, "n_cols": 14, "genes_per_programme": 12, "n_background_genes": 20}


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Parameters
    ----------
    prepare
        From a tissue to the labels of a seed.
    package
        What must be installed.
    pipeline, genes
        Its name, and the genes it gets.
    """

    prepare: Callable[[Given], Found]
    package: str
    pipeline: str
    genes: str

    @property
    def name(self) -> str:
        """Pipeline and genes."""
        usual = OWN if self.pipeline.startswith("SIGEL") else ALL
        return self.pipeline if self.genes == usual else f"{self.pipeline}; {self.genes}"


OURS = "SIGEL, mixture"
UNGUIDED = f"{OURS}, number not given"
SMOOTHED = "19 spots, PCA, mixture"
SEURAT_LIKE, BANKSY, SPAGCN, GRAPHST = "Seurat-like, Leiden", "BANKSY", "SpaGCN", "GraphST"
_ALL_METHODS = [
    *(Method(peers.ours(), "sigel", OURS, genes) for genes in (OWN, MORAN, CHOSEN)),
    Method(peers.ours("leiden"), "igraph", "SIGEL, Leiden", OWN),
    Method(peers.ours("mclust"), "rpy2", "SIGEL, mclust", OWN),
    Method(peers.ours(), "sigel", UNGUIDED, OWN),
    Method(baselines.mixture(), "sklearn", "PCA, mixture", ALL),
    Method(baselines.mixture(7), "sklearn", "7 spots, PCA, mixture", ALL),
    *(Method(baselines.mixture(19), "sklearn", SMOOTHED, genes) for genes in (ALL, MORAN, CHOSEN)),
    Method(baselines.mixture(37), "sklearn", "37 spots, PCA, mixture", ALL),
    Method(baselines.mixture(7, scaled=True), "sklearn", "7 spots, z-scored, PCA, mixture", ALL),
    Method(baselines.mixture(19, scaled=True), "sklearn", "19 spots, z-scored, PCA, mixture", ALL),
    Method(baselines.mixture(19, 10), "sklearn", f"{SMOOTHED} of 10 starts", ALL),
    Method(baselines.seurat_like, "leidenalg", SEURAT_LIKE, ALL),
    *(
        Method(peers.nichepca(neighbours), "nichepca", f"NichePCA, {neighbours} neighbours", ALL)
        for neighbours in (10, 25)
    ),
    Method(peers.banksy, "banksy", BANKSY, ALL),
    Method(peers.spagcn, "SpaGCN", SPAGCN, ALL),
    Method(peers.graphst, "GraphST", GRAPHST, ALL),
]
METHODS = {method.name: method for method in _ALL_METHODS}
PEERS = ("nichepca", "banksy", "SpaGCN", "GraphST")
# Where sections are many: a few that are quick, of each kind.
QUICK_METHODS = (
    OURS,
    "PCA, mixture",
    "7 spots, PCA, mixture",
    SMOOTHED,
    "37 spots, PCA, mixture",
    "19 spots, z-scored, PCA, mixture",
    SEURAT_LIKE,
)


@dataclass(frozen=True)
class Outcome:
    """What a method found at each seed, and what it took.

    Parameters
    ----------
    labels
        `(n_seeds, n_spots)`.
    seconds, cpu_seconds
        Of one answer: what all seeds share and the median of the rest, by the clock and of the processors.
    peak_gb
        Largest memory of the process, libraries included.
    """

    labels: np.ndarray
    seconds: float
    cpu_seconds: float
    peak_gb: float


def bare(adata: anndata.AnnData) -> anndata.AnnData:
    """Counts, names of genes, places, numbers of sections: nothing that could tell a label.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    obs = adata.obs[[key for key in ("array_row", "array_col") if key in adata.obs]].copy()
    if "section" in adata.obs:
        obs["section"] = adata.obs["section"].astype("category").cat.codes.to_numpy(int)
    obs.index = [f"spot{n}" for n in range(adata.n_obs)]
    counts = sparse.csr_matrix(adata.X, dtype=np.float32)
    places = {"spatial": np.asarray(adata.obsm["spatial"], dtype=float)}
    return anndata.AnnData(counts, obs=obs, var=adata.var[[]], obsm=places)


def hand_over(
    folder: Path,
    adata: anndata.AnnData,
    n_domains: int,
    genes: dict[str, list[str]],
    seeds: list[int],
) -> None:
    """Write what a method shall see.

    Parameters
    ----------
    folder
        Where to.
    adata
        Spots x genes, raw counts.
    n_domains
        The wanted number.
    genes
        Names of the genes of `MORAN` and `CHOSEN`.
    seeds
        Of the answers.
    """
    bare(adata).write_h5ad(folder / "given.h5ad")
    (folder / "job.json").write_text(json.dumps({"n_domains": n_domains, "genes": genes, "seeds": seeds}))


def given_to(method: Method, folder: Path) -> tuple[Given, list[int]]:
    """The tissue in a folder as a method gets it, and the seeds.

    Parameters
    ----------
    method
        Which.
    folder
        As `hand_over` left it.
    """
    job = json.loads((folder / "job.json").read_text())
    adata = anndata.read_h5ad(folder / "given.h5ad")
    genes = {OWN: None, ALL: adata.var_names.tolist()} | job["genes"]
    n_domains = None if method.pipeline == UNGUIDED else job["n_domains"]
    return Given(adata, n_domains, genes[method.genes]), job["seeds"]


def run(method: Method, given: Given, seeds: list[int]) -> Outcome:
    """Run a method in this process.

    Parameters
    ----------
    method
        Which.
    given
        The tissue.
    seeds
        Of the answers.
    """
    labels, marks = [], [(time.perf_counter(), time.process_time())]
    # Some peers say what they do in a great many lines.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = method.prepare(given)
        marks.append((time.perf_counter(), time.process_time()))
        for seed in seeds:
            labels.append(np.asarray(found(seed), dtype=int))
            marks.append((time.perf_counter(), time.process_time()))
    shared, each = np.diff(marks, axis=0)[0], np.median(np.diff(marks, axis=0)[1:], axis=0)
    seconds, cpu_seconds = (shared + each).tolist()
    return Outcome(np.array(labels), seconds, cpu_seconds, memory_gb("VmHWM"))


def apply(
    name: str,
    folder: Path,
    *,
    python: str = sys.executable,
    alone: bool = True,
    n_seeds: int | None = None,
) -> Outcome:
    """Run a method on what lies in a folder.

    Parameters
    ----------
    name
        Key of `METHODS`.
    folder
        As `hand_over` left it.
    python
        Runs it; has the method's package.
    alone
        False runs it in this process, where memory may be that of something else.
    n_seeds
        Of the seeds there, the first so many; None: all.

    Raises
    ------
    RuntimeError
        When the method fails in its process; with what it said.
    """
    if not alone:
        given, seeds = given_to(METHODS[name], folder)
        return run(METHODS[name], given, seeds[:n_seeds])
    what = (name, str(folder), str(n_seeds or 0))
    labels, marks = in_own_process(__name__, *what, read=_load, python=python, environment=SINGLE)
    return Outcome(labels, **marks)


def _load(out: Path) -> np.ndarray:
    return np.load(out / LABELS)


def main(name: str, out: str, folder: str, n_seeds: str) -> None:
    """Run a method on the tissue in a folder.

    Parameters
    ----------
    name
        Key of `METHODS`.
    out
        Folder where the labels go.
    folder
        As `hand_over` left it.
    n_seeds
        Of the seeds there, the first so many; 0: all.
    """
    import sigel

    method = METHODS[name]
    importlib.import_module(method.package)
    small = bare(sigel.datasets.simulated_section(**SMALL))
    run(method, Given(small, 3, None if method.genes == OWN else small.var_names.tolist()), [0])
    given, seeds = given_to(method, Path(folder))
    made = run(method, given, seeds[: int(n_seeds) or None])
    np.save(Path(out) / LABELS, made.labels)
    marks = {"seconds": made.seconds, "cpu_seconds": made.cpu_seconds, "peak_gb": made.peak_gb}
    print(json.dumps(marks))


if __name__ == "__main__":
    main(*sys.argv[1:])
