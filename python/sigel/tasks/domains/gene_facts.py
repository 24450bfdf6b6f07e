"""What is known of each gene before the choice: its groups, its rank by spatial pattern, its effect."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.images import GeneImages
from sigel.images.raster import spacing_of
from sigel.images.section import Section
from sigel.model.section_model import section_model
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.tasks.domains.gene_grouping import gene_grouping
from sigel.tasks.domains.windows import Tissue
from sigel.tasks.spatial_genes.several_sections import spatial_genes_of_sections


def gene_facts(
    section: Section,
    tissue: Tissue,
    config: ImageConfig,
    *,
    group: np.ndarray | None = None,
    rank: np.ndarray | None = None,
    effect: np.ndarray | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Groups, spatial rank and effect of each gene; what is not known yet is computed.

    Parameters
    ----------
    section
        Raw counts and places.
    tissue
        From `tissue_of`; several sections are tested one by one and grouped side by side.
    config
        How images are made.
    group
        Group of each gene as text, `""`: none; None makes groups of eigenimages.
    rank, effect
        Of spatially variable genes, NaN: not tested; None tests them.
    seed, device, progress
        As in `sigel.tl.spatial_genes`.

    Returns
    -------
    pandas.DataFrame
        `group`, `rank`, `effect`, index: genes.
    """
    names = [str(gene) for gene in section.genes]
    # Of one section the same images serve both.
    made_of = lru_cache(maxsize=1)(partial(_images_of_one, section, tissue, config=config))
    if rank is None or effect is None:
        table = spatial_genes_of_sections(
            ((tissue.name(k), partial(made_of, k)) for k in range(tissue.n_sections)),
            score=False,
            seed=seed,
            device=device,
            progress=progress,
        )
        rank, effect = table["rank"].to_numpy(float), table["effect"].to_numpy(float)
    if group is None:
        several = tissue.n_sections > 1
        images = _images_side_by_side(section, tissue, config) if several else made_of(0)[0]
        model = section_model(images, seed=seed, device=device, progress=progress)
        z, rng = np.asarray(model.representations), stream(seed, "gene selection")
        group = gene_grouping(z, model.genes, names, rng)
    facts = {"group": np.asarray(group, dtype=object), "rank": rank, "effect": effect}
    return pd.DataFrame(facts, index=names)


def _images_of_one(
    section: Section, tissue: Tissue, k: int, config: ImageConfig
) -> tuple[GeneImages, dict[str, np.ndarray]]:
    """Images of one section, without covariates."""
    spots = tissue.parts[k]
    return GeneImages.from_section(section.take(spots), config), {}


def _images_side_by_side(section: Section, tissue: Tissue, config: ImageConfig) -> GeneImages:
    """Images of all sections on one canvas, in rows and columns, none over another.

    Each in units of its own spacing, as two scans need not have one unit; where the caller names the size of
    a pixel, in that.
    """
    places = tissue.coordinates.astype(np.float64)
    for inside in tissue.parts:
        unit = config.pixel_size or spacing_of(np.unique(places[inside], axis=0))
        places[inside] = (places[inside] - places[inside].min(axis=0)) / unit
    # Where a section lay before must not move spots across the edges of pixels by rounding.
    places = places.round(6)
    across = int(np.ceil(np.sqrt(tissue.n_sections)))
    row, column = np.divmod(tissue.section, across)
    places += np.column_stack([column, row]) * np.ceil(places.max(axis=0) * 1.1 + 1)
    if config.pixel_size is not None:
        config = replace(config, pixel_size=1.0)
    return GeneImages.from_section(replace(section, coordinates=places, lattice=None, labels=None), config)
