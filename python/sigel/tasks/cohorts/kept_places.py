"""Two sections and no repeats: whether a gene is where it was, by surrogates of its own spectrum."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats

from sigel.images.raster import Raster
from sigel.images.tensors import ImageViews, View
from sigel.model import SIGEL
from sigel.runtime.progress import Progress
from sigel.stats.surrogates import surrogate_images
from sigel.tasks.cohorts.one_space import carried, maps_to_one_space

N_SURROGATES = 20
BATCH = 512
# Maps are fitted without a fold of the genes and carry these: one that saw a gene brings it nearer to itself.
FOLDS = 5


def kept_places(
    model: SIGEL,
    views: ImageViews,
    sections: np.ndarray,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> np.ndarray:
    """How seldom a random picture of the gene's spectrum would lie as near to where the other section has it.

    Parameters
    ----------
    model
        Fitted to the two sections.
    views
        Their images.
    sections
        What each section says of each gene of the images, `(2, n_genes, n_dims)`; NaN: nothing.
    generator
        Draws phases.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    numpy.ndarray
        p-values, small where the gene kept its place, `(n_genes,)`; NaN where a section does not have it.

    Notes
    -----
    A surrogate of each section's picture is read as the picture is, and carried into the common space. The
    logarithm of its distance to where the other section has the gene is normal, with the mean and variance of
    the gene's 40 surrogates. The maps to the common space are fitted without the gene: with it, they would
    bring its two pictures nearer to each other than any surrogate, which they have not seen.
    """
    rows = np.flatnonzero(np.isfinite(sections).all(axis=(0, 2)))
    fold = torch.randperm(len(rows), generator=generator).numpy() % FOLDS
    maps = [_maps_without(sections, rows[fold == k]) for k in range(FOLDS)]
    places = np.stack([_carried(sections[s, rows], maps, fold, s) for s in (0, 1)])
    own = np.log(np.linalg.norm(places[0] - places[1], axis=1) + 1e-12)
    drawn = np.empty((2, N_SURROGATES, len(rows)))
    parts, raster = torch.from_numpy(rows).split(BATCH), model.raster
    for section in (0, 1):
        other = places[1 - section]
        for draw in range(N_SURROGATES):
            drawn_views = (_surrogates(views, part, section, generator, raster) for part in parts)
            read = model.encode(drawn_views, raster, section=section)
            away = _carried(read, maps, fold, section) - other
            drawn[section, draw] = np.log(np.linalg.norm(away, axis=1) + 1e-12)
        if progress is not None:
            progress("surrogates", section + 1, 2, f"{len(rows)} genes")
    mean, sd = drawn.mean(axis=(0, 1)), drawn.std(axis=(0, 1), ddof=1)
    made = np.full(sections.shape[1], np.nan)
    made[rows] = stats.norm.cdf((own - mean) / np.maximum(sd, 1e-12))
    return made


def _maps_without(sections: np.ndarray, genes: np.ndarray) -> np.ndarray:
    others = sections.copy()
    others[:, genes] = np.nan
    return maps_to_one_space(others)


def _carried(values: np.ndarray, maps: list[np.ndarray], fold: np.ndarray, section: int) -> np.ndarray:
    """What a section says of genes, each by the map that has not seen it."""
    made = np.empty(values.shape)
    for k, own in enumerate(maps):
        made[fold == k] = carried(values[None, fold == k], own[section : section + 1])[0]
    return made


def _surrogates(
    views: ImageViews, rows: torch.Tensor, section: int, generator: torch.Generator, raster: Raster
) -> View:
    view, part = views.section_view(rows, section), views.parts[section]
    row, col = (
        torch.as_tensor(place[part], device=view.image.device) for place in (raster.rows, raster.cols)
    )
    image = torch.zeros_like(view.image)
    image[:, part] = surrogate_images(view.image[:, part], row, col, generator)
    return view._replace(image=image)
