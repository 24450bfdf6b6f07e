"""What some pixels of an image say of all of it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def part_posterior(
    gram: Float[Tensor, "rank rank"],
    root: Float[Tensor, "rank rank"],
    scores: Float[Tensor, "batch rank"],
    noise: Float[Tensor, "batch 1"],
) -> Float[Tensor, "batch rank"]:
    """Posterior mean of whole signals along the eigenimages, given some of their pixels.

    Parameters
    ----------
    gram
        `B'B` of the rows of the eigenimages B in these pixels.
    root
        Symmetric root of the covariance of the signal along the eigenimages.
    scores
        `B'x`, `(batch, rank)`.
    noise
        Variance v of the noise of a pixel, `(batch, 1)`.

    Notes
    -----
    With G = B'B, the covariance C and its root R::

        h = C B' (B C B' + v I)^-1 x = R (v I + R G R)^-1 R B'x

    so that one decomposition serves all images, whatever their noise. All pixels have G = I.
    """
    root, scores_, noise = root.double(), scores.double(), noise.double()
    values, turn = torch.linalg.eigh(root @ gram.double() @ root)
    back = root @ turn  # (rank, rank)
    return (((scores_ @ back) / (values.clamp_min(0) + noise)) @ back.T).to(scores)
