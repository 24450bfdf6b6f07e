"""Representations of one section or of several, for R."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sigel.bridge._pieces import section_of, whole, whole_numbers
from sigel.bridge._recorded import recorded
from sigel.config import SIGELConfig
from sigel.images import GeneImages
from sigel.runtime.progress import Progress
from sigel.tasks.embedding import embed_section


@recorded("section")
def embed(
    *,
    section: Mapping[str, Any],
    settings: dict[str, Any],
    seed: float,
    device: str,
    save: str | None = None,
    checkpoint: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Embed the genes of one section or of several; see `sigel.tl.embed`.

    Parameters
    ----------
    section
        Its pieces; several have labels.
    settings
        Nested settings of `SIGELConfig`.
    seed, device, save, checkpoint, progress
        As in `sigel.tl.embed`.
    """
    config, seen = SIGELConfig.from_dict(whole_numbers(settings)), section_of(section)
    result = embed_section(
        GeneImages.from_section(seen, config.image),
        seen.counts,
        config,
        seed=whole(seed),
        device=device,
        progress=progress,
        save=save,
        checkpoint=checkpoint,
        groups_asked="n_groups" in settings,
    )
    return {
        "sgr": result.representations.astype(np.float64),
        "spot_embedding": result.spots.astype(np.float64),
        "group": result.group.tolist(),
        "group_prob": result.group_prob.astype(np.float64),
        "posterior": result.posterior.astype(np.float64),
        "names": result.model.group_names.tolist(),
        "status": result.status.tolist(),
        "sections": {name: own.astype(np.float64) for name, own in result.sections.items()},
        "history": {name: column.tolist() for name, column in result.history.items()},
        "params": result.params,
        "provenance": json.dumps(result.model.provenance),
        "bic": result.bic,
        "raster": json.dumps(result.model.raster.to_dict()),
        "model": "" if save is None else str(Path(save).resolve()),
    }
