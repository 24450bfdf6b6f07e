"""The map of genes, for R."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sigel.bridge._pieces import whole
from sigel.tasks import gene_map as maps


def gene_map(
    *, representations: Any, method: str, seed: float, inside: Sequence[bool] | None = None
) -> dict[str, Any]:
    """Genes laid out in the plane; see `sigel.pl.gene_map`.

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`, all finite.
    method, seed
        As in `sigel.pl.gene_map`.
    inside
        Which genes are those of a group that is drawn among others, as in `sigel.pl.group_page`, or None.

    Returns
    -------
    dict
        `place` `(n, 2)`, `row` of each gene that has one, and `axis`, what the axes are called.
    """
    z = np.asarray(representations, dtype=np.float64)
    maps.check_method(method)
    if inside is None:
        place, rows = maps.gene_map(z, method=method, seed=whole(seed)), np.arange(len(z))  # type: ignore[arg-type]
    else:
        of_group = np.asarray(inside, dtype=bool).reshape(-1)
        place, rows = maps.group_on_map(z, of_group, method=method, seed=whole(seed))  # type: ignore[arg-type]
    return {"place": place.astype(np.float64), "row": rows.tolist(), "axis": maps.AXES[method]}
