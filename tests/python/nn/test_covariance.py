"""The covariance of signals: in the units of the images, whatever those are."""

from __future__ import annotations

import pytest
import torch

from sigel.nn.encoder.covariance import fit_covariance

N_ROWS, N_COLS = 12, 10


def images(n_genes, noise, seed=0):
    """Smooth pictures with white noise, of total variance 1 on average, centred."""
    generator = torch.Generator().manual_seed(seed)
    row, col = torch.meshgrid(torch.arange(N_ROWS), torch.arange(N_COLS), indexing="ij")
    positions = torch.stack([row.flatten(), col.flatten()], dim=1).float()
    waves = torch.stack([torch.sin(positions[:, 0] / 3), torch.cos(positions[:, 1] / 2.5)])
    signal = torch.randn(n_genes, 2, generator=generator) @ waves
    signal = signal / signal.square().mean().sqrt() * (1 - noise) ** 0.5
    drawn = signal + noise**0.5 * torch.randn(n_genes, len(positions), generator=generator)
    return drawn - drawn.mean(dim=1, keepdim=True), positions


def fitted(image, noise, positions):
    spread = torch.eye(len(positions))

    def batches():
        yield image, torch.full((len(image), 1), noise), torch.ones(len(image), 1)

    return fit_covariance(
        batches,
        positions,
        lambda x: spread @ x,
        lambda x: spread.T @ x,
        rank=24,
        sharp=16,
        prior_genes=60.0,
        generator=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("scale", [0.1, 3.0])
@pytest.mark.parametrize("n_genes", [30, 300])
def test_the_spectrum_is_in_the_units_of_the_images(scale, n_genes):
    image, positions = images(n_genes, 0.6)
    one, other = fitted(image, 0.6, positions), fitted(scale * image, scale**2 * 0.6, positions)
    torch.testing.assert_close(other.spectrum, scale**2 * one.spectrum, rtol=1e-2, atol=1e-3 * scale**2)
    assert (one.spectrum > 0).sum() > 10


def test_noisier_images_are_left_with_the_signal_alone():
    image, positions = images(400, 0.7)
    total = float(fitted(image, 0.7, positions).spectrum.sum()) / len(positions)
    assert 0.2 < total < 0.4  # a signal of 0.3 a pixel
    blind = fitted(image, float(image.square().mean()) + 0.5, positions)  # more noise than there is variance
    assert torch.isfinite(blind.spectrum).all()
    assert (blind.spectrum >= 0).all()
