"""What some pixels say of a whole signal: equal to conditioning of a normal vector by full matrices."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.nn.encoder.eigenimages import Eigenimages
from sigel.nn.encoder.part_posterior import part_posterior


def model(rank: int, n_pixels: int, n_images: int, seed: int):
    """A basis, a covariance along it without one direction, images and their noise."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    basis = torch.linalg.qr(draw(n_pixels, rank))[0]
    turn = torch.linalg.qr(draw(rank, rank))[0]
    spectrum = torch.linspace(2, 0, rank, dtype=torch.float64)
    noise = torch.rand(n_images, 1, generator=generator, dtype=torch.float64) + 0.1
    return (
        basis,
        (turn * spectrum) @ turn.T,
        (turn * spectrum.sqrt()) @ turn.T,
        draw(n_images, n_pixels),
        noise,
    )


@given(seed=st.integers(0, 10_000), first=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_it_is_the_conditional_mean_given_those_pixels(seed, first):
    basis, prior, root, image, noise = model(6, 40, 5, seed)
    rows = basis[:first]
    found = part_posterior(rows.T @ rows, root, image[:, :first] @ rows, noise)
    for k in range(len(image)):
        seen = rows @ prior @ rows.T + noise[k] * torch.eye(first)
        wanted = prior @ rows.T @ torch.linalg.solve(seen, image[k, :first])
        assert torch.allclose(found[k], wanted, atol=1e-9)


def test_of_all_pixels_it_is_the_posterior_of_the_eigenimages():
    basis, _, _, image, noise = (x.float() for x in model(6, 40, 5, 1))
    eigen = Eigenimages(40, 6, 4, 5)
    eigen.basis[:], eigen.spectrum[:] = basis, torch.linspace(2, 0, 6)
    scores = image @ basis
    found = part_posterior(basis.T @ basis, torch.diag(eigen.spectrum.sqrt()), scores, noise)
    assert torch.allclose(found, eigen.posterior(scores, noise, eigen.own(None, 5)), atol=1e-5)


def test_no_pixel_says_nothing():
    _, _, root, _, noise = model(6, 40, 5, 2)
    nothing = torch.zeros(6, 6, dtype=torch.float64)
    assert not part_posterior(nothing, root, torch.zeros(5, 6, dtype=torch.float64), noise).any()
