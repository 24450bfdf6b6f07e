"""What there is: versions, device, speed."""

from __future__ import annotations

import time
from typing import Any

import torch

from sigel._version import __version__
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import STAGES
from sigel.runtime.provenance import versions


def version() -> str:
    """Version of the engine, for the handshake."""
    return __version__


def stages() -> dict[str, str]:
    """What people read for each stage of progress."""
    return dict(STAGES)


def sitrep() -> dict[str, Any]:
    """Versions, device, threads and the speed of a matrix product in GFLOP/s."""
    import platform
    import sys

    n = 1024
    a = torch.ones(n, n)
    a @ a  # the first product pays for thread start-up
    started = time.perf_counter()
    for _ in range(3):
        a @ a
    seconds = (time.perf_counter() - started) / 3
    device = resolve_device("auto")
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "sigel": __version__,
        **versions("torch", "numpy", "scipy", "anndata", "lightning-fabric", "scikit-learn"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch_gflops": 2 * n**3 / seconds / 1e9,
    }
