"""Domains of adjacent sections held against each other: a judge that needs no labels.

Sections are laid over each other by what genes show (turned, mirrored and moved as a whole), and each spot
of one takes the domain of the nearest spot of the other. A partition by place alone agrees too: the row
"places, k-means" says how much of the agreement is smoothness.
"""

from __future__ import annotations

from itertools import pairwise

import anndata
import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.spatial import KDTree
from sklearn.metrics import adjusted_rand_score

from benchmarks.domains.inputs import components, spacing
from benchmarks.harness.numerics import library, log_normalised, mean_of_nearest, zscored

SERIES = {
    "hippocampus": ([f"st_mousebrain_hippo{n}" for n in range(1, 5)], 8),
    "breast": ([f"st_breast_layer{n}" for n in range(1, 5)], 5),
}
N_COMPONENTS, WINDOW = 8, 7
ANGLES = np.arange(0, 360, 10)


def laid_over(one: anndata.AnnData, other: anndata.AnnData) -> np.ndarray:
    """Places of one section in the frame of the other, `(n_spots, 2)`, in spacings of the other.

    Parameters
    ----------
    one, other
        Sections, spots x genes, raw counts.

    Notes
    -----
    The turn, mirror image and shift for which components of windows of the two sections together are most
    alike between each spot and the nearest of the other section: a grid over angles, the best three refined.
    """
    places = [_centred(each) for each in (one, other)]
    scores = _shared_components(one, other)
    tree = KDTree(places[1])

    def away(at: np.ndarray, mirror: float) -> float:
        moved = _moved(places[0], at, mirror)
        distance, near = tree.query(moved)
        inside = distance < 1.5
        if inside.sum() < 0.6 * min(map(len, places)):
            return 2.0 - float(inside.mean())
        a, b = scores[0][inside], scores[1][near[inside]]
        return 1.0 - float(np.mean(zscored(a) * zscored(b)))

    tried = [
        (away(np.array([angle, 0, 0]), mirror), angle, mirror) for angle in ANGLES for mirror in (1.0, -1.0)
    ]
    best = []
    for _, angle, mirror in sorted(tried)[:3]:
        start = np.array([[angle, 0, 0], [angle + 6, 0, 0], [angle, 3, 0], [angle, 0, 3]], dtype=float)
        found = minimize(
            away, start[0], args=(mirror,), method="Nelder-Mead", options={"initial_simplex": start}
        )
        best.append((found.fun, mirror, found.x))
    _, mirror, at = min(best, key=lambda each: each[0])
    return _moved(places[0], at, mirror)


def agreement_of_adjacent(labels: list[np.ndarray], over: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean adjusted Rand index of sections that follow each other.

    Parameters
    ----------
    labels
        Domains of the spots of each section.
    over
        Of each two that follow each other the spots of the first that lie over the second, and the nearest
        spots there.
    """
    pairs = zip(pairwise(labels), over, strict=True)
    return float(np.mean([adjusted_rand_score(a[inside], b[near]) for (a, b), (inside, near) in pairs]))


def matched(sections: list[anndata.AnnData]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each two sections that follow each other the spots that lie over each other.

    Parameters
    ----------
    sections
        In their order.
    """
    made = []
    for one, other in pairwise(sections):
        distance, near = KDTree(_centred(other)).query(laid_over(one, other))
        inside = np.flatnonzero(distance < 1.0)
        made.append((inside, near[inside]))
    return made


def _centred(adata: anndata.AnnData) -> np.ndarray:
    places = np.asarray(adata.obsm["spatial"], dtype=float)[:, :2]
    return (places - (places.min(axis=0) + places.max(axis=0)) / 2) / spacing(places)


def _moved(places: np.ndarray, at: np.ndarray, mirror: float) -> np.ndarray:
    angle = np.deg2rad(at[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (places * [mirror, 1.0]) @ turn.T + at[1:]


def _shared_components(one: anndata.AnnData, other: anndata.AnnData) -> list[np.ndarray]:
    """Components of windows of two sections together, each centred for itself."""
    genes = one.var_names.intersection(other.var_names)
    means = []
    for each in (one, other):
        values = log_normalised(sparse.csr_matrix(each[:, genes].X), library(each), 1e4)
        near = mean_of_nearest(np.asarray(each.obsm["spatial"], dtype=float)[:, :2], WINDOW)
        x = (near @ values).toarray()
        means.append(x - x.mean(axis=0))
    scores = components(np.concatenate(means), N_COMPONENTS)
    return np.split(scores, [len(means[0])])
