"""The covariance of gene images: what smooth images are like, and what the section's genes show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sigel.nn.encoder.first_signal import FirstSignal
from sigel.nn.encoder.smooth_modes import smooth_modes
from sigel.nn.encoder.subspace import leading, leading_each, signed

# Smooth images of a section that the covariance is made of, beside eigenimages.
SMOOTH_MODES = 128
# The same of all sections together: of more than these the model keeps the leading `rank` alone.
MOST_MODES = 1024
SWEEPS = 5
# Parts of the genes of several sections, each of which is read by what the others say.
FOLDS = 10

Batches = Callable[[], Iterable[Any]]
Columns = Callable[[Tensor], Tensor]


class Covariance(NamedTuple):
    """Leading eigenvectors of the covariance of signals, and what each gene had in it."""

    basis: Float[Tensor, "n_pixels rank"]
    spectrum: Float[Tensor, " rank"]  # variance of the signal along each
    contributions: Float[Tensor, "n_genes rank"]  # b: the covariance holds share b b' of each gene
    share: float
    fold: Int[Tensor, " n_genes"]  # of each gene of several sections
    without: Float[Tensor, "n_folds rank rank"]  # the covariance along the basis, of the genes of other folds


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

    Several sections have a V for each, so that no eigenimage holds the noise of one gene in all of them, and
    those of all b together lead. As taking noise off is not linear, something of a gene stays where its
    `c b b'` is taken out; of several sections it would say which noise of one goes with which of another.
    They have the covariance of the genes of each nine tenths as well, by which the last tenth is read.
    """
    n_pixels = len(positions)
    noise, variance, n_genes = _noise_of(batches)

    draw: dict[str, Any] = {"sweeps": SWEEPS, "generator": generator, "like": positions}
    images, sure = _eigenimages(batches, noise, n_genes, parts, rank, sharp, **draw)
    signal = FirstSignal(images, sure, spread, adjoint, parts)
    if len(parts) == 1:
        leads = signal.kept
    else:  # where those of all sections together lead
        leads = leading(
            lambda x: signal(_second_moments(batches, [signal.transposed(x)])[0]),
            n_pixels,
            min(rank, n_genes, n_pixels),
            **draw,
        )[1]
    n_modes = min(SMOOTH_MODES * len(parts), MOST_MODES, n_pixels)
    amount, modes = smooth_modes(positions, n_modes, generator, parts)
    basis = torch.linalg.qr(torch.cat([leads, modes], dim=1))[0]  # (n_pixels, span)
    # b = B'A x, so that rows of x are multiplied by A'B.
    back = signal.transposed(basis)  # (n_pixels, span)
    own = torch.cat([image @ back for image, *_ in batches()])  # (n_genes, span)

    blank = _gram(back) * noise  # what noise alone gives, (span, span)
    evidence = own.double()
    raw, moment = evidence, evidence.T @ evidence
    _, turn, left = _without_noise(moment / n_genes, blank)
    evidence = (evidence @ turn) * left @ turn.T
    shown = evidence.T @ evidence / n_genes

    flat = (basis.T @ modes).double()  # (span, modes)
    prior = (flat * amount.double()) @ flat.T
    prior = prior * (n_pixels * max(variance - noise, 0.0) / prior.trace().clamp_min(1e-12))
    weight = prior_genes / (prior_genes + n_genes)
    spectrum, turn = torch.linalg.eigh(weight * prior + (1 - weight) * shown)
    k = min(rank, len(spectrum))
    turn = turn.flip(1)[:, :k]
    basis = basis @ turn.to(basis)  # (n_pixels, k)
    sign = torch.where((signed(basis) * basis).sum(dim=0) < 0, -1.0, 1.0)  # (k,)
    contributions = (evidence @ turn).to(basis) * sign
    fold = torch.zeros(n_genes, dtype=torch.int64)
    without = basis.new_empty(0, k, k)
    if len(parts) > 1:
        fold = torch.randperm(n_genes, generator=generator) % min(FOLDS, n_genes)
        turn = turn * sign.double()
        kept_out = [
            turn.T
            @ _of_others(moment, raw[(fold == j).to(raw.device)], n_genes, blank, prior, prior_genes)
            @ turn
            for j in fold.unique()
        ]
        without = torch.stack(kept_out).to(basis)
    return Covariance(
        basis * sign,
        spectrum.flip(0)[:k].clamp_min(0).to(basis),
        contributions,
        (1 - weight) / n_genes,
        fold,
        without,
    )


def _second_moments(
    batches: Batches, blocks: Sequence[Tensor], parts: Sequence[slice] = (slice(None),)
) -> list[Tensor]:
    """Mean of `image (image' x)` over the genes, on the pixels of each part; x `(n_part, k)` of each."""
    totals, n = [torch.zeros_like(x) for x in blocks], 0
    for image, *_ in batches():
        n += len(image)
        for total, x, part in zip(totals, blocks, parts, strict=True):
            seen = image[:, part]
            total += seen.T @ (seen @ x)
    return [total / n for total in totals]


def _eigenimages(
    batches: Batches,
    noise: float,
    n_genes: int,
    parts: Sequence[slice],
    rank: int,
    sharp: int,
    *,
    like: Tensor,
    **draw: Any,
) -> tuple[Float[Tensor, "n_pixels k"], Float[Tensor, "n_sections k"]]:
    """Leading eigenimages of each section on its own pixels, and how sharp each may stay, from 0 to 1.

    Each section has its own: one of all together would hold noise of one gene in all of them.
    """
    sizes = [len(like[part]) for part in parts]
    k = min(rank, n_genes, max(sizes))
    found = leading_each(lambda blocks: _second_moments(batches, blocks, parts), sizes, k, like=like, **draw)
    images, sure = like.new_zeros(len(like), k), like.new_zeros(len(parts), k)
    for row, part, size, (values, own) in zip(sure, parts, sizes, found, strict=True):
        images[part, : len(values)] = own
        row[: len(values)] = (2 * squared_cosines(values / noise, size / n_genes) - 1).clamp_min(0)
    sure[:, sharp:] = 0
    return images, sure


def _gram(columns: Float[Tensor, "n_pixels span"]) -> Float[Tensor, "span span"]:
    """Products of columns in double precision, without a copy of them all in it."""
    total = torch.zeros(columns.shape[1], columns.shape[1], dtype=torch.float64, device=columns.device)
    for rows in columns.split(4096):
        total += rows.double().T @ rows.double()
    return total


def _without_noise(
    shown: Float[Tensor, "span span"], blank: Float[Tensor, "span span"]
) -> tuple[Float[Tensor, " span"], Float[Tensor, "span span"], Float[Tensor, " span"]]:
    """Variance along the eigenvectors, these, and the root of its share that is no noise."""
    variance, turn = torch.linalg.eigh(shown)
    chance = (turn * (blank @ turn)).sum(dim=0)
    return variance, turn, ((variance - chance).clamp_min(0) / variance.clamp_min(1e-12)).sqrt()


def _of_others(
    moment: Float[Tensor, "span span"],
    mine: Float[Tensor, "n_mine span"],
    n_genes: int,
    blank: Float[Tensor, "span span"],
    prior: Float[Tensor, "span span"],
    prior_genes: float,
) -> Float[Tensor, "span span"]:
    """The covariance of signals, as it is without some genes, from the sum over all of them."""
    n_others = n_genes - len(mine)
    variance, turn, left = _without_noise((moment - mine.T @ mine) / n_others, blank)
    weight = prior_genes / (prior_genes + n_others)
    return weight * prior + (1 - weight) * (turn * (variance * left.square())) @ turn.T


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


def _noise_of(batches: Batches) -> tuple[float, float, int]:
    """Mean noise and mean square of a pixel, and the number of genes."""
    noisy, square, n = 0.0, 0.0, 0
    for image, noise, *_ in batches():
        noisy, square = noisy + float(noise.sum()), square + float(image.square().mean(dim=1).sum())
        n += len(noise)
    return noisy / n, square / n, n
