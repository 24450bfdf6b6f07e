"""Groups of genes for a choice that takes some of each: many, small, and made again from other starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sigel.stats.partitions import in_order, kmeans

# More than BIC would take of a short panel, so that a small programme has a say.
N_GROUPS = 20


def gene_groupings(
    representations: np.ndarray,
    genes: Sequence[str] | np.ndarray,
    names: Sequence[str],
    n: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Group genes by k-means of their representations, several times.

    Parameters
    ----------
    representations
        `(n_fitted, n_dims)`.
    genes
        Names of the fitted genes, `(n_fitted,)`.
    names
        Names of all genes, `(n_genes,)`.
    n
        How many groupings.
    rng
        Of the starts.

    Returns
    -------
    list of numpy.ndarray
        Group of each of `names` as text, `"1"` the largest, `""` for those not fitted, `(n_genes,)`.

    Notes
    -----
    Where a group ends is much a matter of the start: one grouping is one of many that are as good.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.repeat(np.eye(2), [4, 2], axis=0)
    >>> genes = list("abcdef")
    >>> gene_groupings(z, genes, [*genes, "g"], 1, np.random.default_rng(0))[0].tolist()
    ['1', '1', '1', '1', '2', '2', '']
    """
    n_groups = min(N_GROUPS, max(1, len(genes) // 3))
    column = {str(gene): at for at, gene in enumerate(genes)}
    at = np.array([column.get(str(name), -1) for name in names])
    labels = kmeans(representations, n_groups, rng.integers(2**31, size=n))
    return [np.where(at < 0, "", in_order(label)[at]).astype(object) for label in labels]
