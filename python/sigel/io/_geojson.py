"""Outlines of cells in a GeoJSON file, read one after the other: such files are larger than their cells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sigel.io._centroids import centre_of
from sigel.io._tables import reading

_PIECE = 1 << 20  # letters read at a time
_MOST = 1 << 26  # letters of one outline, beyond which a file is something else
_LIST = re.compile(r'"features"\s*:\s*\[')
_NUMBER = re.compile(r"(?:.*[^\d-])?(\d{1,18})(?:-\d+)?")
_WANTED = "outlines of cells in a GeoJSON file"


def outlines_in(path: Path) -> pd.DataFrame:
    """`x` and `y` of the centre of each outline, by the number of its cell.

    Parameters
    ----------
    path
        A collection of features; `cell_id` in the properties of each is a number, or text that ends in one.
    """
    numbers, centres = [], []
    with reading(path, _WANTED):
        for feature in _features(path):
            numbers.append(_number_of(feature))
            centres.append(_centre(feature["geometry"]))
        if not numbers:
            raise ValueError("no outline in it")
    table = np.array(centres, dtype=np.float64).reshape(-1, 2)
    return pd.DataFrame(table, columns=["x", "y"], index=pd.Index(numbers, dtype=np.int64))


def _features(path: Path) -> Iterator[dict[str, Any]]:
    """The members of the list `features`."""
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8") as file:
        held, start = "", None
        while start is None:
            more = file.read(_PIECE)
            held += more
            start = _LIST.search(held)
            if start is None and (not more or len(held) > _MOST):
                raise ValueError("no list of features")
        held, at = held[start.end() :], 0
        while True:
            at = _after_space(held, at)
            try:
                if held[at : at + 1] == "]":
                    return
                one, end = decoder.raw_decode(held, at)
            except json.JSONDecodeError as error:
                # Cut off by the end of a piece, or of the file.
                more = file.read(max(_PIECE, len(held) - at))
                if not more or len(held) - at > _MOST:
                    raise ValueError(f"an outline that is cut off ({error.msg})") from error
                held, at = held[at:] + more, 0
                continue
            if not isinstance(one, dict):
                raise TypeError("a feature that is none")
            yield one
            at = end


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _number_of(feature: dict[str, Any]) -> int:
    name = (feature.get("properties") or {}).get("cell_id", feature.get("id"))
    found = _NUMBER.fullmatch(str(name))
    if found is None:
        raise ValueError(f"an outline without the number of its cell ({str(name)[:40]})")
    return int(found[1])


def _centre(geometry: dict[str, Any]) -> np.ndarray:
    kind, parts = geometry["type"], geometry["coordinates"]
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"shapes of kind {str(kind)[:40]}")
    rings = [
        (np.asarray(ring, dtype=np.float64)[:, :2], 1.0 if k == 0 else -1.0)
        for polygon in ([parts] if kind == "Polygon" else parts)
        for k, ring in enumerate(polygon)
    ]
    centre = centre_of(rings)
    if not np.isfinite(centre).all():
        raise ValueError("an outline without places")
    return centre
