"""What every benchmark writes beside its figures: the machine, the versions, the settings, the day."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness.processes import ROOT
from sigel import __version__
from sigel.runtime.provenance import versions

SHARED = Path(os.environ.get("SIGEL_SHARED", ROOT.parent / "shared"))
RESULTS = ROOT / "benchmarks" / "results"

# `title` and `rows`, a list of dicts with the same keys; `note`, a sentence or two, where there is one.
Table = dict[str, Any]


def machine() -> dict[str, Any]:
    """Kind and number of processors, device, versions."""
    cuda = torch.cuda.is_available()
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(0) if cuda else "cpu",
        "python": platform.python_version(),
        "sigel": __version__,
        **versions("torch", "numpy", "scipy", "scikit-learn"),
    }


def write(name: str, tables: list[Table], folder: Path = RESULTS, **settings: Any) -> str:
    """Write `name.json` and `name.md`; returns the Markdown.

    Parameters
    ----------
    name
        Of both files.
    tables
        As described at `Table`.
    folder
        Where to; made if needed.
    **settings
        Written beside the figures.
    """
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    about = {"machine": machine(), "settings": settings | {"date": today}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**about, "tables": tables}, indent=1) + "\n")
    text = f"# {name}\n\n"
    for kind, values in about.items():
        text += f"{kind}: " + ", ".join(f"{k} {v}" for k, v in values.items()) + "\n\n"
    text += "\n".join(_section(table) for table in tables)
    (folder / f"{name}.md").write_text(text)
    return text


def _section(table: Table) -> str:
    note = f"{table['note']}\n\n" if table.get("note") else ""
    return f"## {table['title']}\n\n{note}{markdown(table['rows'])}"


def markdown(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of rows with the same keys.

    Parameters
    ----------
    rows
        At least one; None and NaN leave a cell empty.
    """
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    return str(value)


def say(text: str) -> None:
    """Progress on the command line, at once.

    Parameters
    ----------
    text
        One line.
    """
    print(text, flush=True)


def figures(row: dict[str, Any]) -> str:
    """The fractions of a row, for the command line.

    Parameters
    ----------
    row
        Of a table.
    """
    return ", ".join(f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float))


def span(numbers: list[int]) -> str:
    """The number that all share, or the least and the largest.

    Parameters
    ----------
    numbers
        At least one.
    """
    least, largest = min(numbers), max(numbers)
    return str(least) if least == largest else f"{least} to {largest}"
