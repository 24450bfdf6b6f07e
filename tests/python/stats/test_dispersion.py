"""The mean-dispersion trend: truth comes back, patterns are no scatter, Poisson stays Poisson."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import sigel
from sigel.stats.dispersion import DispersionTrend, dispersion_trend, gene_dispersions


@pytest.fixture(scope="module")
def images():
    return sigel.GeneImages.from_anndata(sigel.datasets.simulated_section(24, 24, 2, 10, 30, seed=1))


def with_counts(images, mean, dispersion, seed):
    """Images whose genes have these means `(n_genes, n_pixels)` and dispersions `(n_genes,)`."""
    rng = np.random.default_rng(seed)
    scatter = 1.0
    if (dispersion > 0).all():
        shape = np.broadcast_to(1 / dispersion[:, None], mean.shape)
        scatter = rng.standard_gamma(shape) / shape
    counts = sparse.csr_matrix(rng.poisson(mean * scatter).astype(np.float32))
    return dataclasses.replace(images, counts=counts, genes=np.arange(len(mean)))


def levels(images, n=300, seed=0):
    level = np.exp(np.random.default_rng(seed).normal(0, 1, n))
    return level[:, None] * (images.depth / images.depth.mean())


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([0.05, 0.2, 0.6]), st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 100))
def test_the_trend_that_counts_were_drawn_with_comes_back(floor, rise, seed):
    images = sigel.GeneImages.from_anndata(sigel.datasets.simulated_section(20, 20, 2, 10, 30, seed=2))
    mean = levels(images, seed=seed)
    drawn = with_counts(images, mean, floor + rise / mean.mean(axis=1), seed)
    found = dispersion_trend(drawn)
    at = np.array([0.3, 1.0, 5.0])
    # 300 genes on 300 pixels know the variance of a mean gene to some 10 %.
    assert np.allclose(found(at), DispersionTrend(floor, rise)(at), rtol=0.35, atol=0.05)


def test_poisson_counts_have_next_to_no_dispersion(images):
    mean = levels(images)
    found = dispersion_trend(with_counts(images, mean, np.zeros(len(mean)), 3))
    assert found(1.0) < 0.01


def test_dispersions_are_unbiased_and_their_error_is_known(images):
    mean = levels(images, n=400, seed=4)
    dispersion, information = gene_dispersions(with_counts(images, mean, np.zeros(400), 4))
    z = dispersion / np.sqrt(2 / information)
    assert abs(z.mean()) < 4 / np.sqrt(400)
    assert 0.7 < z.std() < 1.4


def test_a_pattern_is_not_taken_for_scatter(images):
    """Left and right half differ fivefold: over the whole section that would be a dispersion of 0.4."""
    mean = levels(images, n=100, seed=5)
    high = images.raster.cols > np.median(images.raster.cols)
    mean = mean * np.where(high, 5 / 3, 1 / 3)
    found = dispersion_trend(with_counts(images, mean, np.zeros(100), 5))
    assert found(1.0) < 0.1


def test_genes_that_say_nothing_do_not_break_the_fit(images):
    images = images.take(np.arange(3))
    counts = sparse.csr_matrix((3, images.raster.n_pixels), dtype=np.float32)
    assert dispersion_trend(dataclasses.replace(images, counts=counts)) == DispersionTrend(0.0, 0.0)
    one = counts.tolil()
    one[0, 0] = 1
    assert dispersion_trend(dataclasses.replace(images, counts=one.tocsr())) == DispersionTrend(0.0, 0.0)


def test_simulated_sections_have_the_dispersion_that_they_were_made_with():
    adata = sigel.datasets.simulated_section(30, 30, 4, 40, 200, seed=0)
    images = sigel.GeneImages.from_anndata(adata)
    truth = float(np.exp(np.log(0.15) + 0.5**2 / 2))  # mean of the log-normal that it draws from
    assert dispersion_trend(images)(20.0) == pytest.approx(truth, rel=0.25)
