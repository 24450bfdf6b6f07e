"""What a question needs of a section: images as those of the fit or the model, or counts and places."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import InputError, unknown_name
from sigel.images import GeneImages
from sigel.images.counts import SpotRows
from sigel.images.gene_images import check_section
from sigel.keys import Keys
from sigel.model import SIGEL
from sigel.tasks.imputation.target_reference import Section

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


def read_section(adata: AnnData, values: Any, spatial_key: str) -> Section:
    """Counts, wherever they lie, and what there is of places; for questions that make no images."""
    has_lattice = {"array_row", "array_col"} <= set(adata.obs.columns)
    return Section(
        counts=sparse.csr_matrix(sparse.vstack([chunk for _, chunk in SpotRows(values)], format="csr")),
        genes=adata.var_names.to_numpy(dtype=object),
        coordinates=np.asarray(adata.obsm[spatial_key]) if spatial_key in adata.obsm else None,
        lattice=adata.obs[["array_row", "array_col"]].to_numpy() if has_lattice else None,
    )


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
