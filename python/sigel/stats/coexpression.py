"""Genes as vectors of what they vary with over cells that have no places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import sparse

from sigel.stats.standardised import Standardised

# Axes of co-expression; of 30 and 50, those of sections without their places imputed alike (0.301, 0.302).
AXES = 50
SWEEPS = 6
# A gene of few cells would else be an axis of its own.
MOST_SD = 10.0


class Coexpression(NamedTuple):
    """Genes along the leading axes of what varies together."""

    vectors: Float[np.ndarray, "n_genes n_axes+1"]
    explained: Float[np.ndarray, " n_genes"]


def coexpression(values: Standardised, rng: np.random.Generator, n_axes: int = AXES) -> Coexpression:
    """Vectors of genes from their co-expression, and what of each the axes explain.

    Parameters
    ----------
    values
        z-scores of normalised values, `(n_cells, n_genes)`.
    rng
        Of the start of the search for the axes.
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
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sigel.stats.coexpression import coexpression
    >>> from sigel.stats.standardised import Standardised
    >>> rng = np.random.default_rng(0)
    >>> kind = rng.random((500, 1)) < 0.5
    >>> x = rng.poisson(np.where(np.arange(20) < 10, 5.0 * kind + 0.5, 2.0))
    >>> found = coexpression(Standardised.of(sparse.csr_matrix(x.astype(np.float32))), rng, 5)
    >>> bool(found.explained[:10].min() > found.explained[10:].max())
    True
    """
    n, n_genes = values.shape
    clipped = _clipped(values)
    k = max(min(n_axes, n - 1, n_genes - 1), 1)
    basis = np.linalg.qr(rng.standard_normal((n_genes, min(k + 10, n_genes))))[0]
    for _ in range(SWEEPS):  # subspace iteration, as in `sigel.nn.encoder.subspace`
        cells = np.linalg.qr(clipped @ basis)[0]
        basis = np.linalg.qr(clipped.transposed_product(cells))[0]
    _, size, turn = np.linalg.svd(clipped @ basis, full_matrices=False)
    value = size[:k] ** 2 / n
    edge = (1 + np.sqrt(n_genes / n)) ** 2
    kept = np.clip(1 - edge / np.maximum(value, 1e-12), 0, 1)
    along = (basis @ turn.T)[:, :k] * np.sqrt(value) * kept  # (n_genes, k)
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
