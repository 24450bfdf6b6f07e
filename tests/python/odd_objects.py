"""Odd AnnData objects, drawn by hypothesis, and what must stay of them."""

from __future__ import annotations

import hashlib
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy import sparse

VALUES = (
    "counts",
    "counts",
    "counts",
    "counts",
    "zeros",
    "one gene",
    "fractions",
    "negative",
    "nan",
    "inf",
    "huge",
)
KINDS = ("float32", "float32", "float64", "int32", "int64", "uint8", "bool", "float16")
LAYOUTS = (
    "dense",
    "fortran",
    "csr",
    "csr",
    "csc",
    "coo",
    "csr_array",
    "unsorted",
    "twice",
    "stored zeros",
    "frozen",
)
NAMES = (
    "plain",
    "plain",
    "plain",
    "greek",
    "spaces",
    "numbers",
    "twice",
    "empty",
    "capitals",
    "string dtype",
)
PLACES = (
    "grid", "grid", "grid", "scattered", "huge", "tiny", "far away", "unsigned", "float16", "object", "frame",
    "on a line", "one point", "few points", "nan", "inf", "text", "three columns", "one column", "missing",
)  # fmt: skip
WITHIN = (
    None,
    None,
    None,
    "numbers",
    "bool",
    "text",
    "nullable",
    "categories",
    "none of them",
    "gaps",
    "other words",
)


@st.composite
def odd_objects(draw: st.DrawFn) -> ad.AnnData:
    """An object as somebody might have it; most are sound but for a part or two."""
    n_spots = draw(st.sampled_from([0, 1, 3, 25, 60, 60, 60]))
    n_genes = draw(st.sampled_from([0, 1, 2, 14, 14, 14]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    counts = _values(draw(st.sampled_from(VALUES)), n_spots, n_genes, rng)
    kind = draw(st.sampled_from(KINDS))
    with np.errstate(all="ignore"):
        counts = counts.astype(kind)
    matrix = _laid_out(counts, draw(st.sampled_from(LAYOUTS)))
    obs = pd.DataFrame(
        {"region": ["a", "b"] * (n_spots // 2) + ["a"] * (n_spots % 2)}, index=_index("s", n_spots)
    )
    within = draw(st.sampled_from(WITHIN))
    if within is not None:
        obs["in_tissue"] = _within(within, n_spots)
    obs["nullable"] = pd.array([1, None] * (n_spots // 2) + [3] * (n_spots % 2), dtype="Int64")
    var = pd.DataFrame(index=_names(draw(st.sampled_from(NAMES)), n_genes))
    place, key = draw(st.sampled_from(PLACES)), "spatial"
    in_layer = draw(st.booleans())
    adata = ad.AnnData(None if in_layer else matrix, obs=obs, var=var)
    if in_layer:
        adata.layers["counts"] = matrix
    if place != "missing":
        adata.obsm[key] = _places(place, n_spots, obs.index, rng)
    if draw(st.integers(0, 4)) == 0 and n_spots > 3:
        adata = adata[::-1]  # a view
    return adata


def fingerprint(adata: ad.AnnData) -> dict[str, Any]:
    """Every byte of an object, by where it is."""
    found: dict[str, Any] = {"X": _bytes(adata.X)}
    for name, matrix in adata.layers.items():
        if name is not None:
            found[f"layers {name}"] = _bytes(matrix)
    for name, values in adata.obsm.items():
        found[f"obsm {name}"] = _bytes(values)
    for axis in ("obs", "var"):
        frame = getattr(adata, axis)
        found[f"{axis} names"] = (str(frame.index.dtype), tuple(frame.index))
        for name in frame:
            found[f"{axis} {name}"] = (str(frame[name].dtype), tuple(map(str, frame[name])))
    return found


def _bytes(values: Any) -> Any:
    if values is None:
        return None
    if isinstance(values, pd.DataFrame):
        return tuple(map(str, values.dtypes)), _bytes(values.to_numpy())
    if sparse.issparse(values):
        parts = ("row", "col", "data") if values.format == "coo" else ("indptr", "indices", "data")
        return (values.format, *(_bytes(np.asarray(getattr(values, part))) for part in parts))
    array = np.asarray(values)
    if array.dtype == object:
        return array.shape, tuple(map(repr, array.ravel()))
    return array.shape, str(array.dtype), hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _values(name: str, n_spots: int, n_genes: int, rng: np.random.Generator) -> np.ndarray:
    side = np.linspace(0, 3, n_spots)[:, None]
    counts = rng.poisson(3 + 2 * np.sin(side + np.arange(n_genes))).astype(float)
    if name == "zeros":
        counts[:] = 0
    elif name == "one gene":
        counts[:, 1:] = 0
    elif name == "fractions":
        counts = np.log1p(counts)
    elif counts.size and name in ("negative", "nan", "inf", "huge"):
        counts.flat[counts.size // 2] = {"negative": -3, "nan": np.nan, "inf": np.inf, "huge": 1e30}[name]
    return counts


def _laid_out(counts: np.ndarray, name: str) -> Any:
    if name in ("dense", "fortran") or counts.dtype == np.float16:  # scipy knows no sparse half precision
        return np.asfortranarray(counts) if name == "fortran" else counts
    if name == "csc":
        return sparse.csc_matrix(counts)
    matrix = sparse.csr_matrix(counts)
    if name == "csr_array":
        return sparse.csr_array(counts)
    if name == "unsorted":
        for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
            matrix.indices[start:stop] = matrix.indices[start:stop][::-1]
            matrix.data[start:stop] = matrix.data[start:stop][::-1]
        matrix.has_sorted_indices = matrix.has_canonical_format = False
    elif name == "twice" and matrix.nnz:
        data, indices = np.repeat(matrix.data, 2), np.repeat(matrix.indices, 2)
        data[1::2] = 0
        matrix = sparse.csr_matrix((data, indices, 2 * matrix.indptr), shape=matrix.shape)
    elif name == "stored zeros" and matrix.nnz:
        matrix.data[::3] = 0
    elif name == "frozen":
        for part in (matrix.data, matrix.indices, matrix.indptr):
            part.flags.writeable = False
    return matrix


def _index(prefix: str, n: int) -> list[str]:
    return [f"{prefix}{i}" for i in range(n)]


def _names(name: str, n: int) -> pd.Index:
    names = _index("Gene", n)
    if name == "greek":
        names = [f"IL1β_{gene}" for gene in names]
    elif name == "spaces":
        names = [f" {gene} / x" for gene in names]
    elif name == "numbers":
        names = [str(i) for i in range(n)]
    elif name == "twice" and n > 1:
        names[1] = names[0]
    elif name == "empty" and n:
        names[0] = ""
    elif name == "capitals" and n > 1:
        names[1] = names[0].upper()
    return pd.Index(names, dtype="string" if name == "string dtype" else object)


def _within(name: str, n: int) -> Any:
    inside = np.arange(n) % 5 != 0
    if name == "bool":
        return inside
    if name == "text":
        return np.where(inside, "1", "0")
    if name == "nullable":
        return pd.array(inside.astype(int), dtype="Int64")
    if name == "categories":
        return pd.Categorical(np.where(inside, "1", "0"))
    if name == "none of them":
        return np.zeros(n, int)
    if name == "gaps":
        return np.where(inside, 1.0, np.nan)
    if name == "other words":
        return np.where(inside, "yes", "perhaps")
    return inside.astype(int)


def _places(name: str, n: int, index: pd.Index, rng: np.random.Generator) -> Any:
    width = max(int(np.sqrt(n)), 1)
    places = np.stack(np.divmod(np.arange(n), width), axis=1).astype(float) * 100
    if name == "scattered":
        places = rng.random((n, 2)) * 1000
    elif name == "huge":
        places = places * 1e12
    elif name == "tiny":
        places = places * 1e-12
    elif name == "far away":
        places = places + 1e9
    elif name == "unsigned":
        return places.astype(np.uint16)
    elif name == "float16":
        return places.astype(np.float16)
    elif name == "object":
        return places.astype(object)
    elif name == "frame":
        return pd.DataFrame(places, columns=["x", "y"], index=index)
    elif name == "on a line":
        places[:, 1] = 5
    elif name == "one point":
        places[:] = 5
    elif name == "few points":
        places = np.round(places / 400)
    elif n and name in ("nan", "inf"):
        places[n // 2, 0] = {"nan": np.nan, "inf": np.inf}[name]
    elif name == "text":
        return places.astype(str)
    elif name == "three columns":
        return np.column_stack([places, np.arange(n)])
    elif name == "one column":
        return places[:, :1]
    return places
