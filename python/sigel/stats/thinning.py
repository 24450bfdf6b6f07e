"""Counts thinned at random: of Poisson counts what is left is Poisson, and independent of what was taken."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy import sparse


def thinned_halves(
    counts: sparse.csr_matrix, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Each count in one of two halves, at random.

    Parameters
    ----------
    counts
        Spots x genes, not negative. What is left of a fraction beyond its whole part counts as one with that
        probability.
    rng
        Deals them.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> one, other = thinned_halves(sparse.csr_matrix([[4.0, 0.0, 7.0]]), np.random.default_rng(0))
    >>> (one + other).toarray().tolist()
    [[4.0, 0.0, 7.0]]
    """
    whole = _whole(counts.data, rng)
    first = rng.binomial(whole, 0.5)
    return _with_values(counts, first), _with_values(counts, whole - first)


def thinned_to(
    counts: sparse.csr_matrix, share: Float64[np.ndarray, " genes"], rng: np.random.Generator
) -> sparse.csr_matrix:
    """A share of each gene's counts, at random.

    Parameters
    ----------
    counts
        Spots x genes, as in `thinned_halves`.
    share
        That is kept of each gene, from 0 to 1.
    rng
        Chooses.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> left = thinned_to(sparse.csr_matrix([[4.0, 7.0]]), np.array([1.0, 0.0]), np.random.default_rng(0))
    >>> left.toarray().tolist()
    [[4.0, 0.0]]
    """
    kept = np.clip(share, 0.0, 1.0)[counts.indices]
    return _with_values(counts, rng.binomial(_whole(counts.data, rng), kept))


def _whole(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    whole = np.floor(values)
    rest = values - whole
    if rest.any():
        whole = whole + (rng.random(len(rest)) < rest)
    return whole.astype(np.int64)


def _with_values(counts: sparse.csr_matrix, values: np.ndarray) -> sparse.csr_matrix:
    made = counts.copy()
    made.data = values.astype(np.float32)
    made.eliminate_zeros()
    return made
