"""How many groups a panel has: the fewest by which genes foretell values of each other as well as by any."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.mixture.density import FEW_GENES, FlatGenes
from sigel.nn.mixture.n_groups import mixture_of, numbers_to_try
from sigel.stats.flat_images import FlatImages
from sigel.training.batches import SharedGenes
from sigel.training.neighbor_test import is_better

# More groups of so few genes are nobody's programmes.
MOST_GROUPS = 20
# A number is as good as the best where its mean score is no more standard errors of their difference below.
STANDARD_ERRORS = 3.0
# Label of genes without a pattern.
UNGROUPED = -1
# Of an image's length: shorter ones are rounding.
TINY = 1e-6


class FoundNumber(NamedTuple):
    """The number of groups of a panel, and how well each number foretells values."""

    n_groups: int
    foretold: dict[int, float]  # mean correlation by number of groups, from 1


def is_few(genes: SharedGenes) -> bool:
    """Whether values that had no say in the groups decide how many there are.

    A group of 32 dimensions costs BIC more than so few genes gain, whatever they have in common; from 400 on
    both choose about the same number.

    Parameters
    ----------
    genes
        Their images: of counts, or of more than one patch of tissue.
    """
    return genes.n_genes <= FEW_GENES and (genes.views.integer or genes.grid.n_patches > 1)


@torch.no_grad()
def foretold_number(
    model: GeneEncoder,
    genes: SharedGenes,
    images: FlatImages | None,
    generator: torch.Generator,
) -> FoundNumber:
    """The fewest groups by which genes foretell values of each other about as well as by any number.

    Parameters
    ----------
    model
        The encoder; left in training mode.
    genes
        The genes, few of them, and the settings.
    images
        Which of the genes have images without a pattern; None: none.
    generator
        CPU generator: halves of counts or of the tissue, and where groups start.

    Returns
    -------
    FoundNumber
        The number, without the group of genes without a pattern, and the scores of all.

    Notes
    -----
    Genes are grouped by one half of their counts; of values that are no counts, and have no independent
    halves, by one half of the tissue's patches. The other half of a gene, which had no say in its group, is
    held against the mean image of the other genes of the group, less that of all genes: their correlation is
    the score; that of one group, and of genes without a pattern, is 0. Groups that follow noise foretell
    nothing, those of few genes foretell badly. Of the numbers whose mean score is within three standard
    errors of the best, the smallest is taken (the rule of Breiman et al. 1984, there with one: the best of
    ten numbers is the best by chance too).
    """
    config = genes.config
    halves = (_half_counts if genes.views.integer else _half_tissue)(model, genes, generator)
    z = halves.z.double()
    known, patterned = None, torch.ones(len(z), dtype=torch.bool, device=z.device)
    if images is not None:
        known = FlatGenes(z[images.rows[images.flat].to(z.device)], images.share)
        patterned = images.patterned.to(z.device)
    largest = max(1, min(config.max_groups, MOST_GROUPS, genes.n_genes // 3))
    scores: dict[int, Tensor] = {}
    for k in numbers_to_try(largest):
        mixture = mixture_of(z, k, config.mixture, generator, known)
        posterior = mixture.posterior(z)
        label, own = posterior.argmax(dim=1), posterior[:, :k].argmax(dim=1)
        scores[k] = halves.scores(torch.where((label < k) | patterned, own, UNGROUPED))
    scores[1] = torch.zeros_like(scores[1])
    best = max(scores, key=lambda k: float(scores[k].mean()))
    number = next(k for k, score in scores.items() if not is_better(scores[best], score, STANDARD_ERRORS))
    return FoundNumber(number, {k: float(score.mean()) for k, score in scores.items()})


class _Halves(NamedTuple):
    """Genes seen in one half of their counts or of the tissue, and products of images for scores."""

    z: Float[Tensor, "n_genes n_dims"]  # by the first half
    across: Float[Tensor, "n_genes n_genes"]  # second half of a gene, at length 1, times images
    within: Float[Tensor, "n_genes n_genes"]  # the latter times each other

    def scores(self, label: Int[Tensor, " n_genes"]) -> Float[Tensor, " n_genes"]:
        """Correlation of a gene's second half with the other genes of its group, `(n_genes,)`.

        With the mean of their images less that of all other genes: shares of the same counts are against
        each other, so that a gene and the sum of any others are, and the more the others the more so. Of a
        gene alone, or `UNGROUPED`, nothing is known, 0.
        """
        others = torch.ones_like(self.across).fill_diagonal_(0.0)  # (n_genes, n_genes)
        together = (label[:, None] == label) * others
        alone = (together.sum(dim=1) == 0) | (label == UNGROUPED)
        weights = _shares(together) - _shares(others)
        weights[alone] = 0.0
        length = (weights @ self.within * weights).sum(dim=1).clamp_min(0).sqrt()  # (n_genes,)
        known = length > TINY * self.within.diagonal().sqrt().mean()
        score = (weights * self.across).sum(dim=1) / length.clamp_min(1e-300)
        return torch.where(known, score, torch.zeros_like(score))


def _shares(weights: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    return weights / weights.sum(dim=1, keepdim=True).clamp_min(1.0)


def _half_counts(model: GeneEncoder, genes: SharedGenes, generator: torch.Generator) -> _Halves:
    rows = torch.arange(genes.n_genes)  # all at once: there are fewer than are encoded at a time
    model.eval()
    first, second = genes.views.halves(rows, 0.5, generator)
    z = model(*first, genes.grid)  # (n_genes, n_dims)
    model.train()
    return _held_against(z, second.image, genes.views.view(rows).image)


def _half_tissue(model: GeneEncoder, genes: SharedGenes, generator: torch.Generator) -> _Halves:
    rows, grid = torch.arange(genes.n_genes), genes.grid
    seen, hidden = torch.randperm(grid.n_patches, generator=generator).tensor_split([-(-grid.n_patches // 2)])
    view = genes.views.view(rows)
    model.eval()
    keep = seen.sort().values.to(view.image.device).expand(len(rows), -1)
    z, _ = model.masked(*view, grid, keep, predict=False)  # (n_genes, n_dims)
    model.train()
    cells = grid.index[hidden.to(grid.index.device)]  # (n_hidden, patch_pixels)
    image = view.image[:, cells[cells < grid.n_pixels]]  # (n_genes, n_hidden_pixels)
    return _held_against(z, image, image)


def _held_against(
    z: Float[Tensor, "n_genes n_dims"],
    second: Float[Tensor, "n_genes n"],
    whole: Float[Tensor, "n_genes n"],
) -> _Halves:
    whole = _centred(whole)
    seen = functional.normalize(_centred(second), dim=1)
    return _Halves(z, (seen @ whole.T).double(), (whole @ whole.T).double())


def _centred(image: Float[Tensor, "n n_pixels"]) -> Float[Tensor, "n n_pixels"]:
    return image - image.mean(dim=1, keepdim=True)
