"""Tissue patches of a raster: which pixels make a token, and where each token lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sigel.raster import Raster


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
    n_pixels
        Number of tissue pixels.
    """

    index: Tensor
    inside: Tensor
    position: Tensor
    n_pixels: int

    @property
    def n_patches(self) -> int:
        """Number of tissue patches, the length of the token sequence."""
        return self.index.shape[0]

    @classmethod
    def from_raster(cls, raster: Raster, patch_size: int) -> Patches:
        """Cut a raster into patches; the grid is padded to a multiple of the patch size.

        Parameters
        ----------
        raster
            Grid and tissue mask.
        patch_size
            Side of a patch in pixels.
        """
        n_across = -(-raster.shape[1] // patch_size)
        patch = (raster.rows // patch_size) * n_across + raster.cols // patch_size
        cell = (raster.rows % patch_size) * patch_size + raster.cols % patch_size
        used, token = np.unique(patch, return_inverse=True)
        index = np.full((len(used), patch_size**2), raster.n_pixels, dtype=np.int64)
        index[token.reshape(-1), cell] = np.arange(raster.n_pixels)
        centre = (np.stack([used // n_across, used % n_across], axis=1) + 0.5) * patch_size
        return cls(
            index=torch.from_numpy(index),
            inside=torch.from_numpy((index < raster.n_pixels).astype(np.float32)),
            position=torch.from_numpy((centre / max(raster.shape)).astype(np.float32)),
            n_pixels=raster.n_pixels,
        )

    def to(self, device: torch.device | str) -> Patches:
        """Same patches on another device.

        Parameters
        ----------
        device
            Where to.
        """
        return Patches(self.index.to(device), self.inside.to(device), self.position.to(device), self.n_pixels)

    def split(self, images: Tensor) -> Tensor:
        """`(batch, n_pixels)` to `(batch, n_patches, patch_size ** 2)`; zero off the tissue.

        Parameters
        ----------
        images
            Values on tissue pixels.
        """
        padded = torch.nn.functional.pad(images, (0, 1))  # (batch, n_pixels + 1)
        return padded[:, self.index.reshape(-1)].reshape(len(images), *self.index.shape)

    def join(self, patches: Tensor) -> Tensor:
        """Back from `(batch, n_patches, patch_size ** 2)` to `(batch, n_pixels)`.

        Parameters
        ----------
        patches
            Values on patches.
        """
        out = patches.new_zeros(len(patches), self.n_pixels + 1)
        out[:, self.index.reshape(-1)] = patches.reshape(len(patches), -1)
        return out[:, :-1]
