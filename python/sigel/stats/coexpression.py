"""Genes as vectors of what they vary with over cells that have no places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse

from sigel.nn.encoder.subspace import leading
from sigel.stats.standardised import Standardised

# Axes of co-expression; of 30 and 50, those of sections without their places imputed alike (0.301, 0.302).
AXES = 50
SWEEPS = 7
# A gene of few cells would else be an axis of its own.
MOST_SD = 10.0


class Coexpression(NamedTuple):
    """Genes along the leading axes of what varies together."""

    vectors: Float[np.ndarray, "n_genes n_axes+1"]
    explained: Float[np.ndarray, " n_genes"]


def coexpression(values: Standardised, generator: torch.Generator, n_axes: int = AXES) -> Coexpression:
    """Vectors of genes from their co-expression, and what of each the axes explain.

    Parameters
    ----------
    values
        z-scores of normalised values, `(n_cells, n_genes)`.
    generator
        CPU generator of the start of the search for the axes.
    n_axes
        How many.

    Returns
    -------
    Coexpression
        Float64 vectors of length 1, `(n_genes, n_axes + 1)`, the last entry large where a gene varies with
        nothing; and the share of each gene's variance along the axes, noise taken off, 0 to 1, `(n_genes,)`.

    Notes
    -----
    With `Z = U S V'` of n cells and G genes, z-scores above 10 taken as 10, gene g lies at
    `s_k V_gk w_k / sqrt(n)`, its correlation with axis k, with `w_k = 1 - e / l_k` where the eigenvalue
    `l_k = s_k^2 / n` passes the edge of noise, `e = (1 + sqrt(G / n))^2` (Marchenko and Pastur 1967), and 0
    where not. As gene images are (`sigel.nn.encoder.eigenimages`), it is lifted onto a sphere whose pole is
    a gene that varies with nothing, at the median length of a gene.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from scipy import sparse
    >>> from sigel.stats.coexpression import coexpression
    >>> from sigel.stats.standardised import Standardised
    >>> rng = np.random.default_rng(0)
    >>> kind = rng.random((500, 1)) < 0.5
    >>> x = rng.poisson(np.where(np.arange(20) < 10, 5.0 * kind + 0.5, 2.0))
    >>> values = Standardised.of(sparse.csr_matrix(x.astype(np.float32)))
    >>> found = coexpression(values, torch.Generator().manual_seed(0), 5)
    >>> bool(found.explained[:10].min() > found.explained[10:].max())
    True
    """
    n, n_genes = values.shape
    clipped = _clipped(values)

    def correlations(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(clipped.transposed_product(clipped @ x.numpy()) / n)

    k = max(min(n_axes, n - 1, n_genes - 1), 1)
    like = torch.zeros(1, dtype=torch.float64)
    value, axes = (
        found.numpy()
        for found in leading(correlations, n_genes, k, sweeps=SWEEPS, generator=generator, like=like)
    )
    edge = (1 + np.sqrt(n_genes / n)) ** 2
    kept = np.clip(1 - edge / np.maximum(value, 1e-12), 0, 1)
    along = axes * np.sqrt(np.maximum(value, 0)) * kept  # (n_genes, k)
    squares = np.square(along).sum(axis=1)
    pole = max(float(np.sqrt(np.median(squares))), 1e-6)
    lifted = np.column_stack([along, np.full(n_genes, pole)]) / np.sqrt(squares + pole**2)[:, None]
    return Coexpression(lifted, np.minimum(squares, 1.0))


def _clipped(values: Standardised) -> Standardised:
    """The same with the largest values taken as `MOST_SD` standard deviations above the mean."""
    matrix = sparse.csr_matrix(values.matrix, copy=True)
    top = values.mean + MOST_SD * values.sd
    np.minimum(matrix.data, top[matrix.indices], out=matrix.data, casting="same_kind")
    return Standardised.of(matrix)
