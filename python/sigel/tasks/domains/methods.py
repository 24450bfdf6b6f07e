"""Ways to cluster described spots into domains, by name or given by the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sigel.config.domains import DomainConfig
from sigel.errors import InputError
from sigel.runtime.progress import Progress
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.leiden import leiden
from sigel.tasks.domains.mclust import mclust
from sigel.tasks.domains.mixture import mixture
from sigel.tasks.domains.spagcn import spagcn

# Of the caller's own: from features (n_spots, n_components) and a number to labels (n_spots,).
Clusterer = Callable[[np.ndarray, int], np.ndarray]

METHODS = ("mixture", "leiden", "mclust", "spagcn")


class Clustered(NamedTuple):
    """What a method found."""

    label: np.ndarray  # (n_spots,) numbers from 0 or text
    prob: np.ndarray  # (n_spots,) how sure; NaN where the method does not say


def cluster(
    described: Described,
    n_domains: int,
    method: str | Clusterer,
    *,
    model_name: str,
    seed: int,
    config: DomainConfig,
    device: torch.device | str,
    progress: Progress | None = None,
) -> Clustered:
    """Cluster spots by a method.

    Parameters
    ----------
    described
        The spots.
    n_domains
        How many.
    method
        One of `METHODS`, or a function of features and number.
    model_name
        Of mclust.
    seed, config, device
        As in `sigel.tl.domains`.
    progress
        Called as `progress(stage, step, total, text)` by the mixture, or None.

    Raises
    ------
    InputError
        When what a method needs is not installed, or a function returns no label for each spot.
    """
    n_spots = len(described.features)
    unknown = np.full(n_spots, np.nan)
    if callable(method):
        return Clustered(_checked(method(described.features.copy(), n_domains), n_spots), unknown)
    if method == "mixture":
        found = mixture(described, n_domains, seed, config, device, progress)
        return Clustered(found.label, found.agreement)
    if method == "leiden":
        return Clustered(leiden(described, n_domains, seed, config), unknown)
    if method == "mclust":
        made = mclust(described.features, n_domains, model_name, seed=seed)
        return Clustered(made.label, made.posterior.max(axis=1))
    return Clustered(spagcn(described, n_domains, seed, config), unknown)


def check_method(method: object) -> None:
    """Refuse what is no method.

    Parameters
    ----------
    method
        What a caller gave.

    Raises
    ------
    InputError
        When it is neither a function nor a known name.
    """
    if not (callable(method) or (isinstance(method, str) and method in METHODS)):
        wanted = f"one of {', '.join(map(repr, METHODS))}, or a function of features and number"
        raise InputError("method", repr(method), wanted, 'Use method="mixture".')


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
