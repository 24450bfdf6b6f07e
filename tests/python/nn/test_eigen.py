"""The linear part of Module I: equal to textbook formulas, and right about what is signal."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.config import EncoderConfig, ImageConfig
from sigel.images.raster import Raster, rasterise
from sigel.images.tensors import ImageViews
from sigel.nn.encoder.covariance import squared_cosines
from sigel.nn.encoder.eigenimages import Eigenimages
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.patches import Patches

HEIGHT, WIDTH = 12, 10


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def square(height: int = HEIGHT, width: int = WIDTH) -> Raster:
    lattice = np.stack(np.mgrid[:height, :width], axis=-1).reshape(-1, 2)
    return rasterise(None, lattice, ImageConfig(grid="lattice"))


def planted(n: int = 600, share: float = 0.5, seed: int = 0, raster: Raster | None = None):
    """Images of three smooth patterns at random loadings, plus unit-variance noise of share `share`."""
    raster = raster or square()
    rng = np.random.default_rng(seed)
    row, col = (raster.rows + 0.5) / raster.shape[0], (raster.cols + 0.5) / raster.shape[1]
    patterns = np.stack([np.cos(np.pi * row), np.cos(np.pi * col), np.cos(2 * np.pi * row)])
    loads = rng.standard_normal((n, 3)) * [3.0, 2.0, 1.0]
    signal = loads @ patterns
    signal *= np.sqrt((1 - share) / signal.var(axis=1, keepdims=True))
    noise = rng.standard_normal(signal.shape) * np.sqrt(share)
    as_tensor = [torch.from_numpy(x.astype(np.float32)) for x in (signal, signal + noise)]
    return *as_tensor, loads


def fitted(
    image, noise, raster=None, rank=20, n_dims=6, sharp=20, spread=0.0, prior=0.0, amplitude=None, seed=0
):
    raster = raster or square()
    grid = Patches.from_raster(raster, 4)
    model = Eigenimages(grid.n_pixels, rank, n_dims, len(image))
    own = torch.full((len(image), 1), noise)
    size = torch.ones_like(own) if amplitude is None else amplitude
    near = torch.from_numpy(raster.neighbors.toarray())

    def mix(x, matrix):
        return (1 - spread) * x + spread * (matrix @ x)

    model.fit(
        lambda: iter([(image[:300], own[:300], size[:300]), (image[300:], own[300:], size[300:])]),
        grid.places,
        torch.from_numpy(raster.positions()),
        lambda x: mix(x, near),
        lambda x: mix(x, near.T),
        sharp=sharp,
        prior_genes=prior,
        pole=1.0,
        generator=random(seed),
    )
    return model, grid, own, size


def test_eigenimages_are_those_of_the_covariance_less_its_noise():
    _, image, _ = planted()
    model, *_ = fitted(image, 0.5)
    wanted, vectors = np.linalg.eigh(image.double().T.numpy() @ image.double().numpy() / len(image))
    assert model.spectrum[:3].numpy() == pytest.approx(wanted[::-1][:3] - 0.5, rel=1e-3)
    overlap = np.abs(vectors[:, ::-1][:, :3].T @ model.basis[:, :3].double().numpy())
    assert np.diag(overlap) == pytest.approx(1.0, abs=1e-3)
    gram = model.basis.T @ model.basis
    assert torch.allclose(gram, torch.eye(20), atol=1e-4)


def filtered(model, grid, image, noise, gene=None):
    """Posterior means along the eigenimages."""
    scores, noise = model.scores(grid.split(image), noise, grid, None)
    return model.posterior(scores, noise, model.own(gene, len(image)))


@pytest.mark.parametrize("gene", [None, 7])
def test_a_filtered_image_is_the_conditional_mean_of_the_normal_model(gene):
    """Conditioning of a joint normal vector, written with full matrices in float64.

    For a gene of the fit, on the covariance without what the gene itself put into it.
    """
    _, image, _ = planted(n=60)
    model, grid, own, _ = fitted(image, 0.5, rank=120, prior=10.0, spread=0.5)
    row = None if gene is None else torch.tensor([gene])
    found = filtered(model, grid, image[7:8], own[:1], row)[0].double()
    basis, spectrum = model.basis.double(), model.spectrum.double()
    signal = basis @ torch.diag(spectrum) @ basis.T
    if gene is not None:
        mine = basis @ model.contributions[gene].double()
        signal = signal - model.share.double() * torch.outer(mine, mine)
        assert torch.linalg.eigvalsh(signal).min() > -1e-3  # still a covariance
    mean = signal @ torch.linalg.inv(signal + 0.5 * torch.eye(len(signal))) @ image[7].double()
    assert torch.allclose(basis @ found, mean, atol=2e-3)


def test_a_gene_of_a_panel_is_read_by_the_others_not_by_its_own_noise():
    """Noise alone in 40 images: those of the fit leave hardly more than noise that it never saw.

    What they leave beyond that is what taking the noise off the covariance turns in it.
    """
    noise, fresh = torch.randn(2, 40, HEIGHT * WIDTH, generator=random(5))
    model, grid, own, _ = fitted(noise, 0.9, rank=120, sharp=40)

    def left(images, gene):
        return float(filtered(model, grid, images, own, gene).square().sum(dim=1).mean())

    least = left(fresh, None)
    assert left(noise, None) > 3 * least
    assert left(noise, torch.arange(40)) - least < 0.2 * (left(noise, None) - least)


def test_smooth_images_are_the_prior_of_a_panel():
    """30 genes: with the prior that images are smooth, filtered images come nearer to their signals."""
    signal, image, _ = planted(n=30, share=0.8)
    error = {}
    for prior in (0.0, 100.0):
        model, grid, own, _ = fitted(image, 0.8, rank=120, prior=prior)
        found = filtered(model, grid, image, own, torch.arange(30)) @ model.basis.T
        error[prior] = float((found - signal).square().mean())
    assert error[100.0] < 0.8 * error[0.0]


def test_how_sure_an_eigenimage_is_follows_from_its_eigenvalue():
    """Planted directions: the formula gives the squared cosine that they are found at."""
    rng = np.random.default_rng(0)
    n, p, spikes = 400, 200, np.array([8.0, 3.0, 1.5])
    truth = np.linalg.qr(rng.standard_normal((p, 3)))[0]
    found = []
    for _ in range(20):
        data = rng.standard_normal((n, 3)) * np.sqrt(spikes) @ truth.T + rng.standard_normal((n, p))
        values, vectors = np.linalg.eigh(data.T @ data / n)
        cosine = np.square((vectors[:, ::-1][:, :3] * truth).sum(axis=0))
        expected = squared_cosines(torch.from_numpy(values[::-1][:5].copy()), p / n)
        found.append((cosine, expected[:3].numpy(), float(expected[4])))
    cosine, expected, beyond = (np.mean([one[i] for one in found], axis=0) for i in range(3))
    assert expected == pytest.approx(cosine, abs=0.05)
    assert beyond < 0.1


def test_the_filter_comes_nearer_to_the_signal_than_principal_components_do():
    signal, image, _ = planted(share=0.9)
    model, grid, own, _size = fitted(image, 0.9)
    clean = filtered(model, grid, image, own) @ model.basis.T
    u, s, v = torch.linalg.svd(image, full_matrices=False)
    projected = (u[:, :20] * s[:20]) @ v[:20]  # as many components
    assert (clean - signal).square().mean() < 0.8 * (projected - signal).square().mean()


def test_spreading_the_covariance_takes_out_sampling_noise_of_few_genes():
    """80 genes for 120 pixels: weak smooth patterns drown in the covariance unless neighbours help."""
    signal, image, _ = planted(n=380, share=0.97)
    error = {}
    for spread in (0.0, 0.5):
        model, grid, own, _ = fitted(image, 0.97, sharp=1, spread=spread)
        error[spread] = float((filtered(model, grid, image, own) @ model.basis.T - signal).square().mean())
    assert error[0.5] < 0.95 * error[0.0]


def test_genes_without_a_pattern_meet_at_the_pole():
    _, image, _ = planted(share=0.5)
    flat = torch.randn(200, image.shape[1], generator=random(3))
    both, noise = torch.cat([image, flat]), torch.cat([torch.full((600, 1), 0.5), torch.ones(200, 1)])
    model, grid, *_ = fitted(both, 0.6)
    lifted, _ = model.lift(filtered(model, grid, both, noise), torch.ones(800, 1))
    assert torch.allclose(lifted.norm(dim=1), torch.ones(800), atol=1e-5)
    height = lifted[:, -1]
    assert height[600:].min() > height[:600].median()
    assert height[600:].median() > 0.9


@given(seed=st.integers(0, 50), n_dims=st.integers(2, 12), rank=st.integers(2, 30))
@settings(max_examples=10, deadline=None)
def test_any_rank_and_length_give_finite_unit_representations(seed, n_dims, rank):
    _, image, _ = planted(seed=seed)
    grid = Patches.from_raster(square(), 4)
    config = EncoderConfig(patch_size=4, dim=16, depth=1, rank=rank, heads=1)
    encoder = GeneEncoder(config, n_dims, grid, random(), len(image))
    own = torch.full((len(image), 1), 0.5)
    encoder.eigen.fit(
        lambda: iter([(image, own, own)]),
        grid.places,
        torch.from_numpy(square().positions()),
        lambda x: x,
        lambda x: x,
        sharp=3,
        prior_genes=50.0,
        pole=1.0,
        generator=random(),
    )
    z = encoder(image, own, own, torch.arange(len(image)), grid)
    assert torch.isfinite(z).all()
    assert torch.allclose(z.norm(dim=1), torch.full((len(z),), n_dims**0.5), atol=1e-3)


def test_training_starts_from_the_eigenimages_alone():
    _, image, _ = planted()
    grid = Patches.from_raster(square(), 4)
    config = EncoderConfig(patch_size=4, dim=16, depth=1, rank=20)
    with_branch, without = (
        GeneEncoder(EncoderConfig(**{**config.to_dict(), "branch": branch}), 6, grid, random(), 600)
        for branch in (True, False)
    )
    model, _, own, size = fitted(image, 0.5)
    for encoder in (with_branch, without):
        encoder.eigen.load_state_dict(model.state_dict())
    gene = torch.arange(600)
    assert torch.equal(with_branch(image, own, size, gene, grid), without(image, own, size, gene, grid))
    keep = torch.arange(grid.n_patches - 2).expand(600, -1)
    for a, b in zip(
        with_branch.masked(image, own, size, gene, grid, keep),
        without.masked(image, own, size, gene, grid, keep),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_the_picture_of_a_representation_is_the_filtered_image():
    """With as many dimensions as directions, nothing is lost on the way to the sphere and back."""
    _, image, _ = planted()
    amplitude = torch.rand(600, 1, generator=random(2)) + 0.5
    model, grid, own, size = fitted(image, 0.5, rank=8, n_dims=9, sharp=8, amplitude=amplitude)
    patches = grid.split(image)
    coordinates, length = model(patches, own, size, None, grid)
    clean = filtered(model, grid, image, own) @ model.basis.T
    assert torch.allclose(model.picture(coordinates, length, grid), grid.split(clean), atol=1e-4)


def test_hidden_patches_are_not_seen_and_scores_stay_unbiased():
    _signal, image, _ = planted(share=0.3)
    model, grid, own, _ = fitted(image, 0.3)
    patches = grid.split(image)
    hidden = (torch.rand(600, grid.n_patches, generator=random(1)) < 0.3).float()
    scores, noise = model.scores(patches, own, grid, hidden)
    other, _ = model.scores(patches + 7 * hidden[..., None] * grid.inside, own, grid, hidden)
    assert torch.allclose(scores, other, atol=1e-4)
    assert (noise >= own).all()
    whole, _ = model.scores(patches, own, grid, None)
    slope = (scores[:, :2] * whole[:, :2]).sum(dim=0) / whole[:, :2].square().sum(dim=0)
    assert slope.numpy() == pytest.approx(1.0, abs=0.1)


def test_a_section_of_another_grid_lands_at_the_same_place():
    """The same patterns at twice the resolution: the same representations, up to the pixels' own size."""
    signal, _, _ = planted(share=0.2)
    fine_raster = square(2 * HEIGHT, 2 * WIDTH)
    fine, _, _ = planted(share=0.2, raster=fine_raster)
    model, grid, own, size = fitted(signal, 0.05)
    fine_grid = Patches.from_raster(fine_raster, 4)
    here = torch.nn.functional.normalize(model(grid.split(signal), own, size, None, grid)[0], dim=1)
    there = torch.nn.functional.normalize(model(fine_grid.split(fine), own, size, None, fine_grid)[0], dim=1)
    assert (here * there).sum(dim=1).median() > 0.97


def test_fits_repeat_and_another_start_finds_the_same_space():
    _, image, _ = planted()
    one, two, other = (fitted(image, 0.5, seed=s)[0] for s in (0, 0, 1))
    assert torch.equal(one.basis, two.basis)
    overlap = torch.linalg.svdvals(one.basis[:, :3].T @ other.basis[:, :3])
    assert overlap.min() > 0.999


def test_noise_of_counts_is_read_off_roughness(toy):
    """Poisson counts without a pattern: Pearson residuals are noise alone."""
    import sigel

    rng = np.random.default_rng(0)
    counts = rng.poisson(2.0, (400, 60)).astype(np.float32)
    where = np.stack(np.mgrid[:20, :20], axis=-1).reshape(-1, 2).astype(float)
    images = sigel.GeneImages.from_arrays(counts, [f"G{i}" for i in range(60)], where)
    views = ImageViews(images)
    assert views.noise.median() > 0.85
    first, _ = views.halves(torch.arange(60), 0.5, random())
    assert (first.noise >= views.noise - 1e-6).all()
    strong = views.view(torch.arange(5))
    assert strong.image.var(dim=1, unbiased=False).numpy() == pytest.approx(1.0, abs=0.01)
    assert strong.amplitude.median() == pytest.approx(1.0, abs=0.15)
