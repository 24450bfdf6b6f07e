"""The map of genes on which those that change have moved."""

from __future__ import annotations

import numpy as np

from sigel.tasks.gene_map import gene_map


def change_map(names: np.ndarray, first: np.ndarray, last: np.ndarray) -> dict[str, list]:
    """Places of genes in the first condition and in the last, on the plane in which genes differ most.

    Parameters
    ----------
    names
        Of the genes, `(n_genes,)`.
    first, last
        Representations, `(n_genes, n_dims)`; genes with NaN have no place.

    Returns
    -------
    dict
        `gene`, `from_x`, `from_y`, `to_x`, `to_y`: lists, a value for each gene that has a place.

    Examples
    --------
    >>> import numpy as np
    >>> first = np.eye(4)
    >>> sorted(change_map(np.array(list("abcd")), first, first[::-1]))
    ['from_x', 'from_y', 'gene', 'to_x', 'to_y']
    """
    there = np.isfinite(first).all(axis=1) & np.isfinite(last).all(axis=1)
    places = gene_map(np.concatenate([first[there], last[there]]), method="pca")
    before, after = np.split(places, 2)
    columns = np.column_stack([before, after]).T
    made = dict(zip(("from_x", "from_y", "to_x", "to_y"), map(np.ndarray.tolist, columns), strict=True))
    return {"gene": names[there].tolist(), **made}
