"""Which genes a gene is among the patterns of, and which it leaves or joins."""

from __future__ import annotations

import numpy as np

N_NEAREST = 20
N_NAMED = 5
_ROWS = 1000  # genes at a time: similarities of all pairs are never held


def nearest_genes(means: np.ndarray, genes: np.ndarray, n: int = N_NEAREST) -> np.ndarray:
    """The genes whose patterns are most like those of some genes.

    Parameters
    ----------
    means
        Representations, `(n_genes, n_dims)`; genes with NaN are nobody's neighbour.
    genes
        Numbers of the genes that are asked about, `(n_asked,)`.
    n
        How many of each.

    Returns
    -------
    numpy.ndarray
        Numbers, the nearest first, `(n_asked, n)`.
    """
    known = np.isfinite(means).all(axis=1)
    centred = np.where(known[:, None], means - means[known].mean(axis=0), 0.0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    n = min(n, max(int(known.sum()) - 1, 1))
    found = np.empty((len(genes), n), dtype=int)
    for start in range(0, len(genes), _ROWS):
        asked = genes[start : start + _ROWS]
        alike = unit[asked] @ unit.T
        alike[:, ~known] = -np.inf
        alike[np.arange(len(asked)), asked] = -np.inf
        top = np.argpartition(-alike, n - 1, axis=1)[:, :n]
        order = np.argsort(-np.take_along_axis(alike, top, axis=1), axis=1, kind="stable")
        found[start : start + _ROWS] = np.take_along_axis(top, order, axis=1)
    return found


def gained_and_lost(
    before: np.ndarray, after: np.ndarray, names: np.ndarray, genes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Names of the neighbours that a gene has in one of two states only, the nearest first, with commas.

    Parameters
    ----------
    before, after
        Representations in both states, `(n_genes, n_dims)`.
    names
        Of the genes, `(n_genes,)`.
    genes
        Numbers of the genes that are asked about; those with NaN get no names.

    Returns
    -------
    gained, lost
        Text, `(n_asked,)`.
    """
    there = np.isfinite(before[genes]).all(axis=1) & np.isfinite(after[genes]).all(axis=1)
    made = np.full((2, len(genes)), "", dtype=object)
    one, other = (nearest_genes(means, genes[there]) for means in (before, after))
    for row, (own, theirs) in enumerate(((other, one), (one, other))):
        new = ~(own[:, :, None] == theirs[:, None]).any(axis=2)  # (n_asked, n)
        made[row, there] = [", ".join(names[at[new_]][:N_NAMED]) for at, new_ in zip(own, new, strict=True)]
    return made[0], made[1]
