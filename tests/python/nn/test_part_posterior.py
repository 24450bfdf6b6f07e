"""What some pixels say of a whole signal: equal to conditioning of a normal vector by full matrices."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.nn.encoder.eigenimages import Eigenimages
from sigel.nn.encoder.part_posterior import each_posterior, part_of, part_posterior


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
    found = part_posterior(part_of(rows.T @ rows, root), image[:, :first] @ rows, noise)
    for k in range(len(image)):
        seen = rows @ prior @ rows.T + noise[k] * torch.eye(first)
        wanted = prior @ rows.T @ torch.linalg.solve(seen, image[k, :first])
        assert torch.allclose(found[k], wanted, atol=1e-9)


def test_of_all_pixels_it_is_the_posterior_of_the_eigenimages():
    basis, _, _, image, noise = (x.float() for x in model(6, 40, 5, 1))
    eigen = Eigenimages(40, 6, 4, 5)
    eigen.basis[:], eigen.spectrum[:] = basis, torch.linspace(2, 0, 6)
    scores = image @ basis
    found = part_posterior(part_of(basis.T @ basis, torch.diag(eigen.spectrum.sqrt())), scores, noise)
    assert torch.allclose(found, eigen.posterior(scores, noise, eigen.own(None, 5)), atol=1e-5)


def test_no_pixel_says_nothing():
    _, _, root, _, noise = model(6, 40, 5, 2)
    nothing = torch.zeros(6, 6, dtype=torch.float64)
    assert not part_posterior(part_of(nothing, root), torch.zeros(5, 6, dtype=torch.float64), noise).any()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_images_with_parts_of_their_own_are_read_as_one_by_one(seed):
    basis, _, root, image, noise = model(6, 40, 90, seed)
    parts = [basis[:13], basis[13:20], basis[20:]]
    there = torch.rand(90, 3, generator=torch.Generator().manual_seed(seed)) < 0.6
    here = torch.cat([there[:, k : k + 1].expand(-1, len(part)) for k, part in enumerate(parts)], dim=1)
    scores = (image * here) @ basis
    seen = torch.stack([root @ (part.T @ part) @ root for part in parts])
    found = each_posterior(seen, root, there, scores, noise)
    for k in range(90):
        gram = sum((part.T @ part for part, has in zip(parts, there[k], strict=True) if has), 0 * root)
        wanted = part_posterior(part_of(gram, root), scores[k : k + 1], noise[k : k + 1])[0]
        assert torch.allclose(found[k], wanted, atol=1e-9)


def test_genes_of_many_kinds_are_read_as_genes_of_one(monkeypatch):
    """Whichever way a batch is read, by one decomposition or image by image, its genes come to the same."""
    import sigel
    from sigel.nn.encoder import eigenimages

    sections = sigel.datasets.simulated_cohort((2, 1), n_rows=12, n_cols=12, n_changed=0)
    few = [section[:, section.var_names[: 60 + 10 * k]].copy() for k, section in enumerate(sections)]
    found = []
    for alike in (1, 10_000):
        monkeypatch.setattr(eigenimages, "IMAGES_ALIKE", alike)
        made = [section.copy() for section in few]
        sigel.tl.embed(made, preset="fast", progress=False, device="cpu")
        found.append(made[2].varm["X_sigel"])
    torch.testing.assert_close(*(torch.as_tensor(one) for one in found), atol=1e-4, rtol=1e-3, equal_nan=True)
