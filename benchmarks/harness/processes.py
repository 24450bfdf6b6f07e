"""A stage in a process of its own, so that none hides behind the memory of another; clocks and marks."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Result = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]


def measure(
    stage: str, *, alone: bool = True, environment: dict[str, str] | None = None, **settings: Any
) -> Result:
    """Run a stage in a child process.

    Parameters
    ----------
    stage
        Key of `stages.STAGES`.
    alone
        False runs it in this process, within which a peak of memory may be that of another stage.
    environment
        Variables beside those of this process.
    **settings
        Passed to the stage; fit for JSON.

    Returns
    -------
    dict
        What the stage returned, with `peak_gb`, the largest memory that its process held.

    Raises
    ------
    RuntimeError
        When the stage fails; with what it said.
    """
    if not alone:
        from benchmarks.speed.stages import STAGES

        outcome = STAGES[stage](**settings)
        return {"peak_gb": memory_gb("VmHWM")} | outcome
    command = [sys.executable, "-m", "benchmarks.speed.stages", stage, json.dumps(settings)]
    return last_line(f"stage {stage}", command, environment)


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
