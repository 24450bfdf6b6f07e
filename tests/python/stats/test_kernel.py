"""The kernel on a raster: against dense algebra, and its moments against real permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import special, stats

from sigel import ImageConfig
from sigel.images.raster import rasterise
from sigel.stats.kernel import Moments, RasterKernel
from sigel.stats.permutation_test import log_gamma_tail, log_upper_tail, permutation_test


def hexagonal(side=14):
    rows, cols = np.divmod(np.arange(side * side), side)
    lattice = np.column_stack([rows, 2 * cols + rows % 2])
    places = np.column_stack([lattice[:, 1] * 0.5, rows * np.sqrt(0.75)]) * 100
    inside = np.hypot(*(places - places.mean(0)).T) < 0.48 * side * 100
    return rasterise(places[inside], lattice[inside], ImageConfig())


def square(side=15):
    rows, cols = np.divmod(np.arange(side * side), side)
    inside = (rows + cols) % 7 > 0
    lattice = np.column_stack([rows, cols])[inside]
    return rasterise(lattice[:, ::-1] * 200.0, lattice, ImageConfig())


RASTERS = {"hexagonal": hexagonal, "square": square}


@pytest.fixture(params=RASTERS)
def raster(request):
    return RASTERS[request.param]()


def dense(kernel: RasterKernel, scale: int | None = None) -> np.ndarray:
    """The whole centred kernel of all scales, or of one."""
    every = np.arange(kernel.n_pixels)
    if scale is None:
        return kernel._rows_of(every)
    return list(kernel._rows_by_scale(every))[scale] * kernel.weights[scale]


def cleared(kernel, n=5, seed=0, skewed=False):
    rng = np.random.default_rng(seed)
    image = rng.gamma(0.2, size=(n, kernel.n_pixels)) if skewed else rng.normal(size=(n, kernel.n_pixels))
    return kernel.clear(torch.from_numpy(image.astype(np.float32)))


def test_forms_are_those_of_the_dense_kernel(raster):
    kernel = RasterKernel(raster)
    z = cleared(kernel)
    forms = kernel.forms(z).double().numpy()
    plain = z.double().numpy()
    for scale in range(len(kernel.scales)):
        expected = np.einsum("gi,ij,gj->g", plain, dense(kernel, scale), plain)
        np.testing.assert_allclose(forms[:, scale], expected, rtol=2e-3, atol=2e-3)


def test_each_scale_is_a_gaussian_of_the_distance(raster):
    """Before centring: the finest Gaussian scale, written out from the pixels' coordinates."""
    kernel = RasterKernel(raster)
    places = raster.coordinates() / kernel.unit
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    plain = np.exp(-0.5 * (distance / kernel.lengths[0]) ** 2)
    centring = np.eye(raster.n_pixels) - 1 / raster.n_pixels
    expected = centring @ plain @ centring
    np.testing.assert_allclose(dense(kernel, 1) / kernel.weights[1], expected, atol=0.02)


def test_scales_double_from_neighbours_up(raster):
    kernel = RasterKernel(raster)
    assert kernel.scales[0] == pytest.approx(100 if raster.kind == "hexagonal" else 200)
    assert np.allclose(np.divide(kernel.scales[1:], kernel.scales[:-1]), 2)


def test_scales_are_of_equal_strength_and_say_what_chance_gives(raster):
    """Off the diagonal each weighs 1; the mean of its form over all orders of pixels is its trace."""
    kernel = RasterKernel(raster, np.arange(raster.n_pixels)[:, None] ** 2.0)
    for scale, trace in enumerate(kernel.traces):
        k = dense(kernel, scale)
        own = np.diag(k)
        assert np.square(k).sum() - np.square(own).sum() == pytest.approx(1, rel=1e-9)
        assert trace == pytest.approx(own.sum() * kernel.n_pixels / (kernel.n_pixels - 2), rel=1e-9)


def test_the_kernel_is_positive_semidefinite(raster):
    values = np.linalg.eigvalsh(dense(RasterKernel(raster)))
    # As many zeros as there are nuisance columns; nothing below.
    assert values.min() > -1e-6 * values.max()
    assert (values > 1e-8 * values.max()).sum() == raster.n_pixels - 1


def test_moments_are_those_of_the_dense_kernel(raster):
    kernel = RasterKernel(raster)
    k = dense(kernel)
    own = np.diag(k)
    found = kernel.moments
    expected = {
        "trace": own.sum(),
        "square": (k**2).sum(),
        "diagonal": (own**2).sum(),
        "triangle": np.trace(k @ k @ k),
        "cube": (k**3).sum(),
        "mixed": (own * (k**2).sum(axis=1)).sum(),
        "diagonal_cube": (own**3).sum(),
    }
    for name, value in expected.items():
        # The waves along an axis stop where less than 1 % of the spectrum is left.
        assert getattr(found, name) == pytest.approx(value, rel=5e-3), name


@pytest.mark.parametrize("n", [4, 5, 7])
def test_mean_and_variance_are_those_of_all_orders(n):
    """Every order of a few pixels, whatever the kernel and the values."""
    rng = np.random.default_rng(n)
    centring, factor = np.eye(n) - 1 / n, rng.normal(size=(n, n))
    k = centring @ factor @ factor.T @ centring
    z = stats.zscore(rng.gamma(1.0, size=n))
    orders = np.array(list(permutations(range(n))))
    forms = np.einsum("oi,ij,oj->o", z[orders], k, z[orders])
    own, square = np.diag(k), np.square(k)
    moments = Moments(
        trace=own.sum(),
        square=square.sum(),
        diagonal=(own**2).sum(),
        triangle=np.trace(k @ k @ k),
        cube=(k**3).sum(),
        mixed=own @ square.sum(axis=1),
        diagonal_cube=(own**3).sum(),
    )
    skew, kurtosis = (np.array([(z**power).mean()]) for power in (3, 4))
    statistic, _ = permutation_test(forms, moments, n, skew, kurtosis)
    assert statistic.mean() == pytest.approx(0, abs=1e-10)
    assert statistic.std() == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize("skewed", [False, True])
def test_permutation_moments_are_those_of_many_permutations(raster, skewed):
    kernel = RasterKernel(raster)
    z = cleared(kernel, n=1, seed=3, skewed=skewed)
    rng = np.random.default_rng(1)
    orders = np.stack([rng.permutation(kernel.n_pixels) for _ in range(6000)])
    forms = kernel.forms(z[0][torch.from_numpy(orders)]).double().sum(dim=1).numpy()
    skew, kurtosis = (z[0].double().pow(k).mean().numpy()[None] for k in (3, 4))
    statistic, log_p = permutation_test(forms, kernel.moments, kernel.n_pixels, skew, kurtosis)
    # 6000 draws: three standard errors of a mean and of a variance of skewed values.
    assert statistic.mean() == pytest.approx(0, abs=0.06)
    assert statistic.std() == pytest.approx(1, abs=0.08)
    assert stats.kstest(np.exp(log_p), "uniform").statistic < 0.04


def test_a_pattern_at_any_scale_raises_the_statistic(raster):
    kernel = RasterKernel(raster)
    places = raster.coordinates() / kernel.unit
    rng = np.random.default_rng(0)
    for wavelength in (5, 8, 16):
        wave = 2 * np.sin(2 * np.pi * places[:, 0] / wavelength)
        image = torch.from_numpy((wave + rng.normal(size=len(wave))).astype(np.float32))[None]
        z = kernel.clear(image)
        skew, kurtosis = (z.double().pow(k).mean(dim=1).numpy() for k in (3, 4))
        forms = kernel.forms(z).double().sum(dim=1).numpy()
        statistic, log_p = permutation_test(forms, kernel.moments, kernel.n_pixels, skew, kurtosis)
        assert statistic[0] > 4
        assert log_p[0] < np.log(1e-3)


def test_what_covariates_explain_is_gone(raster):
    rng = np.random.default_rng(0)
    covariate = rng.normal(size=(raster.n_pixels, 1))
    kernel = RasterKernel(raster, np.column_stack([covariate, covariate, np.ones(len(covariate))]))
    assert kernel.nuisance.shape == (raster.n_pixels, 2)
    z = kernel.clear(torch.from_numpy(covariate.T.astype(np.float32) * 3 + 5))
    assert (z == 0).all()
    mixed = kernel.clear(
        torch.from_numpy((covariate.T + rng.normal(size=covariate.T.shape)).astype(np.float32))
    )
    np.testing.assert_allclose(mixed.numpy() @ covariate, 0, atol=1e-3)


@pytest.mark.parametrize("n_covariates", [1, 30, 80])
def test_p_values_stay_uniform_beside_covariates(n_covariates):
    raster, rng = square(15), np.random.default_rng(0)
    kernel = RasterKernel(raster, rng.normal(size=(raster.n_pixels, n_covariates)))
    z = cleared(kernel, n=4000)
    skew, kurtosis = (z.double().pow(k).mean(dim=1).numpy() for k in (3, 4))
    forms = kernel.forms(z).double().sum(dim=1).numpy()
    n_nuisance = kernel.nuisance.shape[1]
    statistic, log_p = permutation_test(forms, kernel.moments, kernel.n_pixels, skew, kurtosis, n_nuisance)
    assert statistic.mean() == pytest.approx(0, abs=0.06)
    assert statistic.std() == pytest.approx(1, abs=0.06)
    assert stats.kstest(np.exp(log_p), "uniform").statistic < 0.04


def test_a_large_section_is_represented_by_some_of_its_rows(monkeypatch):
    raster = square(30)
    whole = RasterKernel(raster).moments
    monkeypatch.setattr("sigel.stats.kernel.MOMENT_ROWS", 250)
    part = RasterKernel(raster).moments
    for name, value in whole._asdict().items():
        assert getattr(part, name) == pytest.approx(value, rel=0.05), name


def test_the_tail_is_pearsons_third_type():
    for skewness in (0.2, 1.0, 2.5):
        x = np.array([-0.5, 0.0, 1.0, 4.0, 12.0])
        expected = stats.pearson3.logsf(x, skewness)
        np.testing.assert_allclose(log_upper_tail(x, np.full(5, skewness)), expected, rtol=1e-6)


def test_the_tail_goes_on_where_doubles_end():
    x = np.geomspace(50, 1e5, 200)
    tail = log_upper_tail(x, np.full(200, 1.0))
    assert np.isfinite(tail).all()
    assert (np.diff(tail) < 0).all()
    # No step where the one formula takes over from the other.
    close = np.linspace(300, 340, 400)
    slope = np.diff(log_upper_tail(close, np.full(400, 1.0)))
    assert slope.min() > 1.02 * slope.max()


@pytest.mark.parametrize("shape", [1, 2, 4, 9, 40])
def test_the_far_tail_is_that_of_whole_shapes_summed_in_logarithms(shape):
    """Q(a, t) of a whole number a is exp(-t) times the first a terms of the series of exp(t)."""
    at = np.geomspace(1000, 1e6, 30)
    k = np.arange(shape)
    expected = special.logsumexp(k * np.log(at[:, None]) - special.gammaln(k + 1), axis=1) - at
    found = log_gamma_tail(np.full(30, float(shape)), at)
    # What the continued fraction leaves out is of the order (a / t)^3, beside the rounding of the logarithm.
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=4 * (shape / at.min()) ** 3 + 1e-9)


def test_covariates_count_in_whatever_unit_they_come(raster):
    rng = np.random.default_rng(2)
    covariates = rng.normal(size=(raster.n_pixels, 2))
    plain, scaled = (RasterKernel(raster, covariates * unit).nuisance for unit in ([1, 1], [1e9, 1e-9]))
    assert plain.shape == scaled.shape == (raster.n_pixels, 3)
    np.testing.assert_allclose(scaled @ scaled.T, plain @ plain.T, atol=1e-9)  # the same space
