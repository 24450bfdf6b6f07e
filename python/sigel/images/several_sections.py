"""Sections of one object that nobody told apart: laid over one another they would be taken for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sigel.errors import InputError, warn
from sigel.images.lattice import superimposed

if TYPE_CHECKING:
    from anndata import AnnData

# Columns of `obs` that tell sections apart, as readers of Space Ranger's files and squidpy name them.
COLUMNS = tuple(
    f"{name}{end}" for name in ("library", "sample", "section", "slide", "slice") for end in ("", "_id")
)
# Share of the lesser of two boxes that the other covers: slices side by side at an angle share less.
COVERED = 0.5
MOST_SECTIONS = 500


def check_one_section(lattice: np.ndarray | None, places: np.ndarray | None, name: str) -> None:
    """Refuse sections that lie on top of each other, as array positions say that occur twice.

    Parameters
    ----------
    lattice, places
        `(n_spots, 2)`, array row and column, and coordinates, or None. With a third column, which sets
        sections apart, nothing is refused.
    name
        What the caller calls the places.

    Raises
    ------
    InputError
        When they do.
    """
    if (places is None or places.shape[1] == 2) and superimposed(lattice, places):
        fix = (
            "Take the spots of one section, for example adata[adata.obs[...] == ...], or, where the function "
            "has section_key=, name the column of obs that tells them apart."
        )
        raise InputError(name, "several sections on top of each other", "one section", fix)


def tell_of_sections(adata: AnnData, lattice: np.ndarray | None, places: np.ndarray) -> None:
    """Warn where a column of `obs` that is named for sections has several, and they lie on top of each other.

    Parameters
    ----------
    adata
        What is taken for one section.
    lattice, places
        Its array positions, or None, and its coordinates, `(n_obs, 2)`; what is no place of every spot is
        refused elsewhere, and so is what `check_one_section` refuses.
    """
    if places.shape != (adata.n_obs, 2) or places.dtype.kind not in "fiu":
        return
    places = places.astype(np.float64)
    if superimposed(lattice, places):
        return
    for column in adata.obs.columns:
        if str(column).lower() not in COLUMNS:
            continue
        code, names = pd.factorize(adata.obs[column])
        if 1 < len(names) <= MOST_SECTIONS and _over_one_another(places, code):
            warn(
                f"obs[{column!r}] names {len(names)} sections, which lie on top of each other and are taken "
                f"for one. Take the spots of one section, for example adata[adata.obs[{column!r}] == "
                f"{names[0]!r}], or, where the function has section_key=, name the column."
            )
            return


def _over_one_another(places: np.ndarray, code: np.ndarray) -> bool:
    """Whether one of two boxes around the spots of a code covers half of the other."""
    table = pd.DataFrame(places[code >= 0]).groupby(code[code >= 0])
    low, high = table.min().to_numpy(float), table.max().to_numpy(float)
    shared = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    size = np.maximum(high - low, np.finfo(float).tiny)
    least = np.minimum(size[:, None], size)
    covered = np.clip(shared / least, 0.0, None).prod(axis=-1)
    np.fill_diagonal(covered, 0.0)
    return bool((covered > COVERED).any())
