"""Surrogate images: of the same spatial spectrum as an image, otherwise random."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def surrogate_images(
    images: Float[Tensor, "n pixels"],
    rows: Int[Tensor, " pixels"],
    cols: Int[Tensor, " pixels"],
    generator: torch.Generator,
) -> Float[Tensor, "n pixels"]:
    """Images with the power spectrum, the mean and the variance of given ones, and random phases.

    Parameters
    ----------
    images
        `(n, n_pixels)`.
    rows, cols
        Place of each pixel on its grid.
    generator
        CPU generator: phases are the same on every device.

    Returns
    -------
    torch.Tensor
        `(n, n_pixels)`.

    Notes
    -----
    Images less their means are put on the grid, 0 where there is no tissue, and the phases of their Fourier
    transform are replaced by those of white noise, which are those of a real image (Theiler et al. 1992). The
    border of the tissue is part of the spectrum; mean and variance over the tissue are put right afterwards.
    """
    row, col = rows - rows.min(), cols - cols.min()
    height, width = int(row.max()) + 1, int(col.max()) + 1
    mean, sd = images.mean(dim=1, keepdim=True), images.std(dim=1, keepdim=True)
    grid = images.new_zeros(len(images), height, width)
    grid[:, row, col] = images - mean
    white = torch.randn(len(images), height, width, generator=generator).to(images)
    phase = torch.fft.rfft2(white)
    phase = phase / phase.abs().clamp_min(1e-12)
    drawn = torch.fft.irfft2(torch.fft.rfft2(grid).abs() * phase, s=(height, width))[:, row, col]
    drawn = drawn - drawn.mean(dim=1, keepdim=True)
    return mean + drawn * sd / drawn.std(dim=1, keepdim=True).clamp_min(1e-12)
