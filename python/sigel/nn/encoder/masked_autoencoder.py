"""Module I: a masked autoencoder on gene images whose weights fit any grid."""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sigel.config import EncoderConfig
from sigel.nn.encoder.patches import Patches


class Block(nn.Module):
    """Pre-norm transformer block with norms of its own for attention and for the MLP.

    Parameters
    ----------
    dim
        Token width.
    heads
        Attention heads; must divide `dim`.
    mlp_ratio
        Hidden width of the MLP over `dim`.
    """

    def __init__(self, dim: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp_norm = nn.LayerNorm(dim)
        hidden = max(int(dim * mlp_ratio), 1)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, tokens: Float[Tensor, "batch n dim"]) -> Float[Tensor, "batch n dim"]:
        """Tokens that have looked at each other."""
        b, n, d = tokens.shape
        # each (batch, heads, n, dim / heads)
        q, k, v = (
            self.qkv(self.attention_norm(tokens)).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)  # (batch, heads, n, dim / heads)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(b, n, d))
        return tokens + self.mlp(self.mlp_norm(tokens))


def sincos_position(position: Float[Tensor, "*n 2"], dim: int) -> Float[Tensor, "*n {dim}"]:
    """Two-dimensional sine and cosine code of real positions.

    Parameters
    ----------
    position
        `(..., 2)`: row and column in shares of the grid's longer side.
    dim
        Width of the code, a multiple of 4.

    Returns
    -------
    Tensor
        `(..., dim)`; frequencies run geometrically from half a wave to 32 waves over the grid.
    """
    octaves = torch.linspace(0, 6, dim // 4, device=position.device)
    angle = position[..., None] * (math.pi * torch.exp2(octaves))  # (..., 2, dim / 4)
    return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(-2)


def spatial_basis(position: Float[Tensor, "*n 2"], frequencies: int) -> Float[Tensor, "*n {frequencies**2}"]:
    """Low-frequency cosines over the grid, the weights of the spatial pool.

    Parameters
    ----------
    position
        `(..., 2)`: row and column in shares of the grid's longer side.
    frequencies
        Frequencies per axis.

    Returns
    -------
    Tensor
        `(..., frequencies ** 2)`; the first one is constant, so plain mean pooling is part of it.
    """
    order = torch.arange(frequencies, device=position.device, dtype=position.dtype)
    wave = torch.cos(math.pi * position[..., None] * order)  # (..., 2, frequencies)
    return (wave[..., 0, :, None] * wave[..., 1, None, :]).flatten(-2)


class TokenDecoder(nn.Module):
    """Hidden patches from visible tokens, positions and the pooled image; works for any grid.

    Parameters
    ----------
    config
        Encoder settings.
    pooled_dim
        Width of the pooled features.
    """

    def __init__(self, config: EncoderConfig, pooled_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Parameter(torch.zeros(config.dim))
        self.from_pooled = nn.Linear(pooled_dim, config.dim)
        self.block = Block(config.dim, config.heads, config.mlp_ratio)
        self.norm = nn.LayerNorm(config.dim)
        self.out = nn.Linear(config.dim, int(config.patch_size) ** 2)

    def forward(
        self,
        tokens: Float[Tensor, "batch kept dim"],
        pooled: Float[Tensor, "batch pooled_dim"],
        keep: Int[Tensor, "batch kept"],
        position: Float[Tensor, "n_patches 2"],
    ) -> Float[Tensor, "batch n_patches patch_pixels"]:
        """Predict all patches, the visible ones too."""
        b, _, d = tokens.shape
        # (batch, n_patches, dim) from here
        full = (self.hidden + self.from_pooled(pooled))[:, None, :].expand(b, len(position), d)
        full = full.scatter(1, keep[..., None].expand(-1, -1, d), tokens)
        full = full + sincos_position(position, d)
        return self.out(self.norm(self.block(full)))


class BottleneckDecoder(nn.Module):
    """Every pixel from one pooled vector through an MLP, as in the authors' code; tied to one grid.

    Parameters
    ----------
    config
        Encoder settings.
    pooled_dim
        Width of the pooled features.
    n_patches
        Number of patches of the one grid.
    """

    def __init__(self, config: EncoderConfig, pooled_dim: int, n_patches: int) -> None:
        super().__init__()
        self.n_patches = n_patches
        widths = [pooled_dim, 128, 256, 512]
        layers = [m for a, b in itertools.pairwise(widths) for m in (nn.Linear(a, b), nn.GELU())]
        self.mlp = nn.Sequential(*layers)
        self.skip = nn.Linear(pooled_dim, 512)
        self.out = nn.Sequential(
            nn.Linear(512, 1024), nn.GELU(), nn.Linear(1024, n_patches * int(config.patch_size) ** 2)
        )

    def forward(
        self,
        tokens: Float[Tensor, "batch kept dim"],
        pooled: Float[Tensor, "batch pooled_dim"],
        keep: Int[Tensor, "batch kept"],
        position: Float[Tensor, "n_patches 2"],
    ) -> Float[Tensor, "batch n_patches patch_pixels"]:
        """Predict all patches from the pooled vector alone."""
        return self.out(self.mlp(pooled) + self.skip(pooled)).reshape(len(pooled), self.n_patches, -1)


class MaskedAutoencoder(nn.Module):
    """Encoder, pool, projection head and decoder for images cut into tissue patches.

    Parameters
    ----------
    config
        Settings of the encoder, `patch_size` a number.
    n_dims
        Length of the representation.
    generator
        Source of the initial weights.
    n_patches
        Number of patches, read by the bottleneck decoder only.

    Notes
    -----
    Tokens of the patches `x_l` pass the blocks of a transformer; what comes out, `h_l`, is pooled with the
    share of tissue `w_l` in each patch and low-frequency cosines `b_m` over the grid, and a head makes
    coordinates of it::

        t_l = E x_l + E' inside_l + position_l
        h   = norm(blocks(t))
        p_m = sum_l w_l b_m(l) h_l / sum_l w_l
        c   = head(p),    predicted = decoder(h, p)

    It learns by `reconstruction_loss`: the mean of `(predicted - target)^2` over the tissue pixels of the
    hidden patches. He et al. 2022 (masked autoencoders) on gene images, as SIGEL does (Genome Biology 2025,
    26:287, Module I), with real positions, norms that are not shared, and a decoder that predicts each patch.
    """

    def __init__(
        self, config: EncoderConfig, n_dims: int, generator: torch.Generator, n_patches: int = 0
    ) -> None:
        super().__init__()
        self.config = config
        self.n_dims = n_dims
        pixels = int(config.patch_size) ** 2
        spatial = config.pool == "spatial"
        self.pooled_dim = config.dim * (config.frequencies**2 if spatial else 1)
        with torch.random.fork_rng(devices=[]):  # layers draw from the global state; ours replace them below
            self.embed = nn.Linear(pixels, config.dim)
            self.embed_inside = nn.Linear(pixels, config.dim, bias=False)
            self.blocks = nn.ModuleList(
                Block(config.dim, config.heads, config.mlp_ratio) for _ in range(config.depth)
            )
            self.norm = nn.LayerNorm(config.dim)
            self.head = _head(self.pooled_dim, config.head_hidden, n_dims)
            self.decoder = (
                TokenDecoder(config, self.pooled_dim)
                if config.decoder == "tokens"
                else BottleneckDecoder(config, self.pooled_dim, n_patches)
            )
        initialise(self, generator)

    def tokens(
        self,
        patches: Float[Tensor, "batch n_patches patch_pixels"],
        grid: Patches,
        keep: Int[Tensor, "batch kept"] | None = None,
    ) -> Float[Tensor, "batch kept dim"]:
        """Encode patches, all of them or the kept ones.

        Parameters
        ----------
        patches
            `(batch, n_patches, patch_size ** 2)`.
        grid
            Where they lie.
        keep
            `(batch, kept)`: patch numbers; None keeps all.

        Returns
        -------
        Tensor
            `(batch, kept, dim)`.
        """
        # (n_patches, dim)
        place = sincos_position(grid.position, self.config.dim) + self.embed_inside(grid.inside)
        tokens = self.embed(_take(patches, keep))  # (batch, kept, dim)
        tokens = tokens + (place if keep is None else place[keep])
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)

    def pool(
        self,
        tokens: Float[Tensor, "batch kept dim"],
        grid: Patches,
        keep: Int[Tensor, "batch kept"] | None = None,
    ) -> Float[Tensor, "batch pooled_dim"]:
        """Tissue-weighted pool of tokens."""
        weight = grid.inside.mean(dim=1, keepdim=True)  # (n_patches, 1)
        if self.config.pool == "spatial":
            weight = weight * spatial_basis(grid.position, self.config.frequencies)  # (n_patches, waves)
        total = grid.inside.mean(dim=1)  # (n_patches,)
        if keep is None:
            return torch.einsum("lm,bld->bmd", weight / total.sum(), tokens).flatten(1)
        share = weight[keep] / total[keep].sum(dim=1)[:, None, None]  # (batch, kept, waves)
        return torch.einsum("blm,bld->bmd", share, tokens).flatten(1)

    def silence(self) -> None:
        """Let the head and the decoder's last layer say nothing, until training gives them something."""
        for layer in (self.head, self.decoder.out):
            last = _last_linear(layer)
            with torch.no_grad():
                last.weight.zero_()
                last.bias.zero_()

    @property
    def is_silent(self) -> bool:
        """Whether the head says nothing, as before training."""
        last = _last_linear(self.head)
        return not bool(last.weight.any() or last.bias.any())


def _last_linear(layer: nn.Module) -> nn.Linear:
    return [part for part in layer.modules() if isinstance(part, nn.Linear)][-1]


def visible_patches(
    n: int, n_patches: int, mask_ratio: float, generator: torch.Generator
) -> Int[Tensor, "{n} kept"]:
    """Patches that stay visible in each image, `(n, kept)`: at least one, and not all where there are two.

    Parameters
    ----------
    n
        Number of images.
    n_patches
        Number of tissue patches.
    mask_ratio
        Share that is hidden.
    generator
        CPU generator.
    """
    kept = n_patches - min(max(round(n_patches * mask_ratio), 1), max(n_patches - 1, 0))
    return torch.rand(n, n_patches, generator=generator).argsort(dim=1)[:, :kept]


def reconstruction_loss(
    predicted: Float[Tensor, "batch n_patches patch_pixels"],
    target: Float[Tensor, "batch n_patches patch_pixels"],
    grid: Patches,
    keep: Int[Tensor, "batch kept"],
    there: Float[Tensor, "batch n_patches"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error over the tissue pixels of a gene's hidden patches, mean over genes.

    Parameters
    ----------
    predicted, target
        `(batch, n_patches, patch_size ** 2)`.
    grid
        Where they lie.
    keep
        `(batch, kept)`: visible patches, which do not count.
    there
        1 for patches that a gene has an image on, else 0, and these do not count either; None: all.
    """
    hidden = torch.ones(target.shape[:2], device=target.device).scatter(1, keep, 0.0)  # (batch, n_patches)
    hidden = hidden if there is None else hidden * there
    weight = hidden[..., None] * grid.inside  # (batch, n_patches, pixels)
    error = ((predicted - target).square() * weight).sum(dim=(1, 2))  # (batch,)
    return (error / weight.sum(dim=(1, 2)).clamp_min(1.0)).mean()


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights anew from one generator: Xavier for matrices, zero biases, unit norms.

    Parameters
    ----------
    module
        Changed in place.
    generator
        CPU generator.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            bound = math.sqrt(6.0 / (part.in_features + part.out_features))
            with torch.no_grad():
                part.weight.uniform_(-bound, bound, generator=generator)
                if part.bias is not None:
                    part.bias.zero_()


def _head(n_in: int, hidden: int, n_out: int) -> nn.Module:
    if hidden == 0:
        return nn.Linear(n_in, n_out)
    return nn.Sequential(
        nn.Linear(n_in, hidden), nn.LayerNorm(hidden), nn.LeakyReLU(), nn.Linear(hidden, n_out)
    )


def _take(
    patches: Float[Tensor, "batch n_patches patch_pixels"], keep: Int[Tensor, "batch kept"] | None
) -> Float[Tensor, "batch kept patch_pixels"]:
    if keep is None:
        return patches
    return patches.gather(1, keep[..., None].expand(-1, -1, patches.shape[2]))
