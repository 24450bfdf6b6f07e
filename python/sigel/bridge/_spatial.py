"""Spatially variable genes, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from sigel.bridge._pieces import (
    gene_columns,
    images_of,
    labels_of,
    model_and_settings,
    section_of,
    whole,
)
from sigel.images import GeneImages
from sigel.images.section import Section
from sigel.runtime.progress import Progress
from sigel.tasks.spatial_genes.several_sections import spatial_genes_of_sections


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
    seen, labels = section_of(section), labels_of(section)
    values = {name: np.asarray(column) for name, column in (covariates or {}).items()}

    def make(name: object) -> tuple[GeneImages, dict[str, np.ndarray]]:
        if labels is None:
            return images_of(seen, config), values
        rows = np.flatnonzero(labels == name)
        return images_of(_rows(seen, rows), config), {key: column[rows] for key, column in values.items()}

    names = [None] if labels is None else dict.fromkeys(labels.tolist())
    table = spatial_genes_of_sections(
        ((name, partial(make, name)) for name in names),
        null=null,
        n_nulls=whole(n_nulls, "n_nulls"),
        score=score,
        model=fitted,
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return gene_columns(table)


def _rows(section: Section, rows: np.ndarray) -> Section:
    """The section with some of its cells."""
    place, array = (
        None if values is None else values[rows] for values in (section.coordinates, section.lattice)
    )
    return Section(section.counts[rows], section.genes, place, array)
