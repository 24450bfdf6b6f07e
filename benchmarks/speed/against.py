"""Paired runs of three verbs here and in another checkout: time, processor time and peak memory.

Usage: python -m benchmarks.speed.against CHECKOUT [--runs 5] [--only VERB ...] [--n-domains 7] [--seed 0]
           [--section FILE.h5ad | --size small|middle|visium]

Both read the same section, each run in a process of its own; nothing is written but to the terminal.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.large_sections import DOORS, VISIUM, write_section
from benchmarks.harness.processes import ROOT, Result
from benchmarks.harness.report import markdown, say
from benchmarks.harness.sigel_rows import QUICK_SECTION
from benchmarks.speed.stages import VERBS, measure

SIZES = {"small": QUICK_SECTION, "middle": DOORS, "visium": VISIUM}
MARKS = {"seconds": "seconds", "cpu_seconds": "CPU seconds", "peak_gb": "peak GB"}
Pair = tuple[Result, Result]


def paired(other: Path, verb: str, runs: int, **settings: Any) -> Iterator[Pair]:
    """Results of this checkout and of the other; who begins changes from pair to pair.

    Parameters
    ----------
    other
        The other checkout.
    verb
        Key of `VERBS`.
    runs
        Number of pairs.
    **settings
        As `stages.verb` takes them.

    Raises
    ------
    RuntimeError
        When a run fails, or has its engine from elsewhere.
    """
    for n in range(runs):
        order = (ROOT, other) if n % 2 == 0 else (other, ROOT)
        made = {checkout: once(checkout, verb, **settings) for checkout in order}
        yield made[ROOT], made[other]


def once(checkout: Path, verb: str, **settings: Any) -> Result:
    """A verb by the engine of a checkout, in a process of its own.

    Parameters
    ----------
    checkout
        Its folder.
    verb, **settings
        As in `paired`.
    """
    engine = checkout / "python"
    environment = {"PYTHONPATH": str(engine), "PYTHONDONTWRITEBYTECODE": "1"}
    found = measure("verb", environment=environment, name=verb, **settings)
    if not Path(found["engine"]).is_relative_to(engine):
        msg = f"the engine is {found['engine']}, not that of {checkout}"
        raise RuntimeError(msg)
    return found


def rows(verb: str, pairs: list[Pair]) -> list[dict[str, Any]]:
    """Medians of both checkouts and the ratios pair by pair, a row of each mark.

    Parameters
    ----------
    verb
        Of the runs.
    pairs
        From `paired`.
    """
    made = []
    for mark, title in MARKS.items():
        here, other = np.array([[result[mark] for result in pair] for pair in pairs]).T
        ratio = here / other
        row = {
            "verb": verb,
            "measure": title,
            "here": float(np.median(here)),
            "other": float(np.median(other)),
        }
        of = {"min": np.min, "median": np.median, "max": np.max}
        made.append(row | {f"ratio {name}": float(take(ratio)) for name, take in of.items()})
    return made


def compare(other: Path, verbs: list[str], runs: int, **settings: Any) -> list[dict[str, Any]]:
    """All rows, each pair said as it comes.

    Parameters
    ----------
    other, runs, **settings
        As in `paired`.
    verbs
        Keys of `VERBS`.
    """
    table = []
    for verb in verbs:
        pairs = []
        for pair in paired(other, verb, runs, **settings):
            pairs.append(pair)
            here, there = (", ".join(f"{result[mark]:.2f}" for mark in MARKS) for result in pair)
            say(f"{verb}: here {here}; other {there} ({', '.join(MARKS.values())})")
        table += rows(verb, pairs)
    return table


def main() -> None:
    """Read the command line, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=VERBS, default=list(VERBS), metavar="VERB")
    parser.add_argument("--section", type=Path, help="h5ad file; default: a simulated section")
    parser.add_argument("--size", choices=SIZES, default="middle", help="of the simulated section")
    parser.add_argument("--n-domains", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    other = given.checkout.resolve()
    if not (other / "python" / "sigel").is_dir():
        parser.error(f"there is no python/sigel in {other}")
    with tempfile.TemporaryDirectory() as folder:
        path = given.section or Path(folder) / "section.h5ad"
        if given.section is None:
            write_section(path, given.seed, **SIZES[given.size])
        settings = {"path": str(path.resolve()), "n_domains": given.n_domains, "seed": given.seed}
        say("\n" + markdown(compare(other, given.only, given.runs, **settings)))


if __name__ == "__main__":
    main()
