"""What every benchmark writes beside its figures: the machine, the versions, the settings."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from sigel import __version__
from sigel.provenance import versions

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SIGEL_SHARED", ROOT.parent / "shared"))
RESULTS = ROOT / "benchmarks" / "results"


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


def write(name: str, tables: list[dict[str, Any]], folder: Path = RESULTS, **settings: Any) -> str:
    """Write `name.json` and `name.md`; returns the Markdown.

    Parameters
    ----------
    name
        Of both files.
    tables
        Each with `title` and `rows`, a list of dicts with the same keys.
    folder
        Where to; made if needed.
    settings
        Written beside the figures.
    """
    about = {"machine": machine(), "settings": settings}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**about, "tables": tables}, indent=1) + "\n")
    text = f"# {name}\n\n"
    for kind, values in about.items():
        text += f"{kind}: " + ", ".join(f"{k} {v}" for k, v in values.items()) + "\n\n"
    text += "\n".join(f"## {table['title']}\n\n{markdown(table['rows'])}" for table in tables)
    (folder / f"{name}.md").write_text(text)
    return text


def markdown(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of rows with the same keys."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
