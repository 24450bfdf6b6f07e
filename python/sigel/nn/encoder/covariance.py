"""The covariance of gene images: what smooth images are like, and what the section's genes show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from sigel.nn.encoder.smooth_modes import smooth_modes
from sigel.nn.encoder.subspace import leading, signed

# Smooth images of a section that the covariance is made of, beside eigenimages.
SMOOTH_MODES = 128
SWEEPS = 5

Batches = Callable[[], Iterable[Any]]
Columns = Callable[[Tensor], Tensor]


class Covariance(NamedTuple):
    """Leading eigenvectors of the covariance of signals, and what each gene had in it."""

    basis: Float[Tensor, "n_pixels rank"]
    spectrum: Float[Tensor, " rank"]  # variance of the signal along each
    contributions: Float[Tensor, "n_genes rank"]  # b: the covariance holds share b b' of each gene
    share: float


def fit_covariance(
    batches: Batches,
    positions: Float[Tensor, "n_pixels 2"],
    spread: Columns,
    adjoint: Columns,
    *,
    rank: int,
    sharp: int,
    prior_genes: float,
    generator: torch.Generator,
    parts: Sequence[slice] = (slice(None),),
) -> Covariance:
    """Estimate the covariance of the genes' signals from all their images.

    Parameters
    ----------
    batches
        Yields centred images `(n, n_pixels)` and their noise `(n, 1)` first; called once for each sweep.
    positions
        Of the pixels, in spacings.
    spread, adjoint
        Spread images `(n_pixels, k)` to neighbouring pixels, and the transpose of that.
    rank
        Eigenimages of the genes that it is made of, and eigenvectors of it that are kept.
    sharp
        How many of the leading eigenimages may stay as sharp as they are.
    prior_genes
        Genes that the smooth prior counts for.
    generator
        CPU generator.
    parts
        Pixels of each section; default: all of one.

    Notes
    -----
    With n genes, mean noise v, K a smooth covariance (`smooth_modes`) of the same total variance, S the
    spread and V the leading eigenimages of the images x::

        C   = (m K + n E) / (m + n),    E = mean of b b' - its noise,    m = prior_genes
        b   = V R V'x + S (x - V R V'x),    R = diag(2 cos^2 - 1), not below 0

    the mean under an inverse Wishart prior of K with the weight of m genes. An eigenimage of few genes holds
    their noise: cos^2 of the angle to the true one follows from its eigenvalue l (spiked covariances: Paul
    2007, Statistica Sinica 17:1617). With g = n_pixels / n and y = l / v::

        y = e + g e / (e - 1),    cos^2 = (1 - g / (e - 1)^2) / (1 + g / (e - 1))

    and 0 below the edge of pure noise, `y <= (1 + sqrt(g))^2`. So eigenimages of thousands of genes stay
    as they are, cell types too, and of a panel only what is sure; the rest is taken as smooth. Noise is
    taken off along the eigenvectors of E, none of which falls below 0. All is computed on the span of V and
    the smooth modes.
    """
    n_pixels = len(positions)
    noise, n_genes = _noise_of(batches)

    def times(x: Tensor) -> Tensor:
        return sum(image.T @ (image @ x) for image, *_ in batches()) / n_genes  # type: ignore[return-value]

    k = min(rank, n_genes, n_pixels)
    values, images = leading(times, n_pixels, k, sweeps=SWEEPS, generator=generator, like=positions)
    sure = (2 * squared_cosines(values / noise, n_pixels / n_genes) - 1).clamp_min(0)  # (k,)
    sure[sharp:] = 0
    spread_out = spread(images)
    kept = spread_out + (images - spread_out) * sure  # what b makes of each eigenimage, (n_pixels, k)
    amount, modes = smooth_modes(positions, SMOOTH_MODES * len(parts), generator, parts)
    basis = torch.linalg.qr(torch.cat([kept, modes], dim=1))[0]  # (n_pixels, span)
    # b = B'A x, so that rows of x are multiplied by A'B.
    back = adjoint(basis)
    back = back - images @ (images.T @ back) + images @ (kept.T @ basis)  # (n_pixels, span)
    own = torch.cat([image @ back for image, *_ in batches()])  # (n_genes, span)

    evidence, inner = own.double(), back.double()
    shown = evidence.T @ evidence / n_genes  # (span, span)
    variance, turn = torch.linalg.eigh(shown)
    chance = (turn * (inner.T @ (inner @ turn))).sum(dim=0) * noise
    left = ((variance - chance).clamp_min(0) / variance.clamp_min(1e-12)).sqrt()
    evidence = (evidence @ turn) * left @ turn.T
    shown = evidence.T @ evidence / n_genes

    flat = (basis.T @ modes).double()  # (span, modes)
    prior = (flat * amount.double()) @ flat.T
    prior = prior * (n_pixels * (1 - noise) / prior.trace().clamp_min(1e-12))
    weight = prior_genes / (prior_genes + n_genes)
    spectrum, turn = torch.linalg.eigh(weight * prior + (1 - weight) * shown)
    k = min(rank, len(spectrum))
    turn = turn.flip(1)[:, :k]
    basis = basis @ turn.to(basis)  # (n_pixels, k)
    sign = torch.where((signed(basis) * basis).sum(dim=0) < 0, -1.0, 1.0)  # (k,)
    contributions = (evidence @ turn).to(basis) * sign
    return Covariance(
        basis * sign, spectrum.flip(0)[:k].clamp_min(0).to(basis), contributions, (1 - weight) / n_genes
    )


def squared_cosines(values: Float[Tensor, " k"], ratio: float) -> Float[Tensor, " k"]:
    """Squared cosine of each sample eigenvector with the true one, 0 where it may be noise alone.

    Parameters
    ----------
    values
        Eigenvalues over the variance of the noise.
    ratio
        Pixels over genes.

    Notes
    -----
    Paul 2007, as in `fit_covariance`.
    """
    half = values + 1 - ratio
    spike = (half + (half.square() - 4 * values).clamp_min(0).sqrt()) / 2 - 1  # e - 1
    spike = spike.clamp_min(1e-6)
    found = (1 - ratio / spike.square()) / (1 + ratio / spike)
    return torch.where(values > (1 + ratio**0.5) ** 2, found.clamp(0, 1), 0.0)


def _noise_of(batches: Batches) -> tuple[float, int]:
    """Mean noise of a pixel, and the number of genes."""
    total, n = 0.0, 0
    for _, noise, *_ in batches():
        total, n = total + float(noise.sum()), n + len(noise)
    return total / n, n
