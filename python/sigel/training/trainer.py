"""The loop over the modules: I alone, then II and III in turn, on Lightning Fabric."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from sigel.config import SIGELConfig
from sigel.errors import ConfigError, InputError, TrainingError
from sigel.images.tensors import ImageViews, View
from sigel.nn.contrast import KernelAssignment, effective_rank, mutual_neighbors, target_distribution
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.masked_autoencoder import visible_patches
from sigel.nn.encoder.patches import Patches
from sigel.nn.mixture.n_groups import select_n_groups
from sigel.nn.mixture.t_mixture import TMixture
from sigel.runtime.device import fast_products, make_fabric
from sigel.runtime.progress import Progress
from sigel.training.checkpoint import Checkpoint
from sigel.training.losses import Assignment, EpochTargets, GroupLoss, ViewLoss
from sigel.training.preflight import KEPT_VALUES
from sigel.training.steps import Means, Step, batches

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


@torch.no_grad()
def encode_images(model: GeneEncoder, views: ImageViews, grid: Patches, rows: Tensor | None = None) -> Tensor:
    """Representations of genes, `(n_genes, n_dims)`; leaves the model in evaluation mode.

    Parameters
    ----------
    model
        The encoder.
    views
        Gene images.
    grid
        Their tissue patches.
    rows
        Row numbers of genes; None: all.
    """
    model.eval()
    rows = torch.arange(views.n_genes) if rows is None else rows
    return torch.cat([model(*views.view(part), grid) for part in rows.split(512)])


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
        Keeps the state after every epoch, and goes on from what it holds; None keeps nothing.
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
        if self.fabric.world_size > 1 and config.train.contrast_weight > 0:
            msg = (
                f"setting `contrast_weight`: found {config.train.contrast_weight} with several processes; "
                "wanted 0. Use contrast_weight=0, or one process."
            )
            raise ConfigError(msg)
        if views.n_genes < LEAST_GENES * self.fabric.world_size > LEAST_GENES:
            found = f"{views.n_genes} genes for {self.fabric.world_size} processes"
            raise InputError("genes", found, f"at least {LEAST_GENES} for each", "Use fewer processes.")
        self.model = model.to(device)
        self.views, self.grid = views, grid.to(device)
        self.config, self.random, self.device = config, random, device
        if config.n_groups != "auto" and config.n_groups > views.n_genes:
            found = f"{config.n_groups} groups for {views.n_genes} genes"
            fix = f'Use n_groups="auto" or at most {views.n_genes}.'
            raise InputError("n_groups", found, "at most one group per gene", fix)
        main = self.fabric.global_rank == 0
        self.report: Progress = (progress if main else None) or (lambda stage, step, total, text: None)
        self.checkpoint = checkpoint
        self.history: list[dict[str, Any]] = []
        self.bic: dict[int, float] = {}
        self.weights = {
            "reconstruct": config.train.reconstruct_weight,
            "contrast": config.train.contrast_weight,
            "cluster": config.train.cluster_weight,
            "likelihood": config.train.likelihood_weight,
            "size": config.train.size_weight,
        }

    def run(self) -> Fit:
        """Module I, then II and III in turn; returns representations and groups."""
        saved = self._saved()
        if saved is None:
            self.start()
        if saved is None or saved["stage"] == "pretrain":
            with fast_products(self.device):
                self.pretrain(saved)
            z = self.encode("pretrain")
            assignment = self.start_groups(z)
            saved = None
        else:
            assignment = self._assignment(saved["n_groups"])
            assignment.load_state_dict(saved["assignment"])
            z = self.encode("refine")
        if self.config.train.refine_epochs > 0 and self.model.mae is not None:
            with fast_products(self.device):
                self.refine(assignment, z, saved)
            z = self.encode("refine")
        if isinstance(assignment, TMixture):
            self._em(assignment, z)
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
            bic=self.bic,
        )

    # --- state ---

    def _saved(self) -> dict[str, Any] | None:
        """State of an interrupted run, put back in place as far as it is the same for all stages."""
        saved = self.checkpoint.load() if self.checkpoint is not None else None
        if saved is not None:
            self.model.load_state_dict(saved["model"])
            for name, state in saved["random"].items():
                self.random[name].set_state(state)
            self.history, self.bic = saved["history"], saved["bic"]
        return saved

    def _keep(self, stage: str, done: int, **more: Any) -> None:
        """Write what the rest of the run hangs on."""
        if self.checkpoint is None or self.fabric.global_rank != 0:
            return
        common = {
            "model": self.model.state_dict(),
            "random": {name: generator.get_state() for name, generator in self.random.items()},
            "history": self.history,
            "bic": self.bic,
        }
        self.checkpoint.save({"stage": stage, "done": done, **common, **more})

    # --- Module I ---

    def start(self) -> None:
        """Eigenimages of the section, where the encoder has them."""
        if self.model.eigen is None:
            return
        started, encoder = time.perf_counter(), self.config.encoder
        kept: list[View] = []
        # Images that fit are made once for all sweeps.
        if self.views.n_genes * self.views.n_pixels <= KEPT_VALUES:
            kept = list(self.views.batches())
        self.model.eigen.fit(
            lambda: iter(kept or self.views.batches()),
            self.grid.places,
            lambda x: self.views.spread(x, encoder.spread),
            lambda x: self.views.spread(x, encoder.spread, adjoint=True),
            sharp=encoder.sharp,
            pole=encoder.pole,
            generator=self.random["eigenimages"],
        )
        # One set for all processes: rounding may turn a sign.
        self.model.eigen.load_state_dict(self._shared(self.model.eigen.state_dict()))
        self.history.append({"stage": "eigenimages", "epoch": 1, "seconds": time.perf_counter() - started})
        self.report("eigenimages", 1, 1, f"{len(self.model.eigen.spectrum)} eigenimages")

    def encode(self, stage: str) -> Tensor:
        """Representations of all genes after some epochs of a stage, `(n_genes, n_dims)`."""
        own = torch.arange(self.views.n_genes).tensor_split(self.fabric.world_size)[self.fabric.global_rank]
        z = encode_images(self.model, self.views, self.grid, own)
        whole = z.new_zeros(self.views.n_genes, z.shape[1])
        whole[own.to(self.device)] = z
        z = self._sum(whole)
        self.model.train()
        if not z.isfinite().all():
            msg = f"after {stage}: representations are not finite; lower `{stage}_lr` (TrainConfig)."
            raise TrainingError(msg)
        return z

    def pretrain(self, saved: dict[str, Any] | None = None) -> None:
        """Module I alone, on all genes but some that are held out; the best epoch on those is kept."""
        train, generator = self.config.train, self.random["pretrain"]
        if self.model.mae is None or train.pretrain_epochs == 0:
            return
        loss = ViewLoss(self.model, self.grid, train)
        n = self.views.n_genes
        mixed = torch.randperm(n, generator=generator) if saved is None else saved["mixed"]
        n_held = min(round(train.holdout * n), n - 1)
        held, learn = mixed[:n_held], mixed[n_held:]
        n_batches = math.ceil(len(learn) / train.pretrain_batch)
        step = Step(self.fabric, loss, train.pretrain_lr, train.pretrain_epochs * n_batches, train)
        best: dict[str, Any]
        if saved is None:
            at_start = self._held_out(loss, held)
            best = {"epoch": 0, "loss": at_start, "start": at_start, "model": _copy(self.model)}
        else:
            step.load_state_dict(saved["step"])
            best = saved["best"]
        for epoch in range(0 if saved is None else saved["done"], train.pretrain_epochs):
            started, seen = time.perf_counter(), Means()
            for part in batches(len(learn), n_batches, generator):
                rows = learn[part]
                terms, own = self._view_terms(loss, rows, generator)
                seen.add(step(terms, self.weights, len(own) / len(rows)), len(own))
            means = self._checked("pretrain", epoch, seen)
            now = self._held_out(loss, held)
            if n_held > 0:
                means["held_out"] = now
            if n_held == 0 or now < best["loss"]:
                best |= {"epoch": epoch + 1, "loss": now, "model": _copy(self.model)}
            self._record("pretrain", epoch, train.pretrain_epochs, means, started)
            self._keep("pretrain", epoch + 1, step=step.state_dict(), mixed=mixed, best=best)
        self.model.load_state_dict(best["model"])
        # What the eigenimages alone reach, and the epoch that went on: 0 where training did not help.
        if n_held > 0:
            self.history[-1] |= {"held_out_start": best["start"], "kept_epoch": best["epoch"]}

    @torch.no_grad()
    def _held_out(self, loss: ViewLoss, held: Tensor) -> float:
        """Loss on genes that are held out, by the same halves and masks each time; infinite without any."""
        if len(held) == 0:
            return math.inf
        generator, total = torch.Generator().manual_seed(0), 0.0
        for rows in held.tensor_split(math.ceil(len(held) / self.config.train.pretrain_batch)):
            terms, own = self._view_terms(loss, rows, generator)
            value = sum((self.weights[name] * term for name, term in terms.items()), torch.zeros(()))
            total += float(value) * len(own)
        totals = torch.tensor(total, dtype=torch.float64, device=self.device)
        return float(self._sum(totals)) / len(held)

    # --- Modules II and III ---

    def _assignment(self, n_groups: int) -> Assignment:
        if self.config.assignment == "mixture":
            return TMixture(n_groups, self.config.n_dims, self.config.mixture).double().to(self.device)
        return KernelAssignment(n_groups, self.config.n_dims).to(self.device)

    def start_groups(self, z: Tensor) -> Assignment:
        """Number of groups and a first mixture on `(n_genes, n_dims)` representations."""
        config, generator, started = self.config, self.random["groups"], time.perf_counter()
        found: Assignment
        if config.n_groups == "auto":
            found, self.bic = select_n_groups(z.double(), config.max_groups, config.mixture, generator)
        else:
            found = self._assignment(int(config.n_groups))
        if config.assignment == "dec":
            found = self._assignment(len(found.means))
        if isinstance(found, KernelAssignment):
            found.initialise(z, generator)
        elif config.n_groups != "auto":
            found.set_prior(z.double())
            found.initialise(z.double(), generator)
        n_groups, state, self.bic = self._shared((len(found.means), found.state_dict(), self.bic))
        assignment = self._assignment(n_groups)
        assignment.load_state_dict(state)
        if isinstance(assignment, TMixture) and config.n_groups != "auto":
            self._em(assignment, z)
        self.history.append({"stage": "groups", "epoch": 1, "seconds": time.perf_counter() - started})
        if self.config.n_groups != 1:  # one for all genes is none that anybody would want to know of
            self.report("groups", 1, 1, f"{n_groups} groups")
        return assignment

    def _em(self, mixture: TMixture, z: Tensor, max_iter: int | None = None) -> None:
        """EM on all genes; each process makes the sums over its own."""
        own = z.double().tensor_split(self.fabric.world_size)[self.fabric.global_rank]
        mixture.fit_em(own, max_iter=max_iter, reduce=self._sum)

    def _shared(self, value: Any) -> Any:
        """What the first process has, on all of them."""
        return value if self.fabric.world_size == 1 else self.fabric.broadcast(value)

    def _sum(self, value: Tensor) -> Tensor:
        """Sum over the processes."""
        if self.fabric.world_size == 1:
            return value
        total = self.fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(total, Tensor)
        return total

    def refine(self, assignment: Assignment, z: Tensor, saved: dict[str, Any] | None = None) -> None:
        """Modules II and III: EM on all genes, then gradients through the posterior, epoch by epoch."""
        train, generator = self.config.train, self.random["refine"]
        view_loss = ViewLoss(self.model, self.grid, train)
        group_loss = GroupLoss(self.model, assignment, self.grid)
        both = nn.ModuleList([view_loss, group_loss])
        n_batches = math.ceil(self.views.n_genes / train.refine_batch)
        step = Step(self.fabric, both, train.refine_lr, train.refine_epochs * n_batches, train)
        if saved is None:
            graph = mutual_neighbors(z, train.graph_neighbors)
            run: dict[str, Any] = {
                "graph": _pieces(graph),
                "rank": effective_rank(z),
                "calm": 0,
                "labels": None,
            }
            self._keep("refine", 0, step=step.state_dict(), run=run, **_about(assignment))
        else:
            step.load_state_dict(saved["step"])
            run, graph = saved["run"], _graph(saved["run"]["graph"])
        first = 0 if saved is None else saved["done"]
        for epoch in range(first, train.refine_epochs):
            if run.get("stopped"):
                break
            started, seen = time.perf_counter(), Means()
            good = copy.deepcopy((self.model.state_dict(), assignment.state_dict()))
            targets, labels = self._epoch_targets(assignment, z, graph)
            weights = self.weights | {"graph": train.graph_weight * math.exp(-epoch / train.graph_decay)}
            for rows in batches(self.views.n_genes, n_batches, generator):
                terms, own = self._view_terms(view_loss, rows, generator)
                terms |= group_loss(self.views.view(own), targets, own.to(self.device))
                seen.add(step(terms, weights, len(own) / len(rows)), len(own))
            means = self._checked("refine", epoch, seen)
            z = self.encode("refine")
            rank = effective_rank(z)
            more = {"rank": rank, "n_groups": len(labels.unique())}
            if run["labels"] is not None:
                more["changed"] = float((labels != run["labels"].to(labels.device)).double().mean())
            run["labels"] = labels
            self._record("refine", epoch, train.refine_epochs, means, started, **more)
            run["calm"] = run["calm"] + 1 if more.get("changed", math.inf) < train.tolerance else 0
            if rank < train.min_rank * run["rank"]:
                self.model.load_state_dict(good[0])
                assignment.load_state_dict(good[1])
                run["stopped"] = "collapse: the last good epoch was restored"
            elif run["calm"] >= train.patience:
                run["stopped"] = "groups no longer change"
            if run.get("stopped"):
                self.history[-1]["stopped"] = run["stopped"]
            self._keep("refine", epoch + 1, step=step.state_dict(), run=run, **_about(assignment))

    def _epoch_targets(self, assignment: Assignment, z: Tensor, graph: Any) -> tuple[EpochTargets, Tensor]:
        """EM (Module II) at the present representations, then P and what else the epoch holds constant."""
        if isinstance(assignment, TMixture):
            assignment.reseed_empty(z.double(), self.random["groups"])
            self._em(assignment, z, max_iter=self.config.train.em_steps)
        with torch.no_grad():
            posterior = assignment.log_joint(z.double()).softmax(dim=1)
        near = torch.from_numpy(graph @ z.cpu().numpy()).to(self.device)
        linked = torch.from_numpy((np.diff(graph.indptr) > 0).astype(np.float32)).to(self.device)
        # A mean over genes that have neighbours, whatever batch or part of one they fall into.
        linked = linked / linked.mean().clamp_min(1 / len(linked))
        targets = EpochTargets(target_distribution(posterior), posterior.mean(dim=0), near, linked)
        return targets, posterior.argmax(dim=1)

    # --- batches ---

    def _view_terms(
        self, loss: ViewLoss, rows: Tensor, generator: torch.Generator
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Loss terms of this process's part of a batch, and the genes in it.

        Halves and masks are drawn for the whole batch, so that the number of processes changes neither. Only
        the size term, which is not a mean over genes, sees a part otherwise than the whole.
        """
        train, grid = self.config.train, self.grid
        part = torch.arange(len(rows)).tensor_split(self.fabric.world_size)[self.fabric.global_rank]
        own = rows[part]
        if train.thin is not None and self.views.integer:
            first, second = self.views.halves(rows, train.thin, generator, part)
        else:
            first = second = self.views.view(own)
        ratio = self.config.encoder.mask_ratio
        keeps = tuple(
            visible_patches(len(rows), grid.n_patches, ratio, generator)[part].to(self.device)
            for _ in range(2 if train.contrast_weight > 0 else 1)
        )
        return loss(first, second, (keeps[0], keeps[-1])), own

    def _checked(self, stage: str, epoch: int, seen: Means) -> dict[str, float]:
        """Mean terms of an epoch, whose loss is finite."""
        means = seen.result(self.fabric)
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


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _about(assignment: Assignment) -> dict[str, Any]:
    return {"n_groups": len(assignment.means), "assignment": assignment.state_dict()}


def _pieces(graph: sparse.csr_matrix) -> dict[str, Any]:
    parts = {name: torch.from_numpy(getattr(graph, name)) for name in ("data", "indices", "indptr")}
    return {**parts, "shape": tuple(graph.shape)}


def _graph(pieces: dict[str, Any]) -> sparse.csr_matrix:
    parts = tuple(pieces[name].numpy() for name in ("data", "indices", "indptr"))
    return sparse.csr_matrix(parts, shape=pieces["shape"])


def _reorder(assignment: Assignment, order: Tensor) -> None:
    """Number the groups from large to small."""
    n = len(order)
    with torch.no_grad():
        for parameter in assignment.parameters():
            if parameter.ndim and len(parameter) == n:
                parameter.copy_(parameter[order].clone())
