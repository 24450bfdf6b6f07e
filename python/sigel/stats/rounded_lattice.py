"""What rounding of its coordinates does to the distances on a lattice."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Num
from scipy.spatial import cKDTree

# Places that are looked at, to tell whether they are a lattice, and steps between the values of an axis.
_SAMPLE = 4096
# Shares of the spacing. Below the first, steps are noise of the arithmetic; a unit below the second is none,
# and one above the third is a lattice that lies along the axis, exact as it is.
_NOISE, _FINEST, _COARSEST = 1e-5, 1e-4, 1 / 8
# Rings of a hexagonal lattice lie 0.27 of the spacing apart, up to the fourth: half of that is no tie.
_WIDEST = 0.13
# So many nearest of most places are equally near on a lattice. Of places at random those of 5 in 100 are.
_NEAREST = 3


def rounding_slack(coordinates: Num[np.ndarray, "cells axes"], tree: cKDTree | None = None) -> float:
    """By how much distances differ that rounding made of equal ones; 0 unless places are a rounded lattice.

    Parameters
    ----------
    coordinates
        Places, `(n_cells, n_axes)`, in any unit.
    tree
        Of all places, where there is one already.

    Notes
    -----
    A coordinate that was rounded to whole units u is off by u / 2 at most, a place by that in each axis, and
    two distances differ by `2 sqrt(u_x^2 + u_y^2)` at most. The unit is the greatest common divisor of the
    steps between the values of an axis. Cells that lie irregularly have distances of their own, however they
    were rounded: places are a lattice where the three nearest of more than half are equally far by that
    measure. Rings of nearly the same distance run into each other where the spacing is small: from corners,
    those at 3.46 and 3.61 times the spacing below some 40 units.

    Examples
    --------
    >>> import numpy as np
    >>> row, column = (one.ravel() for one in np.mgrid[:9, :9])
    >>> lattice = 50 * np.column_stack([column + 0.5 * (row % 2), row * np.sqrt(3) / 2])
    >>> rounding_slack(lattice), rounding_slack(np.round(lattice))  # x is whole as it is
    (0.0, 2.0)
    """
    if len(coordinates) <= _NEAREST:
        return 0.0
    sample = coordinates[:: -(-len(coordinates) // _SAMPLE)]
    tree = cKDTree(coordinates) if tree is None else tree
    distance = tree.query(sample, _NEAREST + 1, workers=torch.get_num_threads())[0]
    spacing = float(np.median(distance[:, 1]))
    if not spacing > 0:
        return 0.0
    units = [_unit(axis, spacing) for axis in np.asarray(coordinates, dtype=np.float64).T]
    slack = min(2 * float(np.linalg.norm(units)), _WIDEST * spacing)
    equal = distance[:, _NEAREST] - distance[:, 1] <= slack
    return slack if slack and equal.mean() > 0.5 else 0.0


def _unit(values: Num[np.ndarray, " cells"], spacing: float) -> float:
    """What the values of an axis are whole multiples of, up to a shift; 0 where that is nothing."""
    noise = _NOISE * spacing
    steps = np.diff(np.unique(values))
    unit = 0.0
    for step in steps[steps > noise][:_SAMPLE].tolist():
        rest = step
        while rest > noise:
            unit, rest = rest, abs(unit - rest * round(unit / rest))
        if unit < _FINEST * spacing:
            return 0.0
    if not 0 < unit <= _COARSEST * spacing:
        return 0.0
    off = (values - values.min()) / unit
    return unit if (abs(off - np.round(off)) * unit <= noise).all() else 0.0
