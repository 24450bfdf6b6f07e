"""The same sizes from R: by file through `sigel_command()`, and in the session where R can hold them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness.job import Job
from benchmarks.harness.large_sections import write_cells
from benchmarks.harness.processes import last_line, on_threads
from benchmarks.harness.r_process import R, find_r, in_r
from benchmarks.harness.report import Table, say
from benchmarks.scale.stores import BINS, CELLS, write_bins
from benchmarks.scale.tables import FEW_BINS, FEW_CELLS, FEW_SPOTS, REFERENCE
from benchmarks.scale.verbs import N_DOMAINS, N_IMPUTED

# `path`, `reference` and `out` are set before; what is printed last are the marks.
PROCESS = """
suppressPackageStartupMessages(library(sigel))
stopifnot(sigel_available())
began <- proc.time()[["elapsed"]]
{code}
seconds <- proc.time()[["elapsed"]] - began
status <- readLines("/proc/self/status")
peak <- as.numeric(sub("[^0-9]*([0-9]+).*", "\\\\1", grep("^VmHWM", status, value = TRUE)))
cat("\\n{{\\"seconds\\": ", seconds, ", \\"peak GB\\": ", peak * 1024 / 1e9, "}}\\n", sep = "")
"""
BY_FILE = {
    "embed": 'sigel_command("embed", path, out = file.path(out, "embedded.h5ad"), verbose = FALSE)',
    "spatial_genes": 'table <- sigel_command("genes", path, verbose = FALSE)',
    "domains": f'table <- sigel_command("domains", path, n.domains = {N_DOMAINS}, verbose = FALSE)',
    "impute": f"""
genes <- reticulate::import("anndata")$read_h5ad(reference, backed = "r")$var_names$to_list()
panel <- reticulate::import("anndata")$read_h5ad(path, backed = "r")$var_names$to_list()
sigel_command(
  "impute", path, reference = reference, genes = setdiff(genes, panel)[seq_len({N_IMPUTED})],
  out = file.path(out, "imputed.h5ad"), verbose = FALSE
)
""",
}
READ = 'section <- ReadSection(path, image = "fov")\n'
IN_SESSION = {
    "ReadSection": READ,
    "RunSIGEL": READ + "section <- RunSIGEL(section, verbose = FALSE)",
    "FindSpatialGenes": READ + "section <- FindSpatialGenes(section, verbose = FALSE)",
    "FindSpatialDomains": READ
    + f"section <- FindSpatialDomains(section, n.domains = {N_DOMAINS}, verbose = FALSE)",
}
NOTE = (
    "Simulated, as in large_cells and large_bins, an h5ad file. Each verb at its defaults in an R of its own "
    "on two threads; peak memory of that process, GB of 1e9 bytes, R, Python and their libraries included. "
    "By file: `sigel_command()`; in the session: `ReadSection()` and the verb, reading included."
)


def large_from_r(job: Job) -> list[Table]:
    """A million cells, and bins of a whole transcriptome, from R.

    Parameters
    ----------
    job
        The call.
    """
    r = find_r()
    if isinstance(r, str):
        say(f"large_from_r: {r}")
        return []
    cells, bins, spots = (FEW_CELLS, FEW_BINS, FEW_SPOTS) if job.quick else (CELLS, BINS, REFERENCE)
    with tempfile.TemporaryDirectory() as made:
        reference, path = Path(made) / "reference.h5ad", Path(made) / "cells.h5ad"
        write_cells(reference, **spots, seed=job.seed + 1)
        write_cells(path, **cells, seed=job.seed)
        of_cells = _rows(job, r, "by file", BY_FILE, path, reference)
        of_cells += _rows(job, r, "in the session", IN_SESSION, path, reference)
        path.unlink()
        write_bins(path, **bins, seed=job.seed)
        of_genes = {verb: code for verb, code in BY_FILE.items() if verb != "impute"}
        of_bins = _rows(job, r, "by file", of_genes, path, reference)
    titles = (
        f"{cells['n_cells']:,} cells x {cells['n_genes']:,} genes",
        f"{bins['n_bins']:,} bins x {bins['n_genes']:,} genes",
    )
    return [
        {"title": title, "note": NOTE, "rows": rows}
        for title, rows in zip(titles, (of_cells, of_bins), strict=True)
    ]


def _rows(
    job: Job, r: R, way: str, codes: dict[str, str], path: Path, reference: Path
) -> list[dict[str, Any]]:
    """Marks of each verb; of the first alone in a quick call."""
    asked = list(codes.items())[: 1 if job.quick else None]
    return [_row(r, way, verb, code, path, reference) for verb, code in asked]


def _row(r: R, way: str, verb: str, code: str, path: Path, reference: Path) -> dict[str, Any]:
    """Marks of a verb."""
    with tempfile.TemporaryDirectory() as out:
        given = {"path": path, "reference": reference, "out": out}
        lines = "\n".join(f"{name} <- {in_r(str(value))}" for name, value in given.items())
        command = [r.program, "-e", lines + PROCESS.format(code=code)]
        marks = last_line(f"{verb} in R", command, r.environment | on_threads(2))
    row = {"way": way, "verb": verb} | marks
    say(f"large_from_r: {row}")
    return row
