"""How a result was made, and the call that makes it again: kept beside what every verb leaves."""

from __future__ import annotations

import functools
import inspect
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.config.base import Settings
from sigel.config.changed import changed_settings
from sigel.keys import CALLS
from sigel.runtime.device import resolve_device
from sigel.runtime.provenance import content_hash, provenance

if TYPE_CHECKING:
    from anndata import AnnData

P = ParamSpec("P")
R = TypeVar("R")
# Says nothing of a result.
_UNSAID = ("progress",)
# Values whose text is longer are named by their argument.
_LONGEST = 1000


def repeatable(verb: Callable[P, R]) -> Callable[P, R]:
    """Have a verb say how its result was made.

    A table has it in `attrs["provenance"]`; an AnnData that is returned, or that the verb wrote results into,
    in `uns["sigel_calls"]`, a line of JSON for the last call of each verb and key.

    Parameters
    ----------
    verb
        A function of `sigel.tl`.
    """
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        began = time.perf_counter()
        result = verb(*args, **kwargs)
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        record = _record(verb.__name__, signature, given.arguments, time.perf_counter() - began)
        if isinstance(result, pd.DataFrame):
            result.attrs["provenance"] = record
        for adata in _written(verb.__name__, result, given.arguments):
            _keep(adata, record)
        return result

    return told


# Verbs that leave something in the object that they are given.
WRITING = (
    "embed",
    "gene_groups",
    "group_stability",
    "spatial_genes",
    "select_genes",
    "domains",
    "label_domains",
    "domain_stability",
)


def _written(verb: str, result: Any, given: Mapping[str, Any]) -> list[AnnData]:
    """Objects that hold the result."""
    if verb == "impute":
        return _objects(result)
    if verb not in WRITING:
        return []
    return _objects(next(iter(given.values())))


def _objects(first: Any) -> list[Any]:
    """The AnnData that a verb was given, one or several."""
    if hasattr(first, "uns"):
        return [first]
    several = first.values() if isinstance(first, Mapping) else first
    return [one for one in several if hasattr(one, "uns")] if isinstance(several, Iterable) else []


def _record(
    verb: str, signature: inspect.Signature, given: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    first = next(iter(given.values()))
    device = given.get("device", "cpu")
    made = provenance(given.get("seed", 0), resolve_device(device), _hash(first, given), seconds)
    key = given.get("key_added") or given.get("key") or ""
    return {"verb": verb, "key": str(key), "call": call_text(verb, signature, given), **made}


def _keep(adata: AnnData, record: dict[str, Any]) -> None:
    """One line for each verb and key, the newest last."""
    same = (record["verb"], record["key"])
    lines = [str(line) for line in np.atleast_1d(adata.uns.get(CALLS, []))]
    others = [line for line in lines if (one := json.loads(line)) and (one["verb"], one["key"]) != same]
    adata.uns[CALLS] = np.array([*others, json.dumps(record)], dtype=object)


def call_text(verb: str, signature: inspect.Signature, given: Mapping[str, Any]) -> str:
    """The call that makes a result again; objects are named as the argument that they were given for.

    Parameters
    ----------
    verb
        Name of the function.
    signature
        Of the function.
    given
        All arguments.
    """
    said = []
    for n, (name, parameter) in enumerate(signature.parameters.items()):
        value = given[name]
        default = parameter.default
        if name in _UNSAID or (default is not parameter.empty and _same(value, default)):
            continue
        text = _text(value, name)
        said.append(text if n == 0 or default is parameter.empty else f"{name}={text}")
    return f"sigel.tl.{verb}({', '.join(said)})"


def _same(value: object, default: object) -> bool:
    return value is default or (isinstance(value, str | int | float | bool) and value == default)


def _text(value: object, name: str) -> str:
    if isinstance(value, Settings):
        value = _nested(changed_settings(type(value), value.to_dict()))
    elif isinstance(value, Path):
        value = str(value)
    text = repr(value) if _is_plain(value) else name
    return text if len(text) <= _LONGEST else name


def _nested(settings: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in settings:
        *parts, last = name.split(".")
        within = made
        for part in parts:
            within = within.setdefault(part, {})
        within[last] = value
    return made


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(one) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple | set):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, str | int | float | bool)


def _hash(first: Any, given: Mapping[str, Any]) -> str:
    """Of each object that was asked about; what is not in memory has none."""
    return "-".join(filter(None, (_own_hash(one, given) for one in _objects(first))))


def _own_hash(adata: Any, given: Mapping[str, Any]) -> str:
    """Of the sums over genes and over spots, the names and the places."""
    if adata.isbacked:
        return ""
    layer = given.get("layer")
    counts = adata.X if layer is None else adata.layers[layer]
    if not (isinstance(counts, np.ndarray) or sparse.issparse(counts)):
        return ""
    sums = [np.asarray(counts.sum(axis=axis), dtype=np.float64).ravel() for axis in (0, 1)]
    places = adata.obsm.get(given.get("spatial_key") or "spatial")
    at = [places.ravel()] if isinstance(places, np.ndarray) and places.dtype.kind in "fiu" else []
    return content_hash(*sums, "\n".join(map(str, adata.var_names)), *at)
