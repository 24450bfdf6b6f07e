"""q-values of the p-values that there are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy import stats


def q_values(pval: Float64[np.ndarray, " genes"]) -> Float64[np.ndarray, " genes"]:
    """Adjust p-values for their number; NaN stays NaN and does not count.

    Parameters
    ----------
    pval
        `(n_genes,)`, NaN: not tested.

    Notes
    -----
    Benjamini and Hochberg 1995.

    Examples
    --------
    >>> import numpy as np
    >>> q_values(np.array([0.01, np.nan, 0.5])).tolist()
    [0.02, nan, 0.5]
    """
    made = np.full(len(pval), np.nan)
    known = np.isfinite(pval)
    if known.any():
        made[known] = stats.false_discovery_control(pval[known])
    return made
