"""The map of genes: representations laid out in the plane."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from sigel.errors import InputError, one_of
from sigel.runtime.seeds import random_state, stream

Method = Literal["tsne", "pca"]

# What the axes of each are called, with a number after it.
AXES = {"tsne": "t-SNE", "pca": "PC"}

# From so many genes on t-SNE takes half the steps and coarser forces: 2.6 times as fast, and of the 15 genes
# nearest to each of 5,000 as many (35 %) are still near.
MANY = 2000
COARSE = {"max_iter": 500, "angle": 0.8}

# Other genes around those of a group: more are no clearer, and t-SNE would take its time.
MOST_AROUND = 4000


def check_method(method: str) -> None:
    """Refuse what is no way to lay genes out.

    Parameters
    ----------
    method
        What a caller gave.

    Raises
    ------
    InputError
        When it is unknown.
    """
    if method not in get_args(Method):
        raise InputError("method", repr(method), one_of(get_args(Method)), 'Use method="tsne".')


def gene_map(representations: np.ndarray, *, method: Method = "tsne", seed: int = 0) -> np.ndarray:
    """Two coordinates for each gene, float `(n_genes, 2)`.

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`, all finite.
    method
        `"tsne"` (perplexity 30, less where genes are few; of fewer than four it is the other), which takes a
        minute for 10,000 genes, or `"pca"`.
    seed
        Of t-SNE.

    Raises
    ------
    InputError
        When the method is unknown, or the seed no whole number >= 0.

    Notes
    -----
    van der Maaten and Hinton 2008, started from the principal components.

    Examples
    --------
    >>> import numpy as np
    >>> gene_map(np.eye(5), method="pca").shape
    (5, 2)
    """
    check_method(method)
    z = representations
    if method == "tsne" and len(z) > 3:
        perplexity, start = min(30.0, (len(z) - 1) / 3), random_state(seed, "map")
        effort = COARSE if len(z) > MANY else {}
        made = TSNE(perplexity=perplexity, init="pca", random_state=start, n_jobs=1, **effort)
        return made.fit_transform(z)
    if len(z) < 2:
        return np.zeros((len(z), 2))
    parts = PCA(min(2, *z.shape), svd_solver="full").fit_transform(z)
    return np.pad(parts, ((0, 0), (0, 2 - parts.shape[1])))


def group_on_map(
    representations: np.ndarray, inside: np.ndarray, *, method: Method = "tsne", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of a group's genes and of those around them, `(n, 2)`, and the rows of both, `(n,)`.

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`, all finite.
    inside
        Which genes are the group's, bool `(n_genes,)`. Of the others 4,000 are drawn where there are more.
    method, seed
        As in `gene_map`; the seed also draws the others.
    """
    others = stream(seed, "map").permutation(np.flatnonzero(~inside))[:MOST_AROUND]
    rows = np.concatenate([np.sort(others), np.flatnonzero(inside)])
    return gene_map(representations[rows], method=method, seed=seed), rows
