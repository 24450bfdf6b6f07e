"""The default way to domains: tied Gaussian mixtures in which neighbours have a say, and a vote of many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.images.tensors import as_torch
from sigel.nn.mixture.tied_gaussian import with_neighbours
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.stats.consensus import Consensus, consensus
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.mixture_starts import fitted_to

# Posteriors held at a time, numbers: 160 MB.
MOST_POSTERIORS = 2 * 10**7


def mixture(
    described: Described,
    n_domains: int,
    seed: int,
    config: DomainConfig,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Consensus:
    """Domains that mixtures from many starts agree on.

    Parameters
    ----------
    described
        The spots.
    n_domains
        How many.
    seed
        Of the starts.
    config
        Settings.
    device
        Where mixtures are fitted.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    """
    rng = stream(seed, "domains")
    large = len(described.features) > config.max_spots
    # Of many spots posteriors are long: single precision is enough for a vote.
    kind = torch.float32 if large else torch.float64
    strength = config.prior if described.window > 1 else 0.0
    neighbours = None
    if strength:
        means = described.tissue.means(min(config.prior_neighbors, described.window))
        neighbours = as_torch(means, device, kind)
    labels = []
    n_choices = config.choices if large else len(described.views)
    shared_out = list(_shared_out(described.views, config.starts / n_choices))
    for step, (view, n_starts) in enumerate(shared_out, 1):
        x = torch.from_numpy(view).to(device, kind)
        at_a_time = max(1, MOST_POSTERIORS // (len(view) * n_domains))
        for first in range(0, n_starts, at_a_time):
            n_now = min(at_a_time, n_starts - first)
            fitted = fitted_to(view, n_domains, n_now, rng, config, device).to(kind)
            if neighbours is None:
                posterior = fitted.posterior(x)
            else:
                posterior = with_neighbours(x, fitted, neighbours, strength, ridge=config.ridge)
            labels.append(posterior.argmax(dim=2).T.cpu().numpy())
        if progress is not None:
            progress("domains", step, len(shared_out), f"{sum(map(len, labels))} mixtures")
    return consensus(np.concatenate(labels), n_domains)


def _shared_out(views: tuple[tuple[np.ndarray, ...], ...], starts: float) -> Iterator[tuple[np.ndarray, int]]:
    """Views and how many starts each has; of those of a choice, the window as many as two narrower ones."""
    for windows in views:
        weight = np.array([2, *np.ones(len(windows) - 1)])
        shares = starts * weight / weight.sum()
        yield from ((view, max(1, round(share))) for view, share in zip(windows, shares, strict=True))
