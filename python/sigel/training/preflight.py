"""What memory a fit needs and what there is, said before the work instead of after an hour of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import torch

from sigel.config import EncoderConfig, SIGELConfig, TrainConfig
from sigel.errors import InputError, in_bytes
from sigel.runtime.memory import available_memory
from sigel.training.memory_estimate import FitSize, memory_needed

# What is suggested goes no further: noise rules smaller batches, and fewer patches hold no pattern.
LEAST_BATCH, LEAST_PATCHES, LEAST_GENES = 32, 16, 100


def check_memory(
    config: SIGELConfig,
    device: torch.device,
    size: FitSize,
    available: int | None = None,
) -> str:
    """Compare what a fit needs with what there is.

    Parameters
    ----------
    config, device
        Of the fit.
    size
        Of the data.
    available
        Bytes that may be used; default: `available_memory(device)`.

    Returns
    -------
    str
        Both in words: `"needs about 1.2 GB, 18.3 GB available on cpu"`.

    Raises
    ------
    InputError
        When it does not fit. The message names what would: the least change of smaller batches, then larger
        patches too, then fewer genes. Where nothing fits it says so.
    """
    there = available_memory(device) if available is None else available
    size = FitSize._make(None if n is None else int(n) for n in size)
    needed = _total(config, size)
    if needed <= there:
        return f"needs about {in_bytes(needed)}, {in_bytes(there)} available on {device}"
    wanted = f"what fits into the {in_bytes(there)} available on {device}"
    smaller = list(_smaller(config, size))
    for other, less in smaller:
        if _total(other, less) <= there:
            settings = _changed(config, other)
            name, (before, _) = next(iter(settings.items()))
            found = f"{before!r}, with which a fit needs about {in_bytes(needed)}"
            fix = f"Use {_list(settings)}: a fit then needs about {in_bytes(_total(other, less))}."
            raise InputError(name, found, wanted, fix)
    kept = [_most_genes(other, less, there) for other, less in smaller]
    if max(kept) > 0:
        # Of the settings that keep about as many genes as any, those that change least.
        n, (other, less) = next(
            pair for pair in zip(kept, smaller, strict=True) if pair[0] >= 0.9 * max(kept)
        )
        settings = _changed(config, other)
        what = f"{n} genes and use {_list(settings)}" if settings else f"{n} genes"
        fix = f"Keep at most {what}: a fit then needs about {in_bytes(_total(other, less.with_genes(n)))}."
        raise InputError(
            "genes", f"{size.n_genes}, for which a fit needs about {in_bytes(needed)}", wanted, fix
        )
    few = min(LEAST_GENES, size.n_genes)
    least = in_bytes(min(_total(other, less.with_genes(few)) for other, less in smaller))
    elsewhere = 'device="cpu" or a GPU' if device.type == "cuda" else "a machine"
    raise InputError(
        "device",
        f"{device} with {in_bytes(there)} of memory available",
        f"about {in_bytes(needed)}, what a fit needs",
        f"No setting would do: even {few} genes in small batches need about {least}. Free memory, or use "
        f"{elsewhere} with more.",
    )


# --- what would fit ---


def _total(config: SIGELConfig, size: FitSize) -> int:
    return sum(memory_needed(config, size).values())


def _smaller(config: SIGELConfig, size: FitSize) -> Iterator[tuple[SIGELConfig, FitSize]]:
    """The settings, and those that need less: batches first, then patches too."""
    if not config.encoder.branch:  # nothing is trained in batches, and there are no tokens
        yield config, size
        return
    for side, n_patches in _patch_sizes(config.encoder, size):
        encoder = dataclasses.replace(config.encoder, patch_size=side)
        for batches in _batches(config.train):
            train = dataclasses.replace(config.train, **batches)
            other = dataclasses.replace(config, encoder=encoder, train=train)
            yield other, size._replace(n_patches=n_patches)


def _batches(train: TrainConfig) -> Iterator[dict[str, int]]:
    """Batches as they are, halved, and halved again."""
    now = {name: getattr(train, name) for name in ("pretrain_batch", "refine_batch")}
    yield now
    while any(n > LEAST_BATCH for n in now.values()):
        now = {name: max(n // 2, min(n, LEAST_BATCH)) for name, n in now.items()}
        yield now


def _patch_sizes(encoder: EncoderConfig, size: FitSize) -> Iterator[tuple[Any, int]]:
    """The patch size as it is, then larger ones, each with the number of patches to be expected."""
    yield encoder.patch_size, size.n_patches
    if encoder.patch_size == "auto":  # patches at the edge are not full: about this is the side
        side = max(4, math.ceil(1.2 * math.sqrt(size.n_pixels / size.n_patches)))
    else:
        side = int(encoder.patch_size)
    for times in (2, 3, 4):
        # One more along each side of a square for what the edge cuts.
        n_patches = math.ceil((math.sqrt(size.n_patches) / times + 1) ** 2)
        if LEAST_PATCHES <= n_patches < size.n_patches:
            yield times * side, n_patches


def _most_genes(config: SIGELConfig, size: FitSize, there: int) -> int:
    """Largest number of genes, in hundreds, that fits; 0 where even the least does not."""
    low, high = LEAST_GENES // 100, (size.n_genes - 1) // 100
    if high < low or _total(config, size.with_genes(100 * low)) > there:
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        fits = _total(config, size.with_genes(100 * middle)) <= there
        low, high = (middle, high) if fits else (low, middle - 1)
    return 100 * low


def _changed(before: SIGELConfig, after: SIGELConfig) -> dict[str, tuple[Any, Any]]:
    names = ("train.pretrain_batch", "train.refine_batch", "encoder.patch_size")
    pairs = {name: (attrgetter(name)(before), attrgetter(name)(after)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _list(settings: dict[str, tuple[Any, Any]]) -> str:
    *others, last = [f"{name}={after}" for name, (_, after) in settings.items()]
    return f"{', '.join(others)} and {last}" if others else last
