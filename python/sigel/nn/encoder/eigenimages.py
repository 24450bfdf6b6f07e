"""The linear part of Module I: eigenimages, what is signal along them, and the pole of flat genes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sigel.nn.encoder.patches import Patches

# Least signal of a gene along the eigenimages, as a share of a typical gene's.
MIN_STRENGTH = 0.02
SWEEPS = 10


class Eigenimages(nn.Module):
    """Posterior means of gene images under a normal prior that all genes share, on a sphere.

    Parameters
    ----------
    n_pixels
        Tissue pixels of the section that it is fitted to.
    rank
        Number of eigenimages.
    n_dims
        Length of a representation.

    Notes
    -----
    An image is signal plus noise of known variance `n_g`; the signal of gene g has covariance
    `s_g B diag(l) B'` with eigenimages B and spectrum l, and one strength `s_g` per gene, estimated by its
    moments. The posterior mean h shrinks each score by its own signal-to-noise ratio (a Wiener filter;
    empirical Bayes)::

        a_g  = B' x_g
        s_g  = max(sum_k (a_gk^2 - n_g) / sum_k l_k, MIN_STRENGTH)
        h_gk = a_gk s_g l_k / (s_g l_k + n_g)

    It is the best linear autoencoder of noisy images (Vincent et al. 2010 for the general case). The
    filtered image, at its amplitude `m_g` before scaling, is then lifted onto a sphere whose pole is the
    image without a pattern, and the `n_dims` leading directions A over the genes are kept::

        u_g = (m_g h_g, pole) / r_g,    r_g = sqrt(m_g^2 |h_g|^2 + pole^2)
        c_g = A' u_g

    `pole` is a multiple of the median of `m_g |h_g|`. Where patches are hidden, both `x_g` and `n_g` are
    those of the visible pixels, divided by their share of the tissue.
    """

    basis: Float[Tensor, "n_pixels rank"]
    places: Float[Tensor, "n_pixels 2"]
    spectrum: Float[Tensor, " rank"]
    pole: Float[Tensor, ""]
    axes: Float[Tensor, "rank+1 n_dims"]

    def __init__(self, n_pixels: int, rank: int, n_dims: int) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(n_pixels, rank))  # eigenimages, orthonormal columns
        self.register_buffer("places", torch.zeros(n_pixels, 2))  # of its pixels, in shares of the grid
        self.register_buffer("spectrum", torch.zeros(rank))  # variance of the signal along each
        self.register_buffer("pole", torch.ones(()))
        self.register_buffer("axes", torch.zeros(rank + 1, n_dims))
        self._laid: tuple[Patches, Tensor, float] | None = None

    def on(self, grid: Patches) -> tuple[Float[Tensor, "cells rank"], float]:
        """Eigenimages on the patches of a grid, `(n_patches * patch_size ** 2, rank)`.

        Another grid than that of the fit takes each pixel from the nearest place, as position codes of
        vision transformers are interpolated; the number is what pixels of the fit go to one of the grid.
        """
        if self._laid is None or self._laid[0] is not grid or self._laid[1].device != self.basis.device:
            rows, ratio = self.basis, 1.0  # (n_pixels of the fit, rank)
            if grid.places.shape != self.places.shape or not torch.equal(grid.places, self.places):
                nearest = torch.cat(
                    [torch.cdist(part, self.places).argmin(1) for part in grid.places.split(512)]
                )
                ratio = len(self.places) / len(nearest)
                rows = rows[nearest] * ratio  # (grid.n_pixels, rank)
            padded = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])  # last: off the tissue
            self._laid = (grid, padded[grid.index.reshape(-1)], ratio)
        return self._laid[1], self._laid[2]

    def scores(
        self,
        patches: Float[Tensor, "batch n_patches patch_pixels"],
        noise: Float[Tensor, "batch 1"],
        grid: Patches,
        hidden: Float[Tensor, "batch n_patches"] | None,
    ) -> tuple[Float[Tensor, "batch rank"], Float[Tensor, "batch 1"]]:
        """Scores along the eigenimages `(batch, rank)`, and the variance of their noise `(batch, 1)`.

        Parameters
        ----------
        patches
            Centred images, `(batch, n_patches, patch_size ** 2)`.
        noise
            Variance of the noise of a pixel, `(batch, 1)`.
        grid
            Where patches lie.
        hidden
            `(batch, n_patches)`, 1 where a patch is hidden, else 0; None hides nothing.
        """
        basis, ratio = self.on(grid)
        noise = noise * ratio
        if hidden is not None:
            shown = 1 - hidden  # (batch, n_patches)
            share = (shown @ grid.inside.sum(dim=1, keepdim=True)) / grid.n_pixels  # (batch, 1)
            patches = patches * (shown / share)[..., None]
            noise = noise / share
        return patches.flatten(1) @ basis, noise

    def posterior(
        self, scores: Float[Tensor, "batch rank"], noise: Float[Tensor, "batch 1"]
    ) -> Float[Tensor, "batch rank"]:
        """Posterior mean of the signal along the eigenimages, `(batch, rank)`."""
        extra = (scores.square() - noise).sum(dim=1, keepdim=True)  # (batch, 1)
        strength = extra / self.spectrum.sum().clamp_min(1e-12)
        signal = self.spectrum * strength.clamp_min(MIN_STRENGTH)  # (batch, rank)
        return scores * signal / (signal + noise).clamp_min(1e-12)

    def lift(
        self, filtered: Float[Tensor, "batch rank"], amplitude: Float[Tensor, "batch 1"]
    ) -> tuple[Float[Tensor, "batch rank+1"], Float[Tensor, "batch 1"]]:
        """Filtered images onto the unit sphere around the pole.

        Parameters
        ----------
        filtered
            `(batch, rank)`.
        amplitude
            Size of the image before it was scaled, `(batch, 1)`.

        Returns
        -------
        lifted, length
            `(batch, rank + 1)` of length 1, and what `filtered` was divided by, `(batch, 1)`.
        """
        scaled = filtered * amplitude  # (batch, rank)
        length = (scaled.square().sum(dim=1, keepdim=True) + self.pole.square()).sqrt()
        return torch.cat([scaled, self.pole.expand(len(scaled), 1)], dim=1) / length, length / amplitude

    def forward(
        self,
        patches: Float[Tensor, "batch n_patches patch_pixels"],
        noise: Float[Tensor, "batch 1"],
        amplitude: Float[Tensor, "batch 1"],
        grid: Patches,
        hidden: Float[Tensor, "batch n_patches"] | None = None,
    ) -> tuple[Float[Tensor, "batch n_dims"], Float[Tensor, "batch 1"]]:
        """Coordinates `(batch, n_dims)` before they are normalised, and the lengths that `picture` needs."""
        scores, noise = self.scores(patches, noise, grid, hidden)
        lifted, length = self.lift(self.posterior(scores, noise), amplitude)
        return lifted @ self.axes, length

    def picture(
        self, coordinates: Float[Tensor, "batch n_dims"], length: Float[Tensor, "batch 1"], grid: Patches
    ) -> Float[Tensor, "batch n_patches patch_pixels"]:
        """Images that coordinates `(batch, n_dims)` stand for, `(batch, n_patches, patch_size ** 2)`."""
        basis, ratio = self.on(grid)
        filtered = (coordinates @ self.axes.T)[:, :-1] * length  # (batch, rank)
        return (filtered @ basis.T / ratio).reshape(len(coordinates), grid.n_patches, -1)

    @torch.no_grad()
    def fit(
        self,
        batches: Callable[[], Iterator[tuple[Tensor, Tensor, Tensor]]],
        places: Float[Tensor, "n_pixels 2"],
        spread: Callable[[Tensor], Tensor],
        adjoint: Callable[[Tensor], Tensor],
        *,
        sharp: int,
        pole: float,
        generator: torch.Generator,
    ) -> None:
        """Estimate the eigenimages, their spectrum, the pole and the axes from all genes.

        Parameters
        ----------
        batches
            Yields centred images `(n, n_pixels)`, noise `(n, 1)` and amplitude `(n, 1)`; called once for
            each sweep over the genes.
        places
            `(n_pixels, 2)`: where pixels lie.
        spread, adjoint
            Spread images `(n_pixels, k)` to neighbouring pixels, and the transpose of that.
        sharp
            Eigenimages that are kept as they are.
        pole
            Distance of the pole, in median lengths of a filtered image.
        generator
            CPU generator.

        Notes
        -----
        Subspace iteration (Halko, Martinsson and Tropp 2011) on `S (C - n I - T) S' + T`: C is the
        covariance of pixels over genes, n the mean noise, T its `sharp` leading eigenimages less the noise,
        S spreads. C is never formed, so that cost and memory grow with pixels, not with their square.
        """
        n_pixels, rank = self.basis.shape
        self.places.copy_(places)
        self._laid = None

        def times(x: Tensor) -> tuple[Tensor, float]:
            """C x, and the mean noise."""
            total, noise, n = torch.zeros_like(x), 0.0, 0
            for image, own, _ in batches():
                total += image.T @ (image @ x)
                noise, n = noise + float(own.sum()), n + len(image)
            return total / n, noise / n

        def draw(k: int) -> Tensor:
            return torch.randn(n_pixels, k, generator=generator).to(self.basis)

        sharp = min(sharp, rank)
        first, noise = draw(min(sharp + 12, n_pixels)), 0.0
        for _ in range(SWEEPS if sharp else 1):
            basis = torch.linalg.qr(first)[0]
            first, noise = times(basis)
        values, turn = _ritz(basis, first)
        top = basis @ turn[:, :sharp]  # (n_pixels, sharp)
        gain = (values[:sharp] - noise).clamp_min(0)

        def regular(x: Tensor) -> Tensor:
            """`T x + S (C - n I - T) S' x`."""
            back = adjoint(x)
            rest = times(back)[0] - noise * back - top @ (gain[:, None] * (top.T @ back))
            return top @ (gain[:, None] * (top.T @ x)) + spread(rest)

        wide = min(rank + 16, n_pixels)
        block = torch.cat([top, spread(draw(max(wide - sharp, 0)))], dim=1)[:, :wide]
        for _ in range(SWEEPS - 1):
            basis = torch.linalg.qr(block)[0]
            block = regular(basis)
        values, turn = _ritz(basis, block)
        k = min(rank, len(values))
        self.basis[:, :k] = _signed(basis @ turn[:, :k])
        self.spectrum[:k] = values[:k].clamp_min(0)
        self._fit_axes(batches, pole)

    def _fit_axes(self, batches: Callable[[], Iterator[tuple[Tensor, Tensor, Tensor]]], pole: float) -> None:
        parts = [
            self.posterior(image @ self.basis, noise) * amplitude for image, noise, amplitude in batches()
        ]
        scaled = torch.cat(parts)  # (n_genes, rank)
        self.pole.copy_((pole * scaled.norm(dim=1).median()).clamp_min(1e-6))
        lifted = self.lift(scaled, torch.ones_like(scaled[:, :1]))[0].double()
        _values, turn = torch.linalg.eigh(lifted.T @ lifted)
        k = min(self.axes.shape)
        self.axes.zero_()
        self.axes[:, :k] = _signed(turn.flip(1)[:, :k]).to(self.axes)


def _ritz(
    basis: Float[Tensor, "n_pixels k"], product: Float[Tensor, "n_pixels k"]
) -> tuple[Float[Tensor, " k"], Float[Tensor, "k k"]]:
    """Eigenvalues, from large to small, and directions of an operator within a subspace."""
    inner = (basis.T @ product).double()  # (k, k)
    values, turn = torch.linalg.eigh((inner + inner.T) / 2)
    return values.flip(0).to(basis.dtype), turn.flip(1).to(basis.dtype)


def _signed(columns: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Columns whose largest entry is positive: the sign of an eigenvector means nothing."""
    largest = columns.gather(0, columns.abs().argmax(dim=0, keepdim=True))  # (1, k)
    return columns * torch.where(largest < 0, -1.0, 1.0)
