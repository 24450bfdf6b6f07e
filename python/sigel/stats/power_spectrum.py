"""Gaussian kernels on a grid as weights of waves: quadratic forms are weighted power spectra."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

# Frequencies up to this over the finest length scale: beyond it less than 1 % of the spectrum is left.
SPECTRUM = 2.8


class Axis(NamedTuple):
    """Waves along one axis of the grid and the spectral density of the Gaussian kernels there."""

    waves: Float64[np.ndarray, "waves n"]  # cosines, then sines
    density: Float64[np.ndarray, "waves lengths"]

    @classmethod
    def of(cls, n: int, step: float, lengths: list[float]) -> Axis:
        """For `n` pixels that lie `step` apart, and kernels of some lengths."""
        # A torus so wide that no pixel sees another round the back.
        width = n * step + 3 * max(lengths)
        n_waves = math.floor(SPECTRUM / min(lengths) * width / (2 * math.pi)) + 1
        frequency = 2 * math.pi / width * np.arange(n_waves)
        phase = frequency[:, None] * (np.arange(n) * step)
        density = np.exp(-0.5 * (frequency[:, None] * np.asarray(lengths)) ** 2)
        density[1:] *= 2
        density /= density.sum(axis=0)
        waves = np.concatenate([np.cos(phase), np.sin(phase[1:])])
        return cls(waves, np.concatenate([density, density[1:]]))

    def factor(self, k: int) -> Float64[np.ndarray, " n"]:
        """The Gaussian kernel of a length as a function of the steps between two pixels."""
        n_cosines = (len(self.waves) + 1) // 2
        return self.density[:n_cosines, k] @ self.waves[:n_cosines]


class PowerSpectrum:
    """Quadratic forms of Gaussian kernels of several lengths.

    The columns of the grid first, then its rows: two small matrix products a gene. Where every other column
    of a row is empty, as on a hexagonal lattice, even and odd rows have waves of their own and half the
    columns.

    Parameters
    ----------
    rows, cols
        Place of each pixel on the lattice, from 0.
    down, across
        Waves along both axes.
    device
        Where images are.
    """

    def __init__(
        self,
        rows: Int[np.ndarray, " pixels"],
        cols: Int[np.ndarray, " pixels"],
        down: Axis,
        across: Axis,
        device: torch.device,
    ) -> None:
        odd = (rows + cols) % 2
        step = 2 if (odd == odd[0]).all() else 1
        height, self._width = int(rows.max()) + 1, int(cols.max()) // step + 1
        self._heights = [len(range(k, height, step)) for k in range(step)]
        # Even rows of the grid, then odd ones.
        first = np.cumsum([0, *self._heights])[rows % step]
        place = (first + rows // step) * self._width + cols // step
        empty = np.setdiff1d(np.arange(height * self._width), place)
        self._place, self._empty = (torch.from_numpy(at).to(device) for at in (place, empty))
        padded = np.pad(across.waves, ((0, 0), (0, step)))
        self._across = [
            _tensor(padded[:, (odd[0] + k) % step :: step][:, : self._width], device) for k in range(step)
        ]
        self._down = [_tensor(down.waves[:, k::step], device) for k in range(step)]
        density = down.density.T[:, :, None] * across.density.T[:, None]
        self._density = _tensor(density.reshape(len(density), -1), device)

    def forms(self, columns: Float[Tensor, "pixels genes"]) -> Float[Tensor, "lengths genes"]:
        """Form of every length for images, one a column.

        Parameters
        ----------
        columns
            `(n_pixels, n)`.
        """
        n = columns.shape[1]
        grid = columns.new_empty(sum(self._heights) * self._width, n)
        grid[self._place] = columns
        grid[self._empty] = 0
        waves = columns.new_zeros(len(self._down[0]), len(self._across[0]) * n)
        parts = grid.view(-1, self._width, n).split(self._heights)
        for part, down, across in zip(parts, self._down, self._across, strict=True):
            half = torch.bmm(across.expand(len(part), -1, -1), part)  # (height, n_col_waves, n)
            waves.addmm_(down, half.view(len(part), -1))
        return self._density @ waves.square_().view(-1, n)


def _tensor(values: Float64[np.ndarray, "m n"], device: torch.device) -> Float[Tensor, "m n"]:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)
