"""A stage in a process of its own, so that none hides behind the memory of another; clocks and marks."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

Result = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]


def by_python(
    python: str, module: str, name: str, *arguments: str, environment: dict[str, str] | None = None
) -> Result:
    """Run a module of the benchmarks for a method by a Python that may know nothing of this project.

    Parameters
    ----------
    python
        Has the method's package.
    module
        Its dotted name, `__name__` of the caller.
    name
        Of the method, the module's first argument.
    *arguments
        Its others.
    environment
        Variables beside those of this process.

    Returns
    -------
    dict
        What it printed last.

    Raises
    ------
    RuntimeError
        When it fails; with what it said.
    """
    return last_line(name, [python, "-m", module, name, *arguments], environment)


def found_from_here(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Variables of a child process that finds this package and the engine, whichever Python runs it.

    Parameters
    ----------
    environment
        Variables beside those of this process; what its PYTHONPATH names comes first.
    """
    known = os.environ | (environment or {})
    paths = [known.get("PYTHONPATH", ""), str(ROOT), str(ROOT / "python")]
    return known | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def last_line(name: str, command: list[str], environment: dict[str, str] | None) -> Result:
    """What a command printed last, as JSON.

    Parameters
    ----------
    name
        Of what it does, for the message.
    command
        Program and arguments.
    environment
        Variables beside those of this process.

    Raises
    ------
    RuntimeError
        When it fails; with what it said.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=found_from_here(environment)
    )
    if done.returncode:
        msg = f"{name} failed:\n{done.stderr[-4000:]}"
        raise RuntimeError(msg)
    return json.loads(done.stdout.splitlines()[-1])


def memory_gb(mark: str) -> float:
    """Resident memory of this process, in GB of 1e9 bytes.

    Linux hands the `ru_maxrss` of a parent on to its child, so the kernel's own marks of the process are read
    where there are any; elsewhere both are the largest.

    Parameters
    ----------
    mark
        `"VmHWM"`: the largest so far. `"VmRSS"`: at this moment.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith(f"{mark}:"):
                return int(line.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def best(work: Callable[[], Any], times: int) -> float:
    """Shortest of some runs, in seconds: what else a shared machine does only ever adds.

    Parameters
    ----------
    work
        What to run.
    times
        How often.
    """
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


@lru_cache
def python_with(package: str | None) -> str | None:
    """A Python that has a package, or None.

    Parameters
    ----------
    package
        Its name; None asks for nothing but this Python.
    """
    if package is None:
        return sys.executable
    ask = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    for python in filter(None, (sys.executable, os.environ.get("SIGEL_PEERS"))):
        if subprocess.run([python, "-c", ask], check=False, capture_output=True).returncode == 0:
            return python
    return None
