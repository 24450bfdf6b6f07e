"""Module I as a whole: eigenimages, the masked autoencoder beside them, and what both say of a gene."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sigel.config import EncoderConfig
from sigel.nn.encoder.eigenimages import Eigenimages
from sigel.nn.encoder.masked_autoencoder import MaskedAutoencoder
from sigel.nn.encoder.patches import Patches


class GeneEncoder(nn.Module):
    """From an image, its noise and its amplitude to a representation, and back to an image.

    Parameters
    ----------
    config
        Settings of the encoder, `patch_size` a number.
    n_dims
        Length of a representation.
    grid
        Tissue patches of the section that it is fitted to.
    generator
        Source of the initial weights.
    n_genes
        Genes that it is fitted to.

    Notes
    -----
    The representation is `z = sqrt(n_dims) c / |c|` of the coordinates `c = c_eigen + c_mae`, those of
    `Eigenimages` and of `MaskedAutoencoder`; images are predicted as the sum of what both predict.

    With `start="eigen"` the head and the decoder's last layer of the autoencoder begin at zero: training
    starts from the eigenimages and can only add to them.
    """

    def __init__(
        self, config: EncoderConfig, n_dims: int, grid: Patches, generator: torch.Generator, n_genes: int
    ) -> None:
        super().__init__()
        self.n_dims = n_dims
        self.eigen: Eigenimages | None = None
        self.mae: MaskedAutoencoder | None = None
        if config.start == "eigen":
            self.eigen = Eigenimages(
                grid.n_pixels, min(config.rank, grid.n_pixels), n_dims, n_genes, len(grid.parts)
            )
        if config.branch:
            self.mae = MaskedAutoencoder(config, n_dims, generator, grid.n_patches)
            if self.eigen is not None:
                self.mae.silence()

    def forward(
        self,
        image: Float[Tensor, "batch n_pixels"],
        noise: Float[Tensor, "batch 1"],
        amplitude: Float[Tensor, "batch 1"],
        gene: Int[Tensor, " batch"] | None,
        grid: Patches,
        section: int | None = None,
    ) -> Float[Tensor, "batch n_dims"]:
        """Representations `(batch, n_dims)`, each of length `sqrt(n_dims)`.

        Parameters
        ----------
        image
            `(batch, n_pixels)`.
        noise, amplitude
            Variance of an image's noise, and its size before scaling, both `(batch, 1)`.
        gene
            Rows of the genes in the fit, `(batch,)`, -1 for others; None: all are others.
        grid
            Where pixels and patches lie.
        section
            The one section that the images are seen in, of several; what they are on others does not count.
            None: all.
        """
        if section is not None:
            grid = grid.of_sections[section]
        patches = grid.split(image)  # (batch, n_patches, patch pixels)
        parts = []
        if self.eigen is not None:
            parts.append(self.eigen(patches, noise, amplitude, gene, grid, section=section)[0])
        if self.mae is not None and (torch.is_grad_enabled() or not parts or not self.mae.is_silent):
            parts.append(self.mae.head(self.mae.pool(self.mae.tokens(patches, grid), grid)))
        return self._on_sphere(torch.stack(parts).sum(dim=0))

    def masked(
        self,
        image: Float[Tensor, "batch n_pixels"],
        noise: Float[Tensor, "batch 1"],
        amplitude: Float[Tensor, "batch 1"],
        gene: Int[Tensor, " batch"] | None,
        grid: Patches,
        keep: Int[Tensor, "batch kept"],
        *,
        predict: bool = True,
    ) -> tuple[Float[Tensor, "batch n_dims"], Float[Tensor, "batch n_patches patch_pixels"] | None]:
        """What the visible patches say: representations, and all patches as they predict them.

        Parameters
        ----------
        image, noise, amplitude, gene, grid
            As in `forward`.
        keep
            Visible patches, `(batch, kept)`.
        predict
            Whether the decoder is needed.

        Returns
        -------
        z, predicted
            `(batch, n_dims)` and `(batch, n_patches, patch_size ** 2)` or None.
        """
        patches = grid.split(image)  # (batch, n_patches, patch pixels)
        parts, predicted, length = [], None, None
        if self.eigen is not None:
            # (batch, n_patches)
            hidden = torch.ones(patches.shape[:2], device=patches.device).scatter(1, keep, 0.0)
            start, length = self.eigen(patches, noise, amplitude, gene, grid, hidden)
            parts.append(start)
        if self.mae is not None:
            tokens = self.mae.tokens(patches, grid, keep)  # (batch, kept, dim)
            pooled = self.mae.pool(tokens, grid, keep)  # (batch, pooled_dim)
            parts.append(self.mae.head(pooled))
            if predict:
                predicted = self.mae.decoder(tokens, pooled, keep, grid.position)
        coordinates = torch.stack(parts).sum(dim=0)  # (batch, n_dims)
        if predict and self.eigen is not None and length is not None:
            linear = self.eigen.picture(coordinates, length, grid)
            predicted = linear if predicted is None else predicted + linear
        return self._on_sphere(coordinates), predicted

    def _on_sphere(self, coordinates: Float[Tensor, "batch n_dims"]) -> Float[Tensor, "batch n_dims"]:
        return F.normalize(coordinates, dim=1) * math.sqrt(self.n_dims)
