"""Centres of shapes in well-known binary, as GeoParquet stores them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sigel.errors import InputError
from sigel.io._tables import FAULTS, need_columns, read_table

_POINT, _POLYGON, _MANY_POLYGONS = 1, 3, 6


def centroids_in(path: Path) -> pd.DataFrame:
    """`x` and `y` of each shape, by its name.

    Parameters
    ----------
    path
        A GeoParquet file: points (with a radius they are circles) or polygons.
    """
    table = read_table(path)
    need_columns(table, ("geometry",), path)
    shapes = table["geometry"].tolist()
    try:
        centres = centroids(shapes)
    except (struct.error, *FAULTS) as error:
        found = f"{path.name!r} with shapes that cannot be read ({error})"
        raise InputError("path", found, "points or polygons", "Write the store anew.") from error
    return pd.DataFrame(centres, columns=["x", "y"], index=table.index.astype(str))


def centroids(shapes: Sequence[bytes]) -> np.ndarray:
    """Centres of area, `(n, 2)`; of a point, itself.

    Parameters
    ----------
    shapes
        Points, polygons (holes are taken out), or sets of polygons.

    Examples
    --------
    >>> square = struct.pack("<BIII10d", 1, 3, 1, 5, 0, 0, 2, 0, 2, 2, 0, 2, 0, 0)
    >>> centroids([square, struct.pack("<BIdd", 1, 1, 5, 6)]).tolist()
    [[1.0, 1.0], [5.0, 6.0]]
    """
    return np.array([_centre(shape) for shape in shapes], dtype=np.float64).reshape(-1, 2)


def _centre(shape: bytes) -> np.ndarray:
    parts, end = _parts(shape, 0)
    if end != len(shape):
        raise ValueError("bytes after the end of a shape")
    return centre_of(parts)


def centre_of(parts: Sequence[tuple[np.ndarray, float]]) -> np.ndarray:
    """The centre of area of one shape, `(2,)`; of a point, itself.

    Parameters
    ----------
    parts
        Its rings, `(n, 2)`, each with 1, or -1 for a hole.
    """
    if len(parts) == 1 and len(parts[0][0]) == 1:
        return parts[0][0][0]
    origin = parts[0][0][0]
    area, moment = 0.0, np.zeros(2)
    for ring, sign in parts:
        a = ring - origin  # far off, the products would lose their digits
        b = np.roll(a, -1, axis=0)
        cross = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
        # Rings may run either way; the outer one counts for the shape, holes against it.
        sign *= np.sign(cross.sum())
        area += sign * cross.sum()
        moment += sign * ((a + b) * cross[:, None]).sum(axis=0)
    return origin + moment / (3 * area) if area > 0 else parts[0][0].mean(axis=0)


def _parts(shape: bytes, at: int) -> tuple[list[tuple[np.ndarray, float]], int]:
    """Rings of a shape, each with 1, or -1 for a hole, and where the shape ends."""
    order = "<" if shape[at] == 1 else ">"
    (kind,) = struct.unpack_from(f"{order}I", shape, at + 1)
    at += 5
    if kind == _POINT:
        return [(_points(shape, order, at, 1), 1.0)], at + 16
    if kind not in (_POLYGON, _MANY_POLYGONS):
        raise ValueError(f"shapes of kind {kind}")
    (n,) = struct.unpack_from(f"{order}I", shape, at)
    at += 4
    parts: list[tuple[np.ndarray, float]] = []
    for k in range(n):
        if kind == _MANY_POLYGONS:
            more, at = _parts(shape, at)
            parts += more
        else:
            (length,) = struct.unpack_from(f"{order}I", shape, at)
            parts.append((_points(shape, order, at + 4, length), 1.0 if k == 0 else -1.0))
            at += 4 + 16 * length
    if not parts:
        raise ValueError("a shape without points")
    return parts, at


def _points(shape: bytes, order: str, at: int, n: int) -> np.ndarray:
    return np.frombuffer(shape, dtype=f"{order}f8", count=2 * n, offset=at).reshape(n, 2).astype(np.float64)
