"""Genes whose pattern changes between conditions, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sigel.bridge._pieces import cohort_of_pieces, gene_columns, names_of, whole, whole_numbers
from sigel.config import ImageConfig
from sigel.runtime.progress import Progress
from sigel.tasks.cohorts.find import find_changed_genes


def disease_genes(
    *,
    sections: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    joined: bool,
    condition: Mapping[str, Any],
    paired: bool,
    settings: dict[str, Any],
    seed: float,
    device: str,
    donor: Mapping[str, Any] | None = None,
    covariates: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Genes that change between conditions; see `sigel.tl.disease_genes`.

    Parameters
    ----------
    sections
        The pieces of each section.
    names
        Of the sections.
    joined
        Whether they were one object, in which a gene that a section lacks has zeros.
    condition, donor, covariates
        Of each section: `values`, text (`""`: none) or numbers (NaN: none), and `levels`, the order of a
        factor, or None; covariates by their names.
    paired, seed, device, progress
        As in `sigel.tl.disease_genes`.
    settings
        Settings of `ImageConfig`.

    Returns
    -------
    dict
        `table`, columns as lists, `gene` among them, and what its `attrs` are there.
    """
    held = cohort_of_pieces(sections, names, joined=joined)
    names = list(held.names)
    columns = {name: _series(column, names) for name, column in (covariates or {}).items()}
    table = find_changed_genes(
        held,
        _series(condition, names),
        None if donor is None else _series(donor, names),
        pd.DataFrame(columns) if columns else None,
        paired=paired,
        config=ImageConfig.from_dict(whole_numbers(settings)),
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return {"table": gene_columns(table), **table.attrs}


def _series(given: Mapping[str, Any], names: list[str]) -> pd.Series:
    """A value of each section; whole numbers of R are doubles."""
    values, levels = given["values"], given.get("levels")
    if isinstance(values, np.ndarray):
        numbers = np.asarray(values, dtype=np.float64).reshape(-1)
        is_whole = np.isfinite(numbers).all() and (numbers == np.round(numbers)).all()
        return pd.Series(numbers.astype(np.int64) if is_whole else numbers, names)
    text = [value or None for value in names_of(values)]
    kind = object if levels is None else pd.CategoricalDtype(names_of(levels))
    return pd.Series(text, names, dtype=kind)
