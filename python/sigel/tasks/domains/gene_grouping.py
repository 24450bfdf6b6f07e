"""Groups of genes for a choice that takes some of each: many and small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sigel.stats.partitions import in_order, kmeans

# More than BIC would take of a short panel, so that a small programme has a say.
N_GROUPS = 20


def gene_grouping(
    representations: np.ndarray,
    genes: Sequence[str] | np.ndarray,
    names: Sequence[str],
    rng: np.random.Generator,
) -> np.ndarray:
    """Group genes by k-means of their representations.

    Parameters
    ----------
    representations
        `(n_fitted, n_dims)`.
    genes
        Names of the fitted genes, `(n_fitted,)`.
    names
        Names of all genes, `(n_genes,)`.
    rng
        Of the start.

    Returns
    -------
    numpy.ndarray
        Group of each of `names` as text, `"1"` the largest, `""` for those not fitted, `(n_genes,)`.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.repeat(np.eye(2), [4, 2], axis=0)
    >>> genes = list("abcdef")
    >>> gene_grouping(z, genes, [*genes, "g"], np.random.default_rng(0)).tolist()
    ['1', '1', '1', '1', '2', '2', '']
    """
    n_groups = min(N_GROUPS, max(1, len(genes) // 3))
    column = {str(gene): at for at, gene in enumerate(genes)}
    at = np.array([column.get(str(name), -1) for name in names])
    (label,) = kmeans(representations, n_groups, rng.integers(2**31, size=1))
    return np.where(at < 0, "", in_order(label)[at]).astype(object)
