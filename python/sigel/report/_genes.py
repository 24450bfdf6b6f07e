"""Genes of a report: where they lie on the map, what is nearest to them, and which come first."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sigel.config.report import ReportConfig
from sigel.images.section import values_of
from sigel.keys import NO_PATTERN
from sigel.report._found import Found
from sigel.report._tables import p_value
from sigel.tasks.gene_map import Method, gene_map
from sigel.tasks.similar_genes import expression_level, similar_genes

# Places on the map are whole numbers up to this one.
_WIDE = 4000
# What stands for a similarity that is not known.
_MISSING = -128


@dataclass(frozen=True)
class Genes:
    """Genes in the order in which they get pictures: `(n,)`, or `(n, n_neighbors)`.

    Parameters
    ----------
    names
        Theirs.
    row
        Which of `var_names` each is.
    image
        Its row among the images; -1 where it has none.
    group
        Number of its group; -1 where it has none.
    place
        Across and up on the map, `(n, 2)`; None where nothing was embedded.
    near
        Its nearest genes, as numbers of these genes; None where nothing was embedded.
    similarity, random_95
        Of the nearest: cosine, and what 95 of 100 random genes of their expression stay below.
    rank, effect, qval
        Of the test of spatial genes; None where it was not made.
    n_tested
        Genes that the test has an answer for, with those that are not here.
    """

    names: np.ndarray
    row: np.ndarray
    image: np.ndarray
    group: np.ndarray
    place: np.ndarray | None
    near: np.ndarray | None
    similarity: np.ndarray | None
    random_95: np.ndarray | None
    rank: np.ndarray | None
    effect: np.ndarray | None
    qval: np.ndarray | None
    n_tested: int

    @property
    def at(self) -> dict[str, int]:
        """Number of each gene by its name."""
        return {str(name): k for k, name in enumerate(self.names)}


def genes_of(found: Found, first: Sequence[str], config: ReportConfig, *, method: Method, seed: int) -> Genes:
    """The genes of a report.

    Parameters
    ----------
    found
        What the object holds.
    first
        Names of genes that get pictures before all others.
    config
        Settings.
    method, seed
        As in `sigel.pl.gene_map`.
    """
    embedded, names = found.embedded, found.names
    image_of = np.full(len(names), -1)
    image_of[pd.Index(names).get_indexer(found.images.genes)] = np.arange(found.images.n_genes)
    shown = embedded if embedded.any() else image_of >= 0
    row = _in_order(found, np.flatnonzero(shown), image_of, first)
    place = near = similarity = random_95 = None
    if found.representations is not None and embedded.any():
        z = found.representations[row]
        place = _on_grid(gene_map(z[np.argsort(row)], method=method, seed=seed)[np.argsort(np.argsort(row))])
        if len(row) > 1:
            near, similarity, random_95 = _nearest(found, z, row, config.n_neighbors, seed)
    code = {name: k for k, name in enumerate(found.groups)}
    group = None if found.group is None else pd.Series(found.group[row]).map(code).fillna(-1)
    spatial = None if found.spatial is None else found.spatial.iloc[row]
    return Genes(
        names=names[row],
        row=row,
        image=image_of[row],
        group=np.full(len(row), -1) if group is None else group.to_numpy(dtype=int),
        place=place,
        near=near,
        similarity=similarity,
        random_95=random_95,
        rank=None if spatial is None else spatial["rank"].to_numpy(),
        effect=None if spatial is None else spatial["effect"].to_numpy(),
        qval=None if spatial is None else spatial["qval"].to_numpy(),
        n_tested=found.n_tested,
    )


def _in_order(found: Found, row: np.ndarray, image_of: np.ndarray, first: Sequence[str]) -> np.ndarray:
    """Those named, then the strongest patterns: by rank, else by how sure the group is; flat ones last."""
    named = pd.Index(found.names).get_indexer(list(dict.fromkeys(first)))
    place = np.full(len(image_of), np.inf)
    place[named[named >= 0]] = np.arange(int((named >= 0).sum()))
    keys: list[np.ndarray] = []
    if found.keys.group_prob in found.adata.var:
        keys.append(-found.adata.var[found.keys.group_prob].to_numpy(dtype=np.float64))
    if found.group is not None:
        keys.append(found.group == NO_PATTERN)
    if found.spatial is not None:
        keys.append(found.spatial["rank"].fillna(np.inf).to_numpy())
    keys += [place, image_of < 0]
    return row[np.lexsort([np.nan_to_num(one[row], nan=np.inf) for one in keys])]


def _on_grid(place: np.ndarray) -> np.ndarray:
    """Whole numbers, both axes on one scale, y pointing down as on a screen."""
    low, wide = place.min(axis=0), max(float(np.ptp(place, axis=0).max()), 1e-12)
    at = (place - low) / wide * _WIDE
    at[:, 1] = at[:, 1].max(initial=0) - at[:, 1]
    return np.rint(at).astype(int)


def _nearest(
    found: Found, z: np.ndarray, row: np.ndarray, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest genes of each, their similarity, and what random genes of their expression reach."""
    level = np.asarray(expression_level(values_of(found.adata, found.layer)))[row]
    # Numbers for names: an index is all that is wanted back.
    name = np.array([str(k) for k in range(len(row))], dtype=object)
    table = similar_genes(z, name, level, name.tolist(), n=n, combine="each", seed=seed)
    shape = (len(row), -1)
    near = table["gene"].to_numpy(dtype=str).astype(int).reshape(shape)
    return near, *(table[one].to_numpy().reshape(shape) for one in ("similarity", "random_95"))


def packed(values: np.ndarray | None, kind: str) -> dict[str, str] | None:
    """An array as a page reads it: the name of its type in JavaScript, and its bytes in base64.

    Parameters
    ----------
    values
        Whole numbers; None stays None.
    kind
        For example `"uint16"`.

    Examples
    --------
    >>> import numpy as np
    >>> packed(np.array([1, 2]), "uint16")
    {'type': 'Uint16Array', 'bytes': 'AQACAA=='}
    """
    if values is None:
        return None
    made = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<"))
    return {"type": f"{kind.capitalize()}Array", "bytes": base64.b64encode(made.tobytes()).decode("ascii")}


def for_page(genes: Genes) -> dict[str, Any]:
    """What the page knows of each gene.

    Parameters
    ----------
    genes
        The genes.
    """
    wide = "uint16" if len(genes.names) < 2**16 else "uint32"
    rank = None if genes.rank is None else np.nan_to_num(genes.rank, nan=0)
    share = None if genes.effect is None else np.rint(100 * np.nan_to_num(genes.effect, nan=0)).clip(0, 100)
    percent = [
        None if one is None else np.nan_to_num(np.rint(100 * one).clip(-100, 100), nan=_MISSING)
        for one in (genes.similarity, genes.random_95)
    ]
    return {
        "names": genes.names.tolist(),
        "group": packed(genes.group, "int16"),
        "x": packed(None if genes.place is None else genes.place[:, 0], "uint16"),
        "y": packed(None if genes.place is None else genes.place[:, 1], "uint16"),
        "near": packed(genes.near, wide),
        "similarity": packed(percent[0], "int8"),
        "random": packed(percent[1], "int8"),
        "n_near": 0 if genes.near is None else int(genes.near.shape[1]),
        "rank": packed(rank, wide),
        "q": None if genes.qval is None else [p_value(one) for one in genes.qval],
        "n_tested": f"{genes.n_tested:,}",
        "effect": packed(share, "uint8"),
    }
