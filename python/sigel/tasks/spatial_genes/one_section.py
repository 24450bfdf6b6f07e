"""Spatially variable genes: a kernel test, and the distance from null images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.tensors import ImageViews
from sigel.model import SIGEL
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import check_seed
from sigel.stats.kernel import RasterKernel
from sigel.stats.null_images import Null, check_null
from sigel.stats.permutation_test import permutation_test
from sigel.stats.q_values import q_values
from sigel.stats.stabilised_residuals import Residuals
from sigel.tasks.spatial_genes.score import spatial_score

TESTED = "tested"
COLUMNS = (
    "score",
    "score_pval",
    "statistic",
    "effect",
    "length_scale",
    "pval",
    "log_pval",
    "qval",
    "rank",
    "status",
)
# Most genes of a batch, and most values of its images (16 MB): what a processor's cache holds.
BATCH = 256
ENTRIES = 4_000_000
# Fewest pixels that a pattern can be told from chance on.
LEAST_PIXELS = 20


def spatial_genes(
    images: GeneImages,
    *,
    covariates: np.ndarray | None = None,
    null: Null = "permute",
    n_nulls: int = 1,
    score: bool = True,
    model: SIGEL | str | Path | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Test every gene of a section for a spatial pattern.

    Parameters
    ----------
    images
        Gene images.
    covariates
        `(n_pixels, n_covariates)`, from `pixel_covariates`: what a pattern must not be explained by.
    null, n_nulls
        Kind of null images for the score, and how many of each gene; the null of the test is always that
        pixels may change places.
    score
        Whether to compute the SIGEL score; the test alone takes a fraction of the time.
    model, seed, device, progress
        As in `sigel.model.section_model.section_model`.

    Returns
    -------
    pandas.DataFrame
        One row for each of `images.all_genes`; columns as in `COLUMNS`. NaN where a gene was not tested;
        `status` says why.

    Notes
    -----
    Test: Q = z'Kz of variance-stabilised residuals z with a positive definite K of several length scales
    (`sigel.stats.stabilised_residuals`, `sigel.stats.kernel`). The permutation mean and variance of Q are
    right up to terms of order 1/n, its third moment uses the gene's own skewness; the p-value is that of the
    gamma distribution with these three (Pearson III; `sigel.stats.permutation_test`), q-values are Benjamini
    and Hochberg's (1995). The effect is the covariance of neighbours over the variance, held between 0 and 1,
    `z'Wz / n + 1 / (n - 1)` with W the neighbours' weights; the length scale is the one whose form exceeds
    its mean by most.

    Score: the distance of a gene's representation from the mean of the null images of genes of its level,
    over the spread of theirs (`score_against_nulls`).
    """
    check_null(null)
    if not isinstance(n_nulls, int | np.integer) or isinstance(n_nulls, bool) or n_nulls < 1:
        raise InputError("n_nulls", repr(n_nulls), "a whole number >= 1", "Use n_nulls=1.")
    if images.sections:  # their levels differ, and pixels may not change places between them
        found, wanted = f"images of {len(images.sections)} sections", "images of one"
        raise InputError("images", found, wanted, "Use spatial_genes_of_sections, which combines them.")
    n = images.raster.n_pixels
    if n < LEAST_PIXELS:
        found = f"{n} pixels of tissue"
        raise InputError("coordinates", found, f"at least {LEAST_PIXELS}", "Use a section with more spots.")
    where = resolve_device(device)
    check_seed(seed)
    views = ImageViews(images, where)
    share = views.gene_share
    kernel = RasterKernel(images.raster, _nuisance(share, covariates), where)
    totals = np.asarray(images.counts.sum(axis=1)).ravel()
    table = _tested(views, kernel, share, totals, progress)
    if score:
        table["score"], table["score_pval"] = spatial_score(
            images, views, null, n_nulls, model, seed, where, progress
        )
    flat = table["statistic"].isna().to_numpy()
    status = np.array(images.status, dtype=object)
    status[images.kept] = np.where(flat, "the same in all pixels", TESTED).astype(object)
    whole = table.set_axis(images.genes).reindex(images.all_genes).assign(status=status)
    whole.loc[status != TESTED, ["score", "score_pval"]] = np.nan
    return with_ranks(whole)


def with_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Add q-values (Benjamini and Hochberg) and ranks, by the statistic, and put the columns in order.

    Parameters
    ----------
    table
        With `pval` and `statistic`; NaN where a gene was not tested.
    """
    rank = table["statistic"].rank(ascending=False, method="first")
    return table.assign(qval=q_values(table["pval"].to_numpy(float)), rank=rank)[list(COLUMNS)]


def _tested(
    views: ImageViews, kernel: RasterKernel, share: Tensor, totals: np.ndarray, progress: Progress | None
) -> pd.DataFrame:
    """Statistic, effect, length scale and p-value of every gene that has an image."""
    n = views.n_pixels
    # Genes of like totals together: their residuals share what depends on the total.
    order = torch.from_numpy(np.argsort(totals, kind="stable"))
    batches = order.split(min(BATCH, max(1, ENTRIES // n)))
    residuals = Residuals(share)
    found, done = [], 0
    for rows in batches:
        columns = views.count_columns(rows)
        if views.integer:
            columns = residuals.of_columns_(columns, totals[rows.numpy()])
        else:  # values that are no counts are tested as the images that they are
            columns = views.unscaled(columns.T).T.contiguous()
        z = kernel.clear_columns_(columns).T
        square = z.square()
        powers = torch.stack([(square * z).mean(dim=1), square.square_().mean(dim=1)], dim=1)
        found.append(torch.cat([powers, kernel.forms(z)], dim=1))
        done += len(rows)
        if progress is not None:
            progress("test", len(found), len(batches), f"{done} genes")
    values = torch.empty(views.n_genes, 2 + len(kernel.scales), dtype=torch.float64)
    values[order] = torch.cat(found).double().cpu()
    skew, kurtosis = values[:, :2].T.numpy()
    forms = values[:, 2:].numpy()  # (n, n_scales)
    statistic, log_p = permutation_test(
        forms.sum(axis=1), kernel.moments, n, skew, kurtosis, kernel.nuisance.shape[1]
    )
    # Covariance of neighbours over the variance: what is shared is no noise.
    shared = (forms[:, 0] / kernel.weights[0] - n) / n + 1 / (n - 1)
    strongest = (forms - kernel.traces).argmax(axis=1)
    tested: dict[str, np.ndarray] = {
        "statistic": statistic,
        "effect": shared.clip(0, 1),
        "length_scale": np.asarray(kernel.scales)[strongest],
        "pval": np.exp(log_p),
        "log_pval": log_p,
    }
    flat = kurtosis == 0  # at least 1 where there is any variance
    table = pd.DataFrame({name: np.where(flat, np.nan, value) for name, value in tested.items()})
    return table.assign(score=np.nan, score_pval=np.nan)


def _nuisance(share: Tensor, covariates: np.ndarray | None) -> np.ndarray:
    """Covariates, and the depth: counts that scatter more than Poisson's keep a trace of it."""
    depth = share.double().cpu().numpy() * len(share)
    columns = np.column_stack([np.sqrt(depth), np.log(np.maximum(depth, 1e-3))])
    return columns if covariates is None else np.column_stack([columns, covariates])
