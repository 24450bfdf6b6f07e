"""Genes that follow a designated pattern, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sigel.bridge._pieces import columns, images_of, model_and_settings, names_of, spots_by_genes, whole
from sigel.runtime.progress import Progress
from sigel.tasks.pattern_genes import search as patterns


def pattern_genes(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    settings: dict[str, Any],
    regions: Any,
    levels: Mapping[str, float] | None,
    unit: str,
    background: float | None,
    n_draws: float,
    null: str,
    n_null: float,
    similarity: str,
    model: str | None,
    seed: float,
    device: str,
    progress: Progress | None,
) -> dict[str, Any]:
    """Genes that follow a pattern; see `sigel.tl.pattern_genes`. The section as in `embed`.

    Parameters
    ----------
    settings
        Nested settings of `ImageConfig`; where there are none, those of the model.
    regions
        For each cell its region as text (None or `""`: none), or a number (NaN: none).
    levels
        Region to level, or None for numbers.
    unit, background, n_draws, null, n_null, similarity, seed, device
        As in `sigel.tl.pattern_genes`.
    model
        Folder of a saved model, or None.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    dict
        Columns of the table as lists, `gene` among them; `pattern`, the mean image of the drawn genes; `row`,
        `col`, `x`, `y` and `shape` as from `gene_images`.
    """
    fitted, config = model_and_settings(model, settings, device)
    images = images_of(spots_by_genes(i, p, x, dim), genes, coordinates, lattice, config)
    numbers = isinstance(regions, np.ndarray) and regions.dtype.kind in "fiub"
    result = patterns.pattern_genes(
        images,
        regions if numbers else _regions(regions),
        None if levels is None else dict(levels),
        unit=unit,  # type: ignore[arg-type]  # checked there, as are null and similarity
        background=background,
        n_draws=whole(n_draws, "n_draws"),
        null=null,  # type: ignore[arg-type]
        n_null=whole(n_null, "n_null"),
        similarity=similarity,  # type: ignore[arg-type]
        model=fitted,
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    places = images.raster.coordinates()
    return columns(result.table.reset_index()) | {
        "pattern": result.image.astype(float).tolist(),
        "row": images.raster.rows.tolist(),
        "col": images.raster.cols.tolist(),
        "x": places[:, 0],
        "y": places[:, 1],
        "shape": list(images.raster.shape),
    }


def _regions(regions: Any) -> list[Any]:
    """R's vector of one value comes as that value."""
    if isinstance(regions, str):
        return names_of(regions)
    return [regions] if isinstance(regions, float | int) else list(regions)
