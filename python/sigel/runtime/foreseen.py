"""What ends work from outside, told as errors of ours: memory that ran out, a process that was lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sigel.errors import OutOfMemoryError, SIGELError, TrainingError

# As torch says it, whose errors have no class of their own on every device.
_NO_MEMORY = re.compile(
    r"can't allocate memory|out of memory|bad_alloc|unable to allocate|could not create a (primitive|memory)",
    re.IGNORECASE,
)
_HOW_MUCH = re.compile(r"(unable|tried) to allocate [\d.]+ \w+", re.IGNORECASE)
_LOST = re.compile(
    r"connection (was )?(closed|reset|refused)|broken pipe|timed out|remote process", re.IGNORECASE
)


@contextmanager
def foreseen() -> Iterator[None]:
    """Tell of memory that ran out.

    Raises
    ------
    OutOfMemoryError
        In place of what was raised within.
    """
    try:
        yield
    except SIGELError:
        raise
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not _NO_MEMORY.search(str(error)):
            raise
        said = _HOW_MUCH.search(str(error))
        raise OutOfMemoryError(said[0] if said else "") from error


@contextmanager
def lost_processes_told() -> Iterator[None]:
    """Tell of a process of several that share a fit and that is there no more.

    Raises
    ------
    TrainingError
        In place of what was raised within.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, SIGELError) or _NO_MEMORY.search(str(error)) or not _LOST.search(str(error)):
            raise
        fix = "Start all of them again; with `checkpoint` the fit goes on from its last epoch."
        raise TrainingError(f"a process of several that share this fit was lost. {fix}") from error
