"""Ways to cluster described spots into domains, by name or given by the caller."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from sigel.errors import InputError
from sigel.runtime.progress import Progress
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.leiden import leiden
from sigel.tasks.domains.mclust import mclust
from sigel.tasks.domains.mixture import mixture
from sigel.tasks.domains.recipe import Recipe
from sigel.tasks.domains.spagcn import spagcn


class Clustered(NamedTuple):
    """What a method found."""

    label: np.ndarray  # (n_spots,) numbers from 0 or text
    prob: np.ndarray  # (n_spots,) how sure; NaN where the method does not say


def cluster(
    described: Described, n_domains: int, recipe: Recipe, progress: Progress | None = None
) -> Clustered:
    """Cluster spots by a method.

    Parameters
    ----------
    described
        The spots.
    n_domains
        How many.
    recipe
        The method, its settings, seed and device.
    progress
        Called as `progress(stage, step, total, text)` by the mixture, or None.

    Raises
    ------
    InputError
        When what a method needs is not installed, or a function returns no label for each spot.
    """
    method, seed, n_spots = recipe.method, recipe.seed, len(described.features)
    unknown = np.full(n_spots, np.nan)
    if callable(method):
        return Clustered(_checked(method(described.features.copy(), n_domains), n_spots), unknown)
    if method == "mixture":
        vote = mixture(described, n_domains, seed, recipe.config, recipe.device, progress)
        return Clustered(vote.label, vote.prob)
    if method == "leiden":
        return Clustered(leiden(described, n_domains, seed), unknown)
    if method == "mclust":
        # The caller's seed as it is: from R the package calls mclust itself, with the same.
        fitted = mclust(described.features, n_domains, recipe.model_name, seed=seed)
        return Clustered(fitted.label, fitted.posterior.max(axis=1))
    return Clustered(spagcn(described, n_domains, seed), unknown)


def _checked(labels: object, n_spots: int) -> np.ndarray:
    fix = "Return one label for each row of the features."
    try:
        found = np.asarray(labels)
    except ValueError as error:  # of unequal lengths, as a tuple of labels and something else
        raise InputError("method", f"a {type(labels).__name__} that is no vector", "labels", fix) from error
    if found.shape != (n_spots,):
        raise InputError("method", f"labels of shape {found.shape}", f"shape ({n_spots},)", fix)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise InputError("method", "labels that are NaN or infinite", "one for each spot", "Assign them all.")
    if found.dtype.kind == "O":
        if pd.isna(found).any():
            raise InputError("method", "spots without a label", "one for each spot", "Assign them all.")
        found = found.astype(str)
    return found
