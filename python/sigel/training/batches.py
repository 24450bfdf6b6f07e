"""A section's genes in batches, and what several processes share of them: rows, sums, results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sigel.config import SIGELConfig, TrainConfig
from sigel.errors import TrainingError
from sigel.images.tensors import ImageViews, View
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.masked_autoencoder import visible_patches
from sigel.nn.encoder.patches import Patches
from sigel.training.memory_estimate import ENCODED

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Value = TypeVar("Value")


@dataclass(frozen=True)
class MaskedViews:
    """Two views of the genes of a batch, as one process sees it.

    Parameters
    ----------
    genes
        Row numbers of this process's genes, `(n_own,)`.
    first, second
        Two halves of their counts; twice the whole where counts are not thinned.
    keeps
        Patches that stay visible in each, `(n_own, kept)`.
    """

    genes: Int[Tensor, " n_own"]
    first: View
    second: View
    keeps: tuple[Int[Tensor, "n_own kept"], Int[Tensor, "n_own kept"]]


@dataclass(frozen=True)
class SharedGenes:
    """Genes of one section and the processes that share them; one process has all.

    Parameters
    ----------
    fabric
        Lightning Fabric, which knows the processes.
    views
        Gene images.
    grid
        Their tissue patches, on the device of the fit.
    config
        All settings.
    """

    fabric: Fabric
    views: ImageViews
    grid: Patches
    config: SIGELConfig

    @property
    def n_genes(self) -> int:
        """Genes of the section, those of all processes."""
        return self.views.n_genes

    # --- between processes ---

    def own(self, rows: Tensor) -> Tensor:
        """The part of this process in what has a row for each gene.

        Parameters
        ----------
        rows
            `(n, ...)`.
        """
        return rows.tensor_split(self.fabric.world_size)[self.fabric.global_rank]

    def sum(self, value: Tensor) -> Tensor:
        """Sum over the processes.

        Parameters
        ----------
        value
            Of the same shape on all.
        """
        if self.fabric.world_size == 1:
            return value
        total = self.fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(total, Tensor)
        return total

    def shared(self, value: Value) -> Value:
        """What the first process has, on all of them.

        Parameters
        ----------
        value
            Any value; that of the other processes is dropped.
        """
        return value if self.fabric.world_size == 1 else self.fabric.broadcast(value)

    # --- batches ---

    def masked_views(self, rows: Int[Tensor, " batch"], generator: torch.Generator) -> MaskedViews:
        """Halves and masks of this process's part of a batch.

        They are drawn for the whole batch, so that the number of processes changes neither.

        Parameters
        ----------
        rows
            Row numbers of the genes of the whole batch, `(batch,)`.
        generator
            CPU generator, in the same state on all processes.
        """
        train, n_patches = self.config.train, self.grid.n_patches
        part = self.own(torch.arange(len(rows)))
        own = rows[part]
        if train.thin is not None and self.views.integer:
            first, second = self.views.halves(rows, train.thin, generator, part)
        else:
            first = second = self.views.view(own)
        ratio = self.config.encoder.mask_ratio
        keeps = [
            visible_patches(len(rows), n_patches, ratio, generator)[part].to(self.grid.index.device)
            for _ in range(2 if train.contrast_weight > 0 else 1)
        ]
        return MaskedViews(own, first, second, (keeps[0], keeps[-1]))

    def encode(self, model: GeneEncoder, stage: str) -> Float[Tensor, "n_genes n_dims"]:
        """Representations of all genes; leaves the model in training mode.

        Parameters
        ----------
        model
            The encoder.
        stage
            What it was last trained by, `"pretrain"` or `"refine"`.

        Raises
        ------
        TrainingError
            When they are not finite.
        """
        own = self.own(torch.arange(self.n_genes))
        z = encode_images(model, self.views, self.grid, own)  # (n_own, n_dims)
        whole = z.new_zeros(self.n_genes, z.shape[1])
        whole[own.to(z.device)] = z
        z = self.sum(whole)
        model.train()
        if not z.isfinite().all():
            msg = f"after {stage}: representations are not finite; lower `{stage}_lr` (TrainConfig)."
            raise TrainingError(msg)
        return z


@torch.no_grad()
def encode_images(
    model: GeneEncoder, views: ImageViews, grid: Patches, rows: Int[Tensor, " n"]
) -> Float[Tensor, "n n_dims"]:
    """Representations of genes; leaves the model in evaluation mode.

    Parameters
    ----------
    model
        The encoder.
    views
        Gene images.
    grid
        Their tissue patches.
    rows
        Row numbers of the genes, `(n,)`.
    """
    model.eval()
    return torch.cat([model(*views.view(part), grid) for part in rows.split(ENCODED)])


class LearntGenes:
    """Genes that a stage learns from, an epoch at a time, and those that are held out to judge it.

    Parameters
    ----------
    n_genes
        Genes that there are.
    batch
        Genes of a batch, at most.
    config
        Settings of training.
    """

    def __init__(self, n_genes: int, batch: int, config: TrainConfig) -> None:
        seen = n_genes if config.epoch_genes is None else min(n_genes, config.epoch_genes)
        self.n_held = min(round(config.holdout * seen), n_genes - 1)
        self.n_learnt = min(seen, n_genes - self.n_held)
        self.n_batches = math.ceil(self.n_learnt / batch)
        self.mixed = torch.arange(n_genes)  # held-out genes first, then those to learn from

    def draw(self, generator: torch.Generator) -> None:
        """Draw the genes that are held out.

        Parameters
        ----------
        generator
            CPU generator.
        """
        self.mixed = torch.randperm(len(self.mixed), generator=generator)

    @property
    def held(self) -> Int[Tensor, " n_held"]:
        """Rows of the genes that are held out."""
        return self.mixed[: self.n_held]

    @property
    def learnt(self) -> Int[Tensor, " n_others"]:
        """Rows of all others."""
        return self.mixed[self.n_held :]

    def batches(self, generator: torch.Generator) -> list[Tensor]:
        """Rows of the genes of an epoch, shuffled, in batches whose sizes differ by one at most.

        Parameters
        ----------
        generator
            CPU generator.
        """
        order = torch.randperm(len(self.learnt), generator=generator)[: self.n_learnt]
        return [self.learnt[part] for part in order.tensor_split(self.n_batches)]
