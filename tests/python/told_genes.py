"""Genes of the toy section as training shares them, and an encoder that is told where each lies."""

from __future__ import annotations

import torch

import sigel
from conftest import images_of
from sigel.images.tensors import ImageViews
from sigel.nn.encoder.patches import Patches
from sigel.runtime.device import make_fabric
from sigel.training.batches import SharedGenes


class Told(torch.nn.Module):
    """An encoder that is told where each gene lies."""

    def __init__(self, z):
        super().__init__()
        self.z = torch.as_tensor(z, dtype=torch.float32)
        self.kept = None  # patches that it was shown

    def forward(self, image, noise, amplitude, gene, grid):
        return self.z[gene]

    def masked(self, image, noise, amplitude, gene, grid, keep, *, predict):
        self.kept = keep
        return self(image, noise, amplitude, gene, grid), None


def shared(section, **image):
    """Genes of what `toy` makes, on one process."""
    images = images_of(section, **image)
    fabric, grid = make_fabric(torch.device("cpu")), Patches.from_raster(images.raster, 4)
    return SharedGenes(fabric, ImageViews(images), grid, sigel.SIGELConfig())
