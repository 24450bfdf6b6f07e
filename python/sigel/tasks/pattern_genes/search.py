"""Which genes follow a designated pattern: it is drawn as a gene, encoded, and looked for among the genes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from scipy import sparse, stats

from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.gene_images import EMBEDDED
from sigel.images.tensors import ImageViews
from sigel.model import SIGEL
from sigel.model.section_model import section_model
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import check_seed, stream
from sigel.stats.dispersion import DispersionTrend, dispersion_trend
from sigel.stats.scaling import unit_vectors
from sigel.tasks.pattern_genes.null_patterns import Null, null_patterns, pattern_pvalues
from sigel.tasks.pattern_genes.rates import Unit, pattern_rates

Similarity = Literal["cosine", "euclidean"]

TESTED = "tested"
# Counts drawn at a time: bounds memory to about 100 MB whatever the section's size.
_DRAWN = 4_000_000


@dataclass(frozen=True)
class PatternGenes:
    """Genes beside a designated pattern.

    Parameters
    ----------
    table
        One row for each of `images.all_genes`, in their order; columns `similarity`, `rank`, `pval`, `qval`,
        `status`.
    image
        Mean image of the drawn genes as `ImageViews.shown` makes it, `(n_pixels,)`.
    levels
        Level of each region in the unit of the call, the background's among them.
    images
        The section's images.
    """

    table: pd.DataFrame
    image: np.ndarray
    levels: dict[str, float]
    images: GeneImages


def pattern_genes(
    images: GeneImages,
    regions: Sequence[Any],
    levels: Mapping[Any, float] | None = None,
    *,
    unit: Unit = "quantile",
    background: float | None = None,
    n_draws: int = 10,
    null: Null = "regions",
    n_null: int = 200,
    similarity: Similarity = "cosine",
    model: SIGEL | str | Path | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> PatternGenes:
    """Rank the genes of a section by how well they follow a designated pattern.

    Parameters
    ----------
    images
        Gene images of counts.
    regions
        For each spot its region, or a number.
    levels
        Region to level; None: `regions` are numbers.
    unit, background
        As in `pattern_rates`.
    n_draws
        Genes drawn for a pattern; their representations are averaged.
    null, n_null
        Kind and number of random patterns, see `null_patterns`; 0 leaves p-values out (NaN).
    similarity
        `"cosine"` of representations centred on the mean of all genes, or `"euclidean"`: minus the distance.
    model
        As in `section_model`.
    seed, device, progress
        As in `SIGEL`.

    Returns
    -------
    PatternGenes
        Table and picture.

    Raises
    ------
    InputError
        When the pattern, a number or the model cannot be used.

    Notes
    -----
    SIGEL's designated patterns, Genome Biology 2025, 26:287. Counts of a drawn gene are negative binomial,
    with the dispersion that the section's genes of its mean have and with the library size of every pixel.
    They become images and representations exactly as the section's own genes do. With z_g the representation
    of a gene, c the mean over all genes and q that over the drawn genes, the similarity is
    `(z_g - c) . (q - c) / (|z_g - c| |q - c|)`, or `-|z_g - q|`.

    Representations are centred for the cosine since all genes share a direction, that of an image without a
    pattern: without it genes that are flat come first for a weak pattern.

    Examples
    --------
    >>> import sigel
    >>> from sigel.tasks.pattern_genes.search import pattern_genes
    >>> adata = sigel.datasets.simulated_section(20, 20, 3, 20, 60)
    >>> images = sigel.GeneImages.from_anndata(adata)
    >>> found = pattern_genes(images, list(adata.obs["region"]), {"ring": 0.9}, n_null=50)
    >>> bool(adata.var.loc[found.table["rank"].idxmin(), "programme"] == "ring")
    True
    """
    _check(images, n_draws=n_draws, n_null=n_null, null=null, similarity=similarity)
    check_seed(seed)
    pattern = pattern_rates(images, regions, levels, unit=unit, background=background)
    fitted = section_model(images, model, seed=seed, device=device, progress=progress)
    genes = fitted.transform(images).astype(np.float64)  # (n_genes, n_dims)
    trend = dispersion_trend(images)

    drawing = stream(seed, "patterns")
    query, image = _queries(images, fitted, pattern.pixels[None], n_draws, trend, drawing, None)
    observed = _similarities(genes, query, similarity)[:, 0]
    pval = np.full(len(genes), np.nan)
    if n_null:
        random = stream(seed, "pattern nulls")
        rates = null_patterns(images.raster, pattern.pixels, n_null, null, random)
        others, _ = _queries(images, fitted, rates, n_draws, trend, random, progress)
        strength = np.linalg.norm(genes - genes.mean(axis=0), axis=1)
        others = _bounded(_similarities(genes, others, similarity), similarity, genes)
        pval = pattern_pvalues(_bounded(observed, similarity, genes), others, strength)
    return PatternGenes(_table(images, observed, pval), image, pattern.levels, images)


def drawn_genes(
    images: GeneImages, rates: np.ndarray, n_draws: int, trend: DispersionTrend, rng: np.random.Generator
) -> GeneImages:
    """Genes that follow patterns, as if the section had measured them.

    Parameters
    ----------
    images
        The section; grid, library sizes and settings are taken over.
    rates
        Share of the library, `(n_patterns, n_pixels)`.
    n_draws
        Genes for each pattern.
    trend
        Dispersion by mean.
    rng
        Source of the counts.

    Returns
    -------
    GeneImages
        `n_patterns * n_draws` genes, those of a pattern side by side.

    Notes
    -----
    In a pixel with rate r and depth d a count is Poisson with mean `r d g`, g of a gamma distribution with
    mean 1 and the variance that the trend gives for the mean of `r d` over the pixels: negative binomial.
    """
    mean = np.repeat(rates * images.depth, n_draws, axis=0)  # (n_patterns * n_draws, n_pixels)
    dispersion = trend(mean.mean(axis=1, keepdims=True))
    if (dispersion > 0).all():
        mean *= rng.standard_gamma(np.broadcast_to(1 / dispersion, mean.shape)) * dispersion
    counts = sparse.csr_matrix(rng.poisson(mean).astype(np.float32))
    names = np.array([f"drawn {k + 1}" for k in range(len(mean))], dtype=object)
    status = np.full(len(mean), EMBEDDED, dtype=object)
    present = None if images.present is None else np.ones((len(mean), len(images.sections)), dtype=bool)
    return dataclasses.replace(
        images, counts=counts, genes=names, all_genes=names, status=status, integer=True, present=present
    )


def _queries(
    images: GeneImages,
    model: SIGEL,
    rates: np.ndarray,
    n_draws: int,
    trend: DispersionTrend,
    rng: np.random.Generator,
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean representation for each pattern `(n_patterns, n_dims)`, and the mean image of the last one."""
    size = max(_DRAWN // (n_draws * rates.shape[1]), 1)
    parts = []
    for start in range(0, len(rates), size):
        part = rates[start : start + size]
        views = ImageViews(drawn_genes(images, part, n_draws, trend, rng), model.device)
        z = model.encode(views.batches(), images.raster).astype(np.float64)
        parts.append(z.reshape(len(part), n_draws, -1).mean(axis=1))
        if progress is not None:
            progress("patterns", min(start + size, len(rates)), len(rates), "random patterns")
    last = torch.arange(views.n_genes - n_draws, views.n_genes)
    return np.concatenate(parts), views.shown(last).mean(dim=0).cpu().numpy()


def _similarities(genes: np.ndarray, queries: np.ndarray, kind: Similarity) -> np.ndarray:
    """Similarity of each gene to each query, `(n_genes, n_queries)`."""
    if kind == "euclidean":
        squares = np.square(genes).sum(axis=1)[:, None] + np.square(queries).sum(axis=1)
        return -np.sqrt(np.maximum(squares - 2 * genes @ queries.T, 0.0))
    centre = genes.mean(axis=0)
    return unit_vectors(genes - centre) @ unit_vectors(queries - centre).T


def _bounded(similarity: np.ndarray, kind: Similarity, genes: np.ndarray) -> np.ndarray:
    """Similarities between -1 and 1: distances on the sphere of the representations as cosines."""
    return similarity if kind == "cosine" else 1 - np.square(similarity) / (2 * genes.shape[1])


def _table(images: GeneImages, similarity: np.ndarray, pval: np.ndarray) -> pd.DataFrame:
    kept = images.kept
    status = images.status.astype(object).copy()
    status[kept] = TESTED
    order = np.argsort(-similarity, kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)
    qval = pval if np.isnan(pval).any() else stats.false_discovery_control(pval)
    columns = {"similarity": similarity, "rank": rank, "pval": pval, "qval": qval}
    table = pd.DataFrame(np.nan, index=pd.Index(images.all_genes, name="gene"), columns=list(columns))
    for name, values in columns.items():
        table.loc[kept, name] = values
    table["status"] = status
    return table


def _check(images: GeneImages, *, n_draws: int, n_null: int, null: str, similarity: str) -> None:
    for name, number, least in (("n_draws", n_draws, 1), ("n_null", n_null, 0)):
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < least:
            raise InputError(name, repr(number), f"a whole number >= {least}", f"Leave {name} out.")
    for name, value, known in (
        ("null", null, ("regions", "spots")),
        ("similarity", similarity, ("cosine", "euclidean")),
    ):
        if value not in known:
            fix = f'Use {name}="{known[0]}".'
            raise InputError(name, repr(value), " or ".join(f'"{one}"' for one in known), fix)
    if images.config.normalize == "none":
        fix = "Use the raw counts and the default settings of the images."
        raise InputError("config", 'normalize="none"', "images of counts, as genes are drawn as counts", fix)
