"""One partition that many agree on, and which of them agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from scipy import sparse
from scipy.optimize import linear_sum_assignment

MOST_ROUNDS = 10


@dataclass(frozen=True)
class Consensus:
    """What many partitions of the same points have in common.

    Parameters
    ----------
    label
        Part of each point, `(n_points,)`, from 0.
    agreement
        Share of the partitions that put the point there, `(n_points,)`.
    similarity
        Adjusted Rand index of each pair of partitions, `(n_partitions, n_partitions)`.
    """

    label: Int[np.ndarray, " points"]
    agreement: Float64[np.ndarray, " points"]
    similarity: Float64[np.ndarray, "partitions partitions"]


def consensus(labels: Int[np.ndarray, "partitions points"], n_parts: int) -> Consensus:
    """Vote of partitions, their labels matched first.

    The partition most like all others is the reference; the parts of each partition are matched to its parts
    so that most points agree, every point takes the part that most partitions give it, and that is the next
    reference, until nothing changes. A part that is everywhere in a minority would be lost: it takes back the
    points of the partition most like all others.

    Parameters
    ----------
    labels
        Parts from 0 to `n_parts - 1`, `(n_partitions, n_points)`.
    n_parts
        Number of parts.

    Notes
    -----
    With l_b(i) the part of point i in partition b, and s_b the one-to-one matching of its parts to those of
    the reference r that maximises the number of points with `s_b(l_b(i)) = r(i)`, the next reference gives
    point i the part k with the most partitions for which `s_b(l_b(i)) = k`. Voting after Dudoit and Fridlyand
    2003 (Bioinformatics 19:1090), matching after Kuhn 1955 (Naval Research Logistics Quarterly 2:83).

    Examples
    --------
    >>> import numpy as np
    >>> found = consensus(np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]]), 2)
    >>> found.label.tolist(), found.agreement.round(2).tolist()
    ([0, 0, 1, 1], [1.0, 1.0, 0.67, 1.0])

    No part is lost, if most have it somewhere:

    >>> consensus(np.array([[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]]), 2).label.tolist()
    [0, 0, 0, 1]
    """
    labels = np.asarray(labels)
    member = _members(labels, n_parts)  # (n_points, n_partitions * n_parts)
    similarity = _similarity(member, n_parts)
    reference = label = labels[_most_alike(similarity, labels)]
    for _ in range(MOST_ROUNDS):
        new = _votes(member, labels, label, n_parts).argmax(axis=1)
        if np.array_equal(new, label):
            break
        label = new
    label = _all_parts(label, reference, n_parts)
    return Consensus(label, _share(_votes(member, labels, label, n_parts), labels, label), similarity)


def agreeing(
    labels: Int[np.ndarray, "partitions points"], n_parts: int, share: float
) -> Int[np.ndarray, " n"]:
    """The partition most like all others, and those most like it; their numbers, the most like first.

    Parameters
    ----------
    labels
        Parts from 0 to `n_parts - 1`, `(n_partitions, n_points)`.
    n_parts
        Number of parts.
    share
        Of the partitions, rounded up.

    Notes
    -----
    By the adjusted Rand index of each two partitions; the first is their medoid. Where descriptions of the
    same points differ in how well they suit, those that do agree with each other, and the others each err in
    their own way.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, 1]])
    >>> agreeing(labels, 2, 0.5).tolist()
    [1, 2]
    """
    labels = np.asarray(labels)
    similarity = _similarity(_members(labels, n_parts), n_parts)
    first = _most_alike(similarity, labels)
    like = similarity[first].copy()
    like[first] = np.inf
    # A product that is whole but for rounding is whole.
    n = math.ceil(share * len(labels) - 1e-9)
    return np.argsort(-like, kind="stable")[: max(n, 1)]


def support(
    labels: Int[np.ndarray, "partitions points"], label: Int[np.ndarray, " points"], n_parts: int
) -> Float64[np.ndarray, " points"]:
    """Share of partitions that put each point where `label` does, their parts matched to its parts.

    Parameters
    ----------
    labels
        Parts from 0 to `n_parts - 1`, `(n_partitions, n_points)`.
    label
        One more partition, `(n_points,)`.
    n_parts
        Number of parts.

    Examples
    --------
    >>> import numpy as np
    >>> support(np.array([[0, 0, 1], [1, 1, 0], [0, 1, 1]]), np.array([0, 0, 1]), 2).round(2).tolist()
    [1.0, 0.67, 1.0]
    """
    labels = np.asarray(labels)
    return _share(_votes(_members(labels, n_parts), labels, label, n_parts), labels, label)


def _share(
    votes: Float64[np.ndarray, "points parts"],
    labels: Int[np.ndarray, "partitions points"],
    label: Int[np.ndarray, " points"],
) -> Float64[np.ndarray, " points"]:
    return np.take_along_axis(votes, label[:, None], axis=1)[:, 0] / len(labels)


def _similarity(
    member: Float64[sparse.csr_matrix, "points members"], n_parts: int
) -> Float64[np.ndarray, "partitions partitions"]:
    """Adjusted Rand index of each two partitions, their parts side by side."""
    n_points, n_partitions = member.shape[0], member.shape[1] // n_parts
    shared = np.asarray((member.T @ member).todense()).reshape(n_partitions, n_parts, n_partitions, n_parts)
    return _adjusted_rand(shared, n_points)


def _most_alike(
    similarity: Float64[np.ndarray, "partitions partitions"], labels: Int[np.ndarray, "partitions points"]
) -> int:
    """The partition most like all others, of those with the most parts."""
    n_found = np.array([len(np.unique(each)) for each in labels])
    return int(np.argmax(np.where(n_found == n_found.max(), similarity.sum(axis=1), -np.inf)))


def _votes(
    member: Float64[sparse.csr_matrix, "points members"],
    labels: Int[np.ndarray, "partitions points"],
    label: Int[np.ndarray, " points"],
    n_parts: int,
) -> Float64[np.ndarray, "points parts"]:
    """Partitions that put each point into each part of `label`, after matching."""
    overlap = np.asarray((member.T @ _members(label[None], n_parts)).todense())
    overlap = overlap.reshape(len(labels), n_parts, n_parts)
    matched = np.stack([linear_sum_assignment(-each)[1] for each in overlap])  # (n_partitions, n_parts)
    renamed = np.take_along_axis(matched, labels, axis=1)
    return np.asarray(_members(renamed, n_parts, together=True).todense())


def _all_parts(
    label: Int[np.ndarray, " points"], reference: Int[np.ndarray, " points"], n_parts: int
) -> Int[np.ndarray, " points"]:
    """The label, where parts without a point take back those of the reference."""
    lost = np.setdiff1d(np.arange(n_parts), label)
    return np.where(np.isin(reference, lost), reference, label)


def _members(
    labels: Int[np.ndarray, "partitions points"], n_parts: int, *, together: bool = False
) -> Float64[sparse.csr_matrix, "points members"]:
    """Ones where a point is in a part: parts of all partitions side by side, or added up."""
    n_partitions, n_points = labels.shape
    start = np.zeros(n_partitions, int) if together else np.arange(n_partitions) * n_parts
    column = (labels + start[:, None]).T.ravel()
    row = np.repeat(np.arange(n_points), n_partitions)
    shape = (n_points, n_parts if together else n_partitions * n_parts)
    return sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=shape)


def _adjusted_rand(
    shared: Float64[np.ndarray, "partitions parts partitions parts"], n_points: int
) -> Float64[np.ndarray, "partitions partitions"]:
    """Of each pair of partitions from the points that their parts share.

    With C the number of pairs of points that lie together in both, A and B in each, and N of all pairs, it is
    `(C - A B / N) / ((A + B) / 2 - A B / N)` (Hubert and Arabie 1985, Journal of Classification 2:193).
    """

    def pairs(n: np.ndarray) -> np.ndarray:
        return n * (n - 1) / 2

    n_partitions = len(shared)
    sizes = shared[np.arange(n_partitions), :, np.arange(n_partitions)].diagonal(axis1=1, axis2=2)
    both, own = pairs(shared).sum(axis=(1, 3)), pairs(sizes).sum(axis=1)
    expected = np.outer(own, own) / max(n_points * (n_points - 1) / 2, 1)
    most = (own[:, None] + own[None]) / 2
    # Partitions of one part each agree on everything.
    room = most - expected
    return np.where(room > 1e-12, (both - expected) / np.where(room > 1e-12, room, 1.0), 1.0)
