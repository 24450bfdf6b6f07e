"""Values on a common scale: log-normalised counts, z-scores, vectors of length 1."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Num
from scipy import sparse

# Columns that vary less have nothing to say; they become zeros.
LEAST_SPREAD = 1e-6
# Values whose logarithm is taken at a time: they are of double precision meanwhile.
_BLOCK = 2**22


def log_normalised(
    counts: Num[sparse.csr_matrix, "cells genes"],
    library: Num[np.ndarray, " cells"],
    target_sum: float,
    *,
    overwrite: bool = False,
) -> Float32[sparse.csr_matrix, "cells genes"]:
    """`log1p` of counts scaled to a common library size; cells without counts stay empty.

    Parameters
    ----------
    counts
        `(n_cells, n_genes)`.
    library
        Library size of each cell, `(n_cells,)`.
    target_sum
        Counts of a cell after scaling.
    overwrite
        Whether the counts, float32 then, may become the result, so that there is no second matrix.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 `(n_cells, n_genes)`; zeros stay zeros.

    Notes
    -----
    `log(1 + s x / l)` for a count x of a cell with library l, s the target sum.
    """
    factor = np.divide(target_sum, library, out=np.zeros(len(library)), where=library > 0)
    scaled = sparse.csr_matrix(counts, dtype=np.float32, copy=not overwrite)
    stored = scaled.indptr
    ends = np.searchsorted(stored, np.arange(_BLOCK, stored[-1], _BLOCK), side="right") - 1
    edges = np.unique([0, *ends, len(stored) - 1])
    for first, last in pairwise(edges.tolist()):
        of = scaled.data[stored[first] : stored[last]]
        of[:] = np.log1p(of * np.repeat(factor[first:last], np.diff(stored[first : last + 1])))
    return scaled


def zscored(values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Columns as z-scores, of the precision of the values; those that do not vary become zeros.

    Parameters
    ----------
    values
        `(n_rows, n_columns)`.

    Examples
    --------
    >>> import numpy as np
    >>> zscored(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    return (values - values.mean(axis=0)) / divisor(values.std(axis=0))


def divisor(sd: Float[np.ndarray, " columns"]) -> Float[np.ndarray, " columns"]:
    """What columns are divided by: their standard deviations, 1 where they do not vary."""
    return np.where(sd > LEAST_SPREAD, sd, 1.0)


def shown_limits(values: np.ndarray) -> tuple[float, float]:
    """Ends of a colour scale that a few extreme values do not stretch: the 1 and the 99 % quantile.

    Parameters
    ----------
    values
        Any shape; values that are not finite do not count. Where fewer than one in a hundred differ from the
        others, the scale is all there is.

    Examples
    --------
    >>> import numpy as np
    >>> shown_limits(np.arange(101.0)), shown_limits(np.zeros(3))
    ((1.0, 99.0), (0.0, 1.0))
    """
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, (0.01, 0.99))
    if not high > low:
        low, high = known.min(), known.max()
    return float(low), float(high if high > low else low + 1.0)


def centred(representations: Float[np.ndarray, "n dims"]) -> Float[np.ndarray, "n dims"]:
    """Unit vectors of representations `(n, d)` about the mean of all: the product of two is a similarity."""
    return unit_vectors(representations - representations.mean(axis=0))


def unit_vectors(vectors: Float[np.ndarray, "*n dims"]) -> Float[np.ndarray, "*n dims"]:
    """Rows of length 1; a row of zeros stays what it is."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
