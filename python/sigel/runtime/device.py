"""Where and with which random numbers a fit runs: the device, one stream per stage, progress."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from sigel.errors import InputError
from sigel.runtime.forked import on_one_thread_where_forked

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Turn `"auto"` or a name into a device that exists, once per fit.

    Parameters
    ----------
    device
        `"auto"` (the first CUDA device, else the CPU), `"cpu"`, `"cuda"`, `"cuda:1"`.

    Raises
    ------
    InputError
        When the device is unknown or absent.
    """
    on_one_thread_where_forked()
    if str(device) == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        device = "cuda" if n_processes() > 1 else "cuda:0"
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError("device", repr(device), '"auto", "cpu" or "cuda"', 'Use device="auto".') from error
    if found.type not in ("cpu", "cuda"):
        raise InputError("device", repr(device), '"auto", "cpu" or "cuda"', 'Use device="auto".')
    if found.type == "cuda" and n_processes() > 1:
        found = _own_device(found)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        n = torch.cuda.device_count()
        raise InputError(
            "device", f"{str(device)!r}, but torch sees {n} CUDA devices", "one of them", 'Use "auto".'
        )
    return found


def _own_device(device: torch.device) -> torch.device:
    """The device of this one of several processes."""
    local = int(os.environ["LOCAL_RANK"])
    if device.index not in (None, local):
        found = f"{str(device)!r} for process {local} of several on this machine"
        raise InputError("device", found, "a device of its own for each", 'Use device="cuda".')
    return torch.device("cuda", local)


@contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """TensorFloat-32 for matrix products on a GPU while gradients are taken; the caller's setting comes back.

    Parameters
    ----------
    device
        From `resolve_device`; nothing changes on the CPU.
    """
    before = torch.backends.cuda.matmul.allow_tf32
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = before


def make_fabric(device: torch.device) -> Fabric:
    """Lightning Fabric on one device, or on this process's device where `torchrun` started several.

    Parameters
    ----------
    device
        From `resolve_device`.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment

    if n_processes() > 1:
        from sigel.runtime.meeting import meet

        meet(device, n_processes())
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = n_processes() // local
        fabric = Fabric(
            accelerator=device.type,
            devices=local,
            num_nodes=nodes,
            strategy="ddp",
            precision="32-true",
            plugins=[TorchElasticEnvironment()],
        )
        fabric.launch()
        return fabric
    devices = 1 if device.type == "cpu" else [device.index or 0]
    # One process: what a cluster's job says about its tasks is not about this fit.
    alone = LightningEnvironment()
    return Fabric(accelerator=device.type, devices=devices, precision="32-true", plugins=[alone])


def n_processes() -> int:
    """Processes that share a fit: those of `torchrun`, else 1."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def is_main() -> bool:
    """Whether this process is the one that writes files."""
    return n_processes() == 1 or int(os.environ["RANK"]) == 0
