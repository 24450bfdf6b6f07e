"""Parts by k-means from one start, the same whatever the number of threads."""

from __future__ import annotations

import numpy as np
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
