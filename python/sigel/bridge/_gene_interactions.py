"""Pairs of genes that belong together, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sigel.bridge._cohort import cohort_of
from sigel.bridge._pieces import columns, whole, whole_numbers
from sigel.bridge._recorded import recorded
from sigel.config import ImageConfig
from sigel.runtime.progress import Progress
from sigel.tasks.interactions.find import find_interactions


@recorded("sections")
def gene_interactions(
    *,
    sections: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    joined: bool,
    n: float,
    settings: dict[str, Any],
    seed: float,
    device: str,
    pairs: Mapping[str, Any] | None = None,
    genes: Sequence[str] | None = None,
    partners_of: Sequence[str] | None = None,
    known: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score pairs of genes; see `sigel.tl.gene_interactions`.

    Parameters
    ----------
    sections, names, joined
        As in `sigel.bridge.disease_genes`; one section is enough.
    pairs, known
        Columns of a table as lists by name, and perhaps `label`, numbers; or None.
    genes, partners_of
        Names, or None. What is no name is refused as in Python.
    n, seed, device, progress
        As in `sigel.tl.gene_interactions`.
    settings
        Settings of `ImageConfig`.

    Returns
    -------
    dict
        `table`, columns as lists, and what its `attrs` are there.
    """
    table = find_interactions(
        cohort_of(sections, names, joined=joined, least=1),
        pairs=_pairs(pairs),
        genes=genes,
        partners_of=partners_of,
        n=whole(n, "n"),
        known=_pairs(known),
        config=ImageConfig.from_dict(whole_numbers(settings)),
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return {"table": columns(table), **table.attrs}


def _pairs(given: Mapping[str, Any] | None) -> pd.DataFrame | None:
    if given is None:
        return None
    return pd.DataFrame(
        {
            str(name): values.reshape(-1) if isinstance(values, np.ndarray) else list(values)
            for name, values in given.items()
        }
    )
