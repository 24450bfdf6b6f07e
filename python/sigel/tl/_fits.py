"""What a question needs of a section: images as those of the fit or the model, or counts and places."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.section import Called, Section, check_section
from sigel.keys import Keys, check_key
from sigel.model import SIGEL
from sigel.tasks.domains.gene_selection import Known

if TYPE_CHECKING:
    from anndata import AnnData


def model_of(model: SIGEL | str | Path | None, device: str | torch.device) -> SIGEL | None:
    """A fitted model, read where it is a folder; None stays None."""
    return model if isinstance(model, SIGEL | None) else SIGEL.load(model, device=device, argument="model")


def images_as_fitted(
    adata: AnnData,
    *,
    key: str,
    layer: str | None,
    spatial_key: str | None,
    config: ImageConfig | dict[str, Any] | None,
    model: SIGEL | None,
    section_key: str | None = None,
    told: bool = True,
) -> GeneImages:
    """Images of a section; what is not given is as in the model, else as in the fit or domains there."""
    info = info_under(adata, key)
    told_places = places_told(info)
    given = as_fitted(told_places, layer, spatial_key)
    section_key = section_key or str(told_places.get("section_key", "")) or None
    section = Section.from_anndata(adata, **given, section_key=section_key, told=told)
    section.told.update(told_by_fit(info, given["layer"]))
    return GeneImages.from_section(section, image_config(config, info, model))


def domains_told(adata: AnnData, key: str) -> Mapping[str, Any] | None:
    """What `sigel.tl.domains` left under the key; None where it did not, or its column has gone."""
    info = adata.uns.get(Keys(key).info)
    told = info.get("domains") if isinstance(info, Mapping) else None
    return told if isinstance(told, Mapping) and Keys(key).domain in adata.obs else None


def places_told(info: Mapping[str, Any]) -> dict[str, Any]:
    """Layer, coordinates and column of sections that a fit left; of each that it did not, as domains did."""
    of_domains = info.get("domains")
    sources = (of_domains if isinstance(of_domains, Mapping) else {}, info)
    names = ("layer", "spatial_key", "section_key")
    return {name: one[name] for one in sources for name in names if name in one}


def as_fitted(info: Mapping[str, Any], layer: str | None, spatial_key: str | None) -> dict[str, Any]:
    """Where counts and coordinates lie; what is not given is as in a fit, from what it left."""
    return {
        "layer": info.get("layer") or None if layer is None else layer,
        "spatial_key": info.get("spatial_key", "spatial") if spatial_key is None else spatial_key,
    }


def told_by_fit(info: Mapping[str, Any], layer: str | None) -> set[str]:
    """Warnings that the fit gave of the values in a layer, which need not come again."""
    made = info.get("provenance") or {}
    same = str(info.get("layer") or "") == (layer or "")
    return {"fractions"} if same and made.get("values") == "fractions" else set()


def unnamed_layer(adata: AnnData, info: Mapping[str, Any]) -> str:
    """Words for the layer that is read where none is named, from what a fit left."""
    layer = info.get("layer")
    if not layer:
        return "X"
    return repr(str(layer)) if layer in adata.layers else ""


def section_as_fitted(
    adata: AnnData,
    info: dict[str, Any],
    layer: str | None,
    spatial_key: str | None,
    section_key: str | None,
    *,
    told: bool = True,
) -> tuple[Section, dict[str, str]]:
    """The section or sections, and under which names their parts were found."""
    given = as_fitted(info, layer, spatial_key)
    section_key = section_key or str(info.get("section_key", "")) or None
    called = Called(places=f"adata.obsm[{given['spatial_key']!r}]", unnamed=unnamed_layer(adata, info))
    section = Section.from_anndata(adata, **given, section_key=section_key, called=called, told=told)
    section.told.update(told_by_fit(info, given["layer"]) if told else {"fractions"})
    where = {**given, "layer": given["layer"] or "", "section_key": section_key or ""}
    return section, where


def image_config(
    config: ImageConfig | dict[str, Any] | None, info: Mapping[str, Any], model: SIGEL | None = None
) -> ImageConfig:
    """Settings of images: those given, else the model's, else those of a fit, else the defaults."""
    if isinstance(config, dict):
        # As in `embed`, too, where they are one part of the settings.
        part = config["image"] if set(config) == {"image"} else config
        return ImageConfig.from_dict(part) if isinstance(part, dict) else image_config(part, info, model)
    if config is not None:
        return ImageConfig.given(config)
    if model is not None:
        return model.config.image
    if "params" in info:
        return SIGELConfig.from_dict(json.loads(info["params"])).image
    return ImageConfig()


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


def groups_under(adata: AnnData, key: str, *, groups: bool = True) -> tuple[Keys, np.ndarray]:
    """Keys and representations `(n_vars, n_dims)`, or a refusal that says what to call first.

    Without `groups` there need be none.
    """
    check_section(adata)
    keys = Keys(key)
    if keys.representation not in adata.varm or (groups and keys.group not in adata.var):
        fix = f'Call sigel.tl.embed(adata, key_added="{key}") first.'
        raise InputError("key", f"{key!r}, under which there is nothing", "results of sigel.tl.embed", fix)
    return keys, np.asarray(adata.varm[keys.representation], dtype=np.float64)
