"""The default way to domains: what tied Gaussian mixtures of many descriptions of the spots agree on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.images.tensors import as_torch_by_rows
from sigel.nn.mixture.tied_gaussian import TiedMixtures, with_neighbours
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.stats.consensus import agreeing, consensus, support
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.mixture_starts import fitted_to
from sigel.tasks.domains.windows import View

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
    view
        Of which the first components were clustered.
    n_components
        How many.
    mixtures
        One for each start.
    """

    view: View
    n_components: int
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
    fits, found = _partitions(described, n_domains, config, stream(seed, "domains"), device, progress)
    chosen = agreeing(found.label, n_domains, config.agreeing)
    if described.judged is None:
        return vote(found.label, chosen, n_domains)
    # Of many spots each partition takes long, so that few vote, and all of them only where they were judged.
    voters = np.sort(chosen[:MOST_VOTERS])  # those of a window one after the other
    hear, whole = _Neighbours(described, config, device), []
    for window, of_window in groupby(voters, lambda at: fits[at // config.starts].view.window):
        numbers = list(of_window)
        scores = described.scores(fits[numbers[0] // config.starts].view)
        for at in numbers:
            fit = fits[at // config.starts]
            one = fit.mixtures.of([int(at % config.starts)])
            whole.append(_labels(scores[:, : fit.n_components], one, window, hear))
    voted = consensus(np.concatenate(whole), n_domains)
    return Vote(voted.label, voted.agreement)


def partitions(
    described: Described,
    n_domains: int,
    seed: int,
    config: DomainConfig,
    device: torch.device | str = "cpu",
) -> Partitions:
    """All partitions of which `mixture` has some vote, of the judged spots.

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
    progress: Progress | None = None,
) -> tuple[list[Fitted], Partitions]:
    """The mixtures, and their domains of the judged spots."""
    descriptions = list(_descriptions(described, config))
    # Some spots are not each other's neighbours: these are heard where all spots are judged.
    hear = _Neighbours(described, config, device, heard=described.judged is None)
    fits, labels = [], []
    for step, (view, n) in enumerate(descriptions, 1):
        x = view.scores[:, :n]
        fits.append(Fitted(view, n, fitted_to(x, n_domains, config.starts, rng, config, device)))
        labels.append(_labels(x, fits[-1].mixtures, view.window, hear))
        if progress is not None:
            done, ways = (n * config.starts for n in (step, len(descriptions)))
            progress("domains", step, len(descriptions), f"{done} of {ways} ways to part the tissue tried")
    windows = np.repeat([fit.view.window for fit in fits], config.starts)
    n_components = np.repeat([fit.n_components for fit in fits], config.starts)
    return fits, Partitions(np.concatenate(labels), windows, n_components)


def _descriptions(described: Described, config: DomainConfig) -> Iterator[tuple[View, int]]:
    """Every window with every number of its first components."""
    for view in described.views:
        for n in dict.fromkeys(min(n, view.scores.shape[1]) for n in config.components):
            yield view, n


class _Neighbours:
    """The say of neighbours, as a matrix of the device; made once for each precision."""

    def __init__(
        self,
        described: Described,
        config: DomainConfig,
        device: torch.device | str,
        *,
        heard: bool = True,
    ) -> None:
        self._described, self.config, self.device = described, config, device
        self._heard = heard and config.prior > 0
        self._made: dict[torch.dtype, torch.Tensor] = {}

    def of(self, window: int, kind: torch.dtype) -> torch.Tensor | None:
        """Weights `(n_spots, n_spots)`; None where none has a say, as in windows of single spots."""
        if not self._heard or window == 1:
            return None
        if kind not in self._made:
            means = self._described.tissue.means(self.config.prior_neighbors)
            self._made[kind] = as_torch_by_rows(means, self.device, kind)
        return self._made[kind]


def _labels(x: np.ndarray, mixtures: TiedMixtures, window: int, hear: _Neighbours) -> np.ndarray:
    """Domains of spots, `(n_starts, n_spots)`."""
    config = hear.config
    # Of many spots posteriors are long: single precision is enough for a vote.
    kind = torch.float32 if len(x) > config.max_spots else torch.float64
    points = torch.from_numpy(np.ascontiguousarray(x)).to(hear.device, kind)
    neighbours = hear.of(window, kind)
    n_starts, n_domains = mixtures.offset.shape
    at_a_time = max(1, MOST_POSTERIORS // (len(points) * n_domains))
    labels = []
    for first in range(0, n_starts, at_a_time):
        some = mixtures.of(range(first, min(first + at_a_time, n_starts))).to(kind)
        if neighbours is None:
            posterior = some.posterior(points)
        else:
            posterior = with_neighbours(points, some, neighbours, config.prior, ridge=config.ridge)
        labels.append(posterior.argmax(dim=2).T.cpu().numpy())
    return np.concatenate(labels)
