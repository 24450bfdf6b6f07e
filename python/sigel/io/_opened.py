"""A sample whose names and places are known, and whose counts are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, number_of
from sigel.io._pictures import Pictures
from sigel.io._sources import GENE, Source
from sigel.keys import OTHER_FEATURES

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, kw_only=True)
class Opened:
    """All of a sample but its counts.

    Parameters
    ----------
    source
        Where it lies.
    cells
        Names of the rows of its matrix, `(n,)`.
    obs, places
        What is known of them, and x and y, in their order.
    keep
        Which of them are wanted; None: all.
    features
        Names, `gene_ids` and `feature_types` of the columns.
    counts
        Gives the matrix, cells x features.
    files
        What it is read from, by what they hold.
    pictures
        Of the tissue.
    choices
        What else could have been read, by option.
    """

    source: Source
    cells: np.ndarray
    obs: pd.DataFrame
    places: np.ndarray
    keep: np.ndarray | None
    features: pd.DataFrame
    counts: Callable[[], sparse.csr_matrix]
    files: Mapping[str, Path]
    pictures: Pictures = field(default_factory=Pictures)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def are_genes(self) -> np.ndarray:
        """Which of the features are genes."""
        return (self.features["feature_types"] == GENE).to_numpy()

    @property
    def n_kept(self) -> int:
        """Number of cells that are wanted."""
        return len(self.cells) if self.keep is None else int(self.keep.sum())


def assembled(opened: Opened, *, images: bool) -> AnnData:
    """A sample as an AnnData: genes in `X`, other features apart.

    Parameters
    ----------
    opened
        The sample.
    images
        Whether to read its pictures.
    """
    from anndata import AnnData
    from anndata.utils import make_index_unique

    matrix = opened.counts()
    wanted = (len(opened.cells), len(opened.features))
    if matrix.shape != wanted:
        found = f"counts of {matrix.shape[0]} cells and {matrix.shape[1]} features"
        fix = "Copy or download the folder anew."
        raise InputError("path", found, f"{wanted[0]} and {wanted[1]}, as many as there are names", fix)
    _check_some(opened)
    keep = slice(None) if opened.keep is None else opened.keep
    matrix, genes = matrix[keep], opened.are_genes
    apart, other = opened.features[~genes], None
    if len(apart):
        other, matrix = matrix[:, ~genes], matrix[:, genes]
    features = opened.features[genes]
    symbols = features.index.astype(str)
    adata = AnnData(
        sparse.csr_matrix(matrix, dtype=np.float32),
        obs=opened.obs[keep].set_axis(opened.cells[keep].astype(str)),
        var=features.assign(gene_symbols=symbols).set_axis(make_index_unique(symbols)),
        obsm={"spatial": opened.places[keep]},
    )
    if other is not None:
        adata.obsm[OTHER_FEATURES] = sparse.csr_matrix(other, dtype=np.float32)
        adata.uns[OTHER_FEATURES] = apart
    pictures = opened.pictures.read(images=images)
    if pictures:
        adata.uns["spatial"] = {opened.source.sample: pictures}
    return adata


def _check_some(opened: Opened) -> None:
    if not opened.are_genes.any():
        found = f"{len(opened.features)} features, none of them a gene"
        raise InputError("path", found, "counts of genes", "Is this the folder of the whole run?")
    if not opened.n_kept:
        found = f"{number_of(len(opened.cells), 'cell')}, none of them to be read"
        fix = "Spots beside the tissue are read with off_tissue=True."
        raise InputError("path", found, "cells on the tissue", fix)
