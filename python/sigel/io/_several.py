"""Samples as one AnnData."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, warn
from sigel.keys import OTHER_FEATURES, SAMPLE

if TYPE_CHECKING:
    from anndata import AnnData


def joined(samples: Mapping[str, AnnData]) -> AnnData:
    """Samples as one AnnData; of one, its own.

    Parameters
    ----------
    samples
        By name, at least one.
    """
    return next(iter(samples.values())) if len(samples) == 1 else _together(samples)


def _together(samples: Mapping[str, AnnData]) -> AnnData:
    """Samples one after the other, the genes that all have; names of cells begin with their sample's."""
    import anndata

    parts = {name: one.copy() for name, one in samples.items()}
    _tell_of_genes(parts)
    others = _common_others(parts)
    pictures: dict[str, Any] = {}
    for name, one in parts.items():
        one.obs_names = [f"{name}_{cell}" for cell in one.obs_names]
        pictures |= one.uns.pop("spatial", {})
    made = anndata.concat(parts, join="inner", label=SAMPLE, merge="first")
    made.uns |= {"spatial": pictures} if pictures else {}
    if others is not None:
        made.uns[OTHER_FEATURES] = others
    return made


def _tell_of_genes(parts: Mapping[str, AnnData]) -> None:
    names = [one.var_names for one in parts.values()]
    common = set(names[0]).intersection(*names[1:])
    most = max(map(len, names))
    if not common:
        fix = 'Read them one by one: sample="...".'
        raise InputError("sample", "samples without a gene in common", "samples of one panel", fix)
    if len(common) < most:
        warn(f"Samples differ in their genes: the {len(common)} that all have are read, of up to {most}.")


def _common_others(parts: Mapping[str, AnnData]) -> pd.DataFrame | None:
    """The features that are no genes and that all samples have, whose columns alone are left."""
    tables = [one.uns.pop(OTHER_FEATURES, None) for one in parts.values()]
    told = [table for table in tables if table is not None]
    common: list[str] = []
    if len(told) == len(tables):
        common = [name for name in told[0].index if all(name in table.index for table in told[1:])]
    if not common:
        for one in parts.values():
            one.obsm.pop(OTHER_FEATURES, None)
        return None
    for one, table in zip(parts.values(), told, strict=True):
        at: np.ndarray = table.index.get_indexer(pd.Index(common))
        one.obsm[OTHER_FEATURES] = one.obsm[OTHER_FEATURES][:, at]
    return told[0].loc[common]
