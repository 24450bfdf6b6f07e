"""Spots beside the tissue, which take no part in anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sigel.errors import InputError, warn

if TYPE_CHECKING:
    from anndata import AnnData

# Of Space Ranger, in all of its versions: 1 within, 0 beside.
COLUMN = "in_tissue"
_WORDS = {"true": 1, "false": 0}


def spots_within(adata: AnnData, argument: str = "adata", *, told: bool = True) -> np.ndarray | None:
    """Which spots lie within the tissue, `(n_obs,)`; None where nothing says that some do not.

    Parameters
    ----------
    adata, argument
        A section, with `obs["in_tissue"]` or without, and what a caller calls it.
    told
        Whether a warning says how many do not.

    Raises
    ------
    InputError
        When the column holds something else.
    """
    if COLUMN not in adata.obs:
        return None
    column = adata.obs[COLUMN].astype(object)
    words = column.map(lambda one: _WORDS.get(one.lower(), one) if isinstance(one, str) else one)
    number = pd.to_numeric(words, errors="coerce")
    unknown = column[number.isna()]
    name = argument if argument.isidentifier() else "adata"
    if len(unknown):
        found = f"obs[{COLUMN!r}] with {unknown.iloc[0]!r}"
        fix = f"Store 0 and 1 there, or leave the column out: del {name}.obs[{COLUMN!r}]."
        raise InputError(argument, found, "1 for spots within the tissue, 0 for those beside it", fix)
    within = number.to_numpy(float) != 0
    if within.all() or not within.any():  # a column of zeros says nothing
        return None
    if told:
        n = int((~within).sum())
        warn(
            f"{n} of {len(within)} spots lie beside the tissue (obs[{COLUMN!r}] is 0): they take no part. "
            f"To keep them, take the column out: del {name}.obs[{COLUMN!r}]."
        )
    return within


def for_all(values: np.ndarray, within: np.ndarray | None) -> np.ndarray:
    """Values of all spots, NaN beside the tissue.

    Parameters
    ----------
    values
        Of the spots within, `(n_within, ...)`, text or floating numbers.
    within
        From `spots_within`.
    """
    if within is None:
        return values
    made = np.full((len(within), *values.shape[1:]), np.nan, dtype=values.dtype)
    made[within] = values
    return made
