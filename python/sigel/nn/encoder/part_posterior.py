"""What some pixels of an image say of all of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

IMAGES_AT_A_TIME = 64
LEAST_NOISE = 1e-9


class Part(NamedTuple):
    """Pixels of an image, ready to be read from: the same for all images."""

    values: Float[Tensor, " rank"]
    back: Float[Tensor, "rank rank"]


def part_of(gram: Float[Tensor, "rank rank"], root: Float[Tensor, "rank rank"]) -> Part:
    """Make some pixels ready.

    Parameters
    ----------
    gram
        `B'B` of the rows of the eigenimages B in these pixels.
    root
        Symmetric root of the covariance of the signal along the eigenimages.

    Returns
    -------
    Part
        In double precision: eigenvalues D of `R G R`, at least 0, and `R U` with U its eigenvectors.
    """
    root = root.double()
    values, turn = torch.linalg.eigh(root @ gram.double() @ root)
    return Part(values.clamp_min(0), root @ turn)


def part_posterior(
    part: Part, scores: Float[Tensor, "batch rank"], noise: Float[Tensor, "batch 1"]
) -> Float[Tensor, "batch rank"]:
    """Posterior mean of whole signals along the eigenimages, given some of their pixels.

    Parameters
    ----------
    part
        The pixels, from `part_of`.
    scores
        `B'x`, `(batch, rank)`.
    noise
        Variance v of the noise of a pixel, `(batch, 1)`.

    Notes
    -----
    With G = B'B, the covariance C and its root R::

        h = C B' (B C B' + v I)^-1 x = R (v I + R G R)^-1 R B'x = R U (v I + D)^-1 U' R B'x

    so that one decomposition serves all images, whatever their noise. All pixels have G = I.
    """
    seen = (scores.double() @ part.back) / (part.values + noise.double())
    return (seen @ part.back.T).to(scores)


def each_posterior(
    seen: Float[Tensor, "n_parts rank rank"],
    root: Float[Tensor, "rank rank"],
    there: Bool[Tensor, "batch n_parts"],
    scores: Float[Tensor, "batch rank"],
    noise: Float[Tensor, "batch 1"],
) -> Float[Tensor, "batch rank"]:
    """The same where each image has parts of its own.

    Parameters
    ----------
    seen
        `R G R` of each part, in double precision.
    root
        R.
    there
        The parts that each image has.
    scores, noise
        As in `part_posterior`.

    Notes
    -----
    A Cholesky factor for each image, which takes a fraction of the time of a decomposition.
    """
    found = torch.empty_like(scores)
    root = root.double()
    for rows in torch.arange(len(scores), device=scores.device).split(IMAGES_AT_A_TIME):
        whole = (there[rows].double() @ seen.flatten(1)).view(-1, *root.shape)
        whole.diagonal(dim1=1, dim2=2).add_(noise[rows].double().clamp_min(LEAST_NOISE))
        right = (scores[rows].double() @ root)[:, :, None]
        solved = torch.cholesky_solve(right, torch.linalg.cholesky(whole))[:, :, 0]
        found[rows] = (solved @ root).to(scores)
    return found
