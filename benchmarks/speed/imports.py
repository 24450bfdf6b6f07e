"""What `import sigel` costs beside `import anndata`, in fresh interpreters, in turn.

Usage: python -m benchmarks.speed.imports [--turns 5]
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

from benchmarks.harness.processes import Result, last_line
from benchmarks.harness.report import Table, markdown

BASE = "import anndata"
STATEMENTS = (BASE, "import sigel", "import sigel; sigel.tl.embed")
# Loaded when they are needed, and never before.
HEAVY = ("torch", "sklearn", "matplotlib")
GOAL = 1.5
TURNS = 5
CODE = """
import json, sys, time
started = time.perf_counter()
{statement}
seconds = time.perf_counter() - started
print(json.dumps({{"seconds": seconds, "loaded": [name for name in {heavy} if name in sys.modules]}}))
"""


def import_table(turns: int = TURNS, *, warm: bool = True) -> Table:
    """Seconds of each statement, their ratio to those of `import anndata`, and what it loads.

    Parameters
    ----------
    turns
        Runs of each.
    warm
        Whether one more before them, which does not count, reads all files from the disk.
    """
    found: dict[str, list[Result]] = {statement: [] for statement in STATEMENTS}
    for turn in range(-int(warm), turns):
        for statement, results in found.items():
            result = in_fresh_interpreter(statement)
            if turn >= 0:
                results.append(result)
    return {
        "title": "time of an import",
        "note": (
            f"Fresh interpreters, {turns} runs of each in turn. Ratio: median of those of each turn. "
            f"Goal: {GOAL} at most for `import sigel`, which loads none of {', '.join(HEAVY)}."
        ),
        "rows": import_rows(found),
    }


def in_fresh_interpreter(statement: str) -> Result:
    """Seconds of a statement and which of the heavy packages it loads.

    Parameters
    ----------
    statement
        Python.
    """
    return last_line(statement, [sys.executable, "-c", CODE.format(statement=statement, heavy=HEAVY)])


def import_rows(found: dict[str, list[Result]]) -> list[dict[str, Any]]:
    """A row of each statement.

    Parameters
    ----------
    found
        Results of each turn by statement, `import anndata` among them.
    """
    seconds = {
        statement: np.array([result["seconds"] for result in results]) for statement, results in found.items()
    }
    return [
        {
            "statement": statement,
            "seconds": float(np.median(taken)),
            "over import anndata": float(np.median(taken / seconds[BASE])),
            "loads": ", ".join(found[statement][-1]["loaded"]) or "none of them",
        }
        for statement, taken in seconds.items()
    ]


def main() -> None:
    """Read the command line, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=TURNS)
    table = import_table(parser.parse_args().turns)
    print(f"{table['note']}\n\n{markdown(table['rows'])}")


if __name__ == "__main__":
    main()
