"""The SIGEL score: how far a gene's representation lies from those of its own null images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sigel.images import GeneImages
from sigel.images.tensors import ImageViews
from sigel.model import SIGEL
from sigel.model.section_model import section_model
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import torch_stream
from sigel.stats.null_images import Null, null_view

BATCH = 512
# Genes of the same level whose null images one gene's are judged by.
PEERS = 200
# Genes of the other half that the eigenimages are made of, at most: more cost time and change little.
MOST_OTHERS = 4000
# Fewest genes that can be told from one another's null images.
LEAST_GENES = 10


def spatial_score(
    images: GeneImages,
    views: ImageViews,
    null: Null,
    n_nulls: int,
    model: SIGEL | str | Path | None,
    seed: int,
    device: torch.device,
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray]:
    """SIGEL score and its empirical p-value for every gene that has an image.

    Parameters
    ----------
    images, views
        Gene images, and the same as batches.
    null, n_nulls
        Kind of null images, and how many of each gene.
    model
        As in `section_model`. None: smooth eigenimages of one half of the genes judge the other half, so
        that the score of a gene without a pattern is about 0. A fitted model has seen each gene's own noise:
        the scores of all genes lie higher, and there are no p-values.
    seed, device, progress
        As in `section_model`.

    Returns
    -------
    tuple
        z-scores and p-values, both `(n_genes,)`; NaN where there are too few genes to tell, p-values also
        with a fitted model.
    """
    generator = torch_stream(seed, "nulls")
    # Draws go by the genes' names, so that their order in an object leaves no trace.
    by_name = torch.from_numpy(np.argsort(images.genes.astype(str), kind="stable"))
    first = torch.empty(views.n_genes, dtype=torch.bool)
    first[by_name] = torch.rand(views.n_genes, generator=generator) < 0.5
    crossed = model is None
    folds = [first, ~first] if crossed else [torch.ones_like(first)]
    score, pval = np.full(views.n_genes, np.nan), np.full(views.n_genes, np.nan)
    if min(int(fold.sum()) for fold in folds) < LEAST_GENES:
        return score, pval
    level = np.asarray(images.counts.sum(axis=1)).ravel()
    for done, fold in enumerate(folds, start=1):
        # A gene's own noise is part of eigenimages that were made of it, that of its null images is not.
        others = images
        if crossed:
            rest = by_name[~fold[by_name]]
            some = torch.randperm(len(rest), generator=generator)[:MOST_OTHERS]
            others = images.take(rest[some.sort().values].numpy())
        fitted = section_model(others, model, seed=seed, device=device, smooth=True)
        rows = by_name[fold[by_name]]
        parts = rows.split(BATCH)
        real = fitted.encode(map(views.view, parts), images.raster)
        nulls = np.empty((len(rows), n_nulls, real.shape[1]), dtype=np.float32)
        for draw in range(n_nulls):
            drawn = (null_view(views, part, null, generator) for part in parts)
            nulls[:, draw] = fitted.encode(drawn, images.raster)
        score[rows], found = score_against_nulls(real, nulls, level[rows])
        if crossed:  # else genes are read by their own noise, null images are not
            pval[rows] = found
        if progress is not None:
            progress("null images", done, len(folds), f"{len(rows)} genes")
    return score, pval


def score_against_nulls(
    real: np.ndarray, nulls: np.ndarray, level: np.ndarray, peers: int = PEERS
) -> tuple[np.ndarray, np.ndarray]:
    """How far representations lie from null images of genes of the same level.

    Parameters
    ----------
    real
        `(n_genes, n_dims)`.
    nulls
        `(n_genes, n_nulls, n_dims)`.
    level
        What the genes are matched by, `(n_genes,)`.
    peers
        How many genes share their null images.

    Returns
    -------
    tuple
        z-scores, and p-values with the +1 rule, both `(n_genes,)`.

    Notes
    -----
    With c the mean representation of the peers' null images, and m and s mean and standard deviation of
    `|null - c|` over the peers, each gene left out of its own, the score is `(|real - c| - m) / s`. If b of
    the k null images of all genes, put on the same scale at their own level, score at least as much,
    `p = (b + 1) / (k + 1)` (Phipson and Smyth 2010).
    """
    n = len(real)
    order = np.argsort(level, kind="stable")
    width = min(peers, n)
    first = np.clip(np.arange(n) - width // 2, 0, n - width)  # window of each place in the order

    def of_peers(values: np.ndarray) -> np.ndarray:
        """Means over the genes of nearly the same level, each gene itself left out; any order."""
        values = values[order]
        total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0, dtype=np.float64)])
        found = np.empty_like(values)
        found[order] = (total[first + width] - total[first] - values) / (width - 1)
        return found

    # A gene's own null image is not among those that its distances are held against, as its real one is not.
    centre = of_peers(nulls.mean(axis=1, dtype=np.float64))
    away = np.linalg.norm(real - centre, axis=1)
    null_away = np.linalg.norm(nulls - centre[:, None], axis=2)  # (n_genes, n_nulls)
    mean = of_peers(null_away.mean(axis=1))
    square = of_peers((null_away**2).mean(axis=1))
    spread = np.sqrt(np.maximum(square - mean**2, 1e-12))
    # Null distances as z-scores at their own level are alike at all levels: all of them make the p-value.
    chance = np.sort(((null_away - mean[:, None]) / spread[:, None]).ravel())
    score = (away - mean) / spread
    above = len(chance) - np.searchsorted(chance, score, side="left")
    return score, (1 + above) / (1 + len(chance))
