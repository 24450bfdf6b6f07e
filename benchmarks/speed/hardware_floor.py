"""What the hardware allows: the machine's rates, the work that cannot be left out, and the share reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

import sigel
from benchmarks.harness.processes import best


@dataclass(frozen=True)
class Work:
    """Operations and bytes that a stage cannot do without.

    Parameters
    ----------
    flops
        Floating-point operations; a multiplication and an addition are two.
    moved
        Bytes to and from memory.
    """

    flops: float
    moved: float

    def seconds(self, rates: Rates) -> float:
        """Shortest time that a machine of these rates takes: that of what it is slower at.

        Parameters
        ----------
        rates
            Of the machine.
        """
        return max(self.flops / rates.flops, self.moved / rates.moved)


@dataclass(frozen=True)
class Rates:
    """What a machine was measured to do in a second.

    Parameters
    ----------
    flops
        Operations of a float32 product of two square matrices.
    moved
        Bytes read and written by a copy.
    """

    flops: float
    moved: float


def rates(side: int = 2048, megabytes: int = 256, times: int = 5) -> Rates:
    """Measure this machine, on as many threads as torch uses here; the best of some runs.

    Parameters
    ----------
    side
        Of the matrices.
    megabytes
        Size of the copy, larger than any cache.
    times
        How often.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.full((side, side), 0.5, device=device)
    source = torch.ones(megabytes * 250_000, device=device)
    target = torch.zeros_like(source)
    product = torch.empty_like(a)

    def done(work: Callable[[], object]) -> None:
        work()
        if device == "cuda":
            torch.cuda.synchronize()

    multiply = best(lambda: done(lambda: torch.mm(a, a, out=product)), times)
    copy = best(lambda: done(lambda: target.copy_(source)), times)
    return Rates(2 * side**3 / multiply, 2 * source.numel() * 4 / copy)


def forward_flops(config: sigel.SIGELConfig, n_patches: int, n_pixels: int) -> float:
    """Matrix products of one pass of one image through the encoder.

    Scores along the eigenimages and the axes of the sphere. Patches to tokens; in each block queries, keys
    and values, attention's two products, its output and the MLP; the pool; the head. Norms, activations,
    noise and positions are left out.

    Parameters
    ----------
    config
        Settings, the side of a patch a number.
    n_patches, n_pixels
        Tokens of an image, and its pixels.
    """
    encoder, tokens = config.encoder, n_patches
    pixels, kept = tokens * int(encoder.patch_size) ** 2, rank(config, n_pixels)
    linear = kept * pixels + (kept + 1) * config.n_dims if kept else 0
    if not encoder.branch:
        return 2.0 * linear
    d = encoder.dim
    hidden = int(d * encoder.mlp_ratio)
    waves = encoder.frequencies**2 if encoder.pool == "spatial" else 1
    block = tokens * (3 * d * d + d * d + 2 * d * hidden) + 2 * tokens * tokens * d
    width = encoder.head_hidden
    head = waves * d * (width or config.n_dims) + width * config.n_dims
    return 2.0 * (linear + pixels * d + encoder.depth * block + tokens * waves * d + head)


def rank(config: sigel.SIGELConfig, n_pixels: int) -> int:
    """Number of eigenimages; 0 where the encoder has none.

    Parameters
    ----------
    config
        Settings.
    n_pixels
        Of an image; there are no more eigenimages than these.
    """
    encoder = config.encoder
    return min(encoder.rank, n_pixels) if encoder.start == "eigen" else 0


def floor(
    config: sigel.SIGELConfig,
    n_genes: int,
    n_pixels: int,
    n_patches: int,
    *,
    epochs: tuple[int, int] | None = None,
    n_groups: int | None = None,
) -> dict[str, Work]:
    """Least work of the stages of a fit.

    A pass over all genes takes `forward_flops` for each, and writes and reads its dense float32 image once.
    Training takes three times that for the genes of an epoch: forward, and both gradients of each product.
    Masked views are cheaper than whole ones and there are several of them: one whole view stands for all. An
    iteration of EM takes three products of genes x dimensions x groups: densities, means, scales. Eigenimages
    take at least one product of the covariance with each of them, which is two with the images; sweeps are
    the algorithm's own.

    Parameters
    ----------
    config
        Settings.
    n_genes, n_pixels, n_patches
        Size of the images.
    epochs
        Of both stages of training, where they are fewer than the settings allow.
    n_groups
        Number of groups; default: what the settings say, or the most that they try.

    Returns
    -------
    dict
        By stage: `encode`, `eigenimages`, `pretrain`, `refine`.
    """
    first, second = epochs or (config.train.pretrain_epochs, config.train.refine_epochs)
    groups = n_groups or (config.max_groups if config.n_groups == "auto" else int(config.n_groups))
    one_pass = Work(n_genes * forward_flops(config, n_patches, n_pixels), 2.0 * 4 * n_genes * n_pixels)
    em = 3 * 2.0 * n_genes * config.n_dims * groups * config.train.em_steps
    images, kept = 4.0 * n_genes * n_pixels, rank(config, n_pixels)
    seen = min(config.train.epoch_genes or n_genes, n_genes) / n_genes
    return {
        "encode": one_pass,
        "eigenimages": Work(images * kept, 2.0 * images if kept else 0.0),
        "pretrain": Work(3 * first * seen * one_pass.flops, first * seen * one_pass.moved),
        "refine": Work(second * (3 * seen * one_pass.flops + em), second * seen * one_pass.moved),
    }


def images_floor(entries: int) -> Work:
    """Read every entry of the counts once and write it once, value and index of 4 bytes each.

    Parameters
    ----------
    entries
        Non-zero counts.
    """
    return Work(0.0, 2.0 * 8 * entries)
