"""Whether imputed values fit into memory, asked before they are made."""

from __future__ import annotations

import torch

from sigel.errors import InputError
from sigel.runtime.memory import available_memory

_FLOAT = 4
# Of what is there, for the values; the rest is for what makes them.
_SHARE = 0.8


def check_room(
    n_cells: int, n_genes: int, *, intervals: bool, fix: str | None = None, available: int | None = None
) -> None:
    """Refuse to hold what would not fit.

    Parameters
    ----------
    n_cells, n_genes
        Of the result.
    intervals
        Whether two bounds go with each value.
    fix
        What to do where they do not fit; default: write them to a file.
    available
        Bytes that may be used; default: what the machine, or its control group, leaves.

    Raises
    ------
    InputError
        When they do not fit; names what they need and what there is.
    """
    there = available_memory(torch.device("cpu")) if available is None else available
    needed = n_cells * n_genes * _FLOAT * (3 if intervals else 1)
    if needed <= _SHARE * there:
        return
    bounds = " and their intervals" if intervals else ""
    found = f"{n_cells} cells x {n_genes} genes, whose values{bounds} take {needed / 1e9:.1f} GB"
    fewer = "name fewer genes" + (", or use intervals=False" if intervals else "")
    fix = fix or f'Write them to a file, out="imputed.h5ad"; {fewer}.'
    raise InputError("genes", found, f"what fits into the {there / 1e9:.1f} GB available", fix)
