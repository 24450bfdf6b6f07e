"""What spatial genes are compared with: Moran's I, SPARK-X's test, packages where installed; and ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse, stats
from scipy.special import logsumexp

from benchmarks.harness.numerics import library, log_normalised, normalised
from benchmarks.harness.pixels import moran, six_nearest
from benchmarks.harness.sections import Section

# Shares of the distances from the middle at which SPARK-X sets the scales of its kernels.
QUANTILES = np.linspace(0.2, 1.0, 5)


@dataclass(frozen=True)
class Peer:
    """A method and the columns of its table that order genes.

    Parameters
    ----------
    call
        From spots x genes with raw counts to a table, genes in the order of `var_names`.
    orders
        Column by the name of its row; higher is more spatial.
    package
        What must be installed; None where nothing else is needed.
    """

    call: Callable[[AnnData], pd.DataFrame]
    orders: dict[str, str]
    package: str | None = None


def ours(adata: AnnData, config: Any = None, **options: Any) -> pd.DataFrame:
    """The package's own table, with `order` (minus the rank) beside its columns.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    config
        Of the images.
    **options
        Passed to `sigel.tasks.spatial_genes.one_section.spatial_genes`.
    """
    from sigel.images import GeneImages
    from sigel.tasks.spatial_genes.one_section import spatial_genes

    table = spatial_genes(GeneImages.from_anndata(adata, config), **options)
    return table.assign(order=-table["rank"].astype(float))


def ours_without_score(adata: AnnData) -> pd.DataFrame:
    """The same without representations: the tests alone.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    return ours(adata, score=False)


def ours_raw(adata: AnnData) -> pd.DataFrame:
    """The tests on counts as they are, as if all spots had one depth: what SPARK-X and FlashS assume.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    import sigel

    return ours(adata, config=sigel.ImageConfig(normalize="none"), score=False)


def moran_i(adata: AnnData) -> pd.DataFrame:
    """Moran's I over the six nearest pixels of log-normalised counts; p by Cliff and Ord's normal moments.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    section = Section.of("section", adata)
    weight, score = six_nearest(section.images.raster), moran(section)
    n, s0 = weight.shape[0], weight.sum()
    s1 = 0.5 * (weight + weight.T).power(2).sum()
    s2 = np.square(np.asarray(weight.sum(axis=0)).ravel() + np.asarray(weight.sum(axis=1)).ravel()).sum()
    expected = -1 / (n - 1)
    variance = (n**2 * s1 - n * s2 + 3 * s0**2) / ((n**2 - 1) * s0**2) - expected**2
    table = pd.DataFrame(np.nan, index=adata.var_names, columns=["score", "pval"])
    pval = stats.norm.sf((score - expected) / np.sqrt(variance))
    table.loc[section.images.genes] = np.column_stack([score, pval])
    return table


def spark_x(adata: AnnData) -> pd.DataFrame:
    """SPARK-X: covariance with eleven transforms of the coordinates, Cauchy combination of their p-values.

    Zhu, Sun and Zhou, Genome Biology 22:184 (2021): the coordinates, five Gaussian and five cosine transforms
    of them. With columns projected on their own span all eigenvalues of the spatial kernel are 1, so the
    mixture of chi-squares under the null is a scaled chi-square, for which neither Davies nor Liu is needed.
    In logarithms, so that no p-value ties at 0 as those of the published program do.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    counts = sparse.csr_matrix(adata.X, dtype=np.float64)
    n = counts.shape[0]
    square = np.asarray(counts.power(2).sum(axis=0)).ravel()
    mean = np.asarray(counts.mean(axis=0)).ravel()
    known = square > n * mean**2 * (1 + 1e-12)  # a gene that is the same everywhere covaries with nothing
    eigenvalue = 1 - n * mean[known] ** 2 / square[known]
    log_p = []
    for columns in transforms(np.asarray(adata.obsm["spatial"], dtype=np.float64)):
        u, s, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
        basis = u[:, s > 1e-10 * s[0]]
        explained = n * np.square(counts.T @ basis).sum(axis=1)[known] / square[known]
        log_p.append(stats.chi2.logsf(explained / eigenvalue, basis.shape[1]))
    table = pd.DataFrame(np.nan, index=adata.var_names, columns=["score", "pval"])
    combined = cauchy(np.array(log_p))
    table.loc[known] = np.column_stack([-combined / np.log(10), np.exp(combined)])
    return table


def spark_x_rates(adata: AnnData) -> pd.DataFrame:
    """SPARK-X on counts at the median library size instead of raw ones: not as published, but fairer to it.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    return spark_x(_with_counts(adata, normalised(adata.X, library(adata))))


def _with_counts(adata: AnnData, counts: sparse.csr_matrix) -> AnnData:
    return AnnData(counts, var=adata.var[[]], obsm={"spatial": adata.obsm["spatial"]})


def transforms(places: np.ndarray) -> list[np.ndarray]:
    """Coordinates as they are, through five Gaussian bells and five cosine waves, each `(n_spots, 2)`.

    Parameters
    ----------
    places
        `(n_spots, 2)`.
    """
    centred = places - places.mean(axis=0)
    scales = np.quantile(np.abs(centred), QUANTILES, axis=0)
    bells = [np.exp(-0.5 * (centred / scale) ** 2) for scale in scales]
    waves = [np.cos(2 * np.pi * centred / scale) for scale in scales]
    return [centred, *bells, *waves]


def cauchy(log_p: np.ndarray) -> np.ndarray:
    """Logarithm of the Cauchy combination of p-values over the first axis (Liu and Xie 2020).

    Parameters
    ----------
    log_p
        Natural logarithms, `(n_tests, n_genes)`.
    """
    p = np.clip(np.exp(log_p), 1e-15, 1 - 1e-15)
    usual = stats.cauchy.logsf(np.tan((0.5 - p) * np.pi).mean(axis=0))
    # A small p adds 1 / (p pi) to the mean, and its tail gives that back: the mean of 1 / p remains.
    tail = np.log(len(log_p)) - logsumexp(-log_p, axis=0)
    return np.where(log_p.min(axis=0) < np.log(1e-12), tail, usual)


def flash_s(adata: AnnData) -> pd.DataFrame:
    """FlashS at its own defaults, on raw counts.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    from flashs import FlashS

    counts = sparse.csc_matrix(adata.X, dtype=np.float64)
    found = FlashS().fit_test(np.asarray(adata.obsm["spatial"], dtype=np.float64), counts)
    pval = np.where(found.tested_mask, found.pvalues, np.nan)
    score = -np.log10(np.maximum(pval, 1e-300))
    return pd.DataFrame({"score": score, "effect": found.effect_size, "pval": pval}, index=adata.var_names)


def squidpy_moran(adata: AnnData) -> pd.DataFrame:
    """Moran's I by squidpy, of log-normalised counts over its own six neighbours.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    import squidpy

    made = _with_counts(adata, log_normalised(adata.X, library(adata)))
    squidpy.gr.spatial_neighbors(made, coord_type="generic", n_neighs=6)
    squidpy.gr.spatial_autocorr(
        made, mode="moran", genes=list(made.var_names), n_perms=None, show_progress_bar=False
    )
    found = made.uns["moranI"].reindex(made.var_names)
    return pd.DataFrame({"score": found["I"], "pval": found["pval_norm"]}, index=adata.var_names)


def known_surface(adata: AnnData) -> pd.DataFrame:
    """Efficient score of the weight at its middle, by the surface and dispersion that counts were drawn from.

    A method that knows neither can be ahead of it by chance alone, or by what the shuffled part adds.

    Parameters
    ----------
    adata
        Simulated, with `obsm["surface"]`.
    """
    surface = np.asarray(adata.obsm["surface"])
    total = library(adata)
    own_library = (adata.var["family"] == "rest").any()
    size = (total / total.sum() if own_library else np.full(len(total), 1 / len(total)))[:, None]
    flat = size * surface.sum(axis=0)
    middle = 0.5 * (surface + flat)
    direction = (surface - flat) / (middle + np.asarray(adata.uns["dispersions"]) * middle**2)
    column = pd.Index(adata.uns["families"]).get_indexer(adata.var["family"])
    counts = sparse.csc_matrix(adata.X, dtype=np.float64)
    score = np.zeros(adata.n_vars)
    for family in range(surface.shape[1]):
        members = np.flatnonzero(column == family)
        block = counts[:, members]
        null = size * np.asarray(block.sum(axis=0))
        score[members] = direction[:, family] @ (block - null)
    return pd.DataFrame({"score": score}, index=adata.var_names)


PEERS: dict[str, Peer] = {
    "SIGEL": Peer(
        ours,
        {
            "SIGEL, order of its table": "order",
            "SIGEL, statistic": "statistic",
            "SIGEL, effect": "effect",
            "SIGEL, score": "score",
        },
    ),
    "SIGEL on raw counts": Peer(ours_raw, {"SIGEL on raw counts": "order"}),
    "Moran's I": Peer(moran_i, {"Moran's I": "score"}),
    "SPARK-X": Peer(spark_x, {"SPARK-X": "score"}),
    "SPARK-X on rates": Peer(spark_x_rates, {"SPARK-X on rates": "score"}),
    "FlashS": Peer(flash_s, {"FlashS, p": "score", "FlashS, effect": "effect"}, "flashs"),
    "squidpy": Peer(squidpy_moran, {"Moran's I, squidpy": "score"}, "squidpy"),
}
# Rows of some tables only.
TESTS_ALONE = Peer(ours_without_score, {})
KNOWN = Peer(known_surface, {"the surface itself": "score"})
