"""What some pixels of an image say of all of it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Rounding must not turn the sign of what the other genes leave of the prior.
LEAST_LEFT = 0.02


def part_posterior(
    gram: Float[Tensor, "rank rank"],
    spectrum: Float[Tensor, " rank"],
    share: Float[Tensor, ""],
    scores: Float[Tensor, "batch rank"],
    noise: Float[Tensor, "batch 1"],
    own: Float[Tensor, "batch rank"],
) -> Float[Tensor, "batch rank"]:
    """Posterior mean of whole signals along the eigenimages, given some of their pixels.

    Parameters
    ----------
    gram
        `B'B` of the rows of the eigenimages B in these pixels.
    spectrum
        Variance D of the signal along each eigenimage.
    share
        c: the covariance holds `c b b'` of each gene.
    scores
        `B'x`, `(batch, rank)`.
    noise
        Variance v of the noise of a pixel, `(batch, 1)`.
    own
        b of each image, 0 for those that the covariance holds nothing of.

    Notes
    -----
    With G = B'B and the prior `C = D - c b b'`, what all other genes leave (`Eigenimages`)::

        h = C B' (B C B' + v I)^-1 x = C (v I + G C)^-1 B'x

    and, as `(v I + G D)^-1 = (I - G D^1/2 (v I + M)^-1 D^1/2) / v` with `M = D^1/2 G D^1/2`, one
    decomposition of M serves all images, whatever their noise; b is taken out by one step of rank one
    (Sherman and Morrison 1950)::

        p = (v I + G D)^-1 B'x,    u = (v I + G D)^-1 G b
        h = (D - c b b') (p + c u (b'p) / (1 - c b'u))

    All pixels have G = I, which is `Eigenimages.posterior`.
    """
    gram, spectrum = gram.double(), spectrum.double()
    a, v, b, c = scores.double(), noise.double(), own.double(), share.double()
    root = spectrum.clamp_min(0).sqrt()  # (rank,)
    values, turn = torch.linalg.eigh(root[:, None] * gram * root)

    def solved(x: Tensor) -> tuple[Tensor, Tensor]:
        """`(v I + G D)^-1 x` and D times that."""
        inner = ((x * root) @ turn) / (values.clamp_min(0) + v) @ turn.T * root  # (batch, rank)
        return (x - inner @ gram) / v, inner

    p, signal = solved(a)
    if c > 0:
        u, pulled = solved(b @ gram)
        left = (1 - c * (b * u).sum(dim=1, keepdim=True)).clamp_min(LEAST_LEFT)
        weight = c * (b * p).sum(dim=1, keepdim=True) / left  # (batch, 1)
        p, signal = p + weight * u, signal + weight * pulled
        signal = signal - c * b * (b * p).sum(dim=1, keepdim=True)
    return signal.to(scores)
