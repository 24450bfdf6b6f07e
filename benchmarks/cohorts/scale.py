"""What many sections take: changed genes of simulated cohorts that lie on disk, beside reading them.

Usage: python -m benchmarks.cohorts.scale METHOD OUT FILE ...; the last line printed is JSON.
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
import numpy as np

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.processes import marks_of_each, memory_gb
from benchmarks.harness.report import Table, say

# Sections, genes without a programme, and spots along a side: 750 and 2,300 spots.
SIZES = ((6, 2000, 32), (12, 4000, 32), (24, 8000, 32), (24, 8000, 56))
QUICK = ((4, 40, 12),)
PROGRAMMES, GENES_OF_A_PROGRAMME = 8, 250
NOTE = (
    "Simulated sections, half of them of each condition, each of a donor of its own, handed over as "
    "files; all genes have an image in most sections. A process of its own on two threads; peak memory "
    "of the process, libraries included. Reading: what it takes to read the files and add up each "
    "gene's counts, the least that any method needs. Goal: 24 sections x 10,000 genes in 300 seconds "
    "and 4 GB."
)


def changed_genes(files: list[str]) -> None:
    """`sigel.tl.disease_genes` at its defaults.

    Parameters
    ----------
    files
        Sections, of two conditions by turns.
    """
    condition = [("control", "case")[2 * k >= len(files)] for k in range(len(files))]
    sections = dict(zip(map(str, range(len(files))), files, strict=True))
    named = dict(zip(sections, condition, strict=True))
    sigel.tl.disease_genes(sections, named, progress=False, device="cpu")


def reading(files: list[str]) -> None:
    """The counts of each gene in each section.

    Parameters
    ----------
    files
        Sections.
    """
    for file in files:
        np.asarray(anndata.read_h5ad(file).X.sum(axis=0))


METHODS: dict[str, Callable[[list[str]], None]] = {"SIGEL": changed_genes, "reading": reading}


def cohort_scale(job: Job) -> list[Table]:
    """The table.

    Parameters
    ----------
    job
        The call.
    """
    rows = []
    for n_sections, background, side in QUICK if job.quick else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            files, row = _made(Path(folder), n_sections, background, side, job)
            row |= marks_of_each(__name__, METHODS, *files)
            rows.append(row | {"times reading": row["seconds, SIGEL"] / row["seconds, reading"]})
            say(f"cohort_scale: {rows[-1]}")
    return [{"title": "seconds and memory of many sections", "note": NOTE, "rows": rows}]


def _made(
    folder: Path, n_sections: int, background: int, side: int, job: Job
) -> tuple[list[str], dict[str, object]]:
    """Files of a cohort, and its size."""
    made = sigel.datasets.simulated_cohort(
        (n_sections // 2, n_sections // 2),
        seed=job.seed,
        n_rows=side,
        n_cols=side,
        n_programmes=PROGRAMMES if not job.quick else 3,
        genes_per_programme=GENES_OF_A_PROGRAMME if not job.quick else 20,
        n_background_genes=background,
    )
    files = []
    for k, one in enumerate(made):
        files.append(str(folder / f"{k}.h5ad"))
        one.write_h5ad(files[-1])
    spots = round(float(np.mean([one.n_obs for one in made])))
    return files, {"sections": n_sections, "genes": made[0].n_vars, "spots of a section": spots}


def main(method: str, out: str, *files: str) -> None:
    """Run a method; `out` stays empty.

    Parameters
    ----------
    method
        Key of `METHODS`.
    out
        Folder.
    *files
        Sections.
    """
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        METHODS[method](list(files))
    print(json.dumps({"seconds": time.perf_counter() - started, "peak GB": memory_gb("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
