"""Runs the notebooks of docs/notebooks in place, so that what they store is what the package says today.

Usage: python tools/notebooks.py [get-started ...]

A notebook is its own source: edit it in Jupyter or as text, then run this. What differs from run to run
(times, ids, the version of the kernel) is not kept, and pictures are written with 256 colours.
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "notebooks"
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
DPI = 72
# Paths of a machine, and addresses in its memory.
_MACHINE = r"/(?:home|root|tmp|work)/|0x[0-9a-f]{6,}"


def smaller(png: str) -> str:
    """The same picture with 256 colours."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    out = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def tidy(notebook: Any) -> None:
    """Nothing but sources and outputs, and those without a trace of the machine."""
    notebook.metadata = KERNEL
    for number, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{number:02d}", {}
        for output in cell.get("outputs", ()):
            output.pop("metadata", None)
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = {}
                if "image/png" in output.data:
                    output.data = {"image/png": smaller(output.data["image/png"])}
            else:
                raise SystemExit(f"a cell wrote to the terminal, or failed:\n{cell.source}\n{output}")
            if re.search(_MACHINE, str(output.get("data", {}).get("text/plain"))):
                raise SystemExit(f"an output names this machine or an address:\n{cell.source}\n{output}")


def run(path: Path) -> None:
    """Executes one notebook and writes it back."""
    import nbformat
    from nbclient import NotebookClient

    began = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    tidy(notebook)
    text = nbformat.writes(notebook, indent=1)
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    print(f"{path.name:28} {time.perf_counter() - began:6.1f} s {len(text) / 1e3:6.0f} kB", flush=True)


def main(names: list[str]) -> None:
    """Runs those that are named, or all."""
    known = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SystemExit(f"there is no notebook {', '.join(unknown)}; known are {', '.join(known)}")
    os.environ.pop("MPLBACKEND", None)
    # tqdm asks for a bar that moves, which a page cannot show.
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress"
    with tempfile.NamedTemporaryFile("w", suffix=".rc") as settings:
        settings.write(f"figure.dpi: {DPI}\n")
        settings.flush()
        os.environ["MATPLOTLIBRC"] = settings.name
        for name in names or known:
            run(known[name])


if __name__ == "__main__":
    main(sys.argv[1:])
