"""The default way to domains: tied Gaussian mixtures in which neighbours have a say, and a vote of many."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from sklearn.cluster import KMeans
from torch import Tensor

from sigel.domain_config import DomainConfig
from sigel.nn.tied import TiedMixtures, fit_tied, with_neighbours
from sigel.tasks.consensus import Consensus, consensus
from sigel.tasks.domain_inputs import Described

# Posteriors held at a time, numbers: 160 MB.
MOST_POSTERIORS = 2 * 10**7


def mixture(
    described: Described,
    n_domains: int,
    seed: int,
    config: DomainConfig,
    device: torch.device | str = "cpu",
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
    """
    rng = np.random.default_rng(seed)
    weight = np.array([2, *np.ones(len(described.views) - 1)])
    shares = config.starts * weight / weight.sum()
    strength = config.prior if described.window > 1 else 0.0
    # Of many spots posteriors are long: single precision is enough for a vote.
    kind = torch.float32 if len(described.features) > config.max_spots else torch.float64
    near = None
    if strength:
        means = described.tissue.means(min(config.prior_neighbors, described.window))
        near = as_torch(means, device, kind)
    labels = []
    for view, share in zip(described.views, shares, strict=True):
        each = max(1, round(share))
        few = max(1, MOST_POSTERIORS // (len(view) * n_domains))
        x = torch.from_numpy(view).to(device, kind)
        for first in range(0, each, few):
            fitted = fitted_to(view, n_domains, min(few, each - first), rng, config, device).to(kind)
            if near is None:
                posterior = fitted.posterior(x)
            else:
                posterior = with_neighbours(x, fitted, near, strength, ridge=config.ridge)
            labels.append(posterior.argmax(dim=2).T.cpu().numpy())
    return consensus(np.concatenate(labels), n_domains)


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
    starts = [
        KMeans(n_components, n_init=1, random_state=int(one)).fit_predict(sample)
        for one in rng.integers(2**31, size=n_starts)
    ]
    x = torch.from_numpy(np.ascontiguousarray(sample)).to(device)
    labels = torch.from_numpy(np.stack(starts)).long().to(device)
    fitted = fit_tied(x, labels, n_components, ridge=config.ridge)
    return fitted.moved(torch.from_numpy(middle).to(device))


def as_torch(matrix: sparse.csr_matrix, device: torch.device | str, kind: torch.dtype) -> Tensor:
    """A sparse matrix of scipy as one of torch.

    Parameters
    ----------
    matrix
        `(n_rows, n_columns)`.
    device, kind
        Where to, and of which type.
    """
    entries = matrix.tocoo()
    places = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    values = torch.from_numpy(entries.data).to(kind)
    return torch.sparse_coo_tensor(
        places, values, matrix.shape, device=torch.device(device), check_invariants=False
    ).coalesce()
