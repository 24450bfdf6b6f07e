"""Spatially variable genes, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sigel.bridge._pieces import columns, images_of, spots_by_genes, whole, whole_numbers
from sigel.config import ImageConfig
from sigel.model import SIGEL
from sigel.runtime import Progress
from sigel.tasks.spatial import spatial_genes as spatial_genes_of
from sigel.tasks.spatial_sections import combine_sections, in_section, pixel_covariates


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
    fitted = None if model is None else SIGEL.load(model, device=device)
    config = ImageConfig.from_dict(whole_numbers(settings))
    if fitted is not None and not settings:
        config = fitted.config.image
    counts = spots_by_genes(i, p, x, dim)
    place, array = (None if values is None else np.asarray(values) for values in (coordinates, lattice))
    label = np.zeros(counts.shape[0]) if section is None else np.asarray(list(section), dtype=object)
    tables, sizes = [], []
    for value in dict.fromkeys(label.tolist()):
        chosen = np.flatnonzero(label == value)
        with in_section(None if section is None else value):
            images = images_of(
                counts[chosen] if section is not None else counts,
                genes,
                None if place is None else place[chosen],
                None if array is None else array[chosen],
                config,
            )
            own = {name: np.asarray(values)[chosen] for name, values in (covariates or {}).items()}
            table = spatial_genes_of(
                images,
                covariates=pixel_covariates(images.raster, own) if own else None,
                null=null,  # type: ignore[arg-type]  # checked there
                n_nulls=whole(n_nulls, "n_nulls"),
                score=score,
                model=fitted,
                seed=whole(seed),
                device=device,
                progress=progress,
            )
        tables.append(table)
        sizes.append(images.raster.n_pixels)
    table = tables[0] if len(tables) == 1 else combine_sections(tables, sizes)
    return columns(table.rename_axis("gene").reset_index())
