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
from typing import Any

import anndata
import numpy as np

import sigel
from benchmarks.harness.processes import memory_gb
from benchmarks.scale.stores import SOURCES
from sigel.images.counts import SpotRows

N_DOMAINS, N_IMPUTED = 8, 100
PLAIN: dict[str, Any] = {"progress": False, "device": "cpu"}


def reading(adata: anndata.AnnData, out: Path, reference: str) -> None:
    """Each gene's counts added up: the least that any method needs.

    Parameters
    ----------
    adata
        The section.
    out, reference
        As all verbs take them; not used.
    """
    total = np.zeros(adata.n_vars)
    for _, chunk in SpotRows(adata.X):
        total += np.asarray(chunk.sum(axis=0)).ravel()


def impute(adata: anndata.AnnData, out: Path, reference: str) -> None:
    """`sigel.tl.impute` of some genes, with intervals, into a file.

    Parameters
    ----------
    adata
        The section.
    out
        Folder.
    reference
        h5ad file.
    """
    cells = anndata.read_h5ad(reference)
    genes = [str(gene) for gene in cells.var_names if gene not in adata.var_names][:N_IMPUTED]
    sigel.tl.impute(adata, cells, genes=genes, out=out / "imputed.h5ad", **PLAIN)


VERBS: dict[str, Callable[[anndata.AnnData, Path, str], object]] = {
    "reading": reading,
    "embed": lambda adata, *_: sigel.tl.embed(adata, **PLAIN),
    "spatial_genes": lambda adata, *_: sigel.tl.spatial_genes(adata, **PLAIN),
    "domains": lambda adata, *_: sigel.tl.domains(adata, N_DOMAINS, **PLAIN),
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
