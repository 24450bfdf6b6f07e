"""The images that a question of a section needs: made as those of the fit, or of the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import InputError
from sigel.images import GeneImages, check_section
from sigel.keys import Keys
from sigel.model import SIGEL

if TYPE_CHECKING:
    from anndata import AnnData


def model_of(model: SIGEL | str | Path | None, device: str | torch.device) -> SIGEL | None:
    """A fitted model, read where it is a folder; None stays None."""
    return model if isinstance(model, SIGEL | None) else SIGEL.load(model, device=device)


def images_as_fitted(
    adata: AnnData,
    *,
    key: str,
    layer: str | None,
    spatial_key: str | None,
    config: ImageConfig | dict[str, Any] | None,
    model: SIGEL | None,
) -> GeneImages:
    """Images of a section; what is not given is as in the model, else as in the fit under `key`."""
    check_section(adata)
    info = adata.uns.get(Keys(key).info, {})
    if isinstance(config, dict):
        config = ImageConfig.from_dict(config)
    elif not isinstance(config, ImageConfig | None):
        fix = 'For example config={"max_side": 64}.'
        raise InputError("config", repr(config)[:60], "an ImageConfig or a dict of its settings", fix)
    if config is None and model is not None:
        config = model.config.image
    elif config is None and "params" in info:
        config = SIGELConfig.from_dict(json.loads(info["params"])).image
    layer = info.get("layer") or None if layer is None else layer
    spatial_key = info.get("spatial_key", "spatial") if spatial_key is None else spatial_key
    return GeneImages.from_anndata(adata, config, layer=layer, spatial_key=spatial_key)
