"""Modules II and III: EM on all genes, then gradients through the posterior; the best epoch is kept."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sigel.nn.contrast import effective_rank, mutual_neighbors, target_distribution
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.mixture.t_mixture import TMixture
from sigel.training.batches import LearntGenes, SharedGenes
from sigel.training.groups import Assignment, fit_to_all
from sigel.training.losses import EpochTargets, GroupLoss, ViewLoss, weights_of
from sigel.training.neighbor_test import NeighborTest, is_better
from sigel.training.steps import Step


class Refinement:
    """The stage that moves encoder and groups together, as `Trainer` runs it.

    Parameters
    ----------
    model
        The encoder; trained in place.
    assignment
        The groups; moved in place.
    z
        Representations at the start, `(n_genes, n_dims)`.
    genes
        The genes and the processes that share them.
    random
        CPU generators: `"refine"` of batches, halves and masks, `"groups"` of groups that are re-seeded.
    """

    name = "refine"

    def __init__(
        self,
        model: GeneEncoder,
        assignment: Assignment,
        z: Float[Tensor, "n_genes n_dims"],
        genes: SharedGenes,
        random: dict[str, torch.Generator],
    ) -> None:
        train = genes.config.train
        self.model, self.assignment, self.z = model, assignment, z
        self.genes, self.train, self.random = genes, train, random
        self.n_epochs = train.refine_epochs
        self.view_loss = ViewLoss(model, genes.grid, train)
        self.group_loss = GroupLoss(model, assignment, genes.grid)
        self.split = LearntGenes(genes.n_genes, train.refine_batch, train)
        both = nn.ModuleList([self.view_loss, self.group_loss])
        self.step = Step(genes.fabric, both, train.refine_lr, self.n_epochs * self.split.n_batches, train)
        self.stopped: str | None = None
        self.calm = 0  # epochs in a row in which hardly a gene changed its group
        self.labels: Tensor | None = None  # group of each gene at the last epoch, (n_genes,)
        self.best: dict[str, Any] = {}

    def begin(self) -> None:
        """Draw the genes that are held out, and see how well their neighbours foretell them."""
        self.first_z, self.first_rank = self.z, effective_rank(self.z)
        self.split.draw(self.random["refine"])
        scores = self._scores()
        self.best = {"epoch": 0, "scores": scores, "start": scores, "z": self.z} | self._now()

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from a state; encoder and groups are those of that state.

        Parameters
        ----------
        saved
            From `state`.
        """
        self.step.load_state_dict(saved["step"])
        run = saved["run"]
        self.first_z, self.first_rank = run["first_z"].to(self.z.device), run["rank"]
        self.split.mixed, self.best = run["mixed"], run["best"]
        self.calm, self.labels, self.stopped = run["calm"], run["labels"], run.get("stopped")

    def state(self) -> dict[str, Any]:
        """What the rest of the stage hangs on."""
        run = {
            "first_z": self.first_z,
            "rank": self.first_rank,
            "mixed": self.split.mixed,
            "best": self.best,
            "calm": self.calm,
            "labels": self.labels,
            "stopped": self.stopped,
        }
        groups = {"n_groups": len(self.assignment.means), "assignment": self.assignment.state_dict()}
        return {"step": self.step.state_dict(), "run": run, **groups}

    def begin_epoch(self, epoch: int) -> dict[str, float]:
        """EM (Module II), then what the epoch holds constant; returns the weights of the loss terms.

        Parameters
        ----------
        epoch
            Its number, from 0.
        """
        self._batches = self.split.batches(self.random["refine"])
        self._targets, self._labels = self._epoch_targets(torch.cat(self._batches))
        fading = self.train.graph_weight * math.exp(-epoch / self.train.graph_decay)
        return weights_of(self.train) | {"graph": fading}

    def batches(self) -> list[Tensor]:
        """Rows of the genes that the epoch learns from, shuffled."""
        return self._batches

    def terms(self, rows: Tensor) -> tuple[dict[str, Tensor], int]:
        """Loss terms of this process's part of a batch, and how many genes that is.

        Only the size term, which is not a mean over genes, sees a part otherwise than the whole.

        Parameters
        ----------
        rows
            Genes of the whole batch, `(batch,)`.
        """
        views = self.genes.masked_views(rows, self.random["refine"])
        terms = self.view_loss(views.first, views.second, views.keeps)
        own = views.genes
        terms |= self.group_loss(self.genes.views.view(own), self._targets, own.to(self.z.device))
        return terms, len(own)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """Encode anew, keep the epoch if it helps, and see whether to stop; returns what there is to record.

        Parameters
        ----------
        epoch
            Its number, from 0.
        """
        train, labels = self.train, self._labels
        record: dict[str, float] = {"n_groups": len(labels.unique())}
        if self.labels is not None:
            record["changed"] = float((labels != self.labels.to(labels.device)).double().mean())
        self.labels = labels
        self.calm = self.calm + 1 if record.get("changed", math.inf) < train.tolerance else 0
        scores = self._scores()
        helps = scores is None or is_better(scores, self.best["scores"])
        if scores is not None:
            record["neighbors"] = float(scores.mean())
        if helps or epoch + 1 < self.n_epochs:  # what is not kept is not needed
            self.z = self.genes.encode(self.model, self.name)
            record["rank"] = effective_rank(self.z)
        if record.get("rank", math.inf) < train.min_rank * self.first_rank:
            self.stopped = "collapse: the last good epoch was restored"
            return record
        if helps:
            self.best |= {"epoch": epoch + 1, "scores": scores, "z": self.z} | self._now()
        if self.calm >= train.patience:
            self.stopped = "groups no longer change"
        return record

    def finish(self) -> dict[str, float]:
        """Put the best epoch back; returns what the stage's last record gets.

        That is how well neighbours foretold the held-out genes at the start, and the epoch that went on: 0
        where refinement did not help.
        """
        self.model.load_state_dict(self.best["model"])
        self.assignment.load_state_dict(self.best["assignment"])
        self.z = self.best["z"]
        if self.best["start"] is None:
            return {}
        start = float(self.best["start"].mean())
        return {"neighbors_start": start, "kept_epoch": self.best["epoch"]}

    def _now(self) -> dict[str, Any]:
        """Copies of encoder and groups."""
        return {
            "model": copy.deepcopy(self.model.state_dict()),
            "assignment": copy.deepcopy(self.assignment.state_dict()),
        }

    def _scores(self) -> Float[Tensor, " n_held"] | None:
        """How well genes held out are foretold; None where there are none."""
        split = self.split
        if not split.n_held:
            return None
        return NeighborTest(self.genes, split.held, split.learnt[: split.n_learnt]).scores(self.model)

    def _epoch_targets(self, rows: Int[Tensor, " n_seen"]) -> tuple[EpochTargets, Int[Tensor, " n_genes"]]:
        """EM at the present representations, then P and what else the epoch holds constant; labels.

        The graph is that of the genes that the epoch sees, as they were at the start.
        """
        z, assignment = self.z, self.assignment
        if isinstance(assignment, TMixture):
            assignment.reseed_empty(z.double(), self.random["groups"])
            fit_to_all(assignment, z, self.genes, max_iter=self.train.em_steps)
        with torch.no_grad():
            posterior = assignment.log_joint(z.double()).softmax(dim=1)  # (n_genes, n_groups)
        rows = rows.sort().values.to(z.device)
        graph = mutual_neighbors(self.first_z[rows], self.train.graph_neighbors)  # (n_seen, n_seen)
        near = torch.zeros_like(z)  # (n_genes, n_dims)
        near[rows] = torch.from_numpy(graph @ z[rows].cpu().numpy()).to(z)
        linked = z.new_zeros(len(z))  # (n_genes,)
        linked[rows] = torch.from_numpy(np.diff(graph.indptr) > 0).to(z)
        # A mean over genes that have neighbours, whatever batch or part of one they fall into.
        linked = linked / (linked[rows].mean().clamp_min(1 / len(rows)))
        targets = EpochTargets(target_distribution(posterior), posterior.mean(dim=0), near, linked)
        return targets, posterior.argmax(dim=1)
