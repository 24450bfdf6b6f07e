"""Time and memory of the main jobs, the machine's own limits, what imports and the R door cost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.large_sections import CELLS, DOORS, SMALL, VISIUM, write_section
from benchmarks.harness.processes import Result
from benchmarks.harness.r_process import find_r
from benchmarks.harness.report import Table, say
from benchmarks.harness.sigel_rows import QUICK_SECTION
from benchmarks.speed import hardware_floor as limits
from benchmarks.speed.imports import import_table
from benchmarks.speed.r_door import seconds_in_r
from benchmarks.speed.stages import measure

# Seconds and GB; on a GPU the fit has a goal of its own.
GOALS: dict[str, tuple[float | None, float | None]] = {
    "images": (0.5, 2.0),
    "embed": (180.0, 2.0),
    "embed, GPU": (10.0, 2.0),
    "cells": (60.0, 4.0),
}
QUICK_CELLS = {"n_cells": 4000, "n_genes": 30, "counts": 20.0}
N_DOORS = 2
NOTE = (
    "Each line in a process of its own. Peak memory is the process's largest, libraries and the section "
    "included; held before is that of libraries and section alone. GB of 1e9 bytes."
)


def speed(job: Job) -> list[Table]:
    """The tables of time and memory, of ratios, of the floor, of imports and of the doors.

    Parameters
    ----------
    job
        The call.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "section.h5ad"
        n_spots, n_genes = write_section(path, job.seed, **(QUICK_SECTION if job.quick else VISIUM))
        say(f"speed: {n_genes} genes, {n_spots} spots")
        configs = job.configs()
        found = _stages(job, path, configs)
        title = f"time and memory, {n_genes} genes, {n_spots} spots, {_grid(found['images'])} pixels"
        tables = [{"title": title, "note": NOTE, "rows": _rows(found)}]
        tables.append(_ratios(found))
        tables.append(_floor(configs, found, quick=job.quick))
        tables.append(import_table(1, warm=False) if job.quick else import_table())
        tables += _doors(job, Path(folder) / "doors.h5ad")
    return tables


def _stages(job: Job, path: Path, configs: dict[str, sigel.SIGELConfig]) -> dict[str, Result]:
    """All results by the name of their row."""
    found: dict[str, Result] = {}

    def run(name: str, stage: str, **settings: Any) -> None:
        found[name] = measure(stage, **settings)
        say(f"  {name:<42} {found[name]['seconds']:8.2f} s {found[name]['peak_gb']:6.2f} GB")

    # In a quick call a process each would be most of the time; the first shows that it works.
    alone = not job.quick
    run("images", "images", path=str(path), times=1 if job.quick else 3)
    for name, config in configs.items():
        settings = {"path": str(path), "config": config.to_dict(), "seed": job.seed}
        run(f"embed, {name}", "embed", alone=alone, **settings)
    run("components", "components", alone=alone, path=str(path), seed=job.seed)
    run("filtered", "filtered", alone=alone, path=str(path))
    cells = QUICK_CELLS if job.quick else CELLS
    run("cells", "cells", alone=alone, seed=job.seed, **cells)
    on_disk = str(path.with_name("cells.h5ad"))
    measure("write_cells", alone=alone, path=on_disk, seed=job.seed, **cells)
    run("streamed", "streamed", alone=alone, path=on_disk)
    return found


def _grid(result: Result) -> str:
    return " x ".join(map(str, result["shape"]))


def _row(work: str, result: Result, goal: tuple[float | None, float | None] = (None, None)) -> dict[str, Any]:
    return {
        "work": work,
        "seconds": result["seconds"],
        "goal, seconds": goal[0],
        "peak GB": result.get("peak_gb"),
        "goal, GB": goal[1],
        "held before, GB": result.get("before_gb"),
    }


def _rows(found: dict[str, Result]) -> list[dict[str, Any]]:
    fit = GOALS["embed, GPU" if torch.cuda.is_available() else "embed"]
    rows = [_row("gene images from a CSR matrix, best of 3", found["images"], GOALS["images"])]
    for name, result in found.items():
        if name.startswith("embed, "):
            rows.append(_row(f"tl.em{name[2:]}", result, fit))
            parts = dict(result["stages"])
            parts["the rest"] = result["seconds"] - sum(parts.values())
            parts["encoding all genes by the saved model, afterwards"] = result["encode_seconds"]
            preset = name.removeprefix("embed, ")
            rows += [_row(f"- {preset}: {part}", {"seconds": value}) for part, value in parts.items()]
    rows.append(_row("baseline: PCA 32 of dense z-scored images (randomised)", found["components"]))
    rows.append(_row("baseline: PCA 32 of Wiener-filtered residuals", found["filtered"]))
    for name, where in (("cells", ""), ("streamed", "streamed from an h5ad file, opened: ")):
        cells = found[name]
        work = f"{where}images of scattered cells, {cells['entries']:,} entries"
        rows.append(_row(work, cells, GOALS["cells"]))
    return rows


def _ratios(found: dict[str, Result]) -> Table:
    base = found["components"]["seconds"], found["filtered"]["seconds"]
    rows = [
        {
            "work": f"tl.em{name[2:]}",
            "over PCA 32 of z-scored images": result["seconds"] / base[0],
            "over PCA 32 of Wiener-filtered": result["seconds"] / base[1],
        }
        for name, result in found.items()
        if name.startswith("embed, ")
    ]
    return {"title": "time over that of the baselines", "rows": rows}


def _floor(configs: dict[str, sigel.SIGELConfig], found: dict[str, Result], *, quick: bool) -> Table:
    rates = limits.rates(*((256, 16, 2) if quick else ()))
    size = found["images"]
    rows = [_share("gene images", limits.images_floor(size["entries"]), size["seconds"], rates)]
    for name in configs:
        result = found[f"embed, {name}"]
        settings = sigel.SIGELConfig.from_dict(result["config"])  # what was "auto" is a number there
        sizes = size["n_genes"], size["n_pixels"], result["n_patches"]
        epochs = result["epochs"].get("pretrain", 0), result["epochs"].get("refine", 0)
        works = limits.floor(settings, *sizes, epochs=epochs, n_groups=result["n_groups"])
        taken = result["stages"] | {"encode": result["encode_seconds"]}
        rows += [
            _share(f"{stage}, {name}", work, taken[stage], rates)
            for stage, work in works.items()
            if stage in taken
        ]
    note = (
        f"Measured here: {rates.flops / 1e9:.1f} GFLOP/s (float32 product of 2048 x 2048), "
        f"{rates.moved / 1e9:.1f} GB/s (copy of 256 MB, read and written). The floor is the least work "
        "(benchmarks/speed/hardware_floor.py) at whichever rate it is bound by."
    )
    return {"title": "floor", "note": note, "rows": rows}


def _share(stage: str, work: limits.Work, seconds: float, rates: limits.Rates) -> dict[str, Any]:
    least = work.seconds(rates)
    return {
        "stage": stage,
        "GFLOP": work.flops / 1e9,
        "GB moved": work.moved / 1e9,
        "floor, seconds": least,
        "seconds": seconds,
        "share reached": least / max(seconds, 1e-9),
    }


def _doors(job: Job, path: Path) -> list[Table]:
    """RunSIGEL beside tl.embed on the same engine, in turn, the shortest of each."""
    if job.quick:
        say("left out in a quick call: the R door")
        return []
    r = find_r()
    if isinstance(r, str):
        say(f"left out, the R door: {r}")
        return []
    n_spots, n_genes = write_section(path, job.seed, **DOORS)
    small = path.with_name("small.h5ad")
    write_section(small, 0, **SMALL)
    config = job.config()
    assert config is not None
    settings, seconds = config.to_dict(), {"tl.embed": [], "RunSIGEL": []}
    for _ in range(N_DOORS):
        here = {"PYTHONPATH": str(r.engine)}
        common = {"path": str(path), "config": settings, "seed": job.seed, "encode": False}
        seconds["tl.embed"].append(measure("embed", environment=here, **common)["seconds"])
        seconds["RunSIGEL"].append(seconds_in_r(r, path, small, settings, job.seed))
        say("  " + ", ".join(f"{door} {taken[-1]:.1f} s" for door, taken in seconds.items()))
    quickest = {door: min(taken) for door, taken in seconds.items()}
    over = 100 * (quickest["RunSIGEL"] / quickest["tl.embed"] - 1)
    rows = [{"door": door, "seconds": value} for door, value in quickest.items()]
    rows.append({"door": "RunSIGEL over tl.embed, %", "seconds": over})
    note = f"The shortest of {N_DOORS} runs each, in turn, after a small first fit. Goal: at most 10 % more."
    return [{"title": f"R over Python, {n_genes} genes, {n_spots} spots", "note": note, "rows": rows}]
