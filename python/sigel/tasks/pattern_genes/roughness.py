"""How rough a pattern is, and random fields as rough: smooth regions and what each pixel has of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sigel.images.raster import Raster

# Waves that a random field is made of: enough that its values are close to normal.
WAVES = 64
# Lengths and shares of noise that a pattern is compared with, and the fields of each: fewer where a section
# is large, whose correlations differ less from field to field.
_STEP = 1.3
_NOISE = tuple(round(0.1 * k, 1) for k in range(11))
_FIELDS = 24
_PIXELS = 100_000
# Rounds of taking the mean over neighbours after which a pattern is compared with itself: what is each
# pixel's own is gone after one, short regions after four.
_ROUNDS = (1, 2, 4)
# How much more than in the pattern neighbours may differ in the smooth part of random ones. A region at the
# edge of a section has less of a boundary than any random one: asked to be as smooth, random regions would
# all be halves and corners of the section, and often the very one.
SLACK = 1.5


class Roughness(NamedTuple):
    """Of a random field.

    Parameters
    ----------
    length
        Length scale of its smooth part, in pixels.
    noise
        Share of its variance that is each pixel's own, 0 to 1.
    """

    length: float
    noise: float


def roughness(raster: Raster, rates: np.ndarray, rng: np.random.Generator) -> Roughness:
    """How rough random fields are whose ranks are as rough as a pattern.

    Parameters
    ----------
    raster
        Where pixels lie.
    rates
        The pattern, `(n_pixels,)`.
    rng
        Source of the fields that it is compared with.

    Notes
    -----
    Regions that somebody drew are smooth; cell types, and numbers that were measured, differ from a pixel to
    the next as well. Fields of many lengths and shares of noise are given the pattern's values in their
    order, and the pair is taken whose correlations with the mean over neighbours, once and several times
    over, are nearest to the pattern's. So Viladomat et al. (2014, Biometrics 70:409) match variograms to make
    maps as autocorrelated as a given one. Of the lengths then the shortest is taken whose neighbours differ
    at most half as much again.
    """
    wanted = correlogram(raster, rates[None], _ROUNDS)[0]
    n = int(np.clip(_PIXELS // raster.n_pixels, 4, _FIELDS))
    lengths = [1.0]
    while lengths[-1] < _longest(raster) / 2:
        lengths.append(lengths[-1] * _STEP)
    found = np.empty((len(lengths), len(_NOISE), len(_ROUNDS)))
    for k, length in enumerate(lengths):
        smooth, white = random_fields(raster, n, length, rng), _white(n, raster, rng)
        for j, noise in enumerate(_NOISE):
            as_rough = ranked(_mixed(smooth, white, noise), rates, raster)
            found[k, j] = correlogram(raster, as_rough, _ROUNDS).mean(axis=0)
    distance = np.square(found - wanted).sum(axis=2)  # (n_lengths, n_noises)
    k, j = np.unravel_index(distance.argmin(), distance.shape)
    # Where there is no noise the pattern itself says how much neighbours differ.
    nearest = wanted[0] if j == 0 else found[k, 0, 0]
    enough = np.flatnonzero(1 - found[:, 0, 0] <= SLACK * (1 - nearest))
    return Roughness(lengths[enough[0]] if len(enough) else lengths[-1], _NOISE[j])


def correlogram(raster: Raster, values: np.ndarray, rounds: tuple[int, ...] = (1,)) -> np.ndarray:
    """Correlation of patterns with the mean of their neighbours, taken several times over.

    Parameters
    ----------
    raster
        Where pixels lie.
    values
        One pattern a row, `(n, n_pixels)`.
    rounds
        How many times the mean is taken.

    Returns
    -------
    numpy.ndarray
        `(n, len(rounds))`.

    Notes
    -----
    With v a pattern less its mean in each section and W the neighbours' weights, `v' W^k v / v'v`; for k = 1
    Moran's I (Moran 1950, Biometrika 37:17).
    """
    parts = [values[:, part] for part in raster.parts]
    centred = np.concatenate([part - part.mean(axis=1, keepdims=True) for part in parts], axis=1)
    total = np.maximum(np.square(centred).sum(axis=1), 1e-300)
    around, found = centred.T, []
    for k in range(1, max(rounds) + 1):
        around = raster.neighbors @ around
        if k in rounds:
            found.append((centred * around.T).sum(axis=1) / total)
    return np.stack(found, axis=1)


def mixed_fields(raster: Raster, n: int, rough: Roughness, rng: np.random.Generator) -> np.ndarray:
    """Random fields of a roughness, `(n, n_pixels)`, of variance 1 in expectation.

    Parameters
    ----------
    raster
        Where pixels lie.
    n
        Number of fields.
    rough
        Their length and their share of noise.
    rng
        Source of the fields.
    """
    smooth = random_fields(raster, n, rough.length, rng)
    return _mixed(smooth, _white(n, raster, rng), rough.noise)


def random_fields(raster: Raster, n: int, length: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random fields on the tissue, `(n, n_pixels)`, of variance 1 in expectation.

    Parameters
    ----------
    raster
        Where pixels lie.
    n
        Number of fields.
    length
        Length scale of their squared exponential covariance, in pixels.
    rng
        Source of the fields.

    Notes
    -----
    Several sections see the same field, each about its own middle: sections of one tissue repeat its
    patterns, and so must random ones, or they would be held to be rarer than they are.

    With x a place in units of the length scale, w of a standard normal and b of a uniform distribution from 0
    to 2 pi, a field is the sum of `cos(w . x + b)` over waves, scaled; its covariance is
    `exp(-|x - y|^2 / 2)` in expectation (Rahimi and Recht 2007), at a cost that grows with pixels alone.
    """
    places = raster.coordinates()
    step = np.sqrt(abs(np.linalg.det(raster.affine[:, :2])))
    step *= np.sqrt(2.0) if raster.kind == "hexagonal" else 1.0  # two lattice columns for each pixel
    # About their middle: where the origin lies must not matter, nor cost digits.
    middle = [places[part] - places[part].mean(axis=0) for part in raster.parts]
    places = (np.concatenate(middle) / max(step * length, 1e-12)).astype(np.float32)
    fields = np.empty((n, len(places)), dtype=np.float32)
    for field in fields:
        waves = rng.standard_normal((2, WAVES), dtype=np.float32)
        phase = rng.uniform(0, 2 * np.pi, WAVES).astype(np.float32)
        field[:] = np.cos(places @ waves + phase).sum(axis=1)
    return fields * np.float32(np.sqrt(2 / WAVES))


def ranked(fields: np.ndarray, rates: np.ndarray, raster: Raster) -> np.ndarray:
    """The rates of each section in the order of fields there, `(n, n_pixels)`.

    Parameters
    ----------
    fields
        `(n, n_pixels)`.
    rates
        Values to be dealt out, `(n_pixels,)`.
    raster
        Where pixels lie.
    """
    dealt = np.empty(fields.shape)
    for part in raster.parts:
        order = fields[:, part].argsort(axis=1)
        np.put_along_axis(dealt[:, part], order, np.sort(rates[part])[None], axis=1)
    return dealt


def _white(n: int, raster: Raster, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, raster.n_pixels), dtype=np.float32)


def _mixed(smooth: np.ndarray, white: np.ndarray, noise: float) -> np.ndarray:
    """Fields of which a share of the variance is noise."""
    return np.sqrt(np.float32(1 - noise)) * smooth + np.sqrt(np.float32(noise)) * white


def _longest(raster: Raster) -> int:
    """Longer side of the largest section, in pixels."""
    sides = [np.ptp(at[part]) + 1 for at in (raster.rows, raster.cols) for part in raster.parts]
    return int(max(sides))
