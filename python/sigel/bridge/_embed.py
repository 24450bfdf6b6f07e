"""Representations of one section, for R."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sigel.bridge._pieces import images_of, spots_by_genes, whole, whole_numbers
from sigel.config import SIGELConfig
from sigel.runtime.progress import Progress
from sigel.tasks.embedding import embed_section


def embed(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    settings: dict[str, Any],
    seed: float,
    device: str,
    progress: Progress | None,
    save_to: str | None,
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """Embed the genes of one section; see `sigel.tl.embed`.

    Parameters
    ----------
    i, p, x, dim
        Slots of a dgCMatrix, genes x cells.
    genes, cells
        Its row and column names.
    coordinates
        `(n_cells, 2)`, x and y, or None where there is a lattice.
    lattice
        `(n_cells, 2)`, array row and column, or None.
    settings
        Nested settings of `SIGELConfig`.
    seed, device
        As in `sigel.tl.embed`.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    save_to, checkpoint
        Folders for the fitted model and for the state after each epoch, or None.
    """
    config = SIGELConfig.from_dict(whole_numbers(settings))
    counts = spots_by_genes(i, p, x, dim)
    images = images_of(counts, genes, coordinates, lattice, config.image)
    result = embed_section(
        images,
        counts,
        config,
        seed=whole(seed),
        device=device,
        progress=progress,
        save=save_to,
        checkpoint=checkpoint,
    )
    return {
        "sgr": result.representations.astype(np.float64),
        "spot_embedding": result.spots.astype(np.float64),
        "group": result.group.tolist(),
        "group_prob": result.group_prob.astype(np.float64),
        "posterior": result.posterior.astype(np.float64),
        "status": result.status.tolist(),
        "history": {name: column.tolist() for name, column in result.history.items()},
        "params": result.params,
        "provenance": json.dumps(result.model.provenance),
        "bic": result.bic,
        "raster": json.dumps(result.model.raster.to_dict()),
        "model": "" if save_to is None else str(Path(save_to).resolve()),
    }
