"""Forked workers: the threads of a parent are not there any more, and who waits for them waits for ever."""

from __future__ import annotations

import os
import sys

_PROCESS = {"id": os.getpid()}


def on_one_thread_where_forked() -> None:
    """In a process that was forked off after this package was loaded, work on one thread.

    OpenMP keeps its threads for the next piece of work. A forked process (R's `parallel::mclapply` and
    `future::multicore`, Python's `os.fork` and `multiprocessing` by `"fork"`) inherits the note that they are
    there, but not the threads. A worker has other workers beside it, so one thread each is right, too.
    """
    if os.getpid() == _PROCESS["id"]:
        return
    _PROCESS["id"] = os.getpid()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1)
