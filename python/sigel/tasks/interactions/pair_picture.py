"""Where two genes are expressed, and where they meet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sigel.errors import InputError, unknown_name
from sigel.images.section import Section
from sigel.stats.scaling import log_normalised, shown_limits
from sigel.tasks.domains.windows import Tissue

TARGET_SUM = 1e4
# A spot and its ring of neighbours on a hexagonal lattice.
N_NEAREST = 7


class PairPicture(NamedTuple):
    """Two genes on the tissue.

    Parameters
    ----------
    first, second
        Of each spot, the mean of `log1p` of counts per 10,000 over the 7 nearest spots, itself counted,
        `(n_spots,)`; a window stays on its island of the tissue.
    together
        Geometric mean of the two, each as its place between its limits, 0 to 1: 1 only where both are high,
        0 where one is low, `(n_spots,)`.
    limits
        Of `first` and of `second`, from `shown_limits`: single spots at an edge would stretch a scale.
    """

    first: np.ndarray
    second: np.ndarray
    together: np.ndarray
    limits: tuple[tuple[float, float], tuple[float, float]]


def picture_of_pair(
    section: Section, gene_a: str, gene_b: str, arguments: tuple[str, str] = ("gene_a", "gene_b")
) -> PairPicture:
    """Two genes on one section.

    Parameters
    ----------
    section
        Counts and places.
    gene_a, gene_b
        Their names.
    arguments
        What a caller calls these, for messages.

    Raises
    ------
    InputError
        When a gene is unknown, or both are one.
    """
    names = section.genes.tolist()
    for argument, gene in zip(arguments, (gene_a, gene_b), strict=True):
        if gene not in names:
            raise InputError(argument, unknown_name(gene, names), "the name of a gene", "Check the spelling.")
    if gene_a == gene_b:
        raise InputError(arguments[1], f"{gene_b!r} again", "another gene", "Name two genes.")
    held = section.in_memory()
    library = np.asarray(held.counts.sum(axis=1), dtype=np.float64).ravel()
    chosen = held.counts[:, [names.index(gene_a), names.index(gene_b)]]
    places = held.places(columns=(2, 3))[:, :2]
    tissue = Tissue(places, np.zeros(len(places), dtype=int))
    values = (tissue.means(N_NEAREST) @ log_normalised(chosen, library, TARGET_SUM)).toarray()
    limits = [shown_limits(one) for one in values.T]
    low, high = np.transpose(limits)
    together = np.sqrt(np.prod(np.clip((values - low) / (high - low), 0.0, 1.0), axis=1))
    return PairPicture(values[:, 0], values[:, 1], together, (limits[0], limits[1]))
