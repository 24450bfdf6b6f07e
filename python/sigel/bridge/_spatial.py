"""Spatially variable genes, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from sigel.bridge._pieces import columns, images_of, model_and_settings, spots_by_genes, whole
from sigel.images import GeneImages
from sigel.runtime.progress import Progress
from sigel.tasks.spatial_genes.several_sections import spatial_genes_of_sections


def spatial_genes(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    settings: dict[str, Any],
    null: str,
    n_nulls: float,
    score: bool,  # noqa: FBT001
    model: str | None,
    covariates: Mapping[str, Sequence[Any]] | None,
    section: Sequence[str] | None,
    seed: float,
    device: str,
    progress: Progress | None,
) -> dict[str, Any]:
    """Spatially variable genes; see `sigel.tl.spatial_genes`. The section as in `embed`.

    Parameters
    ----------
    settings
        Settings of `ImageConfig`; where there are none, those of the model.
    null, n_nulls, score, seed, device
        As in `sigel.tl.spatial_genes`.
    model
        Folder of a saved model, or None.
    covariates
        Values of all cells by name, or None.
    section
        Section of every cell, or None for one section.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    dict
        Columns of the table as lists, `gene` among them.
    """
    fitted, config = model_and_settings(model, settings, device)
    counts = spots_by_genes(i, p, x, dim)
    place, array = (None if values is None else np.asarray(values) for values in (coordinates, lattice))
    label = np.zeros(counts.shape[0]) if section is None else np.asarray(list(section), dtype=object)
    several = section is not None

    def make(value: object) -> tuple[GeneImages, dict[str, np.ndarray]]:
        chosen = np.flatnonzero(label == value)
        images = images_of(
            counts[chosen] if several else counts,
            genes,
            None if place is None else place[chosen],
            None if array is None else array[chosen],
            config,
        )
        return images, {name: np.asarray(values)[chosen] for name, values in (covariates or {}).items()}

    table = spatial_genes_of_sections(
        ((value if several else None, partial(make, value)) for value in dict.fromkeys(label.tolist())),
        null=null,
        n_nulls=whole(n_nulls, "n_nulls"),
        score=score,
        model=fitted,
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return columns(table.rename_axis("gene").reset_index())
