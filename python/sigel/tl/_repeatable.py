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
from sigel.images.named_columns import as_places
from sigel.images.section import lattice_of
from sigel.images.sound_matrix import check_structure
from sigel.images.within_tissue import spots_within
from sigel.keys import CALLS, Keys
from sigel.runtime.device import resolve_device
from sigel.runtime.foreseen import foreseen
from sigel.runtime.provenance import kept_or_told, provenance, section_hash
from sigel.tl._fits import as_fitted, places_told

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
        # An interrupt after the object was written would leave it changed: what takes time comes before.
        found = _hash_before(verb, signature, *args, **kwargs)
        with foreseen():
            result = verb(*args, **kwargs)
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        with kept_or_told():
            written = _written(verb.__name__, result, given.arguments)
            if written or isinstance(result, pd.DataFrame):  # a file has its record from who wrote it
                record = record_of(verb, given.arguments, began, found)
                if isinstance(result, pd.DataFrame):
                    result.attrs["provenance"] = record
                for adata in written:
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
    if verb not in WRITING or (verb == "gene_groups" and _asks_alone(given)):
        return []
    return _objects(next(iter(given.values())))


def _asks_alone(given: Mapping[str, Any]) -> bool:
    """Whether groups are described as they are."""
    return given["n_groups"] is None and given["resolution"] is None


def _objects(first: Any) -> list[Any]:
    """The AnnData that a verb was given, one or several."""
    if hasattr(first, "uns"):
        return [first]
    several = first.values() if isinstance(first, Mapping) else first
    return [one for one in several if hasattr(one, "uns")] if isinstance(several, Iterable) else []


def _hash_before(
    verb: Callable[..., Any], signature: inspect.Signature, *args: Any, **kwargs: Any
) -> str | None:
    """Of the data of a verb that writes into its object; None: it's to be made, or to fail, afterwards."""
    if verb.__name__ not in WRITING:
        return None
    try:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        return _hash(given.arguments)
    except Exception:  # the verb refuses in its own words what cannot be read
        return None


def record_of(
    verb: Callable[..., Any], given: Mapping[str, Any], began: float, data_hash: str | None = None
) -> dict[str, Any]:
    """What is kept of a call: the verb, its key, the call, and what `sigel.runtime.provenance` has.

    Parameters
    ----------
    verb
        The function.
    given
        All arguments.
    began
        When it began, by `time.perf_counter`.
    data_hash
        Of its data; None: made here.
    """
    device = resolve_device(given.get("device", "cpu"))
    found = _hash(given) if data_hash is None else data_hash
    made = provenance(given.get("seed", 0), device, found, time.perf_counter() - began)
    key = given.get("key_added") or given.get("key") or ""
    text = call_text(verb.__name__, inspect.signature(verb), given)
    return {"verb": verb.__name__, "key": str(key), "call": text, **made}


def as_stored(*records: Mapping[str, Any]) -> np.ndarray:
    """Records as `uns` keeps them: a line of JSON each.

    Parameters
    ----------
    records
        From `record_of`.
    """
    return np.array([json.dumps(one) for one in records], dtype=object)


def _keep(adata: AnnData, record: dict[str, Any]) -> None:
    """One line for each verb and key, the newest last."""
    same = (record["verb"], record["key"])
    earlier = (json.loads(str(line)) for line in np.atleast_1d(adata.uns.get(CALLS, [])))
    adata.uns[CALLS] = as_stored(*(one for one in earlier if (one["verb"], one["key"]) != same), record)


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
        value = _plain(given[name])
        default = parameter.default
        if name in _UNSAID or (default is not parameter.empty and _same(value, default)):
            continue
        text = _text(value, name)
        said.append(text if n == 0 or default is parameter.empty else f"{name}={text}")
    return f"sigel.tl.{verb}({', '.join(said)})"


def _same(value: object, default: object) -> bool:
    return value is default or (isinstance(value, str | int | float | bool) and value == default)


def _text(value: object, name: str) -> str:
    text = repr(value) if _is_plain(value) else name
    return text if len(text) <= _LONGEST else name


def _plain(value: object) -> object:
    """Settings, paths and numbers of numpy as values of Python."""
    if isinstance(value, Settings):
        return _nested(changed_settings(type(value), value.to_dict()))
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
    return value


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


def _hash(given: Mapping[str, Any]) -> str:
    """Of each object that was asked about, in the order of the arguments; what is not in memory has none."""
    first = next(iter(given))
    found = []
    for name, value in given.items():
        # A reference may have other names for its parts.
        of = "" if name == first else "reference_"
        layer, places = (given.get(f"{of}{part}") or given.get(part) for part in ("layer", "spatial_key"))
        for adata in _objects(value):
            if hasattr(adata, "obsm"):
                info = adata.uns.get(Keys(str(given.get("key", "sigel"))).info)
                told = as_fitted(places_told(info if isinstance(info, Mapping) else {}), layer, places)
                found.append(_own_hash(adata, **told))
    return "-".join(filter(None, found))


def _own_hash(adata: AnnData, layer: str | None, spatial_key: str) -> str:
    """Of what a verb reads: the spots within the tissue, their places or else their array positions."""
    if adata.isbacked:
        return ""
    counts = adata.X if layer is None else adata.layers.get(layer)
    if not (isinstance(counts, np.ndarray) or sparse.issparse(counts)):
        return ""
    check_structure(counts, "adata")  # sums of a damaged matrix would end the process
    there = spatial_key in adata.obsm
    places = as_places(adata.obsm[spatial_key], "spatial_key") if there else lattice_of(adata)
    if places is not None and places.dtype.kind not in "fiu":
        places = None
    within = spots_within(adata, told=False)
    if within is not None:
        counts, places = counts[within], None if places is None else places[within]
    return section_hash(adata.var_names, (counts, places))
