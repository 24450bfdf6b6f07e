"""R with the package installed, for benchmarks that run it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.processes import ROOT, printed


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
