"""Similar genes, for R."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sigel.bridge._pieces import columns, names_of, whole
from sigel.bridge._recorded import recorded
from sigel.tasks import similar_genes as similar


@recorded("representations", "genes")
def similar_genes(
    *,
    representations: Any,
    genes: Sequence[str],
    level: Any,
    queries: Sequence[str],
    n: float,
    combine: str,
    seed: float,
    groups: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Nearest genes by representation; see `sigel.tl.similar_genes`.

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`; rows of NaN for genes that were not embedded.
    genes
        Their names.
    level
        Log of the mean count of each gene over all cells.
    queries
        Names of the genes asked about.
    n, combine, seed
        As in `sigel.tl.similar_genes`.
    groups
        Group of each gene as text (`""`: none), or None.

    Returns
    -------
    dict
        The columns of the table as lists.
    """
    table = similar.similar_genes(
        np.asarray(representations, dtype=np.float64),
        names_of(genes),
        np.asarray(level, dtype=np.float64).reshape(-1),
        names_of(queries),
        n=whole(n, "n"),
        combine=combine,  # type: ignore[arg-type]  # checked there
        groups=None if groups is None else names_of(groups),
        seed=whole(seed),
    )
    return columns(table)
