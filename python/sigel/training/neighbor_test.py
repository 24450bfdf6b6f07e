"""Whether training helps: how well the genes nearest to a gene foretell counts of it that they lack."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.training.batches import SharedGenes, encode_images
from sigel.training.memory_estimate import ENCODED

# Genes near a gene whose mean image is held against its own.
N_NEAR = 10
# A gain is one where it is more standard errors than that above 0.
STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class NeighborTest:
    """Genes that are held out, and those among which their neighbours are looked for.

    Parameters
    ----------
    genes
        The genes and the processes that share them; all processes judge the same.
    held
        Rows of the genes that are judged, `(n_held,)`.
    others
        Rows of those that may be their neighbours, `(n_others,)`.
    """

    genes: SharedGenes
    held: Int[Tensor, " n_held"]
    others: Int[Tensor, " n_others"]

    @torch.no_grad()
    def scores(self, model: GeneEncoder) -> Float[Tensor, " n_held"]:
        """Correlation of one half of a gene's counts with the genes nearest to it by the other half.

        The halves are the same at each call, so that two states of a model are compared gene by gene. A
        representation that has lost what tells genes apart finds worse neighbours.

        Parameters
        ----------
        model
            The encoder; left in training mode.

        Returns
        -------
        torch.Tensor
            `(n_held,)`. 0 where the images are not of counts, which alone have two independent halves: by the
            image that chose the neighbours, whatever follows its noise would be found better.
        """
        views, grid, train = self.genes.views, self.genes.grid, self.genes.config.train
        if not views.integer:
            return torch.zeros(len(self.held))
        model.eval()
        first, second = views.halves(self.held, train.thin or 0.5, torch.Generator().manual_seed(0))
        z = functional.normalize(model(*first, grid), dim=1)  # (n_held, n_dims)
        around = functional.normalize(encode_images(model, views, grid, self.others), dim=1)
        near = (z @ around.T).topk(min(N_NEAR, len(self.others)), dim=1).indices  # (n_held, n_near)
        chosen = torch.zeros(len(z), len(around), device=z.device).scatter_(1, near, 1.0)
        foretold = torch.zeros_like(second.image)  # (n_held, n_pixels)
        for part in torch.arange(len(self.others)).split(ENCODED):
            foretold += chosen[:, part.to(z.device)] @ views.view(self.others[part]).image
        model.train()
        foretold -= foretold.mean(dim=1, keepdim=True)
        seen = second.image - second.image.mean(dim=1, keepdim=True)
        return functional.cosine_similarity(foretold, seen, dim=1)


def is_better(
    now: Float[Tensor, " n"], before: Float[Tensor, " n"], standard_errors: float = STANDARD_ERRORS
) -> bool:
    """Whether scores have risen by more than some standard errors of their mean difference, two by default.

    Parameters
    ----------
    now, before
        Of the same genes.
    standard_errors
        How many.
    """
    gain = (now - before).double()
    if len(gain) < 2:
        return False
    return bool(gain.mean() > standard_errors * gain.std() / len(gain) ** 0.5)
