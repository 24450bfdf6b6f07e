"""How much new spots are like each class of labelled ones, in windows of every width."""

from __future__ import annotations

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.nn.mixture.tied_gaussian import maximise
from sigel.runtime.progress import Progress
from sigel.stats.partitions import members
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.section_offsets import MOST_ROUNDS, TOLERANCE, shrunk_offsets


def mean_posterior(
    described: Described,
    code: np.ndarray,
    config: DomainConfig,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> np.ndarray:
    """Posteriors of new spots, averaged over windows of every width.

    Parameters
    ----------
    described
        Spots of the reference, then the new ones, no two of one section; their offsets are still in.
    code
        Class of each spot of the reference from 0, -1: none, `(n_reference,)`; each section has some.
    config
        Settings.
    device
        Where posteriors are computed.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    numpy.ndarray
        `(n_new, n_classes)`, rows that sum to 1.
    """
    n_new = len(described.features) - len(code)
    total = np.zeros((n_new, int(code.max()) + 1))
    for step, view in enumerate(described.views, 1):
        scores = described.scores(view).astype(np.float64, copy=False)
        if config.section_offsets:
            offsets = _offsets(scores, described.tissue.section, code, config)
            scores = scores - offsets[described.tissue.section]
        total += _posterior(scores, code, config, device)
        if progress is not None:
            progress("labels", step, len(described.views), f"windows of {view.window} spots")
    return total / len(described.views)


def _posterior(
    view: np.ndarray, code: np.ndarray, config: DomainConfig, device: torch.device | str = "cpu"
) -> np.ndarray:
    """Posteriors of the new spots, by a Gaussian for each class, with one covariance, of the labelled spots.

    `(n_new, n_classes)`; the classes' shares are those of the labelled spots.
    """
    known = code >= 0
    taught = view[: len(code)][known]
    centre = taught.mean(axis=0)
    x, new = (torch.from_numpy(one - centre).to(device) for one in (taught, view[len(code) :]))
    member = torch.from_numpy(members(code[known])).to(device)
    return maximise(x, member[:, None], config.ridge).posterior(new)[:, 0].cpu().numpy()


def _offsets(view: np.ndarray, section: np.ndarray, code: np.ndarray, config: DomainConfig) -> np.ndarray:
    """What sets each section apart beyond its classes, `(n_sections, n_dims)`.

    As in `offsets_of_views`, but classes are known in the reference; those of new spots are posteriors, which
    are found along.
    """
    n_reference, known = len(code), np.flatnonzero(code >= 0)
    new = np.arange(n_reference, len(view))
    taken = np.concatenate([known, new])
    member, labelled = members(section[taken]), members(code[known])
    first = np.unique(section[known])
    offset = np.zeros((member.shape[1], view.shape[1]))
    offset[first] = shrunk_offsets(view[known], labelled, member[: len(known)][:, first])
    for _ in range(MOST_ROUNDS):
        guessed = _posterior(view - offset[section], code, config)  # (n_new, n_classes)
        found = shrunk_offsets(view[taken], np.concatenate([labelled, guessed]), member)
        moved = np.square(found - offset).sum() / max(np.square(found).sum(), 1e-30)
        offset = found
        if moved < TOLERANCE:
            break
    return offset
