"""Sections from the folders of platforms, for R."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigel.bridge._pieces import names_of, whole_or_none
from sigel.bridge._section import matrix_pieces, pieces_of
from sigel.io._read import Sample, by_name, read_samples
from sigel.io._several import joined
from sigel.io._sources import Options
from sigel.keys import OTHER_FEATURES, SAMPLE


def read_section(
    *,
    path: str,
    platform: str | None = None,
    sample: Any = None,
    bin_size: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A section, or several, in plain pieces; see `sigel.io.read`.

    Parameters
    ----------
    path, platform, sample, bin_size
        As there.
    settings
        `layer`, `raw`, `off_tissue` and `table` of `sigel.io.read`, those that are wanted.

    Returns
    -------
    dict
        Pieces of the section, and beside them `sample`, that of each cell, or None; `gene_ids`, or None;
        `others`, by kind the pieces of features that are no genes; `pictures`, by sample the `path` of a
        picture, or None, and the `scales`.
    """
    options = Options(bin_size=whole_or_none(bin_size, "bin_size"), images=False, **(settings or {}))
    samples = read_samples(path, platform, None if sample is None else names_of(sample), options)
    adata = joined(by_name(samples))
    ids = adata.var.get("gene_ids")
    return pieces_of(adata) | {
        "sample": adata.obs[SAMPLE].astype(str).tolist() if len(samples) > 1 else None,
        "gene_ids": None if ids is None else ids.astype(str).tolist(),
        "others": _others(adata),
        "pictures": {one.source.sample: _picture(one) for one in samples if one.pictures.scales},
    }


def _others(adata: Any) -> dict[str, dict[str, Any]]:
    """Features that are no genes, by kind."""
    if OTHER_FEATURES not in adata.uns or "feature_types" not in adata.uns[OTHER_FEATURES]:
        return {}
    table, values = adata.uns[OTHER_FEATURES], adata.obsm[OTHER_FEATURES]
    kinds = table["feature_types"].astype(str).to_numpy()
    return {
        kind: matrix_pieces(values[:, kinds == kind]) | {"genes": table.index[kinds == kind].tolist()}
        for kind in dict.fromkeys(kinds)
    }


def _picture(sample: Sample) -> dict[str, Any]:
    files = sample.pictures.files
    path = files.get("lowres")
    return {"path": None if path is None else str(path), "scales": sample.pictures.scale_factors()}
