"""The spaces of sections brought onto one another by the genes that stay where they are."""

from __future__ import annotations

import numpy as np

ROUNDS = 3
WEIGHT_STEPS = 10
RIDGE = 1e-3


def in_one_space(sections: np.ndarray) -> np.ndarray:
    """Sections by the linear maps that carry most genes to where all sections see them.

    A gene lies among other genes: where some change their place, all others seem to move a little. Genes far
    from where the map carries them hardly count for it.

    Parameters
    ----------
    sections
        What each section alone says of a gene, `(n_sections, n_genes, n_dims)`; NaN: nothing.

    Returns
    -------
    numpy.ndarray
        The same shape.

    Notes
    -----
    Least squares of the mean over sections on a section's own, reweighted by `(1 + (r / m)^2)^-2`, with r a
    gene's residual and m their median; the mean is made anew from what the maps give. A small ridge keeps
    dimensions that no gene of a section uses.
    """
    return carried(sections, maps_to_one_space(sections))


def maps_to_one_space(sections: np.ndarray) -> np.ndarray:
    """The maps alone, `(n_sections, n_dims + 1, n_dims)`, the last row a shift.

    Parameters
    ----------
    sections
        As in `in_one_space`.
    """
    there = np.isfinite(sections).all(axis=2)  # (n_sections, n_genes)
    filled = np.where(there[:, :, None], sections, 0.0).astype(np.float64)
    size = np.maximum(there.sum(axis=0), 1)[:, None]
    moved = filled
    for _ in range(ROUNDS):
        mean = moved.sum(axis=0) / size  # (n_genes, n_dims)
        maps = np.stack([_map(own[here], mean[here]) for own, here in zip(filled, there, strict=True)])
        moved = np.where(there[:, :, None], carried(filled, maps), 0.0)
    return maps


def carried(sections: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Representations of sections in the common space, `(n_sections, n_genes, n_dims)`; NaN stays.

    Parameters
    ----------
    sections
        `(n_sections, n_genes, n_dims)`.
    maps
        From `maps_to_one_space`.
    """
    return np.asarray(np.asarray(sections, dtype=np.float64) @ maps[:, :-1] + maps[:, -1:])


def _map(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The linear map of a section's representations to the mean, `(n_dims + 1, n_dims)`."""
    x = np.column_stack([own, np.ones(len(own))])
    weight = np.ones(len(x))
    for _ in range(WEIGHT_STEPS):
        gram = (x * weight[:, None]).T @ x
        gram[np.diag_indices(len(gram))] += RIDGE * np.trace(gram) / len(gram)
        found = np.linalg.solve(gram, (x * weight[:, None]).T @ target)
        residual = np.linalg.norm(target - x @ found, axis=1)
        weight = (1 + np.square(residual / max(np.median(residual), 1e-12))) ** -2.0
    return found
