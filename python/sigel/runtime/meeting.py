"""The processes that share a fit meet before it begins: one that does not come is told of, not waited for."""

from __future__ import annotations

import atexit
import os
import time
from datetime import timedelta

import torch
from torch import distributed

from sigel.errors import TrainingError

# Seconds: each reads the counts before, some from a slower disk. torch itself would wait for half an hour.
WAIT = 900


def meet(device: torch.device, n: int) -> None:
    """Connect this process with the others, unless they are.

    Parameters
    ----------
    device
        From `resolve_device`; says what connects them.
    n
        How many there are.

    Raises
    ------
    TrainingError
        When not all of them come in time.
    """
    if distributed.is_initialized():
        return
    began = time.monotonic()
    wait, rank = timedelta(seconds=WAIT), int(os.environ["RANK"])
    fix = "Start all of them again; `torchrun` ends the others where one fails."
    try:
        store, *_ = next(distributed.rendezvous("env://", rank, n, timeout=wait))
        # Where torchrun keeps the store, it is there before they are.
        store.set(f"sigel {rank}", "here")
        store.wait([f"sigel {other}" for other in range(n)], wait)
    except (distributed.DistStoreError, distributed.DistNetworkError) as error:
        late = time.monotonic() - began >= WAIT
        why = f"within {WAIT} seconds" if late else f"({error})"
        raise TrainingError(f"the {n} processes that share this fit did not all meet {why}. {fix}") from error
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=n)
    atexit.register(_part)


def _part() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
