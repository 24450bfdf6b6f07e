"""A positive definite kernel on the pixels of a section, its quadratic forms, their moments by chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sigel.images.raster import Raster

# Rows of the kernel over which its moments are taken; so many represent a section with more pixels, to within
# 1 % of any moment.
MOMENT_ROWS = 1024
# Entries of a block of rows, 32 MB.
BLOCK = 4_000_000
# Frequencies up to this over the finest length scale: beyond it less than 1 % of the spectrum is left.
SPECTRUM = 2.8


class Moments(NamedTuple):
    """Sums over a centred kernel, what the permutation moments of z'Kz are made of."""

    trace: float
    square: float  # sum of K_ij^2
    diagonal: float  # sum of K_ii^2
    triangle: float  # sum of K_ij K_jk K_ki
    cube: float  # sum of K_ij^3
    mixed: float  # sum of K_ii K_ij^2
    diagonal_cube: float  # sum of K_ii^3


class RasterKernel:
    """Sum of Gaussian kernels of several length scales and one of direct neighbours, all of equal strength.

    Positive definite, so that every pattern gives a positive expectation, whatever its shape: Moran's I
    lacks this. On the regular grid the Gaussian kernels are products of one factor along rows and one along
    columns, and a quadratic form is a weighted power spectrum: two small matrix products a gene, no matter
    how many pixels.

    Parameters
    ----------
    raster
        Grid of the section.
    covariates
        `(n_pixels, n_covariates)`: what the images were cleared of; the kernel is cleared of it too.
    device
        Where images are.

    Attributes
    ----------
    scales : tuple of float
        Length scales in the section's own units; the first is the distance of neighbours.
    weights : numpy.ndarray
        What each scale's kernel is multiplied by, `(n_scales,)`.
    traces : numpy.ndarray
        Mean of each scale's quadratic form by chance, `(n_scales,)`; its spread is near sqrt(2).

    Notes
    -----
    Q = z'Kz is consistent if and only if K is positive definite (Su et al., arXiv 2602.02825). Each scale is
    divided by the Frobenius norm of its centred kernel, the spread of its quadratic form by chance.
    """

    def __init__(
        self,
        raster: Raster,
        covariates: np.ndarray | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.n_pixels = raster.n_pixels
        self.device = torch.device(device)
        row_step, col_step = np.linalg.norm(raster.affine[:, :2], axis=0)
        self.unit = 2 * col_step if raster.kind == "hexagonal" else math.sqrt(row_step * col_step)
        rows = raster.rows - raster.rows.min()
        cols = raster.lattice_cols - raster.lattice_cols.min()
        self._shape = int(rows.max()) + 1, int(cols.max()) + 1
        self._rows, self._cols = rows, cols
        self._flat = torch.from_numpy(rows * self._shape[1] + cols).to(self.device)
        steps = row_step / self.unit, col_step / self.unit
        span = max(n * step for n, step in zip(self._shape, steps, strict=True))
        # In units of the distance of neighbours: doubled up to a quarter of the section.
        self.lengths = [2.0]
        while 2 * self.lengths[-1] <= span / 4:
            self.lengths.append(2 * self.lengths[-1])
        self.scales = (self.unit, *(length * self.unit for length in self.lengths))
        axes = [_axis(n, step, self.lengths) for n, step in zip(self._shape, steps, strict=True)]
        (self._along_rows, self._density_rows), (self._along_cols, self._density_cols) = axes
        self._waves = [torch.from_numpy(basis.astype(np.float32)).to(self.device) for basis, _ in axes]
        graph = raster.neighbors
        near = ((graph + graph.T) / 2).tocsr()
        near.setdiag(0)
        near.eliminate_zeros()
        self._near, place = near, near.tocoo()
        self._near_tensor = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([place.row, place.col]).astype(np.int64)),
            torch.from_numpy(place.data.astype(np.float32)),
            size=near.shape,
            check_invariants=False,
            is_coalesced=True,
        ).to(self.device)
        ones = np.ones((self.n_pixels, 1))
        basis = ones if covariates is None else np.column_stack([ones, covariates])
        # Columns that others explain already leave nothing.
        u, s, _ = np.linalg.svd(basis / np.maximum(np.linalg.norm(basis, axis=0), 1e-12), full_matrices=False)
        self.nuisance = u[:, s > 1e-6 * s[0]]  # (n_pixels, n_nuisance), orthonormal
        every = range(len(self.scales))
        self._nuisance_images = np.stack([self._image_of_nuisance(k) for k in every])  # K_s Q
        sums = self._sums()
        self.weights = 1 / np.sqrt(sums[0])
        self.traces = sums[1] * self.weights * self.n_pixels / self.freedom

    @property
    def freedom(self) -> int:
        """Dimensions that are left to a cleared image."""
        return self.n_pixels - self.nuisance.shape[1]

    # --- quadratic forms ---

    def clear(self, image: Tensor) -> Tensor:
        """Images `(n, n_pixels)` without their mean and covariates, of unit variance; zero where flat."""
        nuisance = torch.from_numpy(self.nuisance).to(image)
        before = image.square().mean(dim=1, keepdim=True)
        image = image - (image @ nuisance) @ nuisance.T
        variance = image.square().mean(dim=1, keepdim=True)
        # Rounding leaves so much of what is flat, whatever the unit.
        there = variance > 1e-10 * before
        return torch.where(there, image * torch.where(there, variance, 1.0).rsqrt(), 0.0)

    def forms(self, z: Tensor) -> Tensor:
        """Quadratic form of every scale, `(n, n_scales)`, for cleared images `(n, n_pixels)`."""
        grid = z.new_zeros(len(z), self._shape[0] * self._shape[1])
        grid[:, self._flat] = z
        rows, cols = self._waves
        half = grid.view(len(z), *self._shape) @ cols.T  # (n, height, n_col_waves)
        power = (rows @ half).square()  # (n, n_row_waves, n_col_waves)
        along = torch.from_numpy(self._density_cols.astype(np.float32)).to(z)  # (n_col_waves, n_lengths)
        across = torch.from_numpy(self._density_rows.astype(np.float32)).to(z)
        found = ((power @ along) * across).sum(dim=1)  # (n, n_lengths)
        # I + W: the identity adds what z'z always is, and makes the kernel positive definite.
        beside = ((self._near_tensor @ z.T).T * z).sum(dim=1, keepdim=True) + z.square().sum(
            dim=1, keepdim=True
        )
        return torch.cat([beside, found], dim=1) * torch.from_numpy(self.weights).to(z)

    # --- moments ---

    def _sums(self) -> np.ndarray:
        """Squares off the diagonal and trace of every scale's centred kernel, added up, `(2, n_scales)`."""
        sums = np.zeros((2, len(self.scales)))
        for index in self._blocks():
            at = np.arange(len(index))
            for k, rows in enumerate(self._rows_by_scale(index)):
                own = rows[at, index]
                sums[:, k] += np.vdot(rows, rows) - np.vdot(own, own), own.sum()
        return sums * self._share

    def _blocks(self) -> list[np.ndarray]:
        """Numbers of the rows that stand for all, so many at a time that a block stays small."""
        size = max(1, BLOCK // self.n_pixels)
        return np.array_split(self._chosen, math.ceil(len(self._chosen) / size))

    @cached_property
    def _chosen(self) -> np.ndarray:
        n = self.n_pixels
        return np.unique(np.linspace(0, n - 1, min(n, MOMENT_ROWS)).round().astype(np.int64))

    @property
    def _share(self) -> float:
        return self.n_pixels / len(self._chosen)

    def _rows_by_scale(self, index: np.ndarray) -> Iterator[np.ndarray]:
        """Rows of each scale's centred kernel, `(len(index), n_pixels)`, not weighted."""
        gap_rows = np.abs(self._rows[index][:, None] - self._rows)
        gap_cols = np.abs(self._cols[index][:, None] - self._cols)
        q = self.nuisance
        for k, image in enumerate(self._nuisance_images):
            if k == 0:
                plain = np.asarray(self._near[index].todense(), dtype=np.float64)
                plain[np.arange(len(index)), index] += 1
            else:
                down, across = self._factors(k - 1)
                plain = down[gap_rows] * across[gap_cols]
            middle = q[index] @ (q.T @ image) - image[index]
            yield plain + middle @ q.T - q[index] @ image.T

    def _rows_of(self, index: np.ndarray) -> np.ndarray:
        """Rows of the weighted sum of all scales, `(len(index), n_pixels)`."""
        total = np.zeros((len(index), self.n_pixels))
        for weight, rows in zip(self.weights, self._rows_by_scale(index), strict=True):
            total += weight * rows
        return total

    def _factors(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The Gaussian kernel of a length as a function of the steps along rows and along columns."""
        found = []
        for basis, density in (
            (self._along_rows, self._density_rows),
            (self._along_cols, self._density_cols),
        ):
            n_cos = (len(basis) + 1) // 2
            found.append(density[:n_cos, k] @ basis[:n_cos])
        return found[0], found[1]

    def _image_of_nuisance(self, scale: int) -> np.ndarray:
        weights = np.zeros(len(self.scales))
        weights[scale] = 1.0
        return self._apply(self.nuisance.T, weights).T

    @cached_property
    def moments(self) -> Moments:
        """Of the sum of all scales."""
        sums = np.zeros(7)
        for index in self._blocks():
            rows = self._rows_of(index)
            own = rows[np.arange(len(index)), index]
            square = np.einsum("ij,ij->i", rows, rows)
            triangle = np.vdot(self._apply(rows, self.weights), rows)
            cube = np.einsum("ij,ij,ij->", rows, rows, rows)
            sums += [own.sum(), square.sum(), own @ own, triangle, cube, own @ square, (own**3).sum()]
        return Moments(*(sums * self._share))

    def _apply(self, images: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The kernel times images that are cleared already, `(n, n_pixels)`, not cleared again."""
        grid = np.zeros((len(images), *self._shape))
        grid[:, self._rows, self._cols] = images
        spectrum = self._along_rows @ (grid @ self._along_cols.T)
        density = np.einsum("rk,ck,k->rc", self._density_rows, self._density_cols, weights[1:])
        back = (self._along_rows.T @ (spectrum * density)) @ self._along_cols
        return back[:, self._rows, self._cols] + weights[0] * (self._near @ images.T + images.T).T


def _axis(n: int, step: float, lengths: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Waves along one axis and the spectral density of the Gaussian kernels there.

    Returns
    -------
    tuple
        Cosines, then sines, `(n_waves, n)`; densities `(n_waves, n_lengths)`.
    """
    # A torus so wide that no pixel sees another round the back.
    width = n * step + 3 * max(lengths)
    wave = 2 * math.pi / width * np.arange(math.floor(SPECTRUM / min(lengths) * width / (2 * math.pi)) + 1)
    phase = wave[:, None] * (np.arange(n) * step)
    basis = np.concatenate([np.cos(phase), np.sin(phase[1:])])
    density = np.exp(-0.5 * (wave[:, None] * np.asarray(lengths)) ** 2)
    density[1:] *= 2
    density /= density.sum(axis=0)
    return basis, np.concatenate([density, density[1:]])
