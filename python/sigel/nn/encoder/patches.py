"""Tissue patches of a raster: which pixels make a token, and where each token lies."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sigel.images.canvas import GAP
from sigel.images.raster import Raster

# Attention costs the square of the number of patches; more than this tell a gene image nothing new.
MAX_AUTO = 64


@dataclass(frozen=True)
class Patches:
    """Square patches that hold at least one tissue pixel; patches without tissue do not exist.

    Parameters
    ----------
    index
        `(n_patches, patch_size ** 2)`: tissue pixel under each patch pixel; `n_pixels` where there is none.
    inside
        Same shape, float: 1 on tissue, 0 elsewhere. Loss and attention weights come from it.
    position
        `(n_patches, 2)`: row and column of the patch centre, in shares of the grid's longer side.
    places
        `(n_pixels, 2)`: row and column of each tissue pixel, in the same shares.
    parts
        Pixels of each section.
    """

    index: Int[Tensor, "n_patches patch_pixels"]
    inside: Float[Tensor, "n_patches patch_pixels"]
    position: Float[Tensor, "n_patches 2"]
    places: Float[Tensor, "n_pixels 2"]
    parts: tuple[slice, ...]

    @property
    def n_pixels(self) -> int:
        """Number of tissue pixels."""
        return self.places.shape[0]

    @property
    def n_patches(self) -> int:
        """Number of tissue patches, the length of the token sequence."""
        return self.index.shape[0]

    @classmethod
    def from_raster(cls, raster: Raster, patch_size: int | Literal["auto"]) -> Patches:
        """Cut a raster into patches; the grid is padded to a multiple of the patch size.

        Parameters
        ----------
        raster
            Grid and tissue mask.
        patch_size
            Side of a patch in pixels; `"auto"`: the smallest from 4 that gives at most 64 tissue patches.
        """
        side = _auto_side(raster) if patch_size == "auto" else int(patch_size)
        n_across, patch = _patch_of_pixels(raster, side)
        cell = (raster.rows % side) * side + raster.cols % side  # place within its patch, (n_pixels,)
        used, token = np.unique(patch, return_inverse=True)
        index = np.full((len(used), side**2), raster.n_pixels, dtype=np.int64)
        index[token.reshape(-1), cell] = np.arange(raster.n_pixels)
        # (n_patches, 2), and of the pixels (n_pixels, 2)
        centre = (np.stack([used // n_across, used % n_across], axis=1) + 0.5) * side
        places = np.stack([raster.rows, raster.cols], axis=1) + 0.5
        longer = max(raster.shape)
        return cls(
            index=torch.from_numpy(index),
            inside=torch.from_numpy((index < raster.n_pixels).astype(np.float32)),
            position=torch.from_numpy((centre / longer).astype(np.float32)),
            places=torch.from_numpy((places / longer).astype(np.float32)),
            parts=raster.parts,
        )

    @cached_property
    def in_sections(self) -> Float[Tensor, "n_patches n_sections"]:
        """Number of pixels of each patch in each section."""
        starts = torch.tensor([part.start for part in self.parts[1:]], device=self.index.device)
        section = torch.bucketize(self.index, starts, right=True)  # (n_patches, patch_pixels)
        counted = torch.nn.functional.one_hot(section, len(self.parts)) * self.inside[..., None]
        return counted.sum(dim=1)

    @cached_property
    def of_sections(self) -> tuple[Patches, ...]:
        """The patches of each section, of images that still are on all pixels."""
        if len(self.parts) == 1:
            return (self,)
        mine = [there.nonzero()[:, 0] for there in self.in_sections.T]
        tensors = ("index", "inside", "position")
        return tuple(replace(self, **{name: getattr(self, name)[rows] for name in tensors}) for rows in mine)

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return math.isqrt(self.index.shape[1])

    def to(self, device: torch.device | str) -> Patches:
        """Same patches on another device.

        Parameters
        ----------
        device
            Where to.
        """
        tensors = ("index", "inside", "position", "places")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})

    def split(self, images: Float[Tensor, "batch n_pixels"]) -> Float[Tensor, "batch n_patches patch_pixels"]:
        """`(batch, n_pixels)` to `(batch, n_patches, patch_size ** 2)`; zero off the tissue.

        Parameters
        ----------
        images
            Values on tissue pixels.
        """
        padded = torch.nn.functional.pad(images, (0, 1))  # (batch, n_pixels + 1)
        return padded[:, self.index.reshape(-1)].reshape(len(images), *self.index.shape)


def _auto_side(raster: Raster) -> int:
    side = next(n for n in count(4) if len(np.unique(_patch_of_pixels(raster, n)[1])) <= MAX_AUTO)
    # A patch wider than the gap would lie in two sections.
    return min(side, GAP) if len(raster.parts) > 1 else side


def _patch_of_pixels(raster: Raster, side: int) -> tuple[int, np.ndarray]:
    """Patches from left to right, and the number of the patch of each tissue pixel, `(n_pixels,)`."""
    n_across = -(-raster.shape[1] // side)
    return n_across, (raster.rows // side) * n_across + raster.cols // side
