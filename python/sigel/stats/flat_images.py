"""Which genes have images no smoother than noise, and how many genes have no pattern."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sigel.images.tensors import ImageViews

# Rounds of mixing with the neighbours, half and half: patterns of a few pixels and more outlast them.
ROUNDS = 4
# Genes looked at, and shuffled images that say what noise looks like.
MOST_GENES = 4000
N_SHUFFLED = 500
# Genes below that make a group.
LEAST = 3


class FlatImages(NamedTuple):
    """What was found of the genes that were looked at."""

    rows: Int[Tensor, " n"]  # of them
    flat: Bool[Tensor, " n"]  # whether the image is rougher than most shuffled images
    patterned: Bool[Tensor, " n"]  # whether it is smoother than all shuffled images
    share: float  # of genes without a pattern among all


def flat_images(views: ImageViews, generator: torch.Generator) -> FlatImages:
    """Find genes whose images are no smoother than their own pixels in random order.

    Parameters
    ----------
    views
        Gene images.
    generator
        CPU generator: which genes are looked at, and the order of the pixels.

    Notes
    -----
    How much of an image is left when it has been spread to its neighbours is compared with its mean over
    shuffled images, whose pixels stay in their section. Of genes without a pattern half lie below that, and
    hardly any other: their share is twice that of the genes below (Storey 2002), and those below are a fair
    sample of them.
    """
    rows = torch.arange(views.n_genes)
    if views.n_genes > MOST_GENES:
        rows = torch.randperm(views.n_genes, generator=generator)[:MOST_GENES].sort().values
    shuffled = []
    take = torch.randperm(len(rows), generator=generator)[:N_SHUFFLED]
    left = [_left(views, views.whole(part)) for part in rows.split(512)]
    for part in rows[take].split(512):
        image = views.whole(part)
        drawn = torch.rand(image.shape, generator=generator)
        orders = [drawn[:, own].argsort(dim=1) + own.start for own in views.parts]
        shuffled.append(_left(views, image.gather(1, torch.cat(orders, dim=1).to(image.device))))
    smooth, by_chance = torch.cat(left).cpu(), torch.cat(shuffled).cpu()
    flat = smooth < by_chance.median()
    share = min(1.0, 2 * float(flat.double().mean()))
    # A gene or two below by chance make no group.
    return FlatImages(rows, flat, smooth > by_chance.max(), share if int(flat.sum()) >= LEAST else 0.0)


def _left(views: ImageViews, image: Float[Tensor, "n n_pixels"]) -> Float[Tensor, " n"]:
    """Share of an image's variance that is left after spreading, `(n,)`."""
    spread = views.spread(image.T, 0.5, times=ROUNDS)
    return spread.square().sum(dim=0) / image.square().sum(dim=1).clamp_min(1e-12)
