"""Genes whose pattern changes between conditions, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sigel.bridge._cohort import cohort_of, series_of
from sigel.bridge._pieces import gene_columns, whole, whole_numbers
from sigel.bridge._recorded import recorded
from sigel.config import ImageConfig
from sigel.runtime.progress import Progress
from sigel.tasks.cohorts.find import find_changed_genes


@recorded("sections")
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
    control: str | None = None,
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
    paired, control, seed, device, progress
        As in `sigel.tl.disease_genes`.
    settings
        Settings of `ImageConfig`.

    Returns
    -------
    dict
        `table`, columns as lists, `gene` among them, and what its `attrs` are there; `map` has columns, too.
    """
    held = cohort_of(sections, names, joined=joined)
    names = list(held.names)
    columns = {name: series_of(column, names) for name, column in (covariates or {}).items()}
    table = find_changed_genes(
        held,
        series_of(condition, names),
        None if donor is None else series_of(donor, names),
        pd.DataFrame(columns) if columns else None,
        paired=paired,
        control=control,
        config=ImageConfig.from_dict(whole_numbers(settings)),
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return {"table": gene_columns(table), **table.attrs}
