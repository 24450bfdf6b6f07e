"""Filters of gene images in closed form under normal priors: what counts allow without any training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
from scipy.sparse.linalg import svds
from scipy.spatial import cKDTree

from benchmarks.harness.pixels import pearson, six_nearest, smoothed, zscore, zscored
from benchmarks.harness.sections import Section
from sigel.images.raster import Raster

# Standard deviations of the stationary kernel's Gaussians, in distances of neighbouring pixels.
SCALES = (1.5, 3.0, 6.0, 12.0)
# Kernels of more pixels than this are made from as many of them (Nystroem's method).
MOST_LANDMARKS = 1500
MOST_MODES = 600
# Signal of a gene as a share of what the noise leaves of its image, among which the likelihood chooses.
SHARES = tuple(np.geomspace(0.02, 2.0, 14))
LEAST_STRENGTH = 0.02
N_FOLDS = 5
CROSSED = (5, 12)
N_EIGENIMAGES = 64


def twice_smoothed(section: Section) -> np.ndarray:
    """Z-scored log-normalised images, smoothed two times and z-scored again, `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        The section.
    """
    return zscore(smoothed(section, smoothed(section, zscored(section))))


def residuals(section: Section) -> tuple[np.ndarray, np.ndarray]:
    """Pearson residuals as z-scores, `(n_genes, n_pixels)`, and the variance of their noise, `(n_genes, 1)`.

    Noise is read off the difference between a pixel and the mean of its neighbours, as in
    `benchmarks.harness.pixels.wiener`.

    Parameters
    ----------
    section
        The section.
    """
    z = zscore(pearson(section))
    rough = z - (six_nearest(section.images.raster) @ z.T).T
    noise = np.clip(0.9 * rough.var(axis=1, keepdims=True) / (1 + 1 / 6), 1e-3, 0.999)
    return z, noise.astype(np.float64)


def kernel_modes(raster: Raster) -> tuple[np.ndarray, np.ndarray]:
    """Leading modes of the mean of Gaussian kernels, `(n_pixels, n_modes)`, and their variances `(n_modes,)`.

    The kernel is 1 at distance 0 and is centred over the pixels, as images are.

    Parameters
    ----------
    raster
        Of a section.
    """
    return _kernel_modes(np.ascontiguousarray(raster.coordinates(), dtype=np.float64).tobytes())


@lru_cache(maxsize=4)  # the panels of a section have the same pixels, but for those without a count
def _kernel_modes(places: bytes) -> tuple[np.ndarray, np.ndarray]:
    xy = np.frombuffer(places).reshape(-1, 2)
    spacing = np.median(cKDTree(xy).query(xy, k=2)[0][:, 1])
    xy = (xy / spacing).astype(np.float32)
    chosen = np.arange(len(xy))
    if len(xy) > MOST_LANDMARKS:
        chosen = np.sort(np.random.default_rng(0).permutation(len(xy))[:MOST_LANDMARKS])
    across = _kernel(xy, xy[chosen])  # (n_pixels, n_landmarks)
    within, turn = np.linalg.eigh(across[chosen].astype(np.float64))
    keep = within > 1e-5 * within[-1]
    features = across @ (turn[:, keep] / np.sqrt(within[keep])).astype(np.float32)
    features -= features.mean(axis=0)
    values, turn = np.linalg.eigh((features.T @ features).astype(np.float64))
    leading = slice(None, -min(MOST_MODES, int((values > 1e-3).sum())) - 1, -1)
    values, turn = values[leading], turn[:, leading]
    return features @ (turn / np.sqrt(values)).astype(np.float32), values


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    np.maximum(square, 0, out=square)
    return np.mean([np.exp(square / np.float32(-2 * scale**2)) for scale in SCALES], axis=0)


def gaussian_process(section: Section) -> np.ndarray:
    """Posterior means of a Gaussian process of four length scales, a gene at a time, `(n_genes, n_modes)`.

    No gene knows of another: the share of signal maximises the gene's own marginal likelihood, its noise is
    that of its image.

    Parameters
    ----------
    section
        The section.
    """
    z, noise = residuals(section)
    modes, variance = kernel_modes(section.images.raster)
    score = (z @ modes).astype(np.float64)  # (n_genes, n_modes); beyond the modes all shares are as likely
    best, mean = np.full((len(z), 1), -np.inf), np.zeros_like(score)
    for share in SHARES:
        signal = share * (1 - noise) * variance
        total = signal + noise
        likelihood = -0.5 * (np.log(total) + score**2 / total).sum(axis=1, keepdims=True)
        better = likelihood > best
        best = np.where(better, likelihood, best)
        mean = np.where(better, score * signal / total, mean)
    return mean


def eigenimages(section: Section, z: np.ndarray, noise: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Leading eigenimages of smoothed residuals, `(n_pixels, n)`, and the variance of the signal along them.

    Parameters
    ----------
    section
        Where the pixels lie.
    z
        Residuals of some genes, `(n_genes, n_pixels)`.
    noise
        Mean variance of their noise.
    n
        How many; never more than there are.
    """
    images = smoothed(section, z)
    start = np.random.default_rng(0).standard_normal(min(images.shape)).astype(images.dtype)
    _, size, basis = svds(images, k=min(n, *(side - 1 for side in images.shape)), v0=start)
    back = 0.5 * basis + 0.5 * (six_nearest(section.images.raster).T @ basis.T).T
    return basis.T, np.maximum(size**2 / len(z) - noise * np.square(back).sum(axis=1), 0)


def posterior(score: np.ndarray, noise: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Posterior means along orthonormal images, each gene with a strength of its own by its moments.

    Parameters
    ----------
    score
        Of the genes along the images, `(n_genes, n_images)`.
    noise
        Variance of their noise, `(n_genes, 1)`.
    variance
        Of the signal along the images, `(n_images,)`.
    """
    extra = (score**2 - noise).sum(axis=1, keepdims=True) / max(variance.sum(), 1e-12)
    signal = variance * np.maximum(extra, LEAST_STRENGTH)
    return score * signal / (signal + noise)


def crossed(section: Section) -> np.ndarray:
    """Posterior means under half a kernel, half eigenimages of the other genes, `(n_genes, n_pixels)`.

    For each fifth of the genes the eigenimages are those of the other four: no gene's noise is in its prior.

    Parameters
    ----------
    section
        The section.
    """
    z, noise = residuals(section)
    modes, variance = kernel_modes(section.images.raster)
    n_modes = len(variance)
    found = np.zeros_like(z)
    order = np.random.default_rng(0).permutation(len(z))
    for fold in np.array_split(order, min(N_FOLDS, len(z))):
        rest = np.setdiff1d(order, fold)
        n = int(np.clip(len(rest) // 10, *CROSSED))
        shared, spectrum = eigenimages(section, z[rest], float(noise[rest].mean()), n)
        along = modes.T @ shared  # (n_modes, n)
        beyond, _ = np.linalg.qr(shared - modes @ along)
        basis = np.concatenate([modes, beyond], axis=1)  # orthonormal, the kernel's modes first
        own = basis.T @ shared
        prior = (own * (spectrum / max(spectrum.sum(), 1e-12))) @ own.T
        prior[np.arange(n_modes), np.arange(n_modes)] += variance / variance.sum()
        size, turn = np.linalg.eigh(prior / 2)
        axes = basis @ turn
        found[fold] = posterior(z[fold] @ axes, noise[fold], np.maximum(size, 0)) @ axes.T
    return found


def of_whole_section(wholes: dict[str, Section]) -> Callable[[Section], np.ndarray]:
    """Posterior means along the eigenimages of all genes, which a panel does not know: an oracle.

    Parameters
    ----------
    wholes
        The whole section by the name of the one that was cut out of it.
    """

    @cache
    def known(name: str) -> tuple[np.ndarray, np.ndarray]:
        whole = wholes[name]
        z, noise = residuals(whole)
        return eigenimages(whole, z, float(noise.mean()), N_EIGENIMAGES)

    def method(section: Section) -> np.ndarray:
        basis, spectrum = known(section.name)
        z, noise = residuals(on_pixels_of(wholes[section.name], section))
        return posterior(z @ basis, noise, spectrum)

    return method


def on_pixels_of(whole: Section, cut: Section) -> Section:
    """A panel with its own depth on all pixels of the section that it was cut out of.

    Parameters
    ----------
    whole
        The section.
    cut
        Some of its genes.
    """
    images = whole.images.take(whole.images.index(list(cut.images.genes)))
    depth = np.asarray(images.counts.sum(axis=0), dtype=np.float64).ravel()
    return Section(cut.name, cut.adata, replace(images, depth=depth), depth)
