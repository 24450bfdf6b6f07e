"""Spatial genes of sections with covariates, and of several sections at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of
from sigel.images import GeneImages
from sigel.images.raster import Raster
from sigel.images.section import in_section
from sigel.runtime.progress import Progress
from sigel.stats.permutation_test import log_gamma_tail
from sigel.tasks.spatial_genes.one_section import TESTED, spatial_genes, with_ranks

MakeSection = Callable[[], tuple[GeneImages, Mapping[str, np.ndarray]]]


def pixel_covariates(raster: Raster, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> np.ndarray:
    """Covariates of spots as means over pixels, `(n_pixels, n)`; text becomes one column for each level.

    Parameters
    ----------
    raster
        Grid of the section.
    columns
        Values of all spots by name: numbers or text.

    Raises
    ------
    InputError
        When a column has missing values or another length, or when there are too many columns for the pixels.
    """
    found = []
    for name, given in columns.items():
        column = pd.Series(np.asarray(given))
        if len(column) != len(raster.pixel_of_spot):
            wanted = f"one for each of {len(raster.pixel_of_spot)} spots"
            raise InputError(
                "covariates", f"{number_of(len(column), 'value')} of {name!r}", wanted, "Check the column."
            )
        if column.isna().any() or (column.dtype.kind == "f" and not np.isfinite(column).all()):
            lost = int(column.isna().sum())
            fix = "Fill them in, or leave those spots out."
            raise InputError("covariates", f"{name!r} with {lost} missing values", "values of all spots", fix)
        numeric = column.dtype.kind in "iufb"
        table = column.to_frame().astype(float) if numeric else pd.get_dummies(column).astype(float)
        found.append(table.to_numpy())
    values = np.concatenate(found, axis=1)  # (n_spots, n)
    if values.shape[1] > raster.n_pixels / 2:
        many = f"{values.shape[1]} columns, one for each level of text, on {raster.n_pixels} pixels"
        fix = "Use columns with few levels."
        raise InputError("covariates", many, "at most half as many", fix)
    total = np.zeros((raster.n_pixels, values.shape[1]))
    np.add.at(total, raster.pixel_of_spot, values)
    return total / raster.spots_per_pixel[:, None]


def spatial_genes_of_sections(parts: Iterable[tuple[object, MakeSection]], **options: Any) -> pd.DataFrame:
    """Spatial genes of one section or several, combined.

    Parameters
    ----------
    parts
        Name of each section, None where there is one only, and what makes its images and the values of its
        covariates by name; made within, so that a refusal names the section.
    **options
        Of `spatial_genes`, but for the covariates.
    """
    tables, sizes = [], []
    progress = options.pop("progress", None)
    for name, make in parts:
        with in_section(name):
            images, columns = make()
            covariates = pixel_covariates(images.raster, columns) if columns else None
            said = _of_section(progress, name)
            tables.append(spatial_genes(images, covariates=covariates, progress=said, **options))
        sizes.append(images.raster.n_pixels)
    return tables[0] if len(tables) == 1 else combine_sections(tables, sizes)


def _of_section(progress: Progress | None, name: object) -> Progress | None:
    """Progress that says which section it is about, where there are several."""
    if progress is None or name is None:
        return progress
    return lambda stage, step, total, text: progress(stage, step, total, f"{text} in section {str(name)!r}")


def combine_sections(tables: Sequence[pd.DataFrame], n_pixels: Sequence[int]) -> pd.DataFrame:
    """One table from those of several sections of the same genes.

    Parameters
    ----------
    tables
        From `spatial_genes`, the same genes in the same order.
    n_pixels
        Size of each section.

    Notes
    -----
    Over the k sections in which a gene was tested: p-values by Fisher's method, the upper tail of chi-squared
    with 2k degrees of freedom at `-2 sum of log p` (Fisher 1932); scores and statistics by Stouffer's,
    `sum of z / sqrt(k)` (Stouffer et al. 1949); the effect is the mean weighted by pixels, the length scale
    the mean.
    """

    def stack(column: str) -> np.ndarray:
        return np.stack([table[column].to_numpy(dtype=float) for table in tables])  # (n_sections, n_genes)

    tested = ~np.isnan(stack("pval"))
    n = tested.sum(axis=0)
    some = n > 0
    log_p = np.nan_to_num(stack("log_pval"))
    weight = tested * np.asarray(n_pixels, dtype=float)[:, None]
    whole = np.maximum(weight.sum(axis=0), 1e-12)
    merged = pd.DataFrame(index=tables[0].index)
    for column in ("score", "statistic"):
        values = stack(column)
        there = np.maximum((~np.isnan(values)).sum(axis=0), 1)
        merged[column] = np.where(
            np.isnan(values).all(axis=0), np.nan, np.nansum(values, axis=0) / np.sqrt(there)
        )
    scored = np.log(np.nan_to_num(stack("score_pval"), nan=1.0))
    for column, logs in (("pval", log_p), ("score_pval", scored)):
        counted = (~np.isnan(stack(column))).sum(axis=0)
        # Chi-squared with 2k degrees of freedom is twice a gamma variable of shape k.
        tail = log_gamma_tail(np.maximum(counted, 1).astype(float), -logs.sum(axis=0))
        merged[column] = np.where(counted > 0, np.exp(tail), np.nan)
        if column == "pval":
            merged["log_pval"] = np.where(counted > 0, tail, np.nan)
    merged["effect"] = np.where(some, (np.nan_to_num(stack("effect")) * weight).sum(axis=0) / whole, np.nan)
    merged["length_scale"] = np.where(
        some, np.nan_to_num(stack("length_scale")).sum(axis=0) / np.maximum(n, 1), np.nan
    )
    untested = tables[int(np.argmax(n_pixels))]["status"].to_numpy()
    merged["status"] = np.where(some, TESTED, untested)
    return with_ranks(merged)
