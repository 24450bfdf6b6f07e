"""From places to pixels: the grid, the tissue mask, the way back. All that follows knows pixels alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Shaped
from scipy import sparse
from scipy.spatial import cKDTree

from sigel.config import ImageConfig
from sigel.errors import InputError, number_of, warn
from sigel.images.lattice import contradicts, find_hexagonal, is_hexagonal, problem
from sigel.images.section import checked_places
from sigel.images.several_sections import check_one_section

# Fewer tissue pixels than this make no picture: a single 3 x 3 patch.
MIN_PIXELS = 9
_KINDS = ("square", "hexagonal", "continuous")
# Of a section, in a saved grid: more than any has.
_MOST_PIXELS = 10**8
# Farther apart, squares of distances are no numbers.
_WIDEST = 1e150

# Steps to the neighbours of a pixel in lattice units (row, column).
_HEXAGONAL = ((0, -2), (0, 2), (-1, -1), (-1, 1), (1, -1), (1, 1))
_SQUARE = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
# Those that share an edge.
_AGAINST = (
    "Array positions (array_row, array_col) contradict the coordinates: spots that lie next to each other "
    "are no neighbours by them (swapped, or in another order?). They are left aside, and the grid is made "
    "of the coordinates alone."
)


@dataclass(frozen=True)
class Raster:
    """A pixel grid over a section and the place of every spot on it.

    Parameters
    ----------
    shape
        Height and width of the grid in pixels.
    rows, cols
        Grid position of each tissue pixel, both of shape `(n_pixels,)`, sorted by row, then column.
    pixel_of_spot
        Index of the tissue pixel of each spot, shape `(n_spots,)`.
    kind
        `"hexagonal"` (Visium: two lattice columns share a pixel column), `"square"` or `"continuous"`.
    affine
        `(2, 3)` matrix that maps `(row, column, 1)` in lattice units to the coordinates `(x, y)`.
    parity
        Parity of lattice row plus column on a hexagonal lattice; 0 elsewhere.
    starts
        First tissue pixel of each section; one 0 where there is one section.

    Notes
    -----
    The offset-to-rectangular mapping of the Visium lattice gives each spot a pixel of its own.
    """

    shape: tuple[int, int]
    rows: Int[np.ndarray, " n_pixels"]
    cols: Int[np.ndarray, " n_pixels"]
    pixel_of_spot: Int[np.ndarray, " n_spots"]
    kind: str
    affine: Float[np.ndarray, "2 3"]
    parity: int = 0
    starts: tuple[int, ...] = (0,)

    @property
    def has_holes(self) -> bool:
        """Whether cells lie on no lattice, and pixels between them hold none."""
        if self.kind != "continuous":
            return False
        there = np.zeros((self.rows.max() + 1, self.cols.max() + 1), dtype=bool)
        there[self.rows, self.cols] = True
        hole = ~there[1:-1, 1:-1]
        for beside in (there[:-2, 1:-1], there[2:, 1:-1], there[1:-1, :-2], there[1:-1, 2:]):
            hole &= beside
        return bool(hole.any())

    @property
    def parts(self) -> tuple[slice, ...]:
        """Tissue pixels of each section."""
        return tuple(map(slice, self.starts, (*self.starts[1:], self.n_pixels)))

    def section(self, k: int) -> Raster:
        """The grid of one section alone, in the units of the whole.

        Parameters
        ----------
        k
            Its number.
        """
        part = self.parts[k]
        # An even number of rows up, as rows of a hexagonal lattice alternate.
        low = int(self.rows[part].min()) // 2 * 2
        here = (self.pixel_of_spot >= part.start) & (self.pixel_of_spot < part.stop)
        return replace(
            self,
            shape=(int(self.rows[part].max()) + 1 - low, self.shape[1]),
            rows=self.rows[part] - low,
            cols=self.cols[part],
            pixel_of_spot=self.pixel_of_spot[here] - part.start,
            affine=self.affine @ np.array([[1.0, 0.0, low], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
            starts=(0,),
        )

    @property
    def n_pixels(self) -> int:
        """Number of tissue pixels."""
        return len(self.rows)

    @property
    def largest_grid(self) -> int:
        """Rows times lattice columns with tissue of the section where these are most."""
        sides = [[len(np.unique(at[part])) for part in self.parts] for at in (self.rows, self.lattice_cols)]
        return max(down * across for down, across in zip(*sides, strict=True))

    @cached_property
    def mask(self) -> Bool[np.ndarray, "height width"]:
        """Tissue mask."""
        mask = np.zeros(self.shape, dtype=bool)
        mask[self.rows, self.cols] = True
        return mask

    @cached_property
    def spots_per_pixel(self) -> Int[np.ndarray, " n_pixels"]:
        """Number of spots on each tissue pixel."""
        return np.bincount(self.pixel_of_spot, minlength=self.n_pixels)

    @property
    def lattice_cols(self) -> Int[np.ndarray, " n_pixels"]:
        """Column of each tissue pixel in lattice units."""
        if self.kind == "hexagonal":
            return 2 * self.cols + (self.rows + self.parity) % 2
        return self.cols

    def coordinates(self) -> Float[np.ndarray, "n_pixels 2"]:
        """Centre of each tissue pixel in the section's own coordinates."""
        at = np.column_stack([self.rows, self.lattice_cols, np.ones(self.n_pixels)])
        return at @ self.affine.T

    def positions(self) -> Float32[np.ndarray, "n_pixels 2"]:
        """Row and column of each tissue pixel in units of their spacing, lattices without their stretch."""
        if self.kind == "hexagonal":
            at = np.column_stack([self.rows * math.sqrt(0.75), self.lattice_cols / 2])
        else:
            at = np.column_stack([self.rows, self.cols])
        return at.astype(np.float32)

    @cached_property
    def neighbors(self) -> Float[sparse.csr_matrix, "n_pixels n_pixels"]:
        """Row-normalised adjacency of tissue pixels.

        Six neighbours on a hexagonal lattice, eight elsewhere; a pixel without any is its own.
        """
        steps = _HEXAGONAL if self.kind == "hexagonal" else _SQUARE
        lattice = self.lattice_cols
        index = np.full((self.shape[0] + 2, int(lattice.max()) + 5), -1)
        index[self.rows + 1, lattice + 2] = np.arange(self.n_pixels)
        found = np.stack([index[self.rows + 1 + dr, lattice + 2 + dc] for dr, dc in steps], axis=1)
        alone = (found < 0).all(axis=1)
        found[alone, 0] = np.flatnonzero(alone)
        source, step = np.nonzero(found >= 0)
        degree = (found >= 0).sum(axis=1)
        weight = (1.0 / degree[source]).astype(np.float32)
        size = (self.n_pixels, self.n_pixels)
        return sparse.csr_matrix((weight, (source, found[source, step])), shape=size)

    def to_images(
        self, values: Shaped[np.ndarray, "*batch n_pixels"], fill: float = np.nan
    ) -> Shaped[np.ndarray, "*batch height width"]:
        """Lay values of pixels out on the grid.

        Parameters
        ----------
        values
            Values on tissue pixels.
        fill
            Value outside the tissue.
        """
        values = np.asarray(values)
        grid = np.full((*values.shape[:-1], *self.shape), fill, dtype=np.result_type(values, type(fill)))
        grid[..., self.rows, self.cols] = values
        return grid

    def to_spots(self, values: Shaped[np.ndarray, "*batch n_pixels"]) -> Shaped[np.ndarray, "*batch n_spots"]:
        """Read values of pixels back at every spot."""
        return np.asarray(values)[..., self.pixel_of_spot]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, fit for JSON; the grid without the spots, whose number has no limit."""
        return {
            "shape": list(self.shape),
            "kind": self.kind,
            "parity": self.parity,
            "affine": self.affine.tolist(),
            "rows": self.rows.tolist(),
            "cols": self.cols.tolist(),
            **({"starts": list(self.starts)} if len(self.starts) > 1 else {}),
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Raster:
        """Rebuild the grid from `to_dict`; it knows no spots.

        Parameters
        ----------
        saved
            What `to_dict` returned.

        Raises
        ------
        ValueError
            When pixels lie off the grid.
        """
        shape = (int(saved["shape"][0]), int(saved["shape"][1]))
        rows, cols = (np.asarray(saved[name], dtype=np.int64) for name in ("rows", "cols"))
        pixels = rows * shape[1] + cols
        starts = tuple(int(start) for start in saved.get("starts", [0]))
        on_grid = (rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1])
        if len(rows) == 0 or not on_grid.all() or (np.diff(pixels) <= 0).any():
            msg = f"{len(rows)} pixels that do not fit a grid of {shape[0]} x {shape[1]}"
            raise ValueError(msg)
        affine, kind, parity = np.asarray(saved["affine"], dtype=np.float64), saved["kind"], saved["parity"]
        if shape[0] * shape[1] > _MOST_PIXELS * len(starts) or kind not in _KINDS or parity not in (0, 1):
            msg = f"a grid of {shape[0]} x {shape[1]}, kind {kind!r:.20} and parity {parity!r:.20}"
            raise ValueError(msg)
        if affine.shape != (2, 3) or not np.isfinite(affine).all():
            msg = "places of pixels that are no numbers"
            raise ValueError(msg)
        if starts[0] != 0 or (np.diff((*starts, len(rows))) <= 0).any():
            msg = f"sections that begin at pixels {starts} of {len(rows)}"
            raise ValueError(msg)
        return cls(
            shape=shape,
            rows=rows,
            cols=cols,
            pixel_of_spot=np.empty(0, dtype=np.int64),
            kind=kind,
            affine=affine,
            parity=int(parity),
            starts=starts,
        )


def rasterise(
    coordinates: np.ndarray | None,
    lattice: np.ndarray | None,
    config: ImageConfig,
    *,
    name: str = "coordinates",
) -> Raster:
    """Choose a grid and put every spot on it.

    Parameters
    ----------
    coordinates
        `(n_spots, 2)`, x and y in any unit; may be None where a lattice is given.
    lattice
        `(n_spots, 2)`, array row and array column, or None; left aside, with a warning, where they contradict
        the coordinates.
    config
        `grid`, `pixel_size` and `max_side` are read.
    name
        What the caller calls the coordinates, for messages.

    Raises
    ------
    InputError
        When coordinates are missing, not finite or not two-dimensional, when sections lie on top of each
        other, when `grid="lattice"` has no usable lattice, or when there are too few places for a picture.
    """
    if coordinates is not None:
        coordinates = checked_places(coordinates, name)
    _check_extent(coordinates, lattice, name)
    check_one_section(lattice, coordinates, name)
    if config.grid != "continuous" and config.pixel_size is None:
        why_not = problem(lattice)
        if why_not is None and contradicts(lattice, coordinates):
            why_not = "array positions contradict the coordinates"
            warn(_AGAINST)
        if why_not is None:
            assert lattice is not None
            return _from_lattice(np.asarray(lattice, dtype=np.float64), coordinates)
        found = None if coordinates is None else find_hexagonal(coordinates)
        if found is not None:
            return _from_lattice(found, coordinates)
        if config.grid == "lattice":
            raise InputError("grid", f'"lattice", but {why_not}', "a lattice", 'Use grid="continuous".')
    if coordinates is None and lattice is not None:
        coordinates = checked_places(np.asarray(lattice)[:, ::-1], "array_col, array_row")
    if coordinates is None:
        raise InputError(name, "nothing", "x and y of every spot", 'Store them in adata.obsm["spatial"].')
    return _from_coordinates(coordinates, config, name)


def _check_extent(coordinates: np.ndarray | None, lattice: Any, name: str) -> None:
    given = lattice if coordinates is None else coordinates
    if given is not None and len(given) == 0:
        raise InputError(name, "no spot", "the places of a section", "Give its spots.")
    if coordinates is not None and not np.abs(coordinates).max() < _WIDEST:
        found = f"places as far as {np.abs(coordinates).max():g}"
        raise InputError(name, found, "those of one section", "Check the coordinates.")


def _from_lattice(
    lattice: Shaped[np.ndarray, "n_spots 2"], coordinates: Float[np.ndarray, "n_spots 2"] | None
) -> Raster:
    at = (lattice - lattice.min(axis=0)).astype(np.int64)
    parities = np.unique(at.sum(axis=1) % 2)
    hexagonal = is_hexagonal(at)
    parity = int(parities[0]) if hexagonal else 0
    row, lattice_col = at[:, 0], at[:, 1]
    col = lattice_col // 2 if hexagonal else lattice_col
    design = np.column_stack([at, np.ones(len(at))])
    places = at[:, ::-1].astype(np.float64) if coordinates is None else coordinates
    affine = np.linalg.lstsq(design, places, rcond=None)[0].T
    kind = "hexagonal" if hexagonal else "square"
    return _assemble(row, col, kind, affine, parity)


def spacing_of(places: Float[np.ndarray, "n_places 2"]) -> float:
    """Distance between neighbours: the median distance to the third nearest.

    It sits one spacing away on any lattice, at its edge too, and for scattered cells at the distance at which
    pixels hold about one cell each; the first would leave most empty.

    Parameters
    ----------
    places
        Different places, two or more, `(n_places, 2)`.

    Examples
    --------
    >>> import numpy as np
    >>> spacing_of(5.0 * np.stack(np.divmod(np.arange(25), 5), axis=1))
    5.0
    """
    return float(np.median(cKDTree(places).query(places, k=min(4, len(places)))[0][:, -1]))


def _from_coordinates(xy: Float[np.ndarray, "n_spots 2"], config: ImageConfig, name: str) -> Raster:
    low = xy.min(axis=0)
    extent = np.ptp(xy, axis=0)
    pixel = spacing = config.pixel_size
    if pixel is None or spacing is None:
        places = np.unique(xy, axis=0)
        if len(places) < 2:
            raise InputError(
                name, "one single place", "spots spread over a section", "Check the coordinates."
            )
        spacing = spacing_of(places)
        if not spacing > float(extent.max()) / _MOST_PIXELS:
            found = f"spots {spacing:g} apart in a section {extent.max():g} wide"
            fix = "Look for spots far off the section, and check the coordinates."
            raise InputError(name, found, "spots spread over a section", fix)
        # A whole number of spacings, so that every pixel of a regular array holds as many spots.
        pixel = spacing * max(math.ceil(float(extent.max()) / max(config.max_side - 1, 1) / spacing), 1)
    height, width = (float(n) // pixel + 1 for n in extent[::-1])
    if height * width > 4_000_000:
        fix = f"Use a pixel_size of at least {float(extent.max()) / 2000:.3g}, or leave it out."
        raise InputError(
            "pixel_size", f"{pixel:g}, a grid of {height:g} x {width:g} pixels", "at most 4 million", fix
        )
    # Half a spacing of margin: spots of a regular array then lie well inside pixels, and rounding splits
    # no rows.
    margin = low - 0.5 * spacing
    col, row = np.floor((xy - margin) / pixel).astype(np.int64).T
    centre = margin + 0.5 * pixel
    affine = np.array([[0.0, pixel, centre[0]], [pixel, 0.0, centre[1]]])
    return _assemble(row, col, "continuous", affine, 0)


def _assemble(
    row: Int[np.ndarray, " n_spots"],
    col: Int[np.ndarray, " n_spots"],
    kind: str,
    affine: Float[np.ndarray, "2 3"],
    parity: int,
) -> Raster:
    shape = (int(row.max()) + 1, int(col.max()) + 1)
    pixels, pixel_of_spot = np.unique(row * shape[1] + col, return_inverse=True)
    if len(pixels) < MIN_PIXELS:
        found = f"{number_of(len(row), 'spot')} on {len(pixels)} pixels"
        fix = "Use a whole section."
        if len(row) >= MIN_PIXELS:
            fix = "Look for spots far off the section, or set a smaller `pixel_size`."
        raise InputError("coordinates", found, f"at least {MIN_PIXELS} pixels of tissue", fix)
    return Raster(
        shape=shape,
        rows=pixels // shape[1],
        cols=pixels % shape[1],
        pixel_of_spot=pixel_of_spot.reshape(-1),
        kind=kind,
        affine=affine,
        parity=parity,
    )
