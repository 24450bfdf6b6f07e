"""What training minimises: Module I on two views of a gene, Modules II and III on whole images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sigel.config import TrainConfig
from sigel.images.tensors import View
from sigel.nn.contrast import cluster_loss, graph_loss, instance_contrast, size_loss
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.masked_autoencoder import reconstruction_loss
from sigel.nn.encoder.patches import Patches
from sigel.training.groups import Assignment


class ViewLoss(nn.Module):
    """Module I: hidden patches of one half of the counts, predicted from the visible ones of the other.

    Its terms are `reconstruct` (`reconstruction_loss`) and, where it has a weight, `contrast`
    (`instance_contrast`).

    Parameters
    ----------
    model
        The encoder.
    grid
        Tissue patches.
    config
        Weights of the terms.
    """

    def __init__(self, model: GeneEncoder, grid: Patches, config: TrainConfig) -> None:
        super().__init__()
        self.model, self.grid, self.config = model, grid, config

    def forward(
        self, first: View, second: View, keeps: tuple[Int[Tensor, "batch kept"], Int[Tensor, "batch kept"]]
    ) -> dict[str, Float[Tensor, ""]]:
        """Loss terms of two views of the same genes, in which the patches `keeps` are visible."""
        z, predicted = self.model.masked(*first, self.grid, keeps[0])
        terms = {}
        if predicted is not None:
            target = self.grid.split(second.image)  # (batch, n_patches, patch pixels)
            eigen = self.model.eigen
            there = None if eigen is None else eigen.patches_there(first.gene, self.grid)
            terms["reconstruct"] = reconstruction_loss(predicted, target, self.grid, keeps[0], there)
        if self.config.contrast_weight > 0:
            other, _ = self.model.masked(*second, self.grid, keeps[1], predict=False)
            terms["contrast"] = instance_contrast(z, other, self.config.temperature)
        return terms


@dataclass(frozen=True)
class EpochTargets:
    """What stays constant within a refinement epoch.

    Parameters
    ----------
    target
        P, `(n_genes, n_groups)`.
    sizes
        Mean of Q, `(n_groups,)`.
    neighborhood
        `sum_j a_ij z_j`, `(n_genes, n_dims)`.
    has_neighbors
        `(n_genes,)`, 0 for genes without, else one over the share of genes with neighbours.
    """

    target: Float[Tensor, "n_genes n_groups"]
    sizes: Float[Tensor, " n_groups"]
    neighborhood: Float[Tensor, "n_genes n_dims"]
    has_neighbors: Float[Tensor, " n_genes"]


class GroupLoss(nn.Module):
    """Modules II and III on whole images: assignment, likelihood, sizes and the gene graph.

    Parameters
    ----------
    model
        The encoder.
    assignment
        The mixture, whose posterior is differentiable.
    grid
        Tissue patches.

    Notes
    -----
    Terms of the loss, means over the genes of a batch: `cluster`, KL(P || Q); `likelihood`,
    `-ln p(z_g) / n_dims`; `size`, how far the entropy of the mean posterior is from its largest value;
    `graph`, `z_g . (z_g - sum_j a_gj z_j) / n_dims`. The mixture works in double precision.
    """

    def __init__(self, model: GeneEncoder, assignment: Assignment, grid: Patches) -> None:
        super().__init__()
        self.model, self.assignment, self.grid = model, assignment, grid

    def forward(
        self, view: View, epoch: EpochTargets, rows: Int[Tensor, " batch"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Loss terms of whole images of the genes `rows`."""
        z = self.model(*view, self.grid)  # (batch, n_dims)
        joint = self.assignment.log_joint(z.double())  # (batch, n_groups)
        likelihood = torch.logsumexp(joint, dim=1)  # (batch,)
        share = len(rows) / len(epoch.target)
        return {
            "cluster": cluster_loss(epoch.target[rows], joint - likelihood[:, None]).float(),
            "likelihood": -likelihood.mean().float() / z.shape[1],
            "size": size_loss(joint.softmax(dim=1), epoch.sizes, share).float(),
            "graph": graph_loss(z, epoch.neighborhood[rows], epoch.has_neighbors[rows]),
        }


def weights_of(config: TrainConfig) -> dict[str, float]:
    """Weights of the loss terms that stay the same in all epochs.

    Parameters
    ----------
    config
        Settings of training.
    """
    return {
        "reconstruct": config.reconstruct_weight,
        "contrast": config.contrast_weight,
        "cluster": config.cluster_weight,
        "likelihood": config.likelihood_weight,
        "size": config.size_weight,
    }
