"""Images without a spatial pattern: a gene's own pixels shuffled, or its counts drawn anew."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sigel.errors import InputError, one_of
from sigel.images.tensors import ImageViews, View

Null = Literal["permute", "nb", "zinb"]
# Rounds in which the share of zeros and the dispersion beside it settle.
ZERO_STEPS = 20


class CountModel(NamedTuple):
    """Negative binomial counts of genes with a share of zeros beside it, spots of their own depth."""

    mean: Float[Tensor, "genes 1"]  # counts at depth 1, all of a gene's at the section's depth
    dispersion: Float[Tensor, "genes 1"]  # variance is mu + dispersion mu^2; 0 is Poisson
    zeros: Float[Tensor, "genes 1"]  # share of pixels that are zero whatever their depth


def check_null(null: str) -> None:
    """Refuse a kind of null that there is not.

    Parameters
    ----------
    null
        What a caller asked for.

    Raises
    ------
    InputError
        When it is unknown.
    """
    if null not in get_args(Null):
        raise InputError("null", repr(null), one_of(get_args(Null)), 'Use null="permute".')


def null_view(views: ImageViews, rows: Int[Tensor, " genes"], null: Null, generator: torch.Generator) -> View:
    """One image without a pattern for each of some genes, made as the genes' own images are.

    Parameters
    ----------
    views
        Images of the section.
    rows
        Row numbers of genes, int64, `(n,)`.
    null
        `"permute"`: the pixels of each gene in a new order, each with its depth; one random order, begun
        by each gene at another place. `"nb"`, `"zinb"`: counts drawn at the pixels' own depths, with the
        gene's own mean, dispersion and, for the latter, share of zeros. Each section keeps its own pixels and
        has its own mean.
    generator
        CPU generator: the images are the same on every device.

    Returns
    -------
    View
        `(n, n_pixels)` images.
    """
    counts = views.counts(rows)
    if null == "permute":
        image = views.unscaled(counts)
        # One random order, begun by each gene at a place of its own: a sort for every gene would take longer
        # than all the rest.
        places = []
        for part in views.parts:
            n = part.stop - part.start
            order = torch.randperm(n, generator=generator) + part.start
            start = torch.randint(n, (len(image), 1), generator=generator)
            places.append(order[(torch.arange(n) + start) % n])
        place = torch.cat(places, dim=1).to(image.device)  # (n_genes, n_pixels)
        return views.view_of(image.gather(1, place))
    drawn = []
    for part, share in zip(views.parts, views.gene_shares, strict=True):
        model = fit_counts(counts[:, part], share, zeros=null == "zinb")
        drawn.append(draw_counts(model, share, generator))
    return views.view_of(views.unscaled(torch.cat(drawn, dim=1)))


def fit_counts(
    counts: Float[Tensor, "genes pixels"], depth_share: Float[Tensor, " pixels"], *, zeros: bool = False
) -> CountModel:
    """Mean, dispersion and share of zeros of each gene, all pixels at once.

    Parameters
    ----------
    counts
        `(n, n_pixels)`.
    depth_share
        Share of each pixel in the section's counts, `(n_pixels,)`.
    zeros
        Whether zeros may be more than the negative binomial has; only where they are, and where the
        likelihood of being zero or not gains by it.

    Notes
    -----
    For a count x of a gene with sum t in a pixel with share d of all counts, by moments:

        mu = t d,    phi = max(sum of ((x - mu)^2 - mu) / sum of mu^2, 0),    P(0) = (1 + phi mu)^(-1 / phi),

    and `exp(-mu)` where phi is 0 (Poisson). With a share p of further zeros, what is left for the counts is
    `mu / (1 - p)` and p solves `observed zeros = p + (1 - p) mean of P(0)`.
    """
    total = counts.sum(dim=1, keepdim=True)
    mean = total * depth_share  # (n, n_pixels)
    dispersion = _dispersion(counts, mean)
    share = torch.zeros_like(total)
    if zeros:
        observed = (counts == 0).float().mean(dim=1, keepdim=True)
        plain = _zero(mean, dispersion).mean(dim=1, keepdim=True)
        square = counts.square().sum(dim=1, keepdim=True)
        # From as many zeros as Poisson counts would leave to be explained, downwards.
        guess, scatter = (observed - (-mean).exp().mean(dim=1, keepdim=True)).clamp(0, 0.99), dispersion
        for _ in range(ZERO_STEPS):
            # What is left for the counts is the higher, and less dispersed around it.
            inside = mean / (1 - guess)
            second = square / (1 - guess) - inside.sum(dim=1, keepdim=True)
            scatter = (second / inside.square().sum(dim=1, keepdim=True).clamp_min(1e-12) - 1).clamp_min(0)
            expected = _zero(inside, scatter).mean(dim=1, keepdim=True)
            guess = ((observed - expected) / (1 - expected).clamp_min(1e-9)).clamp(0, 0.99)
        both = guess + (1 - guess) * expected
        better = _zero_likelihood(observed, both) > _zero_likelihood(observed, plain)
        share = torch.where(better, guess, 0.0)
        dispersion = torch.where(better, scatter, dispersion)
    return CountModel(total / (1 - share), dispersion, share)


def draw_counts(
    model: CountModel, depth_share: Float[Tensor, " pixels"], generator: torch.Generator
) -> Float[Tensor, "genes pixels"]:
    """Counts of genes without a pattern, `(n, n_pixels)`.

    Parameters
    ----------
    model
        From `fit_counts`.
    depth_share
        `(n_pixels,)`.
    generator
        CPU generator.

    Notes
    -----
    A negative binomial count is Poisson with a mean `mu g`, g of a gamma distribution with mean 1 and
    variance phi; a share of the pixels is then set to 0.
    """
    mean = (model.mean * depth_share).cpu()  # (n, n_pixels)
    dispersion = model.dispersion.cpu().expand_as(mean)
    spread = dispersion > 1e-6
    shape = 1 / dispersion.clamp_min(1e-6)
    gamma = torch._standard_gamma(shape, generator=generator) / shape  # mean 1
    rate = torch.where(spread, mean * gamma, mean)
    drawn = torch.poisson(rate, generator=generator)
    kept = torch.rand(mean.shape, generator=generator) >= model.zeros.cpu()
    return (drawn * kept).to(model.mean.device)


def _dispersion(
    counts: Float[Tensor, "genes pixels"], mean: Float[Tensor, "genes pixels"]
) -> Float[Tensor, "genes 1"]:
    excess = ((counts - mean).square() - mean).sum(dim=1, keepdim=True)
    return (excess / mean.square().sum(dim=1, keepdim=True).clamp_min(1e-12)).clamp_min(0)


def _zero(
    mean: Float[Tensor, "genes pixels"], dispersion: Float[Tensor, "genes 1"]
) -> Float[Tensor, "genes pixels"]:
    """Probability of a zero."""
    safe = dispersion.clamp_min(1e-6)
    return torch.where(dispersion > 1e-6, (-(safe * mean).log1p() / safe).exp(), (-mean).exp())


def _zero_likelihood(
    observed: Float[Tensor, "genes 1"], expected: Float[Tensor, "genes 1"]
) -> Float[Tensor, "genes 1"]:
    """Log likelihood of being zero or not, a pixel."""
    expected = expected.clamp(1e-9, 1 - 1e-9)
    return observed * expected.log() + (1 - observed) * (1 - expected).log()
