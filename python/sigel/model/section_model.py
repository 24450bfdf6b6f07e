"""The model that a question is asked of: one that was fitted and saved, or eigenimages made on the spot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from sigel.config import SIGELConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.model import SIGEL
from sigel.runtime.progress import Progress

# Share of a section's genes that a model must have been fitted to.
LEAST_SHARED = 0.5


def section_model(
    images: GeneImages,
    model: SIGEL | str | Path | None = None,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
    smooth: bool = False,
) -> SIGEL:
    """A fitted model for the images of a section.

    Parameters
    ----------
    images
        Gene images of the section.
    model
        A fitted `SIGEL`, the folder of a saved one, or None: the section's eigenimages (`preset="fast"`
        without groups), which take seconds.
    seed, device, progress
        As in `SIGEL`; used where a model is loaded or made.
    smooth
        Where eigenimages are made: only of what neighbouring pixels share. Genes that vary together without
        a pattern in space then leave no trace in them.

    Raises
    ------
    InputError
        When the model was fitted to other genes, or to images made in another way.
    """
    if model is None:
        fast = SIGELConfig.preset("fast")
        encoder = (
            dataclasses.replace(fast.encoder, sharp=0, spread=1.0, spreads=1) if smooth else fast.encoder
        )
        config = dataclasses.replace(fast, n_groups=1, image=images.config, encoder=encoder)
        return SIGEL(config, seed=seed, device=device).fit(images, progress=progress)
    if not isinstance(model, SIGEL):
        model = SIGEL.load(model, device=device, argument="model")
    known = set(model.genes)
    shared = sum(gene in known for gene in images.genes)
    if shared < LEAST_SHARED * len(images.genes):
        found = f"a model of {len(known)} genes, {shared} of them among the section's {len(images.genes)}"
        fix = "Use model=None, or a model that was fitted to this section."
        raise InputError("model", found, "a model fitted to the genes of the section", fix)
    model.check_settings(images)
    return model
