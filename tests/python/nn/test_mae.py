"""Module I: any grid, tissue only, a gradient for every trained parameter."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.config import EncoderConfig, ImageConfig
from sigel.images.canvas import on_one_canvas
from sigel.images.raster import rasterise
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.masked_autoencoder import (
    reconstruction_loss,
    sincos_position,
    spatial_basis,
    visible_patches,
)
from sigel.nn.encoder.patches import Patches

SMALL = EncoderConfig(start="random", patch_size=4, dim=16, depth=1)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def encoder(grid: Patches, seed: int = 0, config: EncoderConfig = SMALL) -> GeneEncoder:
    """The transformer alone, 8 dimensions."""
    return GeneEncoder(config, 8, grid, random(seed), 100)


def known(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
    """An image with noise, amplitude and no gene of its own, which the transformer alone does not read."""
    return image, torch.ones(len(image), 1), torch.ones(len(image), 1), None


def tissue(height: int, width: int, share: float = 0.8, seed: int = 0) -> Patches:
    rng = np.random.default_rng(seed)
    row, col = (a.ravel() for a in np.mgrid[:height, :width])
    keep = rng.random(len(row)) < share
    keep[[0, -1]] = True
    lattice = np.column_stack([row, col])[keep]
    return Patches.from_raster(rasterise(None, lattice, ImageConfig(grid="lattice")), 4)


@given(
    height=st.integers(5, 30),
    width=st.integers(5, 30),
    share=st.floats(0.6, 1.0),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_patches_cover_each_tissue_pixel_once(height, width, share, seed):
    grid = tissue(height, width, share, seed)
    assert grid.inside.sum() == grid.n_pixels
    assert (grid.inside.sum(dim=1) > 0).all()
    images = torch.randn(3, grid.n_pixels, generator=random(seed))
    patches = grid.split(images)
    back = torch.zeros(3, grid.n_pixels + 1)
    back[:, grid.index.reshape(-1)] = patches.flatten(1)
    assert torch.equal(back[:, :-1], images)
    assert (patches * (1 - grid.inside) == 0).all()
    assert grid.position.min() > 0
    assert grid.position.max() <= 1.0 + 4 / max(height, width)


def test_every_parameter_gets_a_gradient():
    grid = tissue(13, 10)
    model = encoder(grid)
    images = torch.randn(6, grid.n_pixels, generator=random())
    keep = visible_patches(6, grid.n_patches, 0.3, random())
    z, predicted = model.masked(*known(images), grid, keep)
    target = torch.randn(z.shape, generator=random(1))
    (reconstruction_loss(predicted, grid.split(images), grid, keep) + (z * target).mean()).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_one_model_encodes_sections_of_any_grid():
    model = encoder(tissue(9, 9))
    for shape in [(13, 10), (8, 8), (31, 5), (20, 1)]:
        grid = tissue(*shape, share=1.0)
        z = model(*known(torch.randn(3, grid.n_pixels, generator=random())), grid)
        assert z.shape == (3, 8)
        assert torch.allclose(z.norm(dim=1), torch.full((3,), math.sqrt(8)), atol=1e-4)


def test_representation_does_not_depend_on_the_other_images_or_the_padding():
    grid = tissue(13, 10)
    model = encoder(grid).eval()
    images = torch.randn(5, grid.n_pixels, generator=random())
    together = model(*known(images), grid)
    alone = torch.cat([model(*known(image[None]), grid) for image in images])
    assert torch.allclose(together, alone, atol=1e-4)


def test_hidden_patches_do_not_reach_the_encoder_and_visible_ones_do_not_reach_the_loss():
    grid = tissue(16, 16, 1.0)
    model = encoder(grid)
    images = torch.randn(2, grid.n_pixels, generator=random())
    patches = grid.split(images)
    keep = visible_patches(2, grid.n_patches, 0.5, random())
    hidden = torch.ones(2, grid.n_patches).scatter(1, keep, 0).bool()
    changed = patches.clone()
    changed[hidden] += 5
    other = torch.zeros(2, grid.n_pixels + 1)
    other[:, grid.index.reshape(-1)] = changed.flatten(1)
    z, predicted = model.masked(*known(images), grid, keep)
    z_changed, _ = model.masked(*known(other[:, :-1]), grid, keep)
    assert torch.equal(z, z_changed)
    assert torch.equal(z, model.masked(*known(images), grid, keep, predict=False)[0])
    loss = reconstruction_loss(predicted, patches, grid, keep)
    seen = patches.clone()
    seen[~hidden] += 5
    assert torch.equal(loss, reconstruction_loss(predicted, seen, grid, keep))
    assert reconstruction_loss(predicted, changed, grid, keep) != loss


def test_loss_ignores_pixels_off_the_tissue():
    grid = tissue(10, 10, 0.7)
    keep = visible_patches(2, grid.n_patches, 0.5, random())
    predicted = torch.randn(2, *grid.inside.shape, generator=random())
    target = torch.randn(2, *grid.inside.shape, generator=random(1))
    off = target + 9 * (1 - grid.inside)
    assert torch.equal(
        reconstruction_loss(predicted, target, grid, keep), reconstruction_loss(predicted, off, grid, keep)
    )


@pytest.mark.parametrize(("n_patches", "ratio"), [(1, 0.3), (2, 0.9), (10, 0.3), (10, 0.01)])
def test_at_least_one_patch_stays_and_one_is_hidden(n_patches, ratio):
    keep = visible_patches(7, n_patches, ratio, random())
    assert keep.shape[1] >= 1
    assert keep.shape[1] == max(n_patches - max(round(n_patches * ratio), 1), 1)
    assert all(len(set(row.tolist())) == keep.shape[1] for row in keep)


def test_positions_tell_rows_from_columns_and_place_survives_the_pool():
    at = torch.tensor([[0.1, 0.7], [0.7, 0.1], [0.1, 0.1]])
    code = sincos_position(at, 16)
    assert code.shape == (3, 16)
    assert torch.cdist(code, code)[~torch.eye(3, dtype=bool)].min() > 0.5
    assert torch.equal(spatial_basis(at, 4)[:, 0], torch.ones(3))
    # the same blob at two places gives two representations with the spatial pool
    grid = tissue(16, 16, 1.0)
    model = encoder(grid)
    images = torch.zeros(2, grid.n_pixels)
    images[0, :16], images[1, -16:] = 3.0, 3.0
    z = model(*known(images), grid)
    assert torch.cosine_similarity(z[0], z[1], dim=0) < 0.99


def test_weights_come_from_the_generator_and_the_global_state_stays():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    one, two, other = (encoder(tissue(9, 9), s) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    assert not torch.equal(one.mae.embed.weight, other.mae.embed.weight)


def test_bottleneck_decoder_belongs_to_one_grid():
    grid = tissue(12, 12, 1.0)
    config = EncoderConfig(
        start="random", patch_size=4, dim=16, depth=1, decoder="bottleneck", pool="mean", head_hidden=32
    )
    model = encoder(grid, config=config)
    images = torch.randn(3, grid.n_pixels, generator=random())
    keep = visible_patches(3, grid.n_patches, 0.3, random())
    _, predicted = model.masked(*known(images), grid, keep)
    assert predicted.shape == (3, grid.n_patches, 16)


def test_no_patch_lies_in_two_sections_however_large_they_are():
    row, col = (a.ravel().astype(float) for a in np.mgrid[:96, :96])
    one = rasterise(np.column_stack([col, row]), None, ImageConfig())
    grid = Patches.from_raster(on_one_canvas([one] * 12), "auto")
    assert ((grid.in_sections > 0).sum(dim=1) == 1).all()
