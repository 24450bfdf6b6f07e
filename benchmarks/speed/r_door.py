"""The same fit through both doors: what RunSIGEL in R costs over tl.embed in Python."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.processes import ROOT, printed

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


@dataclass(frozen=True)
class R:
    """How to reach R and the engine that its package carries.

    Parameters
    ----------
    program
        Rscript.
    environment
        Variables that it needs beside those of this process.
    engine
        Folder of the Python package inside the R package.
    """

    program: str
    environment: dict[str, str]
    engine: Path

    def seconds(self, path: Path, small: Path, config: dict[str, Any], seed: int) -> float:
        """Time of RunSIGEL on a section.

        Parameters
        ----------
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
        return float(printed("R", [self.program, "-e", code], os.environ | self.environment).split()[-1])


def find_r() -> R | str:
    """R with the package installed, or the reason why there is none."""
    program = shutil.which("Rscript")
    if program is None:
        return "there is no Rscript on the path"
    libraries = [str(ROOT / ".rlib"), os.environ.get("R_LIBS", "")]
    environment = {
        "RETICULATE_PYTHON": os.environ.get("RETICULATE_PYTHON", sys.executable),
        "R_LIBS": os.pathsep.join(filter(None, dict.fromkeys(libraries))),
    }
    ask = 'cat(system.file("python", package = "sigel"))'
    found = printed("R", [program, "-e", ask], os.environ | environment).strip()
    if not found:
        return "the R package sigel is not installed (make setup)"
    return R(program, environment, Path(found))


def in_r(value: Any) -> str:
    """A setting as R code.

    Parameters
    ----------
    value
        None, a flag, a number, text, a sequence of those, or a dict of settings.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return f"{value}L"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, dict):
        return "list(" + ", ".join(f"{name} = {in_r(part)}" for name, part in value.items()) + ")"
    return "c(" + ", ".join(map(in_r, value)) + ")" if len(value) else "character()"
