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
        from stages import STAGES

        outcome = STAGES[stage](**settings)
        return {"peak_gb": memory_gb("VmHWM")} | outcome
    command = [sys.executable, str(Path(__file__).with_name("stages.py")), stage, json.dumps(settings)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | (environment or {})
    )
    if done.returncode:
        msg = f"stage {stage} failed:\n{done.stderr[-4000:]}"
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
