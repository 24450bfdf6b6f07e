"""What made the results in an .h5ad file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sigel.cli._tables import plain
from sigel.keys import CALLS, COMMANDS, IMPUTATION

# Of what has none.
NO_HISTORY: dict[str, Any] = {"commands": [], "calls": [], "results": []}


def history_of(path: Path) -> dict[str, Any]:
    """Commands and results, in plain values.

    Parameters
    ----------
    path
        Of an .h5ad file; its counts are not read.

    Returns
    -------
    dict
        `commands`; `calls`, the last of each verb and key; and `results`, each with `result` (the verb),
        `key`, `params` and `provenance`.
    """
    from anndata.io import read_elem

    from sigel.io._hdf5 import opened_hdf5

    with opened_hdf5(path, "an .h5ad file") as file:
        uns = file.get("uns", {})
        commands, calls = (_lines(read_elem(uns[key]) if key in uns else []) for key in (COMMANDS, CALLS))
        results = [
            {
                "result": result,
                "key": key,
                "params": json.loads(plain(read_elem(group["params"]))),
                "provenance": plain(read_elem(group["provenance"])),
            }
            for result, key, group in _groups(uns)
            if {"params", "provenance"} <= set(group)
        ]
    return {"commands": commands, "calls": calls, "results": results}


def _lines(stored: Any) -> list[dict[str, Any]]:
    """Records, a line of JSON each; anything else there is somebody else's."""
    import numpy as np

    found = []
    for line in np.atleast_1d(stored):
        with suppress(ValueError):
            found.append(json.loads(str(line)))
    return [one for one in found if isinstance(one, dict)]


def _groups(uns: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Where results may lie: the verb, the key and the group."""
    for key, group in uns.items():
        if not isinstance(group, Mapping):
            continue
        yield "impute" if key == IMPUTATION else "embed", key, group
        if "domains" in group:
            yield "domains", key, group["domains"]


def in_lines(history: Mapping[str, Any]) -> Iterator[str]:
    """A history for people.

    Parameters
    ----------
    history
        Of `history_of`.
    """
    for one in history["commands"]:
        about = f"sigel {one['sigel']}, {one['finished']}, {one['wall_time']:.1f} s"
        yield f"  command: {one['command']} ({about})"
    calls = {(one["verb"], one["key"]): one for one in history["calls"]}
    for one in history["results"]:
        made = one["provenance"]
        yield _made(one["result"], one["key"], made)
        call = calls.pop((one["result"], one["key"]), None)
        if call:
            yield f"    call: {call['call']}"
        versions = {name: made[name] for name in ("python", "torch", "numpy", "anndata") if name in made}
        yield "    with " + ", ".join(f"{name} {version}" for name, version in versions.items())
        changed = _not_default(one["result"], one["params"])
        yield "    settings: " + (", ".join(f"{name}={value!r}" for name, value in changed) or "defaults")

    for (verb, key), made in calls.items():
        yield _made(verb, key, made)
        yield f"    call: {made['call']}"


def _made(verb: str, key: str, made: Mapping[str, Any]) -> str:
    of_key = f" (key {key})" if key else ""
    return (
        f"  {verb}{of_key}: sigel {made['sigel']}, seed {made['seed']}, {made['device']}, "
        f"{made['threads']} threads, {made['wall_time']:.1f} s"
    )


def _not_default(result: str, params: Mapping[str, Any]) -> list[tuple[str, Any]]:
    from sigel.config import SIGELConfig
    from sigel.config.changed import changed_settings
    from sigel.config.domains import DomainConfig
    from sigel.config.imputation import ImputeConfig

    kinds = {"embed": SIGELConfig, "domains": DomainConfig, "impute": ImputeConfig}
    return changed_settings(kinds[result], params)  # type: ignore[arg-type]
