"""What the largest sections take: a million cells from each kind of file, bins of a whole transcriptome."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness.job import Job
from benchmarks.harness.large_sections import write_cells
from benchmarks.harness.processes import in_own_process, on_threads
from benchmarks.harness.report import Table, say
from benchmarks.scale.stores import BEYOND, BINS, CELLS, write_bins, write_many_counts, write_stores
from benchmarks.scale.verbs import VERBS

# A section as a reference: spots x genes of one of a whole transcriptome.
REFERENCE: dict[str, Any] = {"n_cells": 5_000, "n_genes": 3_000, "counts": 3_000.0}
FEW_CELLS: dict[str, Any] = {"n_cells": 600, "n_genes": 40, "counts": 30.0}
FEW_BINS: dict[str, Any] = {"n_bins": 400, "n_genes": 60, "counts": 40.0}
FEW_COUNTS: dict[str, Any] = {"n_cells": 480, "n_genes": 50, "counts": 70.0}
FEW_SPOTS: dict[str, Any] = {"n_cells": 400, "n_genes": 140, "counts": 300.0}
WHOLE = ("reading", "embed", "spatial_genes", "domains")
NOTE = (
    "Simulated. Each verb at its defaults in a process of its own on two threads, opening the file included; "
    "peak memory of the process, libraries included, GB of 1e9 bytes. Reading: each gene's counts added up, "
    "the least that any method needs. Domains: eight; of a number that is not given they take some ten times "
    "as long. Counts stay in `h5ad`, `zarr` and `dask` and are read a piece at a time; the table of "
    "SpatialData is in memory."
)
IMPUTING = " Imputing: 100 genes with intervals, into a file, from a section of {spots} spots."
BEYOND_NOTE = (
    " More than 2^31, so that no sparse matrix of R and no 32-bit index holds them. Domains keep counts in "
    "memory and are left out."
)


def large_cells(job: Job) -> list[Table]:
    """A million cells.

    Parameters
    ----------
    job
        The call.
    """
    cells, spots = (FEW_CELLS, FEW_SPOTS) if job.quick else (CELLS, REFERENCE)
    with tempfile.TemporaryDirectory() as made:
        reference = Path(made) / "reference.h5ad"
        write_cells(reference, **spots, seed=job.seed + 1)
        stores = write_stores(Path(made), job.seed, **cells)
        rows = [_row(verb, source, stores[source], reference) for verb in VERBS for source in stores]
    note = NOTE + IMPUTING.format(spots=f"{spots['n_cells']:,}")
    return [{"title": f"{cells['n_cells']:,} cells x {cells['n_genes']:,} genes", "note": note, "rows": rows}]


def large_bins(job: Job) -> list[Table]:
    """Bins of a whole transcriptome.

    Parameters
    ----------
    job
        The call.
    """
    bins = FEW_BINS if job.quick else BINS
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "bins.h5ad"
        write_bins(path, **bins, seed=job.seed)
        rows = [_row(verb, "h5ad", path, path) for verb in WHOLE[: 2 if job.quick else 4]]
    return [{"title": f"{bins['n_bins']:,} bins x {bins['n_genes']:,} genes", "note": NOTE, "rows": rows}]


def large_counts(job: Job) -> list[Table]:
    """More counts than 2^31.

    Parameters
    ----------
    job
        The call.
    """
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "counts.h5ad"
        n_counts = write_many_counts(path, **(FEW_COUNTS if job.quick else BEYOND), seed=job.seed)
        rows = [_row(verb, "h5ad", path, path) for verb in WHOLE[: 2 if job.quick else 3]]
    title = f"{n_counts:,} counts that are not 0"
    return [{"title": title, "note": NOTE + BEYOND_NOTE, "rows": rows}]


def _row(verb: str, source: str, path: Path, reference: Path) -> dict[str, Any]:
    """Marks of a verb."""
    _, marks = in_own_process(
        "benchmarks.scale.verbs",
        verb,
        source,
        str(path),
        str(reference),
        read=lambda _: None,
        python=sys.executable,
        environment=on_threads(2),
    )
    row = {"verb": verb, "source": source} | marks
    say(f"{verb}, {source}: {row}")
    return row
