"""Array positions of spots: whether those given can be used, and reading them off the coordinates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.spatial import cKDTree

# A lattice beyond this many pixels along a side (a Visium slide of 11 mm has 128) is binned instead.
MAX_SIDE = 192

# Share of a spacing by which a spot may lie off its place on a lattice that is read off coordinates.
TOLERANCE = 0.2

# Fewest spots that show it, and share of the nearest spots that have to be neighbours on the lattice, too.
# Rows and columns that changed places leave two thirds on a hexagonal one.
_LEAST_SPOTS = 30
AGREE = 0.9


def as_positions(lattice: np.ndarray) -> Float[np.ndarray, "n_spots 2"] | None:
    """Array row and column as float64, or None where they are not numbers for every spot.

    Parameters
    ----------
    lattice
        Two columns of any type.
    """
    try:
        at = np.asarray(lattice).astype(np.float64)
    except (TypeError, ValueError):
        return None
    return at if at.ndim == 2 and at.shape[1] == 2 and np.isfinite(at).all() else None


def is_hexagonal(at: Shaped[np.ndarray, "n_spots 2"]) -> bool:
    """Whether array row plus column is even for all spots, or odd for all."""
    return len(at) > 1 and len(np.unique(at.sum(axis=1) % 2)) == 1


def problem(lattice: np.ndarray | None) -> str | None:
    """Why array positions cannot be used as a grid, or None where they can.

    Parameters
    ----------
    lattice
        `(n_spots, 2)`, array row and array column, or None.
    """
    if lattice is None:
        return "there are no columns `array_row` and `array_col`"
    at = as_positions(lattice)
    if at is None:
        return "array positions are missing for some spots"
    if (at != np.round(at)).any():
        return "array positions are not whole numbers"
    if len(np.unique(at, axis=0)) < len(at):
        return "several spots share one array position (several sections in one object?)"
    rows, cols = np.ptp(at, axis=0) + 1
    if max(rows, cols / (2 if is_hexagonal(at) else 1)) > MAX_SIDE:
        return f"it has more than {MAX_SIDE} pixels along a side"
    return None


def contradicts(lattice: np.ndarray | None, xy: Float[np.ndarray, "n_spots 2"] | None) -> bool:
    """Whether spots that lie next to each other do not do so by their array positions.

    The lattice may be turned, mirrored or stretched against the coordinates, and sections may stand anywhere.

    Parameters
    ----------
    lattice
        `(n_spots, 2)`, array row and array column, in which `problem` finds nothing, or None.
    xy
        Finite coordinates, or None: nothing contradicts what is not there.
    """
    if lattice is None or xy is None:
        return False
    at = np.asarray(lattice, dtype=np.float64)
    if len(at) < _LEAST_SPOTS:
        return False
    hexagonal = is_hexagonal(at)
    metric = at * ([np.sqrt(3), 1] if hexagonal else [1, 1])
    alone = cKDTree(metric).query(metric, k=2)[0][:, 1] > 2.01
    distance, near = cKDTree(xy).query(xy, k=7)
    apart = distance[:, 1] > 0
    if alone.mean() > 0.5 or apart.mean() < 0.9:  # a part of the spots only, or places that many share
        return False
    spacing = np.quantile(distance[apart, 1], 0.1)
    pairs = distance[:, 1:] < 1.25 * spacing
    down, across = np.abs(at[near[:, 1:]] - at[:, None])[pairs].T
    beside = np.where(down == 0, across == 2, (down == 1) & (across == 1))
    beside = beside if hexagonal else np.maximum(down, across) == 1
    return bool(beside.mean() < AGREE)


def superimposed(lattice: np.ndarray | None, xy: Float[np.ndarray, "n_spots 2"] | None) -> bool:
    """Whether sections that share array positions lie on top of each other.

    Parameters
    ----------
    lattice
        `(n_spots, 2)`, array row and array column, or None.
    xy
        `(n_spots, 2)` coordinates, or None.
    """
    at = None if lattice is None else as_positions(lattice)
    if at is None:
        return False
    _, first, inverse = np.unique(at, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(at):
        return False
    if xy is None:
        return True
    again = np.ones(len(at), dtype=bool)
    again[first] = False
    # Spots of one array position in one section cannot lie apart; in sections side by side they do.
    apart = np.linalg.norm(xy[again] - xy[first[inverse.reshape(-1)[again]]], axis=1)
    return bool(np.median(apart) < 0.5 * np.ptp(xy, axis=0).max() and _overlap(xy[first], xy[again]))


def _overlap(a: Float[np.ndarray, "n_a 2"], b: Float[np.ndarray, "n_b 2"]) -> bool:
    low, high = np.maximum(a.min(axis=0), b.min(axis=0)), np.minimum(a.max(axis=0), b.max(axis=0))
    return bool((low < high).all())


def find_hexagonal(xy: Float[np.ndarray, "n_spots 2"]) -> Int[np.ndarray, "n_spots 2"] | None:
    """Array row and column of spots on a hexagonal lattice, or None for other places.

    Visium objects often come without array positions; squares over a hexagonal array would put two spots
    on some pixels and none on others. The lattice may be turned, and stretched a little.

    Parameters
    ----------
    xy
        Finite coordinates.
    """
    if len(xy) < 30:
        return None
    distance, near = cKDTree(xy).query(xy, k=7)
    spacing = float(np.median(distance[:, 1]))
    inner = (distance[:, 6] < 1.15 * distance[:, 1]) & (distance[:, 1] > 0)
    if spacing <= 0 or inner.mean() < 0.3:
        return None
    steps = (xy[near[inner, 1:]] - xy[inner, None]).reshape(-1, 2)
    angle = np.angle(np.exp(6j * np.arctan2(steps[:, 1], steps[:, 0])).mean()) / 6  # -30 to 30 degrees
    # Rows run along x on Visium; along y where an axis of the lattice lies nearer to that.
    along_y = abs(angle) > np.pi / 12
    if along_y:
        angle -= np.copysign(np.pi / 6, angle)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    # One lattice column is half a spacing, one row 0.866 of it.
    unit = turn.T @ np.diag([spacing / 2, spacing * np.sqrt(3) / 2])
    if along_y:
        unit = turn.T @ np.diag([spacing * np.sqrt(3) / 2, spacing / 2])
    return _index(xy, unit, along_y=along_y)


def _index(
    xy: Float[np.ndarray, "n_spots 2"], unit: Float[np.ndarray, "2 2"], *, along_y: bool
) -> Int[np.ndarray, "n_spots 2"] | None:
    """Whole steps of `unit` from a middle spot, refined outwards, as the error of a step adds up far away."""
    middle = xy[np.linalg.norm(xy - np.median(xy, axis=0), axis=1).argmin()]
    far = np.linalg.norm(xy - middle, axis=1)
    reach, last = 8 * np.linalg.norm(unit, axis=0).max(), far.max()
    origin = middle
    while True:
        inside = far <= reach
        at = np.round((xy - origin) @ np.linalg.inv(unit).T)
        design = np.column_stack([at[inside], np.ones(int(inside.sum()))])
        fitted = np.linalg.lstsq(design, xy[inside], rcond=None)[0]
        unit, origin = fitted[:2].T, fitted[2]
        if np.linalg.matrix_rank(design) < 3 or np.linalg.matrix_rank(unit) < 2:
            return None
        if reach > last:
            break
        reach *= 2
    at = np.round((xy - origin) @ np.linalg.inv(unit).T)
    off = np.linalg.norm(at @ unit.T + origin - xy, axis=1)
    spacing = 2 * np.linalg.norm(unit, axis=0).min()
    lattice = (at if along_y else at[:, ::-1]).astype(np.int64)  # row, column
    lattice -= lattice.min(axis=0)
    fits = off.max() < TOLERANCE * spacing and is_hexagonal(lattice)
    unique = len(np.unique(lattice, axis=0)) == len(lattice)
    return lattice if fits and unique and problem(lattice) is None else None
