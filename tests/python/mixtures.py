"""Data with known groups, and mixtures to put on them."""

from __future__ import annotations

import numpy as np
import torch

from sigel.config import MixtureConfig
from sigel.nn.mixture.t_mixture import TMixture

COVARIANCES = ["diag", "full"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def t_sample(rng, n, means, dof, scale=1.0):
    """Student t groups of n points each around the rows of means; points and true labels."""
    means = np.asarray(means, float)
    labels = np.repeat(np.arange(len(means)), n)
    u = rng.chisquare(dof, len(labels)) / dof
    z = means[labels] + scale * rng.standard_normal((len(labels), means.shape[1])) / np.sqrt(u)[:, None]
    return torch.from_numpy(z), labels


def start(z, n_groups, seed=0, **settings):
    """A mixture with its prior and first parameters."""
    mixture = TMixture(n_groups, z.shape[1], MixtureConfig(**settings)).to(z)
    mixture.set_prior(z)
    mixture.initialise(z, generator(seed))
    return mixture


def scattered(n_groups, n_dims, seed=0, **settings):
    """A mixture with random parameters."""
    g = generator(seed)
    mixture = TMixture(n_groups, n_dims, MixtureConfig(**settings)).double()
    with torch.no_grad():
        for parameter in mixture.parameters():
            noise = torch.randn(parameter.shape, generator=g, dtype=torch.float64)
            parameter.add_(0.5 * noise)
    return mixture


def without_prior(mixture):
    """Scale matrices by maximum likelihood: needs `scale_dof = -(n_dims + 2)` and `mean_precision = 0`."""
    mixture.spread.zero_()
    return mixture
