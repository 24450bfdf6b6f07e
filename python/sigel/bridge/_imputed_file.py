"""Some genes of a file of imputed values, for R."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sigel.bridge._pieces import names_of
from sigel.io._imputed import read_imputed as read


def read_imputed(*, path: str, intervals: bool, genes: Sequence[str] | None = None) -> dict[str, Any]:
    """Read some genes of what `impute(out=path)` wrote; see `sigel.io.read_imputed`.

    Parameters
    ----------
    path, genes, intervals
        As there.

    Returns
    -------
    dict
        `genes`, `cells`, names; `values`, `lower`, `upper`, float32 `(n_genes, n_cells)` or None.
    """
    made = read(path, None if genes is None else names_of(genes), intervals=intervals)
    bounds = {name: made.layers[name].T if name in made.layers else None for name in ("lower", "upper")}
    return {"genes": list(made.var_names), "cells": list(made.obs_names), "values": made.X.T, **bounds}
