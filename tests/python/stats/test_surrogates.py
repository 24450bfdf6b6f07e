"""Surrogate images keep what they promise and nothing else."""

from __future__ import annotations

import torch

from sigel.stats.surrogates import surrogate_images


def grid(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    rows, cols = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return rows.reshape(-1) + 3, cols.reshape(-1) + 5


def test_mean_variance_and_spectrum_are_kept_on_a_full_grid() -> None:
    rows, cols = grid(12, 15)
    images = torch.randn(4, 180, generator=torch.Generator().manual_seed(0)).cumsum(dim=1)
    drawn = surrogate_images(images, rows, cols, torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn.mean(dim=1), images.mean(dim=1), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(drawn.std(dim=1), images.std(dim=1), rtol=1e-4, atol=1e-4)

    def spectrum(values: torch.Tensor) -> torch.Tensor:
        centred = values - values.mean(dim=1, keepdim=True)
        return torch.fft.rfft2(centred.view(4, 12, 15)).abs()

    torch.testing.assert_close(spectrum(drawn), spectrum(images), rtol=1e-3, atol=1e-2)


def test_surrogates_are_unlike_the_image_and_each_other_and_as_smooth() -> None:
    rows, cols = grid(30, 30)
    inside = (rows - 18).square() + (cols - 20).square() < 196
    rows, cols = rows[inside], cols[inside]
    image = torch.exp(-((rows - 12.0).square() + (cols - 14.0).square()) / 30)[None]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([surrogate_images(image, rows, cols, generator) for _ in range(40)])
    together = torch.corrcoef(torch.cat([image, drawn]))
    off = together[~torch.eye(41, dtype=torch.bool)]
    assert off.mean().abs() < 0.05
    assert off.abs().max() < 0.95

    def roughness(values: torch.Tensor) -> torch.Tensor:
        beside = (rows[1:] == rows[:-1]).nonzero()[:, 0]
        step = (values[:, beside + 1] - values[:, beside]).square().mean(dim=1)
        return step / values.var(dim=1)

    assert roughness(drawn).median() < 3 * roughness(image)[0]


def test_an_even_image_stays_even() -> None:
    rows, cols = grid(5, 5)
    drawn = surrogate_images(torch.full((1, 25), 2.0), rows, cols, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn, torch.full((1, 25), 2.0))
