"""A verb on a large section in a process of its own.

Usage: python -m benchmarks.scale.verbs VERB OUT SOURCE PATH [REFERENCE]; the last line printed is JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np

import sigel
from benchmarks.harness.processes import memory_gb
from benchmarks.scale.stores import SOURCES
from sigel.images.counts import SpotRows

N_DOMAINS, N_IMPUTED = 8, 100


def reading(adata: anndata.AnnData, out: Path, reference: str) -> None:
    """Each gene's counts added up: the least that any method needs.

    Parameters
    ----------
    adata, out, reference
        As all verbs take them.
    """
    total = np.zeros(adata.n_vars)
    for _, chunk in SpotRows(adata.X):
        total += np.asarray(chunk.sum(axis=0)).ravel()


def embed(adata: anndata.AnnData, out: Path, reference: str) -> None:
    """`sigel.tl.embed` at its defaults.

    Parameters
    ----------
    adata, out, reference
        As all verbs take them.
    """
    sigel.tl.embed(adata, progress=False, device="cpu")


def spatial_genes(adata: anndata.AnnData, out: Path, reference: str) -> None:
    """`sigel.tl.spatial_genes` at its defaults.

    Parameters
    ----------
    adata, out, reference
        As all verbs take them.
    """
    sigel.tl.spatial_genes(adata, progress=False, device="cpu")


def domains(adata: anndata.AnnData, out: Path, reference: str) -> None:
    """`sigel.tl.domains` of a given number.

    Parameters
    ----------
    adata, out, reference
        As all verbs take them.
    """
    sigel.tl.domains(adata, N_DOMAINS, progress=False, device="cpu")


def impute(adata: anndata.AnnData, out: Path, reference: str) -> None:
    """`sigel.tl.impute` of some genes, with intervals, into a file.

    Parameters
    ----------
    adata, out, reference
        As all verbs take them.
    """
    cells = anndata.read_h5ad(reference)
    genes = [str(gene) for gene in cells.var_names if gene not in adata.var_names][:N_IMPUTED]
    sigel.tl.impute(adata, cells, genes=genes, out=out / "imputed.h5ad", progress=False, device="cpu")


VERBS: dict[str, Callable[[anndata.AnnData, Path, str], None]] = {
    "reading": reading,
    "embed": embed,
    "spatial_genes": spatial_genes,
    "domains": domains,
    "impute": impute,
}


def main(verb: str, out: str, source: str, path: str, reference: str = "") -> None:
    """Run a verb; opening the section is timed with it.

    Parameters
    ----------
    verb
        Key of `VERBS`.
    out
        Folder.
    source, path
        Key of `SOURCES`, and where it lies.
    reference
        h5ad file of the reference, for `impute`.
    """
    before, started, cpu = memory_gb("VmRSS"), time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        VERBS[verb](SOURCES[source](path), Path(out), reference)
    marks = {"seconds": time.perf_counter() - started, "cpu seconds": time.process_time() - cpu}
    print(json.dumps(marks | {"peak GB": memory_gb("VmHWM"), "of it libraries": before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
