"""The four measures of Li et al. 2022 for imputed genes, and their accuracy score.

Li et al., Nature Methods 19:662 (2022). Each is of one gene over all cells. What they leave open is set here:
what is missing becomes 1e-20, as in their code; a constant prediction has PCC 0 and the RMSE of an unrelated
one; a gene without counts in the target is left out.
"""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr
from scipy.stats import rankdata

from benchmarks.harness.numerics import zscored

# Whether more is better.
METRICS = {"PCC": True, "SSIM": True, "RMSE": False, "JS": False}
MISSING = 1e-20


def pcc(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each column.

    Parameters
    ----------
    predicted, truth
        `(n_cells, n_genes)`.
    """
    return (zscored(predicted) * zscored(truth)).mean(axis=0)


def ssim(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity of each column in one global window, both divided by their maxima.

    Constants 0.01 and 0.03; L, the larger of both maxima, is then 1.

    Parameters
    ----------
    predicted, truth
        `(n_cells, n_genes)`.
    """
    x, y = (v / np.maximum(v.max(axis=0), MISSING) for v in (truth, predicted))
    c1, c2 = 0.01**2, 0.03**2
    mean_x, mean_y, sd_x, sd_y = x.mean(axis=0), y.mean(axis=0), x.std(axis=0), y.std(axis=0)
    covariance = ((x - mean_x) * (y - mean_y)).mean(axis=0)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    contrast = (2 * sd_x * sd_y + c2) / (sd_x**2 + sd_y**2 + c2)
    structure = (covariance + c2 / 2) / (sd_x * sd_y + c2 / 2)
    return luminance * contrast * structure


def rmse(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root of the mean squared difference of z-scores of each column.

    Parameters
    ----------
    predicted, truth
        `(n_cells, n_genes)`.
    """
    # Of z-scores it is the correlation in another coin; a constant must not be better than noise.
    return np.sqrt(np.maximum(2 - 2 * pcc(predicted, truth), 0))


def js(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of each column in nats, both divided by their sums; negative values are 0.

    Parameters
    ----------
    predicted, truth
        `(n_cells, n_genes)`.
    """
    p, q = (np.maximum(v, 0) for v in (predicted, truth))
    p = np.where(p.sum(axis=0) > 0, p, MISSING)
    p, q = p / p.sum(axis=0), q / q.sum(axis=0)
    middle = (p + q) / 2
    return 0.5 * (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=0)


def per_gene(predicted: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """All four of each column; NaN where the truth is zero everywhere.

    Parameters
    ----------
    predicted
        `(n_cells, n_genes)`; what is not finite counts as missing.
    truth
        `(n_cells, n_genes)`, not negative.
    """
    predicted = np.where(np.isfinite(predicted), predicted, MISSING).astype(np.float64)
    truth = np.asarray(truth, dtype=np.float64)
    there = truth.max(axis=0) > 0
    found = {}
    for name, metric in zip(METRICS, (pcc, ssim, rmse, js), strict=True):
        found[name] = np.full(truth.shape[1], np.nan)
        found[name][there] = metric(predicted[:, there], truth[:, there])
    return found


def accuracy_score(means: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean over the four metrics of a method's rank among the methods, divided by their number.

    Parameters
    ----------
    means
        Mean over genes of each metric, by method. The best of all has 1; ties share their ranks.
    """
    methods = list(means)
    share = np.zeros(len(methods))
    for metric, more_is_better in METRICS.items():
        # Rounded, so that two ways to the same figure tie.
        column = np.round([means[method][metric] for method in methods], 9)
        share += rankdata(column if more_is_better else -column) / len(methods) / len(METRICS)
    return dict(zip(methods, share.tolist(), strict=True))
