"""The loop over the modules: I alone, then II and III in turn, on Lightning Fabric."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sigel.config import SIGELConfig, TrainConfig
from sigel.errors import InputError, TrainingError
from sigel.nn.contrast import (
    KernelAssignment,
    cluster_loss,
    effective_rank,
    graph_loss,
    instance_contrast,
    mutual_neighbors,
    size_loss,
    target_distribution,
)
from sigel.nn.mae import MaskedAutoencoder, reconstruction_loss, visible_patches
from sigel.nn.mixture import TMixture
from sigel.nn.patches import Patches
from sigel.nn.select import select_n_groups
from sigel.runtime import Progress, make_fabric
from sigel.views import ImageViews

Assignment = TMixture | KernelAssignment


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
        One dict per epoch.
    bic
        BIC by number of groups where `n_groups="auto"`.
    """

    z: np.ndarray
    posterior: np.ndarray
    assignment: Assignment
    history: list[dict[str, Any]] = field(default_factory=list)
    bic: dict[int, float] = field(default_factory=dict)


class ViewLoss(nn.Module):
    """Module I on two views of each gene: masked reconstruction and instance contrast.

    Parameters
    ----------
    model
        The autoencoder.
    grid
        Tissue patches.
    config
        Weights of the terms.
    """

    def __init__(self, model: MaskedAutoencoder, grid: Patches, config: TrainConfig) -> None:
        super().__init__()
        self.model, self.grid, self.config = model, grid, config

    def forward(self, first: Tensor, second: Tensor, keeps: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Loss terms of images `(batch, n_pixels)` whose patches `keeps`, `(batch, kept)`, are visible."""
        a, b = self.grid.split(first), self.grid.split(second)  # (batch, n_patches, patch pixels)
        z, predicted = self.model.masked_view(a, self.grid, keeps[0])
        terms = {"reconstruct": reconstruction_loss(predicted, b, self.grid, keeps[0])}
        if self.config.contrast_weight > 0:
            other = self.model.masked_view_z(b, self.grid, keeps[1])
            terms["contrast"] = instance_contrast(z, other, self.config.temperature)
        return terms


class GroupLoss(nn.Module):
    """Modules II and III on whole images: assignment, likelihood, sizes and the gene graph.

    Parameters
    ----------
    model
        The autoencoder.
    assignment
        The mixture, whose posterior is differentiable.
    grid
        Tissue patches.
    """

    def __init__(self, model: MaskedAutoencoder, assignment: Assignment, grid: Patches) -> None:
        super().__init__()
        self.model, self.assignment, self.grid = model, assignment, grid

    def forward(self, images: Tensor, epoch: EpochTargets, rows: Tensor) -> dict[str, Tensor]:
        """Loss terms of images `(batch, n_pixels)` of the genes `rows`."""
        z = self.model(self.grid.split(images), self.grid)  # (batch, n_dims)
        joint = self.assignment.log_joint(z.double())  # (batch, n_groups)
        likelihood = torch.logsumexp(joint, dim=1)
        share = len(rows) / len(epoch.target)
        return {
            "cluster": cluster_loss(epoch.target[rows], joint - likelihood[:, None]).float(),
            "likelihood": -likelihood.mean().float() / z.shape[1],
            "size": size_loss(joint.softmax(dim=1), epoch.sizes, share).float(),
            "graph": graph_loss(z, epoch.neighborhood[rows], epoch.has_neighbors[rows]),
        }


@dataclass
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
        `(n_genes,)`, 1 or 0.
    """

    target: Tensor
    sizes: Tensor
    neighborhood: Tensor
    has_neighbors: Tensor


@torch.no_grad()
def encode_images(model: MaskedAutoencoder, views: ImageViews, grid: Patches) -> Tensor:
    """Representations of all genes, `(n_genes, n_dims)`; leaves the model in evaluation mode.

    Parameters
    ----------
    model
        The autoencoder.
    views
        Gene images.
    grid
        Their tissue patches.
    """
    model.eval()
    return torch.cat([model(grid.split(images), grid) for images in views.batches()])


class Trainer:
    """Runs one fit.

    Parameters
    ----------
    model
        Autoencoder with fresh weights; trained in place.
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
    """

    def __init__(
        self,
        model: MaskedAutoencoder,
        views: ImageViews,
        grid: Patches,
        config: SIGELConfig,
        random: dict[str, torch.Generator],
        device: torch.device,
        progress: Progress | None = None,
    ) -> None:
        self.fabric = make_fabric(device)
        self.model = model.to(device)
        self.views, self.grid = views, grid.to(device)
        self.config, self.random, self.device = config, random, device
        if config.n_groups != "auto" and config.n_groups > views.n_genes:
            found = f"{config.n_groups} groups for {views.n_genes} genes"
            fix = f'Use n_groups="auto" or at most {views.n_genes}.'
            raise InputError("n_groups", found, "at most one group per gene", fix)
        self.report: Progress = progress or (lambda stage, step, total, text: None)
        self.history: list[dict[str, Any]] = []
        self.weights = {
            "reconstruct": config.train.reconstruct_weight,
            "contrast": config.train.contrast_weight,
            "cluster": config.train.cluster_weight,
            "likelihood": config.train.likelihood_weight,
            "size": config.train.size_weight,
        }

    def run(self) -> Fit:
        """Module I, then II and III in turn; returns representations and groups."""
        self.pretrain()
        z = self.encode("pretrain")
        assignment, bic = self.start_groups(z)
        self.refine(assignment, z)
        z = self.encode("refine")
        if isinstance(assignment, TMixture):
            assignment.fit_em(z.double())
        posterior = assignment.log_joint(z.double()).detach().softmax(dim=1)
        n_groups = posterior.shape[1]
        sizes = torch.bincount(posterior.argmax(dim=1), minlength=n_groups)
        order = sizes.argsort(descending=True, stable=True)
        _reorder(assignment, order)
        return Fit(
            z=z.cpu().numpy(),
            posterior=posterior[:, order].float().cpu().numpy(),
            assignment=assignment.cpu(),
            history=self.history,
            bic=bic,
        )

    def encode(self, stage: str) -> Tensor:
        """Representations of all genes after some epochs of a stage, `(n_genes, n_dims)`."""
        z = encode_images(self.model, self.views, self.grid)
        self.model.train()
        if not z.isfinite().all():
            msg = f"after {stage}: representations are not finite; lower `{stage}_lr` (TrainConfig)."
            raise TrainingError(msg)
        return z

    def pretrain(self) -> None:
        """Module I alone. Without the contrast, as in the published code, the head keeps its random start."""
        train, generator = self.config.train, self.random["pretrain"]
        loss = ViewLoss(self.model, self.grid, train)
        batches = math.ceil(self.views.n_genes / train.pretrain_batch)
        step = self._optimiser(loss, train.pretrain_lr, train.pretrain_epochs * batches)
        for epoch in range(train.pretrain_epochs):
            started, seen = time.perf_counter(), _Means()
            for rows in _batches(self.views.n_genes, batches, generator):
                seen.add(step(self._view_terms(loss, rows, generator), self.weights), len(rows))
            means = self._checked("pretrain", epoch, seen)
            self._record("pretrain", epoch, train.pretrain_epochs, means, started)

    def start_groups(self, z: Tensor) -> tuple[Assignment, dict[int, float]]:
        """Number of groups and a first mixture on `(n_genes, n_dims)` representations."""
        config, generator = self.config, self.random["groups"]
        bic: dict[int, float] = {}
        n_groups: int | str = config.n_groups
        if n_groups == "auto":
            mixture, bic = select_n_groups(z.double(), config.max_groups, config.mixture, generator)
            n_groups = mixture.n_groups
        elif config.assignment == "mixture":
            mixture = TMixture(int(n_groups), config.n_dims, config.mixture).double().to(self.device)
            mixture.set_prior(z.double())
            mixture.initialise(z.double(), generator)
            mixture.fit_em(z.double())
        self.report("groups", 1, 1, f"{n_groups} groups")
        if config.assignment == "mixture":
            return mixture, bic
        kernel = KernelAssignment(int(n_groups), config.n_dims).to(self.device)
        kernel.initialise(z, generator)
        return kernel, bic

    def refine(self, assignment: Assignment, z: Tensor) -> None:
        """Modules II and III: EM on all genes, then gradients through the posterior, epoch by epoch."""
        train, generator = self.config.train, self.random["refine"]
        if train.refine_epochs == 0:
            return
        graph = mutual_neighbors(self._patch_means(), train.graph_neighbors)
        view_loss = ViewLoss(self.model, self.grid, train)
        group_loss = GroupLoss(self.model, assignment, self.grid)
        both = nn.ModuleList([view_loss, group_loss])
        batches = math.ceil(self.views.n_genes / train.refine_batch)
        step = self._optimiser(both, train.refine_lr, train.refine_epochs * batches)
        first_rank, calm, before = effective_rank(z), 0, None
        for epoch in range(train.refine_epochs):
            started, seen = time.perf_counter(), _Means()
            good = copy.deepcopy((self.model.state_dict(), assignment.state_dict()))
            targets, labels = self._epoch_targets(assignment, z, graph)
            weights = self.weights | {"graph": train.graph_weight * math.exp(-epoch / train.graph_decay)}
            for rows in _batches(self.views.n_genes, batches, generator):
                terms = self._view_terms(view_loss, rows, generator)
                terms |= group_loss(self.views.whole(rows), targets, rows.to(self.device))
                seen.add(step(terms, weights), len(rows))
            means = self._checked("refine", epoch, seen)
            z = self.encode("refine")
            rank = effective_rank(z)
            more = {"rank": rank, "n_groups": len(labels.unique())}
            if before is not None:
                more["changed"] = float((labels != before).double().mean())
            before = labels
            self._record("refine", epoch, train.refine_epochs, means, started, **more)
            if rank < train.min_rank * first_rank:
                self.model.load_state_dict(good[0])
                assignment.load_state_dict(good[1])
                self.history[-1]["stopped"] = "collapse: the last good epoch was restored"
                break
            calm = calm + 1 if more.get("changed", math.inf) < train.tolerance else 0
            if calm >= train.patience:
                self.history[-1]["stopped"] = "groups no longer change"
                break

    def _epoch_targets(self, assignment: Assignment, z: Tensor, graph: Any) -> tuple[EpochTargets, Tensor]:
        """EM (Module II) at the present representations, then P and what else the epoch holds constant."""
        if isinstance(assignment, TMixture):
            assignment.reseed_empty(z.double(), self.random["groups"])
            assignment.fit_em(z.double(), max_iter=self.config.train.em_steps)
        with torch.no_grad():
            posterior = assignment.log_joint(z.double()).softmax(dim=1)
        near = torch.from_numpy(graph @ z.cpu().numpy()).to(self.device)
        linked = torch.from_numpy((np.diff(graph.indptr) > 0).astype(np.float32)).to(self.device)
        targets = EpochTargets(target_distribution(posterior), posterior.mean(dim=0), near, linked)
        return targets, posterior.argmax(dim=1)

    def _view_terms(self, loss: ViewLoss, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        train, grid = self.config.train, self.grid
        if train.thin is not None and self.views.integer:
            first, second = self.views.halves(rows, train.thin, generator)
        else:
            first = second = self.views.whole(rows)
        ratio = self.config.encoder.mask_ratio
        keeps = tuple(
            visible_patches(len(rows), grid.n_patches, ratio, generator).to(self.device) for _ in range(2)
        )
        return loss(first, second, (keeps[0], keeps[1]))

    @torch.no_grad()
    def _patch_means(self) -> Tensor:
        """Mean of each tissue patch of each image, `(n_genes, n_patches)`: smoothed images, small."""
        share = self.grid.inside / self.grid.inside.sum(dim=1, keepdim=True)
        return torch.cat([(self.grid.split(images) * share).sum(dim=2) for images in self.views.batches()])

    def _optimiser(self, loss: nn.Module, rate: float, steps: int) -> _Step:
        return _Step(self.fabric, loss, rate, steps, self.config.train)

    def _checked(self, stage: str, epoch: int, seen: _Means) -> dict[str, float]:
        """Mean terms of an epoch, whose loss is finite."""
        means = seen.result()
        if not math.isfinite(means["loss"]):
            msg = f"{stage}, epoch {epoch + 1}: the loss is not finite; lower `{stage}_lr` (TrainConfig)."
            raise TrainingError(msg)
        return means

    def _record(
        self, stage: str, epoch: int, total: int, means: dict[str, float], started: float, **more: float
    ) -> None:
        row = {"stage": stage, "epoch": epoch + 1, **means, **more, "seconds": time.perf_counter() - started}
        self.history.append(row)
        self.report(stage, epoch + 1, total, f"loss {means['loss']:.3f}")


class _Step:
    """One optimiser with warm-up and cosine decay; called with loss terms, it makes a step."""

    def __init__(self, fabric: Any, loss: nn.Module, rate: float, steps: int, config: TrainConfig) -> None:
        parameters = [p for p in loss.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=config.weight_decay)
        warm = max(min(20, steps // 10), 1)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser,
            lambda i: min((i + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(i / max(steps, 1), 1.0))) + 1e-3),
        )
        self.fabric, self.parameters, self.clip = fabric, parameters, config.grad_clip
        self.optimiser = fabric.setup_optimizers(optimiser)

    def __call__(self, terms: dict[str, Tensor], weights: dict[str, float]) -> dict[str, Tensor]:
        total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        self.optimiser.zero_grad()
        self.fabric.backward(total)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimiser.step()
        self.schedule.step()
        return {"loss": total.detach(), **{name: term.detach() for name, term in terms.items()}}


class _Means:
    """Means of loss terms over an epoch, kept on the device until the end."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.n = 0

    def add(self, terms: dict[str, Tensor], n: int) -> None:
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(term)) + term * n
        self.n += n

    def result(self) -> dict[str, float]:
        return {name: float(total) / self.n for name, total in self.sums.items()}


def _batches(n: int, n_batches: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Shuffled rows in batches whose sizes differ by one at most, so that none is empty."""
    return torch.randperm(n, generator=generator).tensor_split(n_batches)


def _reorder(assignment: Assignment, order: Tensor) -> None:
    """Number the groups from large to small."""
    n = len(order)
    with torch.no_grad():
        for parameter in assignment.parameters():
            if parameter.ndim and len(parameter) == n:
                parameter.copy_(parameter[order].clone())
