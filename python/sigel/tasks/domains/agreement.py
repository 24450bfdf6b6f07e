"""How domains and known labels of the same spots go together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


class Agreement(NamedTuple):
    """Domains against labels."""

    table: np.ndarray  # number of spots, (n_domains, n_labels), rows in `order`
    order: np.ndarray  # numbers of the domains, so that the diagonal is heavy, (n_domains,)
    ari: float  # adjusted Rand index
    nmi: float  # normalised mutual information


def agreement(domain: np.ndarray, label: np.ndarray) -> Agreement:
    """Count the spots of each domain and label, and say how alike the two partitions are.

    Domains come in the order of the labels that they match best one to one; those left over follow the domain
    of the label that they overlap most.

    Parameters
    ----------
    domain, label
        Numbers from 0, each of which occurs, `(n_spots,)`.

    Notes
    -----
    Hubert and Arabie 1985; mutual information over the mean of the two entropies. Matching: Kuhn 1955.

    Examples
    --------
    >>> import numpy as np
    >>> found = agreement(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    >>> found.order.tolist(), found.ari
    ([1, 0], 1.0)
    """
    table = np.zeros((int(domain.max()) + 1, int(label.max()) + 1), dtype=np.int64)
    np.add.at(table, (domain, label), 1)
    order = _heavy_diagonal(table)
    ari, nmi = adjusted_rand_score(label, domain), normalized_mutual_info_score(label, domain)
    return Agreement(table[order], order, float(ari), float(nmi))


def _heavy_diagonal(table: np.ndarray) -> np.ndarray:
    """Order of the rows that makes the diagonal of a table heavy, with columns as they are."""
    place = table.argmax(axis=1).astype(float) + 0.5  # after the row that has the column as its own
    rows, columns = linear_sum_assignment(-table)
    # A pair without a spot is no match.
    paired = table[rows, columns] > 0
    place[rows[paired]] = columns[paired]
    return np.lexsort((-table.sum(axis=1), place))
