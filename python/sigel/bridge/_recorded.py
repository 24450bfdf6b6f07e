"""How an answer was made, told with it."""

from __future__ import annotations

import functools
import inspect
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

import numpy as np

from sigel.bridge._pieces import names_of, spots_by_genes, whole
from sigel.runtime.device import resolve_device
from sigel.runtime.provenance import content_hash, kept_or_told, provenance, section_hash

P = ParamSpec("P")
Answer = dict[str, Any]
# Under this name the answer has it, a line of JSON.
RECORD = "record"
# Verbs that say how their answer was made, and the arguments that hold their data.
RECORDED: dict[str, tuple[str, ...]] = {}


def recorded(*data: str) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Have a verb say in its answer how that was made: what `sigel.runtime.provenance` has, as `record`.

    Parameters
    ----------
    data
        Arguments that hold what the verb is asked about: pieces of sections, or else names and numbers.
    """

    def decorated(verb: Callable[P, Answer]) -> Callable[P, Answer]:
        signature = inspect.signature(verb)
        RECORDED[verb.__name__] = data

        @functools.wraps(verb)
        def told(*args: P.args, **kwargs: P.kwargs) -> Answer:
            began = time.perf_counter()
            answer = verb(*args, **kwargs)
            seconds = time.perf_counter() - began
            with kept_or_told():
                given = signature.bind(*args, **kwargs).arguments
                answer = answer | {RECORD: json.dumps(_record(given, data, seconds))}
            return answer

        return told

    return decorated


def _record(given: Mapping[str, Any], data: tuple[str, ...], seconds: float) -> dict[str, Any]:
    device = resolve_device(given.get("device", "cpu"))
    parts = [given.get(name) for name in data]
    found = _hash(parts, joined=bool(given.get("joined")))
    return provenance(whole(given.get("seed", 0)), device, found, seconds)


def _hash(parts: list[Any], *, joined: bool) -> str:
    """Of each section, or of the one object that they were `joined` in; else of names and numbers."""
    if parts[0] is None:  # what a file holds is not read again
        return ""
    sections = [one for part in parts for one in _sections(part)]
    if not sections:
        return content_hash(*(one for part in parts for one in _plain(part)))
    if joined:
        return section_hash(names_of(sections[0]["genes"]), *map(_values_and_places, sections))
    return "-".join(section_hash(names_of(one["genes"]), _values_and_places(one)) for one in sections)


def _sections(value: Any) -> list[Mapping[str, Any]]:
    """The pieces of one section or of several, where these are such."""
    several = [value] if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else []
    return [one for one in several if isinstance(one, Mapping) and "genes" in one]


def _values_and_places(pieces: Mapping[str, Any]) -> tuple[Any, np.ndarray | None]:
    places = pieces["coordinates"]
    if places is None:
        places = pieces["lattice"]
    return spots_by_genes(pieces), None if places is None else np.asarray(places)


def _plain(value: Any) -> list[np.ndarray | str]:
    """Numbers, those of a sparse matrix among them, or names."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [np.asarray(value[name]).reshape(-1) for name in ("i", "p", "x")]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return [value]
    return ["\n".join(names_of(value))]
