"""Names of parts."""

from __future__ import annotations

import numpy as np
import pandas as pd


def in_order(label: np.ndarray) -> np.ndarray:
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
