"""Spatially variable genes, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from sigel.bridge._pieces import (
    gene_columns,
    model_and_settings,
    section_of,
    whole,
)
from sigel.bridge._recorded import recorded
from sigel.images import GeneImages
from sigel.runtime.progress import Progress
from sigel.tasks.spatial_genes.several_sections import spatial_genes_of_sections


@recorded("section")
def spatial_genes(
    *,
    section: Mapping[str, Any],
    settings: dict[str, Any],
    null: str,
    n_nulls: float,
    score: bool,
    seed: float,
    device: str,
    model: str | None = None,
    covariates: Mapping[str, Sequence[Any]] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Spatially variable genes; see `sigel.tl.spatial_genes`.

    Parameters
    ----------
    section
        Its pieces.
    settings
        Settings of `ImageConfig`; where there are none, those of the model.
    null, n_nulls, score, seed, device, progress
        As in `sigel.tl.spatial_genes`.
    model
        Folder of a saved model, or None.
    covariates
        Values of all cells by name, or None.

    Returns
    -------
    dict
        Columns of the table as lists, `gene` among them.
    """
    fitted, config = model_and_settings(model, settings, device)
    seen = section_of(section)
    values = {name: np.asarray(column) for name, column in (covariates or {}).items()}

    def make(spots: np.ndarray | slice) -> tuple[GeneImages, dict[str, np.ndarray]]:
        images = GeneImages.from_section(seen.take(spots), config)
        return images, {name: column[spots] for name, column in values.items()}

    table = spatial_genes_of_sections(
        ((name, partial(make, spots)) for name, spots in seen.parts()),
        null=null,
        n_nulls=whole(n_nulls, "n_nulls"),
        score=score,
        model=fitted,
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return gene_columns(table)
