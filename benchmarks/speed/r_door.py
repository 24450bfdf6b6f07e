"""The same fit through both doors: what RunSIGEL in R costs over tl.embed in Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.harness.processes import printed
from benchmarks.harness.r_process import R, in_r

# A first, small fit in each process: starting Python and loading torch are no part of the door.
EXPRESSION = """
suppressPackageStartupMessages(library(sigel))
section <- ReadSection({path})
small <- ReadSection({small})
quick <- list(train = list(pretrain_epochs = 1, refine_epochs = 1))
invisible(RunSIGEL(small, n.groups = 4, config = quick, verbose = FALSE))
invisible(gc())
config <- {config}
time <- system.time(
  RunSIGEL(
    section, n.dims = {n_dims}, n.groups = {n_groups}, seed.use = {seed}, config = config, verbose = FALSE
  )
)
cat("\\n", time[["elapsed"]], "\\n", sep = "")
"""


def seconds_in_r(r: R, path: Path, small: Path, config: dict[str, Any], seed: int) -> float:
    """Time of RunSIGEL on a section.

    Parameters
    ----------
    r
        How it is reached.
    path
        h5ad file; reading it is not timed.
    small
        h5ad file of the first, small fit.
    config
        All settings.
    seed
        Of the fit.
    """
    parts = {name: value for name, value in config.items() if name not in ("n_dims", "n_groups")}
    code = EXPRESSION.format(
        path=in_r(str(path)),
        small=in_r(str(small)),
        n_dims=in_r(config["n_dims"]),
        n_groups=in_r(config["n_groups"]),
        seed=in_r(seed),
        config=in_r(parts),
    )
    return float(printed("R", [r.program, "-e", code], os.environ | r.environment).split()[-1])
