"""What made a result: versions, seed, device, data hash, time. Stored beside every result."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from sigel._version import __version__

# What is hashed at a time: 8 MB as float64.
_HASHED = 2**20


def content_hash(*parts: np.ndarray | str) -> str:
    """Short hash of what a result is made of: the same input gives the same hash.

    Parameters
    ----------
    parts
        Arrays of numbers and texts, in an order that is always the same.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
            continue
        # By pieces: as numbers of eight bytes all at once would be twice the images.
        for start in range(0, len(part), _HASHED):
            digest.update(np.asarray(part[start : start + _HASHED], dtype=np.float64).tobytes())
    return digest.hexdigest()[:16]


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


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
