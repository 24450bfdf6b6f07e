"""Genes that follow a designated pattern, for R."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sigel.bridge._pieces import (
    columns,
    model_and_settings,
    names_of,
    pixels_of,
    section_of,
    whole,
)
from sigel.bridge._recorded import recorded
from sigel.images import GeneImages
from sigel.runtime.progress import Progress
from sigel.tasks.pattern_genes import search as patterns


@recorded("section")
def pattern_genes(
    *,
    section: Mapping[str, Any],
    settings: dict[str, Any],
    regions: Any,
    unit: str,
    n_draws: float,
    null: str,
    n_null: float,
    similarity: str,
    seed: float,
    device: str,
    levels: Mapping[str, float] | None = None,
    background: float | None = None,
    model: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Genes that follow a pattern; see `sigel.tl.pattern_genes`.

    Parameters
    ----------
    section
        Its pieces.
    settings
        Nested settings of `ImageConfig`; where there are none, those of the model.
    regions
        For each cell its region as text (None or `""`: none), or a number (NaN: none).
    levels
        Region to level, or None for numbers.
    unit, background, n_draws, null, n_null, similarity, seed, device, progress
        As in `sigel.tl.pattern_genes`.
    model
        Folder of a saved model, or None.

    Returns
    -------
    dict
        Columns of the table as lists, `gene` among them; `pattern`, the mean image of the drawn genes; `row`,
        `col`, `x`, `y` and `shape` as from `gene_images`.
    """
    fitted, config = model_and_settings(model, settings, device)
    images = GeneImages.from_section(section_of(section), config)
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
    return {
        **columns(result.table.reset_index()),
        "pattern": result.image.astype(float).tolist(),
        **pixels_of(images),
    }


def _regions(regions: Any) -> list[Any]:
    """R's vector of one value comes as that value."""
    if isinstance(regions, str):
        return names_of(regions)
    return [regions] if isinstance(regions, float | int) else list(regions)
