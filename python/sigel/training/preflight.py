"""What memory a fit needs and what there is, said before the work instead of after an hour of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

import torch

from sigel.config import EncoderConfig, SIGELConfig, TrainConfig
from sigel.errors import InputError
from sigel.runtime.memory import available_memory

# What importing the libraries and starting their threads, or a GPU's workspaces, adds to a process.
LIBRARIES = 300_000_000
# Images of at most this many values in all are kept while the eigenimages are fitted.
KEPT_VALUES = 2**27
# Genes that are encoded at a time outside of training.
ENCODED = 512
# What is suggested goes no further: noise rules smaller batches, and fewer patches hold no pattern.
LEAST_BATCH, LEAST_PATCHES, LEAST_GENES = 32, 16, 100

_FLOAT, _DOUBLE = 4, 8


def check_memory(
    config: SIGELConfig,
    device: torch.device,
    *,
    n_genes: int,
    n_pixels: int,
    n_patches: int,
    n_counts: int,
    available: int | None = None,
) -> str:
    """Compare what a fit needs with what there is.

    Parameters
    ----------
    config, device
        Of the fit.
    n_genes, n_pixels, n_patches, n_counts
        As in `memory_needed`.
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
    size = _Size(int(n_genes), int(n_pixels), int(n_patches), int(n_counts))
    needed = _total(config, size)
    if needed <= there:
        return f"needs about {_words(needed)}, {_words(there)} available on {device}"
    wanted = f"what fits into the {_words(there)} available on {device}"
    smaller = list(_smaller(config, size))
    for other, less in smaller:
        if _total(other, less) <= there:
            settings = _changed(config, other)
            name, (before, _) = next(iter(settings.items()))
            found = f"{before!r}, with which a fit needs about {_words(needed)}"
            fix = f"Use {_list(settings)}: a fit then needs about {_words(_total(other, less))}."
            raise InputError(name, found, wanted, fix)
    kept = [_most_genes(other, less, there) for other, less in smaller]
    if max(kept) > 0:
        # Of the settings that keep about as many genes as any, those that change least.
        n, (other, less) = next(
            pair for pair in zip(kept, smaller, strict=True) if pair[0] >= 0.9 * max(kept)
        )
        settings = _changed(config, other)
        what = f"{n} genes and use {_list(settings)}" if settings else f"{n} genes"
        fix = f"Keep at most {what}: a fit then needs about {_words(_total(other, less.with_genes(n)))}."
        raise InputError("genes", f"{n_genes}, for which a fit needs about {_words(needed)}", wanted, fix)
    few = min(LEAST_GENES, size.n_genes)
    least = _words(min(_total(other, less.with_genes(few)) for other, less in smaller))
    elsewhere = 'device="cpu" or a GPU' if device.type == "cuda" else "a machine"
    raise InputError(
        "device",
        f"{device} with {_words(there)} of memory available",
        f"about {_words(needed)}, what a fit needs",
        f"No setting would do: even {few} genes in small batches need about {least}. Free memory, or use "
        f"{elsewhere} with more.",
    )


def memory_needed(
    config: SIGELConfig, *, n_genes: int, n_pixels: int, n_patches: int, n_counts: int
) -> dict[str, int]:
    """Memory that a fit adds to a process which holds the gene images, by part, in bytes at its peak.

    Parameters
    ----------
    config
        Settings.
    n_genes, n_pixels, n_patches
        Genes, tissue pixels, tissue patches.
    n_counts
        Entries of the sparse counts.

    Returns
    -------
    dict
        What stays all the time:

        - `libraries`: fixed
        - `counts`: pixel (int64) and count (float32) of each entry, where each gene begins
        - `eigenimages`: `n_pixels * (rank + 16)` float32, eight of it: iterates, and copies of the model
        - `weights`: of the transformer, with gradients, two moments and three copies
        - `representations`: `n_genes * (n_dims + n_groups)` float64, six of it: the density and its terms;
          merging groups compares each pair

        and of the stage that takes most (the eigenimages, either training, encoding all genes):

        - `images`: some copies of a batch of images, cut into patches or not; where they fit, all images
        - `tokens`: a batch's activations in the transformer, and the waves that weight each token
        - `pooled`: a batch's pooled features

    Notes
    -----
    The sum never falls when a number grows. It is an estimate, for one process: what allocators keep and
    libraries ask for differs between machines.
    """
    encoder = config.encoder
    groups = _n_groups(config, n_genes)
    eigen = encoder.start == "eigen"
    always = {
        "libraries": LIBRARIES,
        "counts": n_counts * (_DOUBLE + _FLOAT) + (n_genes + 1) * _DOUBLE,
        "eigenimages": n_pixels * (encoder.rank + 16) * _FLOAT * 8 if eigen else 0,
        "weights": int(_n_weights(config, n_pixels, n_patches) * _FLOAT * 7) if encoder.branch else 0,
        "representations": n_genes * (config.n_dims + groups) * _DOUBLE * 6
        + (groups**2 * config.n_dims * _DOUBLE * 3 if config.n_groups == "auto" else 0),
    }
    size = _Size(n_genes, n_pixels, n_patches, n_counts)
    encoding = _encoding(encoder, size)
    stages = [encoding]
    if eigen:
        kept = min(n_genes * n_pixels, KEPT_VALUES) * _FLOAT
        stages.append({"images": encoding["images"] + kept, "tokens": 0, "pooled": 0})
    train = config.train
    if encoder.branch and train.pretrain_epochs > 0:
        stages.append(_training(encoder, train, size, train.pretrain_batch, whole=False))
    if encoder.branch and train.refine_epochs > 0:
        stages.append(_training(encoder, train, size, train.refine_batch, whole=True))
    # Whole numbers first: rounded afterwards, the sum could fall by a byte where another stage takes over.
    whole = [{name: int(part) for name, part in stage.items()} for stage in stages]
    return always | max(whole, key=lambda stage: sum(stage.values()))


class _Size(NamedTuple):
    n_genes: int
    n_pixels: int
    n_patches: int
    n_counts: int

    def with_genes(self, n_genes: int) -> _Size:
        """The same section with fewer genes, and as many counts per gene."""
        return self._replace(n_genes=n_genes, n_counts=-(-self.n_counts * n_genes // self.n_genes))

    def patch_pixels(self, encoder: EncoderConfig) -> int:
        """Pixels of all patches, those off the tissue too; automatic patches have a side of 4 at least."""
        side = 4 if encoder.patch_size == "auto" else int(encoder.patch_size)
        return max(self.n_patches * side**2, self.n_pixels)


def _n_groups(config: SIGELConfig, n_genes: int) -> int:
    if config.n_groups == "auto":
        return max(min(config.max_groups, n_genes // 3), 1)
    return int(config.n_groups)


def _n_weights(config: SIGELConfig, n_pixels: int, n_patches: int) -> float:
    encoder = config.encoder
    # Automatic patches are at most 64 (nn/encoder/patches.py).
    side2 = n_pixels / 64 + 16 if encoder.patch_size == "auto" else int(encoder.patch_size) ** 2
    pooled = _pooled_dim(encoder)
    blocks = (encoder.depth + 1) * (4 + 2 * encoder.mlp_ratio) * encoder.dim**2
    head = pooled * (encoder.head_hidden or config.n_dims) + encoder.head_hidden * config.n_dims
    if encoder.decoder == "tokens":
        decoder = (pooled + side2) * encoder.dim
    else:
        decoder = pooled * 640 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024 * n_patches * side2
    return 2 * side2 * encoder.dim + blocks + head + decoder


def _pooled_dim(encoder: EncoderConfig) -> int:
    return encoder.dim * (encoder.frequencies**2 if encoder.pool == "spatial" else 1)


def _encoding(encoder: EncoderConfig, size: _Size) -> dict[str, float]:
    """Encoding genes without gradients: one block's activations at a time."""
    rows = min(ENCODED, size.n_genes)
    entries = min(rows * size.n_pixels, size.n_counts) * 28
    images = rows * (6 * size.n_pixels + 3 * size.patch_pixels(encoder)) * _FLOAT + entries
    if not encoder.branch:
        return {"images": images, "tokens": 0, "pooled": 0}
    block = max(8.0, 3 + 2 * encoder.mlp_ratio)
    return {
        "images": images,
        "tokens": rows * size.n_patches * encoder.dim * block * _FLOAT,
        "pooled": rows * _pooled_dim(encoder) * 2 * _FLOAT,
    }


def _training(
    encoder: EncoderConfig, train: TrainConfig, size: _Size, batch: int, *, whole: bool
) -> dict[str, float]:
    """A step of training, `whole` where it encodes whole images besides the masked views."""
    rows = min(batch, size.n_genes)
    views = 2 if train.contrast_weight > 0 else 1
    visible = (1 - encoder.mask_ratio) * views
    passes = visible + whole
    # Kept for the backward pass: inputs of two norms, three projections, two products and the MLP.
    block = 9 + 2 * encoder.mlp_ratio
    decoder = block + 5 if encoder.decoder == "tokens" else 0
    backward = 8 + 2 * encoder.mlp_ratio
    activations = passes * (encoder.depth * block + 4) + decoder + backward
    # Each gene hides patches of its own, so each has its own weights of the pool.
    waves = 4 * visible * encoder.frequencies**2 if encoder.pool == "spatial" else 0
    # Row, pixel, count and thinned count of the batch's entries.
    entries = min(rows * size.n_pixels, size.n_counts) * 28
    copies = (3 + 2 * whole) * size.n_pixels + (9 + 4 * views + whole) * size.patch_pixels(encoder)
    return {
        "images": rows * copies * _FLOAT + entries,
        "tokens": rows * size.n_patches * (encoder.dim * activations + waves) * _FLOAT,
        "pooled": rows * _pooled_dim(encoder) * 4 * (views + whole) * _FLOAT,
    }


# --- what would fit ---


def _total(config: SIGELConfig, size: _Size) -> int:
    return sum(memory_needed(config, **size._asdict()).values())


def _smaller(config: SIGELConfig, size: _Size) -> Iterator[tuple[SIGELConfig, _Size]]:
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


def _patch_sizes(encoder: EncoderConfig, size: _Size) -> Iterator[tuple[Any, int]]:
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


def _most_genes(config: SIGELConfig, size: _Size, there: int) -> int:
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


def _words(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 999.5e6 else f"{n_bytes / 1e6:.0f} MB"
