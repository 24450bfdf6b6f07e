"""Leiden communities of cells at a wanted number, by whichever Python has leidenalg.

Usage: python -m benchmarks.harness.leiden IN.npy OUT.npy N_CLUSTERS N_SEEDS
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from benchmarks.harness.processes import found_from_here, printed

NEIGHBOURS = 15
STEPS = 14


def communities(features: np.ndarray, n_clusters: int, n_seeds: int) -> np.ndarray:
    """Communities of the 15-nearest-neighbour graph for some seeds, `(n_seeds, n_cells)`.

    The resolution is searched anew for each seed until the number is the wanted one, or as near as it gets.

    Parameters
    ----------
    features
        `(n_cells, n_features)`.
    n_clusters
        The wanted number.
    n_seeds
        How many seeds.
    """
    found = _finder(features)
    labels = []
    start = 1.0
    for seed in range(n_seeds):
        low, high, resolution = 1e-3, 30.0, start
        best = None
        for _ in range(STEPS):
            now = found(resolution, seed)
            n = now.max() + 1
            if best is None or abs(n - n_clusters) < abs(best.max() + 1 - n_clusters):
                best, start = now, resolution
            if n == n_clusters:
                break
            low, high = (resolution, high) if n < n_clusters else (low, resolution)
            # Near the last answer first: the next seed's is seldom far.
            near_by = resolution * (1.25 if n < n_clusters else 0.8)
            resolution = near_by if low < near_by < high and high / low > 2 else (low * high) ** 0.5
        labels.append(best)
    return np.array(labels)


def communities_at(features: np.ndarray, resolution: float, seed: int = 0) -> np.ndarray:
    """Communities of the same graph at one resolution, as scanpy's users know it, `(n_cells,)`.

    Parameters
    ----------
    features
        `(n_cells, n_features)`.
    resolution
        1 is modularity.
    seed
        Of the algorithm.
    """
    return _finder(features)(resolution, seed)


def _finder(features: np.ndarray) -> Callable[[float, int], np.ndarray]:
    """From a resolution and a seed to communities of the nearest-neighbour graph."""
    import igraph
    import leidenalg

    n_near = min(NEIGHBOURS, len(features) - 1)
    near = NearestNeighbors(n_neighbors=n_near).fit(features).kneighbors(return_distance=False)
    edges = np.column_stack([np.repeat(np.arange(len(near)), near.shape[1]), near.ravel()])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    graph = igraph.Graph(n=len(near), edges=edges.tolist())

    def found(resolution: float, seed: int) -> np.ndarray:
        made = leidenalg.find_partition(
            graph,
            leidenalg.RBConfigurationVertexPartition,
            resolution_parameter=resolution,
            n_iterations=2,
            seed=seed,
        )
        return np.array(made.membership)

    return found


def leiden(features: np.ndarray, n_clusters: int, n_seeds: int, python: str) -> np.ndarray:
    """The same, by another Python where this one has no leidenalg.

    Parameters
    ----------
    features, n_clusters, n_seeds
        As in `communities`.
    python
        One that has leidenalg.
    """
    if python == sys.executable:
        return communities(features, n_clusters, n_seeds)
    with tempfile.TemporaryDirectory() as name:
        given, made = (str(Path(name) / file) for file in ("in.npy", "out.npy"))
        np.save(given, features)
        command = [python, "-m", __name__, given, made, str(n_clusters), str(n_seeds)]
        printed("Leiden", command, found_from_here())
        return np.load(made)


if __name__ == "__main__":
    source, out, wanted, times = sys.argv[1:]
    np.save(out, communities(np.load(source), int(wanted), int(times)))
