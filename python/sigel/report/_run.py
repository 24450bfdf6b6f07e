"""What was run: settings, versions, seed, data and time, as the object keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sigel.config import SIGELConfig
from sigel.config.base import Settings
from sigel.config.changed import changed_settings, flat_settings
from sigel.config.domains import DomainConfig
from sigel.keys import COMMANDS
from sigel.report._found import Found
from sigel.report._tables import NOTHING, Table, number

_FACTS = {
    "sigel": "version of SIGEL",
    "seed": "seed",
    "device": "device",
    "threads": "threads",
    "data_hash": "hash of the data",
    "wall_time": "time (s)",
    "values": "values",
}


@dataclass(frozen=True)
class Run:
    """One call that left results.

    Parameters
    ----------
    name
        What it made.
    facts
        Name and value of what is known of it.
    versions
        Of the packages that it stood on.
    changed
        Name and value of each setting that is not the default.
    settings
        Of all.
    """

    name: str
    facts: list[tuple[str, str]]
    versions: str
    changed: list[tuple[str, str]]
    settings: list[tuple[str, str]]


def runs_of(found: Found) -> list[Run]:
    """Calls that left settings or provenance.

    Parameters
    ----------
    found
        What the object holds.
    """
    made = []
    for name, kind, told in (
        ("gene representations and groups", SIGELConfig, found.info),
        ("domains", DomainConfig, found.domains or {}),
    ):
        if {"params", "provenance"} & set(told):
            made.append(_run(name, kind, told))
    return made


def _run(name: str, kind: type[Settings], told: Mapping[str, Any]) -> Run:
    provenance = _plain(told.get("provenance") or {})
    facts = [(words, _text(provenance[one])) for one, words in _FACTS.items() if _is_said(provenance, one)]
    versions = [f"{one} {value}" for one, value in sorted(provenance.items()) if one not in _FACTS]
    where = {
        "layer": "layer of the counts",
        "spatial_key": "coordinates",
        "section_key": "column of sections",
    }
    facts += [(words, str(told[one])) for one, words in where.items() if _is_said(told, one)]
    settings = _plain(told.get("params") or {})
    return Run(
        name=name,
        facts=facts,
        versions=", ".join(versions),
        changed=[(one, _text(value)) for one, value in changed_settings(kind, settings)],
        settings=[(one, _text(value)) for one, value in flat_settings(settings)],
    )


def _is_said(told: Mapping[str, Any], name: str) -> bool:
    return name in told and str(told[name]) != ""


def _plain(told: Any) -> dict[str, Any]:
    """A mapping, or the JSON of one."""
    return json.loads(told) if isinstance(told, str) else dict(told)


def _text(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return number(value, 6)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def commands_of(found: Found) -> Table | None:
    """Commands that led to the file, where the command line wrote it.

    Parameters
    ----------
    found
        What the object holds.
    """
    told = [_command(str(one)) for one in np.atleast_1d(found.adata.uns.get(COMMANDS, []))]
    if not told:
        return None
    rows = [
        [str(one.get("command", "")), str(one.get("finished", NOTHING)), _seconds(one.get("wall_time"))]
        for one in told
    ]
    return Table("Commands that led to this file", ["command", "finished", "time (s)"], rows)


def _command(line: str) -> dict[str, Any]:
    """What is known of a command; a line that the command line did not write is shown as it is."""
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"command": line}


def _seconds(value: object) -> str:
    return number(value) if isinstance(value, int | float) else NOTHING


def left_out_of(found: Found) -> Table | None:
    """Why genes have no representation, and how many; None where all have one.

    Parameters
    ----------
    found
        What the object holds.
    """
    column = found.adata.var.get(found.keys.status)
    if column is None:
        return None
    counts = column.astype(str).value_counts()
    counts = counts[counts.index != "embedded"]
    if counts.empty:
        return None
    rows = [[str(why), number(int(n))] for why, n in counts.items()]
    return Table("Genes without a representation", ["why", "genes"], rows)
