"""The first estimate of the signal, and leading eigenvectors of several operators at once."""

from __future__ import annotations

import torch

from sigel.nn.encoder.first_signal import FirstSignal
from sigel.nn.encoder.subspace import leading_each

PARTS = (slice(0, 12), slice(12, 30))
N, K = 30, 4


def pieces(seed=0):
    """Eigenimages of two sections, how sure they are, and a spread that keeps to a section."""
    generator = torch.Generator().manual_seed(seed)
    images, spread = torch.zeros(N, K), torch.zeros(N, N)
    for part in PARTS:
        size = part.stop - part.start
        images[part] = torch.linalg.qr(torch.randn(size, K, generator=generator))[0]
        spread[part, part] = torch.rand(size, size, generator=generator) / size
    return images, torch.rand(2, K, generator=generator), spread


def test_it_is_the_operator_of_the_equation():
    images, sure, spread = pieces()
    signal = FirstSignal(images, sure, lambda x: spread @ x, lambda x: spread.T @ x, PARTS)
    whole = torch.zeros(N, N)
    for part, share in zip(PARTS, sure, strict=True):
        own = torch.zeros(N, K)
        own[part] = images[part]
        led = own @ torch.diag(share) @ own.T
        here = torch.zeros(N, N)
        here[part, part] = torch.eye(part.stop - part.start)
        # Of the eigenimages the sure share stays sharp; what is left of them is spread with the rest.
        whole += led + spread @ (here - led)
    x = torch.randn(N, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(signal(x), whole @ x)
    torch.testing.assert_close(signal.transposed(x), whole.T @ x)
    torch.testing.assert_close(signal.kept, signal(images))


def test_images_that_are_not_spread_are_left_as_they_came():
    images, sure, _ = pieces()
    before = images.clone()
    signal = FirstSignal(images, sure, lambda x: x, lambda x: x, PARTS)
    x = torch.randn(N, 3)
    torch.testing.assert_close(signal(x), x)
    torch.testing.assert_close(signal.transposed(x), x)
    assert torch.equal(images, before)


def test_operators_of_several_sizes_have_their_own_eigenvectors():
    generator = torch.Generator().manual_seed(0)
    roots = [torch.randn(n, n, generator=generator) for n in (6, 40)]
    each = [root @ torch.diag(0.5 ** torch.arange(len(root)).float()) @ root.T for root in roots]
    found = leading_each(
        lambda blocks: [one @ x for one, x in zip(each, blocks, strict=True)],
        [6, 40],
        8,
        sweeps=30,
        generator=generator,
        like=torch.zeros(1),
    )
    for matrix, (values, vectors) in zip(each, found, strict=True):
        k = min(8, len(matrix))
        wanted = torch.linalg.eigvalsh(matrix.double()).flip(0)[:k].float()
        torch.testing.assert_close(values, wanted, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(vectors.T @ vectors, torch.eye(k), rtol=0, atol=1e-4)
        torch.testing.assert_close(matrix @ vectors, vectors * values, rtol=0, atol=1e-2 * float(values[0]))
