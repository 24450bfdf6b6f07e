"""The memory-GAN: generators with a memory, trained on a panel's images against a critic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from sigel.config.imputation import GANConfig
from sigel.errors import TrainingError
from sigel.nn.memory_gan.networks import Critic, Images, MemoryGenerator, in_components, mean_error, ridge
from sigel.runtime.progress import Progress

# Share of the panel's genes held out to end the training, and the smallest panel of which any are.
HELD_OUT, FEWEST = 0.15, 20
# Epochs where none can be held out: about as many as small panels take where some are.
BLIND_EPOCHS = 10
# A smaller gain of the held-out loss, as a share of the images' variance, counts as none.
GAIN = 1e-5
# Momenta of the optimisers: short ones, since generator and critic follow each other.
BETAS, CRITIC_BETAS = (0.5, 0.99), (0.5, 0.9)
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class FittedGAN:
    """Trained generators, whose mean is drawn.

    Parameters
    ----------
    networks
        From representations to coefficients in units of `scale`.
    length
        Root mean square length of the panel's representations.
    scale
        Root mean square of the panel's coefficients, `(K,)`.
    history
        One record per epoch: `member`, from 1, which generator; `epoch`, from 1; `loss`, mean squared error
        of the genes trained on; `held_out`, that of the genes held out (NaN where there are none); `critic`,
        how far apart the critic finds measured and generated images (0 without a critic).
    converged
        Whether each generator's training ended because its held-out genes had stopped getting better.
    """

    networks: tuple[MemoryGenerator, ...]
    length: float
    scale: Float[Tensor, " K"]
    history: list[dict[str, Any]]
    converged: bool

    @torch.no_grad()
    def coefficients(self, representations: Float[Tensor, "m d"]) -> Float[Tensor, "m K"]:
        """Coefficients of the images of genes, on the CPU.

        Parameters
        ----------
        representations
            `(m, d)`.

        Returns
        -------
        Tensor
            float32 `(m, K)`; the predicted images are `coefficients @ basis.T`.
        """
        x = representations.to(self.scale.device, torch.float32) / self.length  # (m, d)
        drawn = torch.stack([network(x) for network in self.networks])  # (members, m, K)
        return (drawn.mean(dim=0) * self.scale).cpu()


def fit_memory_gan(
    representations: Float[Tensor, "P d"],
    images: Float[Tensor, "P n"],
    basis: Float[Tensor, "n K"],
    config: GANConfig,
    generator: torch.Generator,
    device: torch.device | str,
    progress: Progress | None = None,
) -> FittedGAN:
    """Learn to draw images from representations, on the genes of a panel.

    Parameters
    ----------
    representations
        SGRs of the panel's genes, centred, `(P, d)`.
    images
        Their images, z-scores over cells, `(P, n)`.
    basis
        Components that images are made of, `(n, K)`. Drawn images are `coefficients @ basis.T`; any number
        of cells will do, so nothing of the network depends on the section's size.
    config
        Settings.
    generator
        CPU generator of initial weights, held-out genes, batches and noise.
    device
        Where to train.
    progress
        Called with `"gan"`, the epoch, the largest number of epochs, and the loss in words.

    Returns
    -------
    FittedGAN
        Each generator with the weights of the epoch whose held-out loss was least; the linear map alone,
        where no epoch was better than it. Panels of fewer than 20 genes are trained for a fixed, small number
        of epochs, and count as not converged.

    Raises
    ------
    TrainingError
        When the loss is no longer finite.

    Notes
    -----
    The method is that of SIGEL-ETC, and differs where that leaves out what it needs: genes held out, a loss
    over cells instead of a raster that is mostly background, sections of any size, a memory that is read from
    the start. The pixel loss is the mean squared error, whose best prediction is the expected z-score; with
    images as coefficients over a basis it needs only K x K products, so the cost of an epoch does not depend
    on the number of cells. The linear map is ridge regression in closed form on the genes trained on; after
    training it is solved again on all genes of the panel.

    Examples
    --------
    >>> draw = torch.Generator().manual_seed(0)
    >>> z = F.normalize(torch.randn(30, 4, generator=draw), dim=1)
    >>> basis = torch.randn(50, 3, generator=draw)
    >>> gan = fit_memory_gan(z, z[:, :3] @ basis.T, basis, GANConfig(epochs=2), draw, "cpu")
    >>> gan.coefficients(z[:5]).shape
    torch.Size([5, 3])
    """
    x = representations.detach().to(device, torch.float32)  # (P, d)
    length = max(float(x.square().sum(dim=1).mean().sqrt()), 1e-12)
    x = x / length
    gram, scale, panel = in_components(images.detach().to(device), basis.detach().to(device))
    n_held = round(len(x) * HELD_OUT) if len(x) >= FEWEST else 0
    epochs = config.epochs if n_held else min(config.epochs, BLIND_EPOCHS)

    networks, history, converged = [], [], True
    for member in range(config.members):
        order = torch.randperm(len(x), generator=generator).to(device)
        training = _Training(x, panel, gram, order[:n_held], order[n_held:], config, generator)
        for epoch in range(1, epochs + 1):
            record = {"member": member + 1, "epoch": epoch, **training.epoch()}
            history.append(record)
            if progress is not None:
                done = member * epochs + epoch
                progress("gan", done, config.members * epochs, f"loss {record['loss']:.4f}")
            if n_held and epoch - training.best_epoch >= config.patience:
                break
        else:
            converged = False
        networks.append(training.result())
    if progress is not None:
        progress("gan", config.members * epochs, config.members * epochs, "")
    return FittedGAN(tuple(networks), length, scale, history, converged)


class _Training:
    """One generator's training, `held` ending it."""

    def __init__(
        self,
        x: Float[Tensor, "P d"],
        panel: Images,
        gram: Float[Tensor, "K K"],
        held: Int[Tensor, " n_held"],
        train: Int[Tensor, " n_train"],
        config: GANConfig,
        generator: torch.Generator,
    ) -> None:
        self.x, self.panel, self.gram = x, panel, gram
        self.held, self.train, self.config, self.draw = held, train, config, generator
        d, k = x.shape[1], len(gram)
        self.network = MemoryGenerator(
            d,
            k,
            n_hidden=config.n_hidden,
            n_memory=config.n_memory,
            temperature=config.temperature,
            shrink=config.shrink,
            generator=generator,
        ).to(x.device)
        self.critic = Critic(d, k, config.n_hidden, generator).to(x.device)
        self.network.linear.copy_(ridge(x[train], panel.target[train], config.penalty))
        # The linear map alone is what an epoch has to be better than.
        self.n_epochs, self.best_epoch, self.best = 0, 0, math.inf
        self.state: dict[str, Tensor] | None = None
        if len(held):
            self.best = float(mean_error(x[held] @ self.network.linear.T, panel.of(held), gram))
        self.steps = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, betas=BETAS, weight_decay=WEIGHT_DECAY
        )
        self.critic_steps = torch.optim.Adam(
            self.critic.parameters(), lr=config.critic_rate, betas=CRITIC_BETAS
        )

    @torch.enable_grad()
    def epoch(self) -> dict[str, float]:
        """One pass over the genes: mean losses, that of genes held out, the distance seen by the critic."""
        loss = distance = torch.zeros((), device=self.x.device)
        order = torch.randperm(len(self.train), generator=self.draw).to(self.x.device)
        for batch in self.train[order].split(self.config.batch_size):
            share = len(batch) / len(self.train)
            x, images = self._noisy(self.x[batch]), self.panel.of(batch)  # (batch, d)
            made = self.network(x)  # (batch, K)
            total = pixel = mean_error(made, images, self.gram)
            if self.config.adversarial > 0:
                distance = distance + share * self._teach(x, images.target, made.detach())
                total = pixel - self.config.adversarial * self.critic(x, made).mean()
            self.steps.zero_grad()
            total.backward()
            self.steps.step()
            loss = loss + share * pixel.detach()
        if not torch.isfinite(loss):
            msg = "memory-GAN: the loss is no longer finite; use a smaller learning_rate (GANConfig)."
            raise TrainingError(msg)
        self.n_epochs += 1
        return {"loss": float(loss), "held_out": self._look(), "critic": float(distance)}

    @torch.no_grad()
    def result(self) -> MemoryGenerator:
        """The generator of the best epoch, its linear map solved on all genes."""
        if self.state is not None:
            self.network.load_state_dict(self.state)
        elif len(self.held):
            self.network.silence()
        self.network.linear.copy_(ridge(self.x, self.panel.target, self.config.penalty))
        return self.network.requires_grad_(False)  # noqa: FBT003

    @torch.no_grad()
    def _look(self) -> float:
        """Loss of the genes held out; the best weights are kept."""
        if not len(self.held):
            return math.nan
        now = float(mean_error(self.network(self.x[self.held]), self.panel.of(self.held), self.gram))
        if now < self.best - GAIN:
            self.best, self.best_epoch = now, self.n_epochs
            self.state = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        return now

    def _teach(
        self, x: Float[Tensor, "batch d"], real: Float[Tensor, "batch K"], made: Float[Tensor, "batch K"]
    ) -> Float[Tensor, ""]:
        """A step of the critic; the distance that it sees."""
        between = torch.rand(len(real), 1, generator=self.draw).to(x.device)
        loss, distance = self.critic.loss(x, real, made, between)
        self.critic_steps.zero_grad()
        loss.backward()
        self.critic_steps.step()
        return distance

    def _noisy(self, x: Float[Tensor, "batch d"]) -> Float[Tensor, "batch d"]:
        """Representations turned by noise, their lengths kept."""
        if self.config.noise == 0:
            return x
        length = x.norm(dim=1, keepdim=True)  # (batch, 1)
        noise = torch.randn(x.shape, generator=self.draw).to(x.device)  # (batch, d)
        turned = x + self.config.noise / math.sqrt(x.shape[1]) * length * noise
        return F.normalize(turned, dim=1) * length
