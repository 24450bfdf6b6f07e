"""What sets sections apart as a whole, told from what sets their domains apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.tasks.domains.mixture_starts import fitted_to

# More than most tissues have domains: fewer leave composition in the offsets, many more keep to one section.
N_COMPONENTS = 10
STARTS = 4
MOST_ROUNDS = 10
# Of a section that are drawn at least.
LEAST_SPOTS = 20
# Spots that a section's offset is held at zero by, as a share of the section.
SHRINKAGE = 0.1
# Change of the offsets, as a share of their square sum, at which the rounds end.
TOLERANCE = 1e-2


def section_offsets(
    scores: np.ndarray, section: np.ndarray, config: DomainConfig, rng: np.random.Generator
) -> np.ndarray:
    """Mean of each section beyond what the domains in it explain; see `offsets_of_views`.

    Parameters
    ----------
    scores
        `(n_spots, n_dims)`.
    section, config, rng
        As in `offsets_of_views`.

    Returns
    -------
    numpy.ndarray
        `(n_sections, n_dims)`, mean 0 over the spots.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> domain, section = np.arange(400) % 2, np.arange(400) // 200
    >>> scores = 8.0 * domain[:, None] + 1.5 * section[:, None] + rng.normal(size=(400, 1))
    >>> offset = section_offsets(scores, section, DomainConfig(), rng).ravel()
    >>> bool(offset[1] - offset[0] > 0.9)
    True
    """
    return offsets_of_views(scores, [scores], section, config, rng)[0]


def offsets_of_views(
    guide: np.ndarray,
    views: Sequence[np.ndarray],
    section: np.ndarray,
    config: DomainConfig,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Mean of each section in each view beyond what the domains in it explain.

    A section's plain mean would also hold what it is made of: one with more white matter would be moved away
    from it. So a mixture is fitted in which every section has an offset of its own, beginning with none. What
    cannot be told from a difference of domains, as where sections have no component in common, is left. Which
    components sections share is read off one view, the guide: that of single spots, whose noise lets sections
    overlap. Means over windows have less of it, and there each section soon has components of its own.

    Parameters
    ----------
    guide
        `(n_spots, n_dims)`.
    views
        What offsets are wanted of, each `(n_spots, n_dims)` with dimensions of its own.
    section
        Number of each spot's section, from 0, `(n_spots,)`.
    config
        Settings.
    rng
        Of the sample and the starts.

    Returns
    -------
    list
        Of each view `(n_sections, n_dims)`, mean 0 over the spots.

    Notes
    -----
    Rounds of a tied mixture of the guide without offsets, and of the least squares of component means and
    shrunk offsets at its posteriors; the median of several starts. A linear correction by soft clusters, as
    in Harmony (Korsunsky et al. 2019), but the same for all spots of a section.
    """
    n_sections = int(section.max()) + 1
    drawn: slice | np.ndarray = slice(None)
    if len(guide) > config.max_spots:
        drawn = of_every_section(section, config.max_spots, rng)
    part = section[drawn]
    member = np.zeros((len(part), n_sections))
    member[np.arange(len(part)), part] = 1.0
    posterior = _shared_parts(guide[drawn], part, member, config, rng)
    share = np.bincount(section, minlength=n_sections) / len(section)
    offsets = [_median_offset(view[drawn], posterior, member) for view in views]
    return [offset - share @ offset for offset in offsets]


def _shared_parts(
    scores: np.ndarray,
    section: np.ndarray,
    member: np.ndarray,
    config: DomainConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Posteriors of mixtures in which every section has an offset, `(n_spots, n_starts, n_components)`."""
    n_components = min(N_COMPONENTS, max(1, len(scores) // 10))
    offset = np.zeros((member.shape[1], scores.shape[1]))
    for _ in range(MOST_ROUNDS):
        rest = scores - offset[section]
        rest -= rest.mean(axis=0)
        fitted = fitted_to(rest, n_components, STARTS, rng, config)
        posterior = fitted.posterior(torch.from_numpy(rest)).numpy()
        new = _median_offset(scores, posterior, member)
        moved = np.square(new - offset).sum() / max(np.square(new).sum(), 1e-30)
        offset = new
        if moved < TOLERANCE:
            break
    return posterior


def _median_offset(scores: np.ndarray, posterior: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Of the offsets that the starts give, `(n_sections, n_dims)`."""
    each = [shrunk_offsets(scores, posterior[:, start], member) for start in range(posterior.shape[1])]
    return np.asarray(np.median(each, axis=0))


def of_every_section(section: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Spots at random, `most` or a few more: the same share of every section, if not fewer than the least.

    Parameters
    ----------
    section
        Number of each spot's section, from 0, `(n_spots,)`.
    most
        How many.
    rng
        Draws them.
    """
    size = np.bincount(section)
    quota = np.minimum(size, np.maximum(np.ceil(size * most / len(section)), LEAST_SPOTS)).astype(int)
    order = rng.permutation(len(section))
    order = order[np.argsort(section[order], kind="stable")]  # at random within each section
    place = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)
    return np.sort(order[place < quota[section[order]]])


def shrunk_offsets(scores: np.ndarray, posterior: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Offsets of sections beside means of components, `(n_sections, n_dims)`, at given posteriors.

    The means are eliminated, the offsets alone shrunk: where sections have no component in common, nothing
    tells an offset from a difference of domains, and it stays small.

    Parameters
    ----------
    scores
        `(n_spots, n_dims)`.
    posterior
        `(n_spots, n_components)`.
    member
        1 where a spot is in a section, else 0, `(n_spots, n_sections)`; each section has spots.
    """
    size, each = member.sum(axis=0), np.maximum(posterior.sum(axis=0), 1e-9)[:, None]
    both = posterior.T @ member  # (n_components, n_sections)
    left = (1 + SHRINKAGE) * np.diag(size) - both.T @ (both / each)
    right = member.T @ scores - both.T @ (posterior.T @ scores / each)
    offset = np.linalg.solve(left, right)
    return offset - (size / size.sum()) @ offset
