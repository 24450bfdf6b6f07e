"""Run the benchmarks, each beside its baselines; tables in benchmarks/results/.

Usage: python -m benchmarks.run [--quick] [--only NAME ...] [--seed 0] [--pairs N] [--draws N]
       [--results FOLDER]

Alone, without a file of results: python -m benchmarks.speed.imports (what an import costs) and
python -m benchmarks.speed.against CHECKOUT (this checkout beside another, in paired runs).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

# Idle threads sleep: spinning ones slow everything down where cores are shared.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from benchmarks.cohorts.interactions import interactions
from benchmarks.cohorts.scale import cohort_scale
from benchmarks.cohorts.tables import cohorts
from benchmarks.domains.judges import domain_judges
from benchmarks.domains.left_out import left_out
from benchmarks.domains.tables import domains
from benchmarks.harness.job import Job
from benchmarks.harness.report import RESULTS, Table, say, write
from benchmarks.imputation.cells import imputation_cells
from benchmarks.imputation.clusters import cluster_tables
from benchmarks.imputation.scale import imputation_scale
from benchmarks.imputation.tables import imputation
from benchmarks.representations.ablation import ablation
from benchmarks.representations.annotations import annotations
from benchmarks.representations.groups import groups
from benchmarks.representations.modules import modules
from benchmarks.representations.panel_groups import panel_groups
from benchmarks.representations.panels import panels
from benchmarks.representations.planted import planted
from benchmarks.representations.sections_in_one_space import several
from benchmarks.representations.tables import agreement, ceiling, stability
from benchmarks.scale.from_r import large_from_r
from benchmarks.scale.growth import growth
from benchmarks.scale.tables import large_bins, large_cells, large_counts
from benchmarks.spatial_genes.drawn_patterns import drawn_patterns
from benchmarks.spatial_genes.tables import spatial
from benchmarks.speed.tables import speed

# Representations first, then genes and time, then tissues and cohorts; every name is a file of results.
BENCHMARKS: dict[str, Callable[[Job], list[Table]]] = {
    "agreement": agreement,
    "panels": panels,
    "modules": modules,
    "ceiling": ceiling,
    "stability": stability,
    "annotations": annotations,
    "planted": planted,
    "several": several,
    "groups": groups,
    "panel_groups": panel_groups,
    "ablation": ablation,
    "spatial": spatial,
    "drawn_patterns": drawn_patterns,
    "imputation": imputation,
    "imputation_cells": imputation_cells,
    "imputation_scale": imputation_scale,
    "clusters": cluster_tables,
    # What the process holds by then would hide the memory of a quick call's fit.
    "speed": speed,
    "growth": growth,
    "large_cells": large_cells,
    "large_bins": large_bins,
    "large_counts": large_counts,
    "large_from_r": large_from_r,
    "domains": domains,
    "domain_settings": left_out,
    "domain_judges": domain_judges,
    "cohorts": cohorts,
    "cohort_scale": cohort_scale,
    "interactions": interactions,
}


def run(names: Iterable[str], job: Job, folder: Path = RESULTS) -> list[str]:
    """Run some benchmarks and write their tables.

    Parameters
    ----------
    names
        Keys of `BENCHMARKS`.
    job
        Seed and size.
    folder
        Where the tables go; those of a quick call have names of their own.

    Returns
    -------
    list of str
        Markdown of each that had the data it needs.
    """
    texts = []
    for name in names:
        tables = BENCHMARKS[name](job)
        if tables:
            file = f"{name}-quick" if job.quick else name
            settings = {"seed": job.seed, "pairs": job.n_pairs or "all", "draws": job.n_draws}
            texts.append(write(file, tables, folder, **settings))
            say(texts[-1])
    return texts


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="small simulated sections; the figures mean nothing"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=BENCHMARKS,
        default=list(BENCHMARKS),
        metavar="NAME",
        help=f"some of: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, help="how many pairs of sections; default all")
    parser.add_argument("--draws", type=int, default=3, help="how many random panels of a size")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the tables go")
    given = parser.parse_args()
    job = Job(seed=given.seed, quick=given.quick, n_pairs=given.pairs, n_draws=given.draws)
    run(given.only, job, given.results)


if __name__ == "__main__":
    main()
