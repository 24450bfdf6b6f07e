"""Mixtures with one covariance from starts of k-means."""

from __future__ import annotations

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.nn.mixture.tied_gaussian import TiedMixtures, fit_tied
from sigel.stats.partitions import kmeans


def fitted_to(
    view: np.ndarray,
    n_components: int,
    n_starts: int,
    rng: np.random.Generator,
    config: DomainConfig,
    device: torch.device | str = "cpu",
) -> TiedMixtures:
    """Mixtures from starts of k-means, fitted to a sample where there are many spots.

    Parameters
    ----------
    view
        `(n_spots, n_dims)`, centred.
    n_components, n_starts
        Of each mixture, and how many mixtures.
    rng
        Of the sample and the starts.
    config
        Settings.
    device
        Where they are fitted.
    """
    n_spots = len(view)
    sample, middle = view, np.zeros(view.shape[1])
    if n_spots > config.max_spots:
        sample = view[rng.choice(n_spots, config.max_spots, replace=False)]
        middle = sample.mean(axis=0)
        sample = sample - middle
    starts = kmeans(sample, n_components, rng.integers(2**31, size=n_starts))
    x = torch.from_numpy(np.ascontiguousarray(sample)).to(device)
    labels = torch.from_numpy(starts).long().to(device)
    fitted = fit_tied(x, labels, n_components, ridge=config.ridge)
    return fitted.moved(torch.from_numpy(middle).to(device))
