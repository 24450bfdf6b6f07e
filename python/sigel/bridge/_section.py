"""Sections and their gene images, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse

from sigel import datasets
from sigel.bridge._pieces import names_of, pixels_of, section_of, whole, whole_numbers, with_lists
from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.named_columns import as_places
from sigel.images.section import lattice_of
from sigel.images.sound_matrix import check_structure
from sigel.images.tensors import ImageViews


def gene_images(
    *,
    section: Mapping[str, Any],
    settings: dict[str, Any],
    genes: Sequence[str],
    average: Sequence[Sequence[str]] = (),
) -> dict[str, Any]:
    """Images of some genes, smoothed for the eye.

    Parameters
    ----------
    section
        Its pieces.
    settings
        Settings of `ImageConfig`.
    genes
        Names of genes.
    average
        Sets of names of genes whose mean images are wanted, too.

    Returns
    -------
    dict
        `values` `(n_genes, n_pixels)`, `row` and `col` of the tissue pixels, `shape` of the grid,
        `x` and `y` of the pixels in the section's coordinates, `mean` `(n_sets, n_pixels)` of
        `average`, or None; `n_sections`, the names of several `sections`, and whether cells are `scattered`,
        on no lattice, so that pixels between them are empty.
    """
    images = GeneImages.from_section(section_of(section), ImageConfig.from_dict(whole_numbers(settings)))
    views, rows = ImageViews(images), torch.from_numpy(images.index(list(genes)))
    means = [views.mean_shown(torch.from_numpy(images.index(names_of(one)))) for one in average]
    return {
        "values": views.shown(rows).double().numpy(),
        "mean": torch.stack(means).numpy() if means else None,
        "n_sections": len(images.raster.parts),
        "sections": list(map(str, images.sections)),
        "scattered": images.raster.has_holes,
        **pixels_of(images),
    }


def simulate(*, settings: dict[str, Any], seed: float) -> dict[str, Any]:
    """A simulated section in plain pieces; see `sigel.datasets.simulated_section`.

    Parameters
    ----------
    settings
        Arguments of `simulated_section`.
    seed
        Its seed.
    """
    return _simulated(datasets.simulated_section(**whole_numbers(settings), seed=whole(seed)))


def simulate_panel(*, settings: dict[str, Any], seed: float) -> dict[str, dict[str, Any]]:
    """A panel, its reference and what the panel hides, in plain pieces; see `sigel.datasets.simulated_panel`.

    Parameters
    ----------
    settings
        Arguments of `simulated_panel`.
    seed
        Its seed.
    """
    made = datasets.simulated_panel(**whole_numbers(settings), seed=whole(seed))
    return {name: _simulated(one) for name, one in zip(("target", "reference", "hidden"), made, strict=True)}


def simulate_cohort(*, settings: dict[str, Any], seed: float) -> list[dict[str, Any]]:
    """Sections of donors of two conditions in plain pieces; see `sigel.datasets.simulated_cohort`.

    Parameters
    ----------
    settings
        Arguments of `simulated_cohort`.
    seed
        Its seed.
    """
    given = with_lists(whole_numbers(settings), "n_donors")
    made = datasets.simulated_cohort(**given, seed=whole(seed))
    return [
        _simulated(one)
        | {
            "change": one.var["change"].astype(str).tolist(),
            "conditions": one.obs["condition"].cat.categories.tolist(),
        }
        for one in made
    ]


def _simulated(adata: Any) -> dict[str, Any]:
    return pieces_of(adata) | {
        "programme": adata.var["programme"].astype(str).tolist(),
        "region": adata.obs["region"].astype(str).tolist(),
    }


def pieces_of(adata: Any) -> dict[str, Any]:
    """A section as it crosses to R.

    Parameters
    ----------
    adata
        With counts in `X`.
    """
    spatial = adata.obsm.get("spatial")
    lattice = lattice_of(adata)
    return matrix_pieces(adata.X) | {
        "genes": [str(name) for name in adata.var_names],
        "cells": [str(name) for name in adata.obs_names],
        "coordinates": None if spatial is None else _plane(spatial),
        "lattice": None if lattice is None else lattice.astype(np.float64),
        "obs": {str(name): _column(adata.obs[name]) for name in adata.obs.columns},
    }


def matrix_pieces(values: Any) -> dict[str, Any]:
    """Slots of a dgCMatrix, genes x spots.

    Parameters
    ----------
    values
        Spots x genes.
    """
    check_structure(values, "path")
    matrix = sparse.csr_matrix(values, copy=True)  # spots x genes by rows is genes x spots by columns
    matrix.sum_duplicates()  # sorts, too: R wants increasing indices
    if matrix.nnz > np.iinfo(np.int32).max:
        fix = "Read it in Python, or take fewer spots or genes."
        raise InputError("path", f"{matrix.nnz} counts above zero", "fewer than 2^31, R's limit", fix)
    return {
        "i": matrix.indices.astype(np.int32),
        "p": matrix.indptr.astype(np.int32),
        "x": matrix.data.astype(np.float64),
        "dim": [matrix.shape[1], matrix.shape[0]],
    }


def _plane(spatial: Any) -> np.ndarray:
    places = as_places(spatial, 'obsm["spatial"]').astype(np.float64)
    if places.ndim != 2 or places.shape[1] != 2:
        fix = "Keep the two columns of the section's plane in the file."
        raise InputError("path", f'obsm["spatial"] of shape {places.shape}', "x and y of every spot", fix)
    return places


def _column(column: Any) -> list[Any]:
    if column.dtype.kind in "iufb":
        return column.astype(float).tolist()
    return ["" if value is None or value != value else str(value) for value in column]
