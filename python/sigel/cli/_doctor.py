"""`sigel doctor`."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

from sigel.cli._options import Flag, asks
from sigel.cli._tables import as_json, plain


@asks()
def doctor(*, json: Flag = False, debug: Flag = False) -> None:
    """Say what there is, what is missing, and the line that mends it.

    Prints versions, the device, threads, the speed of a matrix product, memory, and the packages that only
    some features need. Downloads nothing.

    Parameters
    ----------
    json
        As JSON.
    debug
        Show where an error comes from.

    Examples
    --------
    sigel doctor
    sigel doctor --json
    """
    found = plain(state())
    sys.stdout.write(as_json(found) if json else "\n".join(_lines(found)) + "\n")


def state() -> dict[str, Any]:
    """What there is: `versions`, `executable`, `device`, `threads`, `gflops`, memory, `optional`, `fixes`."""
    import psutil

    from sigel.bridge import sitrep
    from sigel.runtime.device import resolve_device
    from sigel.runtime.memory import available_memory
    from sigel.runtime.requires import EXTRAS, install_line

    found = sitrep()
    apart = ("executable", "device", "threads", "torch_gflops")
    lacking = [package for package in EXTRAS if importlib.util.find_spec(package) is None]
    optional = [
        {"package": package, "extra": extra, "present": package not in lacking}
        for package, extra in EXTRAS.items()
    ]
    return {
        "versions": {name: value for name, value in found.items() if name not in apart},
        "executable": found["executable"],
        "device": found["device"],
        "threads": found["threads"],
        "gflops": found["torch_gflops"],
        "memory": psutil.virtual_memory().total,
        "memory_available": available_memory(resolve_device("auto")),
        "optional": optional,
        "fixes": list(dict.fromkeys(map(install_line, lacking))),
    }


def _lines(found: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    there = ", ".join(one["package"] for one in found["optional"] if one["present"]) or "none"
    lacking = [one for one in found["optional"] if not one["present"]]
    return [
        versions,
        f"Python: {found['executable']}",
        f"Device: {found['device']}, {found['threads']} threads, {found['gflops']:.0f} GFLOP/s",
        f"Memory: {found['memory_available'] / 1e9:.1f} GB to be had, "
        f"the machine has {found['memory'] / 1e9:.1f} GB",
        f"Optional packages that are there: {there}",
        *(f"Not there: {one['package']}, for sigel[{one['extra']}]" for one in lacking),
        *(f"To install: {line}" for line in found["fixes"]),
    ]
