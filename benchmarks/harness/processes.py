"""A stage in a process of its own, so that none hides behind the memory of another; clocks and marks."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")
Result = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]


def in_own_process(
    module: str,
    method: str,
    *given: str,
    read: Callable[[Path], Found],
    python: str,
    environment: dict[str, str] | None = None,
) -> tuple[Found, Result]:
    """Run a method of a task by a Python that may know nothing of this project, and read what it found.

    `python -m MODULE METHOD OUT GIVEN ...` leaves what it found in the folder OUT and prints its marks last.

    Parameters
    ----------
    module
        Dotted name, `__name__` of the caller.
    method
        Of the task.
    *given
        Where lies what the method shall see.
    read
        From OUT, which is gone afterwards, to what was found.
    python
        Has the method's package.
    environment
        Variables beside those of this process.

    Returns
    -------
    found, marks
        What `read` made of OUT; seconds and memory, as the process printed them.

    Raises
    ------
    RuntimeError
        When the method fails; with what it said.
    """
    with tempfile.TemporaryDirectory() as out:
        marks = last_line(method, [python, "-m", module, method, out, *given], environment)
        return read(Path(out)), marks


def on_threads(n: int) -> dict[str, str]:
    """Variables of a child process whose libraries use so many threads.

    Parameters
    ----------
    n
        How many.
    """
    kinds = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(kinds, str(n))


def marks_of_each(module: str, methods: Iterable[str], *given: str) -> Result:
    """What each method of a task takes in a process of its own on two threads, as `mark, method`.

    Parameters
    ----------
    module, *given
        As in `in_own_process`.
    methods
        Of the task, none of which leaves anything that is read.
    """
    found: Result = {}
    for name in methods:
        _, marks = in_own_process(
            module, name, *given, read=lambda _: None, python=sys.executable, environment=on_threads(2)
        )
        found |= {f"{mark}, {name}": value for mark, value in marks.items()}
    return found


def last_line(name: str, command: list[str], environment: dict[str, str] | None = None) -> Result:
    """What a command printed last, as JSON; a Python finds this package and the engine.

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
    return json.loads(printed(name, command, found_from_here(environment)).splitlines()[-1])


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


def printed(name: str, command: list[str], environment: dict[str, str]) -> str:
    """What a command prints.

    Parameters
    ----------
    name
        Of what it does, for the message.
    command
        Program and arguments.
    environment
        All its variables.

    Raises
    ------
    RuntimeError
        When it fails; with what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        msg = f"{name} failed:\n{done.stderr[-4000:]}"
        raise RuntimeError(msg)
    return done.stdout


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


def at_once(*, quick: bool) -> ThreadPoolExecutor:
    """Threads that each wait for a process of one thread: as many as this process may use, two at least.

    Parameters
    ----------
    quick
        One at a time: methods run in this process then.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return ThreadPoolExecutor(1 if quick else max(2, there))


@lru_cache
def python_with(package: str | None) -> str | None:
    """A Python that has a package, or None: this one, else that of the variable SIGEL_PEERS.

    SIGEL_PEERS names the Python of an environment with packages that the project does not need, and with
    what it needs itself.

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
