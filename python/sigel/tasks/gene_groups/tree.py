"""Groups of groups: the order in which gene groups join, and its cuts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sigel.stats.scaling import centred


class GroupTree(NamedTuple):
    """How groups 1 to K join two by two, the most alike first; cuts of one tree are nested.

    Parameters
    ----------
    joined
        int `(K - 1, 2)`: the groups that join at each step. Those that joined at step s are group K + s from
        then on, s counted from 1.
    height
        `(K - 1,)`, never falling: the distance of the two groups' means, genes' directions of length 1, each
        weighed by how many genes it has (Ward).
    """

    joined: np.ndarray
    height: np.ndarray

    def cut(self, n_groups: int) -> np.ndarray:
        """Which of `n_groups` groups of groups each of the K groups is in, from 0.

        Parameters
        ----------
        n_groups
            From 1 to K.
        """
        k = len(self.joined) + 1
        inside = {one + 1: [one] for one in range(k)}
        for step, (a, b) in enumerate(self.joined[: k - n_groups], start=1):
            inside[k + step] = inside.pop(int(a)) + inside.pop(int(b))
        part = np.empty(k, dtype=np.int64)
        for number, members in enumerate(sorted(inside.values(), key=min)):
            part[members] = number
        return part


def group_tree(z: np.ndarray, posterior: np.ndarray) -> GroupTree:
    """Join groups two by two, the pair whose union widens them least first.

    Parameters
    ----------
    z
        Representations, `(n_genes, n_dims)`.
    posterior
        Of the K numbered groups, `(n_genes, K)`.

    Notes
    -----
    Ward 1963, on the posterior means of directions u (representations less their mean, at length 1): the
    cost of a pair of sizes a and b is `a b / (a + b) |m_a - m_b|^2`, its height the root of twice that
    over the mean size.
    """
    u = centred(z)
    size = np.maximum(posterior.sum(axis=0), 1e-9)
    mean = posterior.T @ u / size[:, None]
    k = len(size)
    scale = size.mean()
    name = np.arange(1, k + 1)
    joined, height = np.empty((max(k - 1, 0), 2), dtype=np.int64), np.empty(max(k - 1, 0))
    for step in range(k - 1):
        far = ((mean[:, None] - mean) ** 2).sum(axis=2)
        cost = size[:, None] * size / (size[:, None] + size) * far
        np.fill_diagonal(cost, np.inf)
        a, b = sorted(divmod(int(cost.argmin()), len(size)))
        joined[step], height[step] = sorted((name[a], name[b])), np.sqrt(2 * cost[a, b] / scale)
        mean[a] = (size[a] * mean[a] + size[b] * mean[b]) / (size[a] + size[b])
        size[a] += size[b]
        name[a] = k + step + 1
        mean, size, name = (np.delete(one, b, axis=0) for one in (mean, size, name))
    return GroupTree(joined, np.maximum.accumulate(height))
