"""What a question needs of a section: images as those of the fit or the model, or counts and places."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import InputError, unknown_name
from sigel.images import GeneImages
from sigel.images.section import check_section
from sigel.keys import Keys, check_key
from sigel.model import SIGEL
from sigel.tasks.domains.gene_selection import Known

if TYPE_CHECKING:
    import torch
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
    config = model.config.image if config is None and model is not None else image_config(config, info)
    layer = info.get("layer") or None if layer is None else layer
    spatial_key = info.get("spatial_key", "spatial") if spatial_key is None else spatial_key
    return GeneImages.from_anndata(adata, config, layer=layer, spatial_key=spatial_key)


def image_config(config: ImageConfig | dict[str, Any] | None, info: Mapping[str, Any]) -> ImageConfig:
    """Settings of images; where none are given those of a fit, from what it left, else the defaults."""
    if isinstance(config, dict):
        return ImageConfig.from_dict(config)
    if not isinstance(config, ImageConfig | None):
        fix = 'For example config={"max_side": 64}.'
        raise InputError("config", repr(config)[:60], "an ImageConfig or a dict of its settings", fix)
    if config is None and "params" in info:
        return SIGELConfig.from_dict(json.loads(info["params"])).image
    return config or ImageConfig()


def section_column(adata: AnnData, section_key: str) -> pd.Series:
    """The section of every spot, or a refusal."""
    if not isinstance(section_key, str) or section_key not in adata.obs:
        found = unknown_name(section_key, adata.obs)
        raise InputError("section_key", found, "a column of adata.obs", "See adata.obs.columns.")
    column = adata.obs[section_key]
    if column.isna().any():
        found = f"{section_key!r} with {int(column.isna().sum())} missing values"
        raise InputError("section_key", found, "the section of every spot", "Leave those spots out.")
    return column


def checked_key(key: str, key_added: str | None) -> str:
    check_key(key, "key")
    key_added = key if key_added is None else key_added
    check_key(key_added, "key_added")
    return key_added


def known_genes(adata: AnnData, key: str) -> Known:
    """Groups and spatial genes of earlier calls."""
    keys, var = Keys(key), adata.var
    group = rank = effect = None
    if keys.group in var:
        given = var[keys.group].astype(object)
        group = np.where(given.isna(), "", given.astype(str))
    if {keys.spatial("rank"), keys.spatial("effect")} <= set(var):
        rank, effect = (var[keys.spatial(name)].to_numpy(float) for name in ("rank", "effect"))
    return Known(None if group is None else group.astype(object), rank, effect)


def info_under(adata: AnnData, key: str) -> dict[str, Any]:
    """What a fit under the key left."""
    check_section(adata)
    name = Keys(key).info
    info = adata.uns.get(name, {})
    if not isinstance(info, Mapping):
        found, fix = f"{type(info).__name__} in uns[{name!r}]", "Rename it, or use another key."
        raise InputError("key", found, "what sigel.tl.embed leaves there, or nothing", fix)
    return dict(info)


def groups_under(adata: AnnData, key: str) -> tuple[Keys, np.ndarray]:
    """Keys and representations `(n_vars, n_dims)`, or a refusal that says what to call first."""
    check_section(adata)
    keys = Keys(key)
    if keys.representation not in adata.varm or keys.group not in adata.var:
        fix = f'Call sigel.tl.embed(adata, key_added="{key}") first.'
        raise InputError("key", f"{key!r}, under which there is nothing", "results of sigel.tl.embed", fix)
    return keys, np.asarray(adata.varm[keys.representation], dtype=np.float64)
