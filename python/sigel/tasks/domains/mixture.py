"""The default way to domains: what tied Gaussian mixtures of many descriptions of the spots agree on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.images.tensors import as_torch
from sigel.nn.mixture.tied_gaussian import TiedMixtures, with_neighbours
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.stats.consensus import agreeing, consensus, support
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.mixture_starts import fitted_to

# Posteriors held at a time, numbers: 160 MB.
MOST_POSTERIORS = 2 * 10**7
# Of more spots than mixtures are fitted to: partitions that vote at most, each of them over all spots.
MOST_VOTERS = 5


class Vote(NamedTuple):
    """Domains that partitions agree on."""

    label: np.ndarray  # (n_spots,) from 0
    prob: np.ndarray  # (n_spots,) share of the partitions that put a spot there


@dataclass(frozen=True)
class Fitted:
    """Mixtures of one description of the spots.

    Parameters
    ----------
    window
        Spots of the window.
    view
        What was clustered, `(n_spots, n_dims)`.
    mixtures
        One for each start.
    """

    window: int
    view: np.ndarray
    mixtures: TiedMixtures


class Partitions(NamedTuple):
    """Domains by each mixture of each description."""

    label: np.ndarray  # (n_partitions, n_spots) from 0; of the spots that they are judged on
    window: np.ndarray  # (n_partitions,) spots of the window
    n_components: np.ndarray  # (n_partitions,)


def mixture(
    described: Described,
    n_domains: int,
    seed: int,
    config: DomainConfig,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Vote:
    """Domains that mixtures of many windows, numbers of components and starts agree on.

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
    n_spots = len(described.features)
    judges = None  # all spots
    if n_spots > config.max_spots:
        judges = np.sort(rng.choice(n_spots, config.max_spots, replace=False))
    fits, found = _partitions(described, n_domains, config, rng, device, judges, progress)
    chosen = agreeing(found.label, n_domains, config.agreeing)
    if judges is None:
        return vote(found.label, chosen, n_domains)
    # Of many spots each partition takes long, so that few vote, and all of them only where they were judged.
    whole = []
    for at in chosen[:MOST_VOTERS]:
        fit, start = fits[at // config.starts], int(at % config.starts)
        one = Fitted(fit.window, fit.view, fit.mixtures.of([start]))
        whole.append(_labels(one, described, config, device, None))
    voted = consensus(np.concatenate(whole), n_domains)
    return Vote(voted.label, voted.agreement)


def partitions(
    described: Described,
    n_domains: int,
    seed: int,
    config: DomainConfig,
    device: torch.device | str = "cpu",
) -> Partitions:
    """All partitions of which `mixture` has some vote, of sections no larger than `config.max_spots`.

    Parameters
    ----------
    described, n_domains, seed, config, device
        As in `mixture`.
    """
    return _partitions(described, n_domains, config, stream(seed, "domains"), device)[1]


def vote(label: np.ndarray, voters: np.ndarray, n_domains: int) -> Vote:
    """Domains that some of many partitions agree on, and the share of all that put a spot there.

    Parameters
    ----------
    label
        `(n_partitions, n_spots)`, from 0.
    voters
        Numbers of those that vote.
    n_domains
        How many domains.
    """
    found = consensus(label[voters], n_domains).label
    return Vote(found, support(label, found, n_domains))


def _partitions(
    described: Described,
    n_domains: int,
    config: DomainConfig,
    rng: np.random.Generator,
    device: torch.device | str,
    judges: np.ndarray | None = None,
    progress: Progress | None = None,
) -> tuple[list[Fitted], Partitions]:
    """The mixtures, and their domains of all spots or of some."""
    views = list(_descriptions(described, config))
    fits, labels = [], []
    for step, (window, view) in enumerate(views, 1):
        fits.append(Fitted(window, view, fitted_to(view, n_domains, config.starts, rng, config, device)))
        labels.append(_labels(fits[-1], described, config, device, judges))
        if progress is not None:
            progress("domains", step, len(views), f"{step * config.starts} mixtures")
    windows = np.repeat([fit.window for fit in fits], config.starts)
    n_components = np.repeat([fit.view.shape[1] for fit in fits], config.starts)
    return fits, Partitions(np.concatenate(labels), windows, n_components)


def _descriptions(described: Described, config: DomainConfig) -> Iterator[tuple[int, np.ndarray]]:
    """Every window with every number of its first components, `(n_spots, n_components)`."""
    for window, view in described.views:
        for n in dict.fromkeys(min(n, view.shape[1]) for n in config.components):
            yield window, view[:, :n]


def _labels(
    fit: Fitted,
    described: Described,
    config: DomainConfig,
    device: torch.device | str,
    spots: np.ndarray | None,
) -> np.ndarray:
    """Domains of all spots, neighbours heard, or of some, without them; `(n_starts, n_spots)`."""
    # Of many spots posteriors are long: single precision is enough for a vote.
    kind = torch.float32 if len(fit.view) > config.max_spots else torch.float64
    x = torch.from_numpy(fit.view if spots is None else fit.view[spots]).to(device, kind)
    n_starts, n_domains = fit.mixtures.offset.shape
    heard = spots is None and fit.window > 1 and config.prior > 0
    neighbours = None
    if heard:
        neighbours = as_torch(described.tissue.means(config.prior_neighbors), device, kind)
    at_a_time = max(1, MOST_POSTERIORS // (len(x) * n_domains))
    labels = []
    for first in range(0, n_starts, at_a_time):
        some = fit.mixtures.of(range(first, min(first + at_a_time, n_starts))).to(kind)
        if neighbours is None:
            posterior = some.posterior(x)
        else:
            posterior = with_neighbours(x, some, neighbours, config.prior, ridge=config.ridge)
        labels.append(posterior.argmax(dim=2).T.cpu().numpy())
    return np.concatenate(labels)
