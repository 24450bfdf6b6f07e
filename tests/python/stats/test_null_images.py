"""Null images: the same counts or the same distribution, and no pattern."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sigel
from sigel.errors import InputError
from sigel.images.section import Section
from sigel.images.tensors import ImageViews
from sigel.stats.null_images import check_null, draw_counts, fit_counts, null_view


@pytest.fixture(scope="module")
def views():
    adata = sigel.datasets.simulated_section(
        n_rows=22, n_cols=22, n_programmes=3, genes_per_programme=30, n_background_genes=30
    )
    return ImageViews(sigel.GeneImages.from_anndata(adata))


def rows(views):
    return torch.arange(views.n_genes)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def neighbours(views, image):
    """Correlation of pixels with the mean of their neighbours, mean over genes."""
    beside = views.spread(image.T, 1.0).T
    return float(
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(image.numpy(), beside.numpy(), strict=True)])
    )


@pytest.mark.parametrize("null", ["permute", "nb", "zinb"])
def test_a_null_image_has_no_pattern(views, null):
    real, drawn = views.view(rows(views)), null_view(views, rows(views), null, seeded())
    assert drawn.image.shape == real.image.shape
    assert neighbours(views, real.image) > 0.2
    # 120 genes: the mean of their correlations is within 0.02 of its expectation, -1 / n.
    assert abs(neighbours(views, drawn.image)) < 0.02
    assert float(drawn.noise.mean()) > float(real.noise.mean())


def test_permuted_images_hold_the_same_pixels(views):
    chosen = torch.tensor([3, 17, 50])
    real = views.unscaled(views.counts(chosen))
    drawn = null_view(views, chosen, "permute", seeded())
    again = views.view_of(real)
    assert torch.allclose(drawn.image.sort(dim=1).values, again.image.sort(dim=1).values, atol=1e-5)
    assert not torch.equal(drawn.image, again.image)


@pytest.fixture(scope="module")
def two():
    """Two sections whose genes have levels of their own; the first has no image in the second."""
    rng = np.random.default_rng(0)
    places = np.stack(np.divmod(np.arange(144), 12), axis=1).astype(float)
    sections = []
    for name in "AB":
        counts = rng.poisson(np.tile(rng.lognormal(1, 1, 30), (144, 1))).astype(np.float32)
        counts[:, 0] *= name == "A"
        sections.append((name, Section(counts, np.array([f"g{k}" for k in range(30)], dtype=object), places)))
    return ImageViews(sigel.GeneImages.from_sections(sections, sigel.ImageConfig(min_spots=1)))


def test_pixels_are_permuted_within_their_section(two):
    real = two.view_of(two.unscaled(two.counts(rows(two)))).image
    drawn = null_view(two, rows(two), "permute", seeded()).image
    for part in two.parts:
        assert torch.allclose(drawn[:, part].sort(dim=1).values, real[:, part].sort(dim=1).values, atol=1e-5)
        assert not torch.equal(drawn[:, part], real[:, part])


@pytest.mark.parametrize("null", ["permute", "nb", "zinb"])
def test_a_gene_has_no_null_image_in_a_section_that_lacks_it(two, null):
    drawn = null_view(two, rows(two), null, seeded()).image
    first, second = (drawn[:, part] for part in two.parts)
    assert not second[0].any()
    assert first[0].any()
    assert second[1:].any(dim=1).all()


def test_genes_are_permuted_independently(views):
    """Genes of one programme are alike; their null images are not."""
    drawn = null_view(views, rows(views), "permute", seeded()).image
    apart = np.corrcoef(drawn.numpy())
    off = apart[~np.eye(len(apart), dtype=bool)]
    assert abs(off.mean()) < 0.01
    assert off.std() < 2 / np.sqrt(views.n_pixels)


@pytest.mark.parametrize("null", ["permute", "nb", "zinb"])
def test_a_seed_gives_the_same_images(views, null):
    one, same, other = (null_view(views, rows(views), null, seeded(k)).image for k in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def simulated(n, dispersion, zeros=0.0, genes=60, mean=3.0, seed=0):
    rng = np.random.default_rng(seed)
    share = rng.gamma(4.0, size=n)
    share /= share.sum()
    rate = mean * n * share * np.ones((genes, 1))
    if dispersion:
        rate = rate * rng.gamma(1 / dispersion, dispersion, size=rate.shape)
    counts = rng.poisson(rate) * (rng.random(rate.shape) >= zeros)
    return torch.from_numpy(counts.astype(np.float32)), torch.from_numpy(share.astype(np.float32))


@pytest.mark.parametrize("dispersion", [0.0, 0.3, 1.5])
def test_dispersion_is_found_again(dispersion):
    counts, share = simulated(1500, dispersion)
    found = fit_counts(counts, share)
    assert float(found.dispersion.mean()) == pytest.approx(dispersion, abs=0.03 + 0.05 * dispersion)
    assert (found.zeros == 0).all()


def test_zeros_are_found_again_and_not_where_there_are_none():
    counts, share = simulated(1500, 0.1, zeros=0.4, mean=6.0)
    found = fit_counts(counts, share, zeros=True)
    assert float(found.zeros.mean()) == pytest.approx(0.4, abs=0.05)
    assert float((found.mean * share).mean()) == pytest.approx(6.0, rel=0.1)
    counts, share = simulated(1500, 0.1, mean=6.0)
    assert float(fit_counts(counts, share, zeros=True).zeros.mean()) < 0.03


@pytest.mark.parametrize("zeros", [0.0, 0.4])
def test_zeros_of_scattered_counts_are_told_from_further_zeros(zeros):
    """Scattered counts are often zero by themselves: Poisson ones would leave these to a share of zeros."""
    counts, share = simulated(3000, 1.0, zeros=zeros, mean=8.0)
    found = fit_counts(counts, share, zeros=True)
    assert float(found.zeros.mean()) == pytest.approx(zeros, abs=0.04)
    assert float(found.dispersion.mean()) == pytest.approx(1.0, abs=0.12)


def test_drawn_counts_have_the_fitted_mean_and_variance():
    counts, share = simulated(2000, 0.5, genes=200)
    model = fit_counts(counts, share)
    drawn = draw_counts(model, share, seeded())
    assert float(drawn.mean()) == pytest.approx(float(counts.mean()), rel=0.03)
    assert float(drawn.var()) == pytest.approx(float(counts.var()), rel=0.1)
    assert (drawn == drawn.round()).all()
    assert (drawn >= 0).all()


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match=r"`null`: found 'poisson'; wanted one of"):
        check_null("poisson")
