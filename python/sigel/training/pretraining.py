"""Module I alone, on all genes but some that are held out; the best epoch on those is kept."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.training.batches import LearntGenes, SharedGenes
from sigel.training.losses import ViewLoss, weights_of
from sigel.training.steps import Step


class Pretraining:
    """The stage that trains the encoder by hidden patches, as `Trainer` runs it.

    Parameters
    ----------
    model
        The encoder; trained in place.
    genes
        The genes and the processes that share them.
    generator
        CPU generator of held-out genes, batches, halves and masks.
    """

    name = "pretrain"
    stopped: str | None = None

    def __init__(self, model: GeneEncoder, genes: SharedGenes, generator: torch.Generator) -> None:
        train = genes.config.train
        self.model, self.genes, self.generator = model, genes, generator
        self.n_epochs, self.batch = train.pretrain_epochs, train.pretrain_batch
        self.split = LearntGenes(genes.n_genes, self.batch, train)
        self.weights = weights_of(train)
        self.loss = ViewLoss(model, genes.grid, train)
        n_steps = self.n_epochs * self.split.n_batches
        self.step = Step(genes.fabric, self.loss, train.pretrain_lr, n_steps, train)
        self.best: dict[str, Any] = {}

    def begin(self) -> None:
        """Draw the genes that are held out, and see what the eigenimages alone reach on them."""
        self.split.draw(self.generator)
        at_start = self._held_out()
        self.best = {"epoch": 0, "loss": at_start, "start": at_start, "model": _copy(self.model)}

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from a state.

        Parameters
        ----------
        saved
            From `state`, and the step's.
        """
        self.step.load_state_dict(saved["step"])
        self.split.mixed, self.best = saved["mixed"], saved["best"]

    def state(self) -> dict[str, Any]:
        """What the rest of the stage hangs on."""
        return {"step": self.step.state_dict(), "mixed": self.split.mixed, "best": self.best}

    def begin_epoch(self, epoch: int) -> dict[str, float]:
        """Weights of the loss terms, the same in all epochs.

        Parameters
        ----------
        epoch
            Its number, from 0.
        """
        return self.weights

    def batches(self) -> list[Tensor]:
        """Rows of the genes that the epoch learns from, shuffled."""
        return self.split.batches(self.generator)

    def terms(self, rows: Tensor) -> tuple[dict[str, Tensor], int]:
        """Loss terms of this process's part of a batch, and how many genes that is.

        Parameters
        ----------
        rows
            Genes of the whole batch, `(batch,)`.
        """
        views = self.genes.masked_views(rows, self.generator)
        return self.loss(views.first, views.second, views.keeps), len(views.genes)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """Keep the weights where they are the best so far; returns what else there is to record.

        Parameters
        ----------
        epoch
            Its number, from 0.
        """
        now = self._held_out()
        if not self.split.n_held or now < self.best["loss"]:
            self.best |= {"epoch": epoch + 1, "loss": now, "model": _copy(self.model)}
        return {"held_out": now} if self.split.n_held else {}

    def finish(self) -> dict[str, float]:
        """Put the best weights back; returns what the stage's last record gets.

        That is what the eigenimages alone reach, and the epoch that went on: 0 where training did not help.
        """
        self.model.load_state_dict(self.best["model"])
        if not self.split.n_held:
            return {}
        return {"held_out_start": self.best["start"], "kept_epoch": self.best["epoch"]}

    @torch.no_grad()
    def _held_out(self) -> float:
        """Loss on genes that are held out, by the same halves and masks each time; infinite without any."""
        held, total = self.split.held, 0.0
        if not len(held):
            return math.inf
        generator = torch.Generator().manual_seed(0)
        for rows in held.tensor_split(math.ceil(len(held) / self.batch)):
            views = self.genes.masked_views(rows, generator)
            terms = self.loss(views.first, views.second, views.keeps)
            value = sum((self.weights[name] * term for name, term in terms.items()), torch.zeros(()))
            total += float(value) * len(views.genes)
        totals = torch.tensor(total, dtype=torch.float64, device=self.genes.grid.index.device)
        return float(self.genes.sum(totals)) / len(held)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
