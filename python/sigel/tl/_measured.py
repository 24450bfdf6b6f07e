"""Measured values of imputed genes, paired with these by the names of cells and genes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

from sigel.errors import InputError
from sigel.keys import IMPUTATION
from sigel.tasks.imputation.achieved_accuracy import achieved_accuracy, measured_values

if TYPE_CHECKING:
    from anndata import AnnData


class Accuracy(NamedTuple):
    """Of imputed genes that were measured and vary."""

    expected: np.ndarray  # correlation, (n_genes,)
    achieved: np.ndarray  # (n_genes,)
    spearman: float  # of the two; NaN of fewer than three genes


def names_in_both(genes: Iterable[str], measured: AnnData) -> list[str]:
    """Those of the genes that were measured, in their order."""
    if not (hasattr(measured, "obsm") and hasattr(measured, "var_names")):
        found = f"an object of class {type(measured).__name__}"
        raise InputError("measured", found, "an AnnData", "Leave measured out.")
    there = [gene for gene in genes if gene in measured.var_names]
    if not there:
        fix = "Leave measured out, or check the spelling of its genes."
        raise InputError("measured", "none of the genes", "measured values of some of them", fix)
    return there


def measured_as_imputed(imputed: AnnData, measured: AnnData, genes: list[str]) -> sparse.csc_matrix:
    """Measured values of the genes in the cells of `imputed` and on their scale, `(n_cells, n_genes)`."""
    for what, names in (("genes", measured.var_names), ("cells", measured.obs_names)):
        if not names.is_unique:
            fix = f"Call measured.{'var' if what == 'genes' else 'obs'}_names_make_unique() first."
            raise InputError("measured", f"names of {what} that occur twice", "names that occur once", fix)
    cells = measured.obs_names.get_indexer(imputed.obs_names)
    if (cells < 0).any():
        found = f"{int((cells >= 0).sum())} of the {len(cells)} imputed cells"
        raise InputError("measured", found, "all of them, by name", "Check measured.obs_names.")
    column, told = measured.var_names.get_indexer, imputed.uns[IMPUTATION]
    panel = column(told["shared"].index)
    return measured_values(measured.X, cells, column(genes), panel, float(told["target_sum"]))


def accuracy_of(imputed: AnnData, measured: AnnData) -> Accuracy:
    """Expected and achieved correlation of the imputed genes that vary in `measured`."""
    genes = names_in_both(imputed.var_names, measured)
    values = measured_as_imputed(imputed, measured, genes)
    expected = imputed.var.loc[genes, "expected_pcc"].to_numpy()
    found = achieved_accuracy(imputed.X, imputed.var_names.get_indexer(genes), values, expected)
    if not found.varies.any():
        raise InputError("measured", "genes that do not vary", "measured values", "Check measured.X.")
    return Accuracy(expected[found.varies], found.pcc, found.spearman)
