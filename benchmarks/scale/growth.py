"""How the time of each verb grows with cells, genes, pixels and sections.

Usage: python -m benchmarks.scale.growth AXIS OUT SIZE SEED [quick]; the last line printed is JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import anndata
import numpy as np

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.large_sections import placed, scattered_cells
from benchmarks.harness.processes import in_own_process, on_threads
from benchmarks.harness.report import Table, say
from benchmarks.harness.sigel_rows import QUICK, QUICK_SECTION

NOTE = (
    "Simulated sections, one thing made larger and the others held: scattered cells of 200 genes with 60 "
    "counts each; genes over 3,400 spots; pixels along a side of the grid of 60,000 cells of 400 genes; "
    "sections of 1,000 spots and 1,400 genes. Verbs at their defaults after a first small call, two threads, "
    "a process for each size. The exponent is the slope of the logarithm of time over that of size, by least "
    "squares over all sizes: 1 is linear growth. Of pixels the size is their number."
)
SIZES: dict[str, tuple[int, ...]] = {
    "cells": (20_000, 80_000, 320_000),
    "genes": (1000, 4000, 16_000),
    "pixels": (24, 48, 96),
    "sections": (1, 2, 4, 8),
}
FEW: dict[str, tuple[int, ...]] = {
    "cells": (300, 600),
    "pixels": (8, 12),
}


def cells(size: int, seed: int) -> anndata.AnnData:
    """Scattered cells.

    Parameters
    ----------
    size
        How many.
    seed
        Of the draws.
    """
    return _scattered(size, 200 if size > 1000 else 40, seed)


def genes(size: int, seed: int) -> anndata.AnnData:
    """A section of many genes, half of them in programmes.

    Parameters
    ----------
    size
        How many genes.
    seed
        Of the simulation.
    """
    shape = {"n_rows": 72, "n_cols": 60} if size > 500 else {"n_rows": 16, "n_cols": 16}
    return sigel.datasets.simulated_section(
        seed=seed, n_programmes=8, genes_per_programme=size // 16, n_background_genes=size // 2, **shape
    )


def pixels(size: int, seed: int) -> anndata.AnnData:
    """Scattered cells, enough for any grid.

    Parameters
    ----------
    size
        Pixels along a side.
    seed
        Of the draws.
    """
    return _scattered(60_000, 400, seed) if size > 12 else _scattered(500, 40, seed)


def sections(size: int, seed: int) -> anndata.AnnData:
    """Sections side by side.

    Parameters
    ----------
    size
        How many.
    seed
        Of the simulation.
    """
    shape = {"n_rows": 36, "n_cols": 36, "genes_per_programme": 100, "n_background_genes": 600}
    made = [sigel.datasets.simulated_section(seed=seed + k, **shape) for k in range(size)]
    return anndata.concat(made, label="section", index_unique="-", keys=[f"S{k}" for k in range(size)])


def _scattered(n_cells: int, n_genes: int, seed: int) -> anndata.AnnData:
    counts, places = scattered_cells(n_cells, n_genes, 60.0, seed=seed)
    return placed(places, n_genes, counts)


AXES: dict[str, Callable[[int, int], anndata.AnnData]] = {
    "cells": cells,
    "genes": genes,
    "pixels": pixels,
    "sections": sections,
}


def seconds_of(axis: str, size: int, seed: int, *, quick: bool) -> dict[str, float]:
    """Seconds of each verb.

    Parameters
    ----------
    axis
        Key of `AXES`.
    size
        Along it.
    seed
        Of the simulation.
    quick
        Few epochs.
    """
    grid: dict[str, Any] = {"max_side": size} if axis == "pixels" else {}
    found: dict[str, float] = {}
    small = sigel.datasets.simulated_section(seed=seed, **QUICK_SECTION)
    key = "section" if axis == "sections" and size > 1 else None
    settings = QUICK | {"image": grid} if quick else {"image": grid}
    verbs: dict[str, Callable[[anndata.AnnData, str | None], object]] = {
        "embed": lambda adata, key: sigel.tl.embed(
            adata, config=settings, section_key=key, seed=seed, progress=False, device="cpu"
        ),
        "spatial_genes": lambda adata, key: sigel.tl.spatial_genes(
            adata, config=grid or None, section_key=key, seed=seed, progress=False, device="cpu"
        ),
        "domains": lambda adata, key: sigel.tl.domains(
            adata, 6, section_key=key, seed=seed, progress=False, device="cpu"
        ),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adata = AXES[axis](size, seed)
        for name, verb in verbs.items():
            if axis == "pixels" and name == "domains":
                continue  # knows no pixels
            verb(small.copy(), None)  # what a first call loads and compiles
            own = adata.copy()
            started = time.perf_counter()
            verb(own, key)
            found[name] = time.perf_counter() - started
    return found


def growth(job: Job) -> list[Table]:
    """The tables: seconds by size, and exponents.

    Parameters
    ----------
    job
        The call.
    """
    tables = []
    for axis, sizes in (FEW if job.quick else SIZES).items():
        rows: list[dict[str, Any]] = []
        for size in sizes:
            given = (str(size), str(job.seed), *(["quick"] if job.quick else []))
            _, marks = in_own_process(
                __name__,
                axis,
                *given,
                read=lambda _: None,
                python=sys.executable,
                environment=on_threads(2),
            )
            rows.append({axis: f"{size} x {size}" if axis == "pixels" else str(size)} | marks)
            say(f"growth: {rows[-1]}")
        scale = np.array(sizes, dtype=float) ** (2 if axis == "pixels" else 1)
        slopes = {name: exponent(scale, [row[name] for row in rows]) for name in rows[0] if name != axis}
        tables.append(
            {"title": f"seconds by {axis}", "note": NOTE, "rows": [*rows, {axis: "exponent"} | slopes]}
        )
    return tables


def exponent(sizes: np.ndarray, seconds: list[float]) -> float:
    """Slope of log seconds over log size.

    Parameters
    ----------
    sizes, seconds
        As many of both.
    """
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main(axis: str, out: str, size: str, seed: str, quick: str = "") -> None:
    """Time the verbs at a size.

    Parameters
    ----------
    axis
        Key of `AXES`.
    out
        Stays empty.
    size, seed
        Whole numbers.
    quick
        Not empty: few epochs.
    """
    print(json.dumps(seconds_of(axis, int(size), int(seed), quick=bool(quick))))


if __name__ == "__main__":
    main(*sys.argv[1:])
