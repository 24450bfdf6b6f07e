"""Measured values of imputed genes on the scale of the imputed ones, and how well the two agree."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.stats import spearmanr

from sigel.images.counts import SpotRows
from sigel.stats.scaling import log_normalised

# Genes whose sum is no library size.
FEW = 20
# Genes compared at a time.
BATCH = 256


class Achieved(NamedTuple):
    """Imputed against measured values."""

    varies: np.ndarray  # genes whose measured values vary, bool (n_genes,)
    pcc: np.ndarray  # Pearson correlation of these, (n_varying,)
    spearman: float  # of `pcc` and what was expected; NaN of fewer than three genes


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of columns, `(n_columns,)`; 0 where one does not vary.

    Parameters
    ----------
    a, b
        `(n_rows, n_columns)`.
    """
    a, b = a - a.mean(axis=0, dtype=np.float64), b - b.mean(axis=0, dtype=np.float64)
    size = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return np.divide((a * b).sum(axis=0), size, out=np.zeros(a.shape[1]), where=size > 1e-12)


def measured_values(
    values: Any, cells: np.ndarray, genes: np.ndarray, panel: np.ndarray, target_sum: float
) -> sparse.csc_matrix:
    """Measured values as imputed ones are, `(len(cells), len(genes))`; what are no counts stays as it is.

    Of counts `log1p` is taken, after scaling each cell's panel genes to `target_sum`; where those were not
    measured, all its counts to the median; with fewer than 20 genes, unscaled.

    Parameters
    ----------
    values
        Cells x genes, wherever they lie.
    cells, genes
        Rows and columns wanted.
    panel
        Columns of the panel's genes; -1: not there.
    target_sum
        Counts of a cell after normalisation.
    """
    has_panel = len(panel) > 0 and bool((panel >= 0).all())
    parts, sizes, whole = [], [], True
    for _, chunk in SpotRows(values):
        parts.append(chunk[:, genes])
        counted = chunk[:, panel if has_panel else np.arange(chunk.shape[1])]
        sizes.append(np.asarray(counted.sum(axis=1), dtype=np.float64).ravel())
        whole = whole and bool((chunk.data == np.round(chunk.data)).all()) and chunk.data.min(initial=0) >= 0
    wanted, library = sparse.vstack(parts, format="csr")[cells], np.concatenate(sizes)[cells]
    if whole:
        if not has_panel:
            library = library if values.shape[1] >= FEW else np.ones(len(library))
            target_sum = float(np.median(library))
        wanted = log_normalised(wanted, library, target_sum)
    return sparse.csc_matrix(wanted)


def achieved_accuracy(
    imputed: Any, genes: np.ndarray, measured: sparse.csc_matrix, expected: np.ndarray
) -> Achieved:
    """Correlation of imputed and measured values of some genes.

    Parameters
    ----------
    imputed
        Cells x all imputed genes, dense or sparse.
    genes
        Columns of those that were measured, `(n_genes,)`.
    measured
        The same cells x these genes.
    expected
        Correlation that was expected of them, `(n_genes,)`.
    """
    n = measured.shape[1]
    varies, pcc = np.zeros(n, dtype=bool), np.zeros(n)
    for start in range(0, n, BATCH):
        some = slice(start, start + BATCH)
        seen, made = measured[:, some].toarray(), imputed[:, genes[some]]
        varies[some] = np.ptp(seen, axis=0) > 0
        pcc[some] = correlation(made.toarray() if sparse.issparse(made) else np.asarray(made), seen)
    pcc, expected = pcc[varies], expected[varies]
    return Achieved(varies, pcc, float(spearmanr(expected, pcc).statistic) if len(pcc) > 2 else np.nan)
