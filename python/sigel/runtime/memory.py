"""How much memory there is."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import psutil
import torch

from sigel.runtime.device import n_processes


def available_memory(device: torch.device) -> int:
    """Memory that a process can still take, in bytes.

    Parameters
    ----------
    device
        A CUDA device: what is free on it, and what torch holds there without using it. Else the memory of
        the machine, or what a control group (a container, a job on a cluster) leaves of its limit.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free, room = psutil.virtual_memory().available, cgroup_room()
    # Processes that share a fit on this machine share its memory too.
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if n_processes() > 1 else 1
    return (free if room is None else min(free, room)) // here


def cgroup_room(groups: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that the control groups of this process leave it; None where none has a limit.

    Parameters
    ----------
    groups
        Names this process's groups.
    mount
        Where groups of version 2 are; those of version 1 are below it, in `memory`.

    Notes
    -----
    Limits of the groups above count as well. A container may see its own group as the topmost, under a name
    that is not there: then only the topmost is read. File cache that the kernel would give up is room.
    """
    rooms = []
    for line in (_text(groups) or "").splitlines():
        controllers, _, name = line.partition(":")[2].partition(":")
        if not controllers:
            top, files = mount, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top = mount / "memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..")]
        rooms += [_room(top.joinpath(*parts[:depth]), *files) for depth in range(len(parts) + 1)]
    return min((room for room in rooms if room is not None), default=None)


def _room(group: Path, limit: str, usage: str, cache: str) -> int | None:
    most = _number(_text(group / limit))  # the word "max" is no limit
    if most is None:
        return None
    used = _number(_text(group / usage)) or 0
    lines = (_text(group / "memory.stat") or "").splitlines()
    stat = {name: number for name, _, number in (line.partition(" ") for line in lines)}
    return max(most - used + min(_number(stat.get(cache)) or 0, used), 0)


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None
