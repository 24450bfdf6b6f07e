"""Parts of points: made by k-means, numbered, and held against those of other seeds."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int, Num, Shaped
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits


def kmeans(
    x: Num[np.ndarray, "points dims"], n_parts: int, seeds: Int[np.ndarray, " starts"]
) -> Int[np.ndarray, "starts points"]:
    """Parts of points from several starts, numbers from 0, `(n_starts, n_points)`.

    Parameters
    ----------
    x
        `(n_points, n_dims)`.
    n_parts
        How many parts.
    seeds
        Of the starts, `(n_starts,)`.

    Notes
    -----
    From each start the points' squared distances to the means of their parts are made as small as they get in
    steps of Lloyd's algorithm, begun by k-means++ (Arthur and Vassilvitskii 2007): scikit-learn's `KMeans`.
    The parts are the same whatever the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> kmeans(np.array([[0.0], [0.1], [9.0]]), 2, np.array([0, 1])).shape
    (2, 3)
    """
    # Three threads and more add in the order in which they finish. Fewer distinct points than parts are no
    # fault.
    with threadpool_limits(1, "openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.stack([KMeans(n_parts, n_init=1, random_state=int(seed)).fit_predict(x) for seed in seeds])


def points_of_parts(part: Int[np.ndarray, " points"]) -> list[Int[np.ndarray, " own"]]:
    """Numbers of the points of each part, in order.

    Parameters
    ----------
    part
        Of each point, from 0, `(n_points,)`.

    Examples
    --------
    >>> import numpy as np
    >>> [own.tolist() for own in points_of_parts(np.array([1, 0, 1]))]
    [[1], [0, 2]]
    """
    order = np.argsort(part, kind="stable")
    return np.split(order, np.cumsum(np.bincount(part))[:-1])


def members(part: Int[np.ndarray, " points"]) -> Float64[np.ndarray, "points parts"]:
    """1 where a point is in a part, else 0.

    Parameters
    ----------
    part
        Of each point, from 0, `(n_points,)`.

    Examples
    --------
    >>> import numpy as np
    >>> members(np.array([1, 0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return np.eye(int(part.max()) + 1)[part]


def jaccard(
    one: Int[np.ndarray, " points"], other: Int[np.ndarray, " points"]
) -> Float64[np.ndarray, "parts_of_one parts_of_other"]:
    """Jaccard index of each part of one partition with each part of another.

    Parameters
    ----------
    one, other
        Numbers of the parts from 0, `(n_points,)`; every number occurs.

    Notes
    -----
    `|A and B| / |A or B|` for parts A and B: points that are shared over points in either (Jaccard 1912, New
    Phytologist 11:37).
    """
    shared = sparse.coo_matrix((np.ones(len(one)), (one, other))).toarray()
    either = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    return shared / either


def stability_table(
    column: str,
    names: Shaped[np.ndarray, " parts"],
    sizes: Int[np.ndarray, " parts"],
    overlap: Float[np.ndarray, "seeds parts"],
    rand: list[float],
    seeds: list[int],
    *,
    size_column: str,
) -> pd.DataFrame:
    """How much of each part comes back at other seeds.

    Parameters
    ----------
    column, size_column
        What parts and their sizes are called.
    names, sizes
        Of the parts, `(n_parts,)`.
    overlap
        Jaccard index of each part with the most similar one of each seed, `(n_seeds, n_parts)`.
    rand
        Adjusted Rand index of each seed.
    seeds
        The seeds.

    Returns
    -------
    pandas.DataFrame
        A row for each part: its name, its size, `stability` (mean over seeds) and `lowest` (minimum).
        `attrs`: `ari` (mean over seeds), `ari_by_seed`, `seeds`.

    Examples
    --------
    >>> import numpy as np
    >>> names, sizes, overlap = np.array(["1", "2"]), np.array([5, 4]), np.array([[1.0, 0.5], [0.5, 0.5]])
    >>> table = stability_table("group", names, sizes, overlap, [1.0, 0.5], [1, 2], size_column="n_genes")
    >>> table["stability"].tolist(), table["lowest"].tolist(), table.attrs["ari"]
    ([0.75, 0.5], [0.5, 0.5], 0.75)
    """
    table = pd.DataFrame(
        {
            column: names,
            size_column: sizes,
            "stability": overlap.mean(axis=0),
            "lowest": overlap.min(axis=0),
        }
    )
    table.attrs = {"ari": float(np.mean(rand)), "ari_by_seed": rand, "seeds": seeds}
    return table


def in_order(label: Shaped[np.ndarray, " points"]) -> Shaped[np.ndarray, " points"]:
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
