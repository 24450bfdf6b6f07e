"""One step of gradient descent on one or several processes, and the sums that an epoch reports."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sigel.config import TrainConfig


class Step:
    """One optimiser with warm-up and cosine decay; called with loss terms, it makes a step.

    Parameters
    ----------
    fabric
        Owns backward and the sums over processes.
    loss
        The module whose parameters learn.
    rate
        Largest learning rate.
    steps
        Steps of the whole schedule.
    config
        Weight decay and largest gradient norm.
    """

    def __init__(self, fabric: Any, loss: nn.Module, rate: float, steps: int, config: TrainConfig) -> None:
        self.parameters = [p for p in loss.parameters() if p.requires_grad]
        self.fabric, self.clip = fabric, config.grad_clip
        self.steps, self.warm = steps, max(min(20, steps // 10), 1)
        self.inner = torch.optim.AdamW(self.parameters, lr=rate, weight_decay=config.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.inner, self._share)
        self.optimiser = fabric.setup_optimizers(self.inner)

    def _share(self, i: int) -> float:
        decay = 0.5 * (1 + math.cos(math.pi * min(i / max(self.steps, 1), 1.0)))
        return min((i + 1) / self.warm, decay + 1e-3)

    def __call__(
        self, terms: dict[str, Tensor], weights: dict[str, float], share: float = 1.0
    ) -> dict[str, Tensor]:
        """Make a step.

        Parameters
        ----------
        terms
            Means over this process's part of the batch.
        weights
            Of the terms.
        share
            This process's share of the genes of the batch.
        """
        total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        self.optimiser.zero_grad()
        self.fabric.backward(total * share)
        if self.fabric.world_size > 1:
            self._sum_gradients()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimiser.step()
        self.schedule.step()
        return {"loss": total.detach(), **{name: term.detach() for name, term in terms.items()}}

    def _sum_gradients(self) -> None:
        """One sum of all gradients over the processes, types apart."""
        # In the order of the parameters: all processes must sum the same things in turn.
        for dtype in dict.fromkeys(p.dtype for p in self.parameters):
            own = [p for p in self.parameters if p.dtype == dtype and p.grad is not None]
            if not own:
                continue
            flat = torch.cat([p.grad.reshape(-1) for p in own if p.grad is not None])
            flat = self.fabric.all_reduce(flat, reduce_op="sum")
            for p, part in zip(own, flat.split([p.numel() for p in own]), strict=True):
                p.grad = part.view_as(p).clone()

    def state_dict(self) -> dict[str, Any]:
        """State of optimiser and schedule."""
        return {"optimiser": self.inner.state_dict(), "schedule": self.schedule.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`.

        Parameters
        ----------
        state
            What `state_dict` returned.
        """
        self.inner.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])


class Means:
    """Means of loss terms over an epoch, kept on the device until the end."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.n = 0

    def add(self, terms: dict[str, Tensor], n: int) -> None:
        """Count the means of `n` genes.

        Parameters
        ----------
        terms
            Means over the genes.
        n
            How many.
        """
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(term)) + term * n
        self.n += n

    def result(self, total: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The means, over all processes where there are several.

        Parameters
        ----------
        total
            Sums a tensor over the processes.
        """
        names = list(self.sums)
        sums = [self.sums[name].double() for name in names]
        values = total(torch.stack([*sums, torch.full_like(sums[0], self.n)]))  # (n_terms + 1,)
        return {name: float(values[i] / values[-1]) for i, name in enumerate(names)}
