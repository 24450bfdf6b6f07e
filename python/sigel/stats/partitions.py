"""Parts by k-means from one start, the same whatever the number of threads."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits


def kmeans(x: np.ndarray, n_parts: int, seeds: np.ndarray) -> np.ndarray:
    """Parts of points from several starts, numbers from 0, `(n_starts, n_points)`.

    Parameters
    ----------
    x
        `(n_points, n_dims)`.
    n_parts
        How many parts.
    seeds
        Of the starts, `(n_starts,)`.

    Examples
    --------
    >>> import numpy as np
    >>> kmeans(np.array([[0.0], [0.1], [9.0]]), 2, np.array([0, 1])).shape
    (2, 3)
    """
    with threadpool_limits(1, "openmp"):  # three threads and more add in the order in which they finish
        return np.stack([KMeans(n_parts, n_init=1, random_state=int(seed)).fit_predict(x) for seed in seeds])


def jaccard(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Jaccard index of each pair of groups: shared genes over genes in either, `(n_one, n_other)`.

    Parameters
    ----------
    one, other
        Numbers of groups from 0, `(n_genes,)`; every number occurs.
    """
    shared = sparse.coo_matrix((np.ones(len(one)), (one, other))).toarray()
    either = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    return shared / either


def in_order(label: np.ndarray) -> np.ndarray:
    """Numbers as text, `"1"` for the largest part; the first point decides among equals.

    Parameters
    ----------
    label
        `(n_points,)`, any coding.

    Examples
    --------
    >>> import numpy as np
    >>> in_order(np.array([7, 3, 3])).tolist()
    ['2', '1', '1']
    """
    codes = pd.factorize(label)[0]
    rank = np.empty(codes.max() + 1, int)
    rank[np.argsort(-np.bincount(codes), kind="stable")] = np.arange(1, codes.max() + 2)
    return rank[codes].astype(str).astype(object)
