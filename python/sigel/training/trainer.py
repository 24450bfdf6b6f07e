"""One fit: the eigenimages, Module I, the first groups, then Modules II and III in turn."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sigel.config import SIGELConfig
from sigel.errors import ConfigError, InputError, TrainingError, number_of
from sigel.images.tensors import ImageViews, View
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.patches import Patches
from sigel.nn.mixture.t_mixture import TMixture
from sigel.runtime.device import fast_products, make_fabric
from sigel.runtime.progress import Progress
from sigel.training.batches import SharedGenes
from sigel.training.checkpoint import Checkpoint
from sigel.training.groups import Assignment, first_groups, fit_to_all, new_assignment, number_by_size
from sigel.training.memory_estimate import KEPT_VALUES
from sigel.training.pretraining import Pretraining
from sigel.training.refinement import Refinement
from sigel.training.steps import Means, Step

# Genes that every one of several processes must have in every batch.
LEAST_GENES = 20


@dataclass
class Fit:
    """What training leaves behind.

    Parameters
    ----------
    z
        Representations, float32 `(n_genes, n_dims)`.
    posterior
        Group posteriors, float32 `(n_genes, n_groups)`, groups from large to small.
    assignment
        The fitted mixture (or kernel), its groups in that order.
    history
        One dict per epoch, and one each for the eigenimages and the first groups.
    bic
        BIC by number of groups where `n_groups="auto"`.
    """

    z: np.ndarray
    posterior: np.ndarray
    assignment: Assignment
    history: list[dict[str, Any]] = field(default_factory=list)
    bic: dict[int, float] = field(default_factory=dict)


class Stage(Protocol):
    """What the loop over epochs asks of a stage: `Pretraining` or `Refinement`."""

    name: str
    n_epochs: int
    step: Step
    stopped: str | None

    def begin(self) -> None: ...  # noqa: D102
    def resume(self, saved: dict[str, Any]) -> None: ...  # noqa: D102
    def state(self) -> dict[str, Any]: ...  # noqa: D102
    def begin_epoch(self, epoch: int) -> dict[str, float]: ...  # noqa: D102
    def batches(self) -> Sequence[Tensor]: ...  # noqa: D102
    def terms(self, rows: Tensor) -> tuple[dict[str, Tensor], int]: ...  # noqa: D102
    def end_epoch(self, epoch: int) -> dict[str, float]: ...  # noqa: D102
    def finish(self) -> dict[str, float]: ...  # noqa: D102


class Trainer:
    """Runs one fit, on one process or as one of several that share every batch.

    Parameters
    ----------
    model
        Encoder with fresh weights; trained in place.
    views
        Gene images.
    grid
        Tissue patches.
    config
        All settings.
    random
        One generator per stage.
    device
        Where to run.
    progress
        Called after each step of a stage, or None.
    checkpoint
        Keeps the state as a stage begins and after every epoch, and goes on from what it holds; None keeps
        nothing.

    Raises
    ------
    ConfigError
        When a setting needs one process and there are several.
    InputError
        When there are too few genes for the groups that are asked for, or for the processes.
    """

    def __init__(
        self,
        model: GeneEncoder,
        views: ImageViews,
        grid: Patches,
        config: SIGELConfig,
        random: dict[str, torch.Generator],
        device: torch.device,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.fabric = make_fabric(device)
        _check(config, views.n_genes, self.fabric.world_size)
        self.model = model.to(device)
        self.genes = SharedGenes(self.fabric, views, grid.to(device), config)
        self.config, self.random, self.device = config, random, device
        main = self.fabric.global_rank == 0
        self.report: Progress = (progress if main else None) or (lambda stage, step, total, text: None)
        self.checkpoint = checkpoint
        self.history: list[dict[str, Any]] = []
        self.bic: dict[int, float] = {}
        self.patterned: torch.Tensor | None = None

    def run(self) -> Fit:
        """Module I, then II and III in turn; returns representations and groups."""
        saved, trains = self._saved(), self.model.mae is not None
        if saved is None:
            self._fit_eigenimages()
        if saved is None or saved["stage"] == "pretrain":
            if trains and self.config.train.pretrain_epochs > 0:
                self._train(Pretraining(self.model, self.genes, self.random["pretrain"]), saved)
            z = self.genes.encode(self.model, "pretrain")
            assignment, saved = self._start_groups(z), None
        else:
            assignment = new_assignment(self.config, saved["n_groups"]).to(self.device)
            assignment.load_state_dict(saved["assignment"])
            z = self.genes.encode(self.model, "refine")
        if trains and self.config.train.refine_epochs > 0:
            refinement = Refinement(self.model, assignment, z, self.genes, self.random)
            self._train(refinement, saved)
            z = refinement.z
        if isinstance(assignment, TMixture):
            fit_to_all(assignment, z, self.genes)
        posterior = number_by_size(assignment, z, self.patterned)
        return Fit(
            z=z.cpu().numpy(),
            posterior=posterior.float().cpu().numpy(),
            assignment=assignment.cpu(),
            history=self.history,
            bic=self.bic,
        )

    # --- before and between the stages ---

    def _fit_eigenimages(self) -> None:
        """Eigenimages of the section, where the encoder has them."""
        if self.model.eigen is None:
            return
        started, encoder, views = time.perf_counter(), self.config.encoder, self.genes.views
        kept: list[View] = []
        rows = torch.arange(views.n_genes)
        if views.present is not None:  # the genes of all sections make the covariance, by which all are read
            self.model.eigen.present[:-1] = views.present
            rows = views.present.all(dim=1).nonzero()[:, 0].cpu()
        # Images that fit are made once for all sweeps.
        if len(rows) * views.n_pixels <= KEPT_VALUES:
            kept = list(views.batches(rows=rows))
        self.model.eigen.fit(
            lambda: kept or views.batches(rows=rows),
            self.genes.grid.places,
            views.positions,
            lambda x: views.spread(x, encoder.spread, times=encoder.spreads),
            lambda x: views.spread(x, encoder.spread, times=encoder.spreads, adjoint=True),
            sharp=encoder.sharp,
            prior_genes=encoder.prior_genes,
            pole=encoder.pole,
            generator=self.random["eigenimages"],
            parts=views.parts,
            rows=rows,
        )
        # One set for all processes: rounding may turn a sign.
        self.model.eigen.load_state_dict(self.genes.shared(self.model.eigen.state_dict()))
        self.history.append({"stage": "eigenimages", "epoch": 1, "seconds": time.perf_counter() - started})
        self.report("eigenimages", 1, 1, f"{len(self.model.eigen.spectrum)} eigenimages")

    def _start_groups(self, z: Tensor) -> Assignment:
        """Number of groups and a first mixture on `(n_genes, n_dims)` representations."""
        started = time.perf_counter()
        assignment, self.bic, foretold, self.patterned = first_groups(
            self.model, z, self.config, self.random["groups"], self.genes
        )
        row = {"stage": "groups", "epoch": 1, "seconds": time.perf_counter() - started}
        if foretold:
            row["foretold"] = foretold[len(assignment.means)]
        self.history.append(row)
        if self.config.n_groups != 1:  # one for all genes is none that anybody would want to know of
            self.report("groups", 1, 1, number_of(len(assignment.means), "group"))
        return assignment

    # --- one stage ---

    def _train(self, stage: Stage, saved: dict[str, Any] | None) -> None:
        """The epochs of a stage: a step for each batch, a record, a report, a checkpoint."""
        with fast_products(self.device):
            if saved is None:
                stage.begin()
                self._keep(stage, 0)
            else:
                stage.resume(saved)
            for epoch in range(0 if saved is None else saved["done"], stage.n_epochs):
                if stage.stopped:
                    break
                started = time.perf_counter()
                means = self._steps(stage, epoch)
                row = {"stage": stage.name, "epoch": epoch + 1, **means, **stage.end_epoch(epoch)}
                row["seconds"] = time.perf_counter() - started
                if stage.stopped:
                    row["stopped"] = stage.stopped
                self.history.append(row)
                self.report(stage.name, epoch + 1, stage.n_epochs, f"loss {means['loss']:.3f}")
                self._keep(stage, epoch + 1)
            self.history[-1] |= stage.finish()

    def _steps(self, stage: Stage, epoch: int) -> dict[str, float]:
        """A step for each batch of an epoch; mean loss terms over the processes, which are finite."""
        weights, seen = stage.begin_epoch(epoch), Means()
        for rows in stage.batches():
            terms, n_own = stage.terms(rows)
            seen.add(stage.step(terms, weights, n_own / len(rows)), n_own)
        means = seen.result(self.genes.sum)
        if not math.isfinite(means["loss"]):
            lower = f"lower `{stage.name}_lr` (TrainConfig)"
            msg = f"{stage.name}, epoch {epoch + 1}: the loss is not finite; {lower}."
            raise TrainingError(msg)
        return means

    # --- state ---

    def _saved(self) -> dict[str, Any] | None:
        """State of an interrupted run, put back in place as far as it is the same for all stages."""
        saved = self.checkpoint.load() if self.checkpoint is not None else None
        if saved is not None:
            self.model.load_state_dict(saved["model"])
            for name, state in saved["random"].items():
                self.random[name].set_state(state)
            self.history, self.bic = saved["history"], saved["bic"]
            self.patterned = saved.get("patterned")
        return saved

    def _keep(self, stage: Stage, done: int) -> None:
        """Write what the rest of the run hangs on."""
        if self.checkpoint is None or self.fabric.global_rank != 0:
            return
        common = {
            "model": self.model.state_dict(),
            "random": {name: generator.get_state() for name, generator in self.random.items()},
            "history": self.history,
            "bic": self.bic,
            "patterned": self.patterned,
        }
        self.checkpoint.save({"stage": stage.name, "done": done, **common, **stage.state()})


def _check(config: SIGELConfig, n_genes: int, n_processes: int) -> None:
    """Refuse what cannot be fitted."""
    weight = config.train.contrast_weight
    if n_processes > 1 and weight > 0:
        fix = "Use contrast_weight=0, or one process."
        raise ConfigError("contrast_weight", f"{weight} with several processes", "0", fix)
    if n_genes < LEAST_GENES * n_processes > LEAST_GENES:
        found = f"{number_of(n_genes, 'gene')} for {n_processes} processes"
        raise InputError("genes", found, f"at least {LEAST_GENES} for each", "Use fewer processes.")
    if config.n_groups != "auto" and config.n_groups > n_genes:
        found = f"{config.n_groups} groups for {number_of(n_genes, 'gene')}"
        fix = f'Use n_groups="auto" or at most {n_genes}.'
        raise InputError("n_groups", found, "at most one group per gene", fix)
