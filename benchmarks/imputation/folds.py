"""One fold of a split as methods of imputation see it, and what most of them begin with.

Nothing here needs the package itself: peers run this file in an environment of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from benchmarks.harness.numerics import even_weights, values


@dataclass(frozen=True)
class Fold:
    """What a method sees, and the names of what it shall find.

    Parameters
    ----------
    target
        Cells x genes still measured, raw counts, `obsm["spatial"]`; nothing in it knows the genes held out.
    references
        Spots x genes, raw counts, `obsm["spatial"]`; dissociated cells are without places.
    held
        Genes held out; every reference has them.
    seed
        Of whatever the method draws.
    quick
        Whether it shall only show that it runs: the package then takes settings for seconds.
    """

    target: AnnData
    references: list[AnnData]
    held: list[str]
    seed: int = 0
    quick: bool = False

    @cached_property
    def panel(self) -> list[str]:
        """Genes of the target that every reference has, in the target's order."""
        known = set.intersection(*(set(reference.var_names) for reference in self.references))
        return [gene for gene in self.target.var_names if gene in known]

    @cached_property
    def measured(self) -> np.ndarray:
        """Log-normalised counts of the panel in the target, `(n_cells, n_panel)`."""
        return values(self.target, self.panel)

    def known(self, genes: list[str]) -> list[np.ndarray]:
        """Log-normalised counts of some genes in each reference, each `(n_spots, n_genes)`.

        Parameters
        ----------
        genes
            Names.
        """
        return [values(reference, genes) for reference in self.references]


@dataclass(frozen=True)
class Predicted:
    """What a method found for the genes held out.

    Parameters
    ----------
    values
        `(n_cells, n_held)`; NaN where there is no answer.
    lower, upper
        Ends of the intervals in the units of `values`, where the method has any.
    genes
        What the method says of each gene beforehand, a row for each of `held`.
    about
        What it says of itself.
    """

    values: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    genes: pd.DataFrame | None = None
    about: dict[str, float] | None = None


def fold_of(
    target: AnnData, references: list[AnnData], held: list[str], seed: int = 0, *, quick: bool = False
) -> Fold:
    """Take genes out of a target, with all that could tell of them.

    Parameters
    ----------
    target, references
        As in `Fold`, with the genes still in the target.
    held
        Genes to take out.
    seed, quick
        As in `Fold`.
    """
    keep = ~target.var_names.isin(held)
    bare = AnnData(
        target.X[:, keep],
        obs=target.obs[[]],
        var=target.var.loc[keep, []],
        obsm={"spatial": target.obsm["spatial"]},
    )
    return Fold(bare, references, held, seed, quick)


def nearest_reference(known: np.ndarray, measured: np.ndarray, n: int = 50) -> sparse.csr_matrix:
    """Even weights of the reference spots most like each cell by cosine, `(n_cells, n_spots)`.

    Parameters
    ----------
    known, measured
        Features of spots and of cells.
    n
        How many; fewer where there are fewer spots.
    """
    search = NearestNeighbors(n_neighbors=min(n, len(known)), metric="cosine").fit(known)
    near = search.kneighbors(measured, return_distance=False)
    return even_weights(near, len(known))
