"""Modules II and III: EM on all genes, then gradients through the posterior, epoch by epoch."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor, nn

from sigel.nn.contrast import effective_rank, mutual_neighbors, target_distribution
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.mixture.t_mixture import TMixture
from sigel.training.batches import SharedGenes, epoch_size, shuffled
from sigel.training.groups import Assignment, fit_to_all
from sigel.training.losses import EpochTargets, GroupLoss, ViewLoss, weights_of
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
        self.n_seen = epoch_size(genes.n_genes, train)
        self.n_batches = math.ceil(self.n_seen / train.refine_batch)
        both = nn.ModuleList([self.view_loss, self.group_loss])
        self.step = Step(genes.fabric, both, train.refine_lr, self.n_epochs * self.n_batches, train)
        self.stopped: str | None = None
        self.calm = 0  # epochs in a row in which hardly a gene changed its group
        self.labels: Tensor | None = None  # group of each gene at the last epoch, (n_genes,)

    def begin(self) -> None:
        """The graph of genes, and the rank that the representations must not fall far below."""
        self.graph = mutual_neighbors(self.z, self.train.graph_neighbors)
        self.first_rank = effective_rank(self.z)

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from a state; encoder and groups are those of that state.

        Parameters
        ----------
        saved
            From `state`.
        """
        self.step.load_state_dict(saved["step"])
        run = saved["run"]
        self.graph, self.first_rank = _graph(run["graph"]), run["rank"]
        self.calm, self.labels, self.stopped = run["calm"], run["labels"], run.get("stopped")

    def state(self) -> dict[str, Any]:
        """What the rest of the stage hangs on."""
        run = {
            "graph": _pieces(self.graph),
            "rank": self.first_rank,
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
        self._good = copy.deepcopy((self.model.state_dict(), self.assignment.state_dict()))
        self._targets, self._labels = self._epoch_targets()
        fading = self.train.graph_weight * math.exp(-epoch / self.train.graph_decay)
        return weights_of(self.train) | {"graph": fading}

    def batches(self) -> tuple[Tensor, ...]:
        """Rows of the genes that the epoch learns from, shuffled."""
        return shuffled(self.genes.n_genes, self.n_batches, self.random["refine"], self.n_seen)

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
        """Encode anew and see whether to stop; returns what else there is to record.

        Parameters
        ----------
        epoch
            Its number, from 0.
        """
        train, labels = self.train, self._labels
        self.z = self.genes.encode(self.model, self.name)
        rank = effective_rank(self.z)
        record = {"rank": rank, "n_groups": len(labels.unique())}
        if self.labels is not None:
            record["changed"] = float((labels != self.labels.to(labels.device)).double().mean())
        self.labels = labels
        self.calm = self.calm + 1 if record.get("changed", math.inf) < train.tolerance else 0
        if rank < train.min_rank * self.first_rank:
            self.model.load_state_dict(self._good[0])
            self.assignment.load_state_dict(self._good[1])
            self.stopped = "collapse: the last good epoch was restored"
        elif self.calm >= train.patience:
            self.stopped = "groups no longer change"
        return record

    def finish(self) -> dict[str, float]:
        """Nothing is left to do, nor to record."""
        return {}

    def _epoch_targets(self) -> tuple[EpochTargets, Int[Tensor, " n_genes"]]:
        """EM at the present representations, then P and what else the epoch holds constant; labels."""
        z, assignment, graph = self.z, self.assignment, self.graph
        if isinstance(assignment, TMixture):
            assignment.reseed_empty(z.double(), self.random["groups"])
            fit_to_all(assignment, z, self.genes, max_iter=self.train.em_steps)
        with torch.no_grad():
            posterior = assignment.log_joint(z.double()).softmax(dim=1)  # (n_genes, n_groups)
        near = torch.from_numpy(graph @ z.cpu().numpy()).to(z.device)  # (n_genes, n_dims)
        linked = torch.from_numpy((np.diff(graph.indptr) > 0).astype(np.float32)).to(z.device)  # (n_genes,)
        # A mean over genes that have neighbours, whatever batch or part of one they fall into.
        linked = linked / linked.mean().clamp_min(1 / len(linked))
        targets = EpochTargets(target_distribution(posterior), posterior.mean(dim=0), near, linked)
        return targets, posterior.argmax(dim=1)


def _pieces(graph: sparse.csr_matrix) -> dict[str, Any]:
    parts = {name: torch.from_numpy(getattr(graph, name)) for name in ("data", "indices", "indptr")}
    return {**parts, "shape": tuple(graph.shape)}


def _graph(pieces: dict[str, Any]) -> sparse.csr_matrix:
    parts = tuple(pieces[name].numpy() for name in ("data", "indices", "indptr"))
    return sparse.csr_matrix(parts, shape=pieces["shape"])
