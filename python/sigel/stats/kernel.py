"""A positive definite kernel on the pixels of a section, its quadratic forms, their moments by chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from scipy import sparse
from torch import Tensor

from sigel.images.raster import Raster
from sigel.images.tensors import as_torch
from sigel.stats.power_spectrum import Axis, PowerSpectrum

# Rows of the kernel over which its moments are taken; so many represent a section with more pixels, to within
# 1 % of any moment.
MOMENT_ROWS = 1024
# Entries of a block of rows, 32 MB.
BLOCK = 4_000_000


class Moments(NamedTuple):
    """Sums over a centred kernel K, what the permutation moments of z'Kz are made of."""

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
    unit : float
        Distance of neighbours in the section's own units.
    lengths : list of float
        Length scales of the Gaussian kernels, in distances of neighbours.
    scales : tuple of float
        Length scales in the section's own units; the first is the distance of neighbours.
    weights : numpy.ndarray
        What each scale's kernel is multiplied by, `(n_scales,)`.
    traces : numpy.ndarray
        Mean of each scale's quadratic form by chance, `(n_scales,)`; its spread is near sqrt(2).
    nuisance : numpy.ndarray
        Orthonormal columns of the constant and the covariates, `(n_pixels, n_nuisance)`.

    Notes
    -----
    With W the mean of a pixel's neighbours made symmetric, d_ij the distance of two pixels and l_s the length
    scales, 2, 4, 8, ... distances of neighbours,

        K = w_0 H (I + W) H + sum over s of w_s H G_s H,    G_s[i, j] = exp(-d_ij^2 / (2 l_s^2)),

    where H takes the mean and the covariates away and `w_s = 1 / |K_s|`, the Frobenius norm of the centred
    kernel off its diagonal: the spread of its quadratic form by chance. In waves, `z'G_s z` is the sum over
    frequencies f of `exp(-l_s^2 f^2 / 2) |F z(f)|^2`, which falls into one factor along rows and one along
    columns (Bochner's theorem).

    Q = z'Kz is consistent if and only if K is positive definite (Su et al., arXiv 2602.02825).
    """

    def __init__(
        self,
        raster: Raster,
        covariates: Float[np.ndarray, "pixels covariates"] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.n_pixels = raster.n_pixels
        self.device = torch.device(device)
        self._rows = raster.rows - raster.rows.min()
        self._cols = raster.lattice_cols - raster.lattice_cols.min()
        self._shape = int(self._rows.max()) + 1, int(self._cols.max()) + 1

        row_step, col_step = np.linalg.norm(raster.affine[:, :2], axis=0)
        self.unit = 2 * col_step if raster.kind == "hexagonal" else math.sqrt(row_step * col_step)
        steps = row_step / self.unit, col_step / self.unit
        self.lengths = _lengths(max(n * step for n, step in zip(self._shape, steps, strict=True)))
        self.scales = (self.unit, *(length * self.unit for length in self.lengths))
        self._down, self._across = (
            Axis.of(n, step, self.lengths) for n, step in zip(self._shape, steps, strict=True)
        )
        self._spectrum = PowerSpectrum(self._rows, self._cols, self._down, self._across, self.device)
        self._near = _symmetric(raster.neighbors)
        # z'(I + W)z by half of the neighbours: each pair once, twice as heavy.
        once = 2 * sparse.triu(self._near) + sparse.identity(self.n_pixels)
        self._once = sparse.csr_matrix(once, dtype=np.float32)

        self.nuisance = _basis(self.n_pixels, covariates)
        every = range(len(self.scales))
        self._nuisance_images = np.stack([self._image_of_nuisance(k) for k in every])  # K_s Q
        square, trace = self._spread_and_trace()
        self.weights = 1 / np.sqrt(square)
        self.traces = trace * self.weights * self.n_pixels / self.freedom

    @property
    def freedom(self) -> int:
        """Dimensions that are left to a cleared image."""
        return self.n_pixels - self.nuisance.shape[1]

    # --- quadratic forms ---

    def clear(self, image: Float[Tensor, "genes pixels"]) -> Float[Tensor, "genes pixels"]:
        """Images `(n, n_pixels)` without their mean and covariates, of unit variance; zero where flat."""
        return self.clear_columns_(image.T.clone(memory_format=torch.contiguous_format)).T

    def clear_columns_(self, columns: Float[Tensor, "pixels genes"]) -> Float[Tensor, "pixels genes"]:
        """The same in place, images one a column."""
        nuisance = torch.from_numpy(self.nuisance).to(columns)
        explained = nuisance.T @ columns  # (n_nuisance, n)
        columns.addmm_(nuisance, explained, alpha=-1)
        variance = columns.square().mean(dim=0)
        # Rounding leaves so much of what is flat, whatever the unit.
        there = variance > 1e-10 * (variance + explained.square().sum(dim=0) / self.n_pixels)
        return columns.mul_(torch.where(there, torch.where(there, variance, 1.0).rsqrt(), 0.0))

    def forms(self, z: Float[Tensor, "genes pixels"]) -> Float[Tensor, "genes scales"]:
        """Quadratic form of every scale, `(n, n_scales)`, for cleared images `(n, n_pixels)`."""
        columns = z.T.contiguous()
        # I + W: the identity adds what z'z always is, and makes the kernel positive definite.
        beside = self._with_neighbors(columns).mul_(columns).sum(dim=0, keepdim=True)
        found = torch.cat([beside, self._spectrum.forms(columns)])  # (n_scales, n)
        return found.T * torch.from_numpy(self.weights).to(z)

    def _with_neighbors(self, columns: Float[Tensor, "pixels genes"]) -> Float[Tensor, "pixels genes"]:
        if self.device.type == "cpu":  # scipy's product takes half the time of torch's
            return torch.from_numpy(self._once @ columns.numpy())
        return self._once_tensor @ columns

    @cached_property
    def _once_tensor(self) -> Tensor:
        return as_torch(self._once, self.device, torch.float32)

    # --- moments ---

    def _spread_and_trace(self) -> Float64[np.ndarray, "2 scales"]:
        """Squares off the diagonal, added up, and trace of every scale's centred kernel."""
        sums = np.zeros((2, len(self.scales)))
        for index in self._blocks():
            at = np.arange(len(index))
            for k, rows in enumerate(self._rows_by_scale(index)):
                own = rows[at, index]
                sums[:, k] += np.vdot(rows, rows) - np.vdot(own, own), own.sum()
        return sums * self._pixels_per_row

    def _blocks(self) -> list[np.ndarray]:
        """Numbers of the rows that stand for all, so many at a time that a block stays small."""
        size = max(1, BLOCK // self.n_pixels)
        return np.array_split(self._chosen, math.ceil(len(self._chosen) / size))

    @cached_property
    def _chosen(self) -> Int[np.ndarray, " chosen"]:
        """Pixels whose rows of the kernel stand for all."""
        n = self.n_pixels
        return np.unique(np.linspace(0, n - 1, min(n, MOMENT_ROWS)).round().astype(np.int64))

    @property
    def _pixels_per_row(self) -> float:
        """Pixels that each of the chosen rows stands for."""
        return self.n_pixels / len(self._chosen)

    def _rows_by_scale(self, index: Int[np.ndarray, " some"]) -> Iterator[np.ndarray]:
        """Rows of each scale's centred kernel, `(len(index), n_pixels)`, not weighted."""
        for k, image in enumerate(self._nuisance_images):
            yield self._centred(index, self._plain(index, k), image)

    def _plain(self, index: Int[np.ndarray, " some"], scale: int) -> Float64[np.ndarray, "some pixels"]:
        """Rows of a scale's kernel that is not centred."""
        if scale == 0:
            plain = self._near[index].toarray().astype(np.float64)
            plain[np.arange(len(index)), index] += 1
            return plain
        down, across = (
            axis.factor(scale - 1)[np.abs(at[index][:, None] - np.arange(size))].take(at, axis=1)
            for axis, at, size in zip(
                (self._down, self._across), (self._rows, self._cols), self._shape, strict=True
            )
        )
        return np.multiply(down, across, out=down)

    def _centred(
        self,
        index: Int[np.ndarray, " some"],
        plain: Float64[np.ndarray, "some pixels"],
        image: Float64[np.ndarray, "pixels nuisance"],
    ) -> Float64[np.ndarray, "some pixels"]:
        """Rows K of a kernel made those of H K H, in place; `image` is K Q."""
        # H K H = K - Q (KQ)' - (KQ) Q' + Q (Q'KQ) Q'
        q = self.nuisance
        middle = q[index] @ (q.T @ image) - image[index]
        plain += np.hstack([middle, -q[index]]) @ np.hstack([q, image]).T
        return plain

    def _rows_of(self, index: Int[np.ndarray, " some"]) -> Float64[np.ndarray, "some pixels"]:
        """Rows of the weighted sum of all scales, `(len(index), n_pixels)`."""
        total = np.zeros((len(index), self.n_pixels))
        for k, weight in enumerate(self.weights):
            total += weight * self._plain(index, k)
        return self._centred(index, total, np.einsum("k,kpq->pq", self.weights, self._nuisance_images))

    def _image_of_nuisance(self, scale: int) -> Float64[np.ndarray, "pixels nuisance"]:
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
            # (KKK)_ii is the form of row i.
            images = torch.from_numpy(rows.astype(np.float32)).to(self.device)
            triangle = float(self.forms(images).double().sum())
            cube = np.vdot(rows * rows, rows)
            sums += [own.sum(), square.sum(), own @ own, triangle, cube, own @ square, (own**3).sum()]
        return Moments(*(sums * self._pixels_per_row))

    def _apply(
        self, images: Float64[np.ndarray, "n pixels"], weights: Float64[np.ndarray, " scales"]
    ) -> Float64[np.ndarray, "n pixels"]:
        """The kernel times images that are cleared already, `(n, n_pixels)`, not cleared again."""
        grid = np.zeros((len(images), *self._shape))
        grid[:, self._rows, self._cols] = images
        down, across = self._down, self._across
        spectrum = down.waves @ (grid @ across.waves.T)
        density = np.einsum("rk,ck,k->rc", down.density, across.density, weights[1:])
        back = (down.waves.T @ (spectrum * density)) @ across.waves
        return back[:, self._rows, self._cols] + weights[0] * (self._near @ images.T + images.T).T


def _lengths(span: float) -> list[float]:
    """Length scales in distances of neighbours: doubled up to a quarter of the section."""
    lengths = [2.0]
    while 2 * lengths[-1] <= span / 4:
        lengths.append(2 * lengths[-1])
    return lengths


def _symmetric(graph: sparse.csr_matrix) -> sparse.csr_matrix:
    """Neighbours that see each other equally, and not themselves."""
    near = ((graph + graph.T) / 2).tocsr()
    near.setdiag(0)
    near.eliminate_zeros()
    return near


def _basis(
    n_pixels: int, covariates: Float[np.ndarray, "pixels covariates"] | None
) -> Float64[np.ndarray, "pixels nuisance"]:
    """Orthonormal columns that span the constant and the covariates."""
    ones = np.ones((n_pixels, 1))
    columns = ones if covariates is None else np.column_stack([ones, covariates])
    length = np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    u, s, _ = np.linalg.svd(columns / length, full_matrices=False)
    return u[:, s > 1e-6 * s[0]]  # columns that others explain already leave nothing
