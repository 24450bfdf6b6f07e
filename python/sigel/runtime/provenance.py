"""What made a result: versions, seed, device, data hash, time. Stored beside every result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from sigel._version import __version__


def provenance(seed: int, device: torch.device, data_hash: str, seconds: float) -> dict[str, Any]:
    """A flat record of plain values.

    Parameters
    ----------
    seed, device, data_hash, seconds
        As used in the fit.
    """
    return {
        "sigel": __version__,
        "python": platform.python_version(),
        **versions("torch", "numpy", "scipy", "scikit-learn", "anndata", "lightning-fabric"),
        "seed": int(seed),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "data_hash": data_hash,
        "wall_time": round(seconds, 3),
    }


def versions(*packages: str) -> dict[str, str]:
    """Installed versions, `"absent"` where a package is not installed.

    Parameters
    ----------
    packages
        Distribution names.
    """
    return {name: _version(name) for name in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
