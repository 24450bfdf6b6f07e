"""Random patterns as large and as smooth as a designated one, and the p-values that they give genes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sigel.images.raster import Raster

Null = Literal["regions", "spots"]

# Waves that a random field is made of: enough that its values are close to normal.
WAVES = 64
# Fields drawn to tell how smooth the patterns of a length scale are, and the steps between length scales.
_TRIALS = 24
_STEP = 1.3
# How much more than in the pattern neighbours may differ in random ones. A region at the edge of a section
# has less of a boundary than any random one: asked to be as smooth, random regions would all be halves and
# corners of the section, and often the very one.
SLACK = 1.5
# Classes of strength whose genes' random patterns are counted together, and the fewest genes in one: with 200
# patterns p-values of 500 genes go down to 5e-5, those of 10,000 to 5e-6.
CLASSES = 10
CLASS = 100
# Similarities are held this far from 1, where Fisher's z has no value.
_CLOSEST = 1 - 1e-6


def random_fields(raster: Raster, n: int, length: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random fields on the tissue, `(n, n_pixels)`.

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
    to 2 pi, a field is the sum of `cos(w . x + b)` over waves; its covariance is that of
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
    return fields


def smoothness(raster: Raster, values: np.ndarray) -> np.ndarray:
    """Correlation of pixels with the mean of their neighbours, `(n,)` for values `(n, n_pixels)`.

    Parameters
    ----------
    raster
        Where pixels lie.
    values
        One pattern a row.

    Notes
    -----
    With v a pattern less its mean in each section and W the neighbours' weights, `v'Wv / v'v`: Moran's I
    (Moran 1950, Biometrika 37:17).
    """
    parts = [values[:, part] for part in raster.parts]
    centred = np.concatenate([part - part.mean(axis=1, keepdims=True) for part in parts], axis=1)
    around = (raster.neighbors @ centred.T).T
    return (centred * around).sum(axis=1) / np.maximum(np.square(centred).sum(axis=1), 1e-300)


def null_patterns(
    raster: Raster, rates: np.ndarray, n: int, null: Null, rng: np.random.Generator
) -> np.ndarray:
    """Random patterns with the same values as a given one, `(n, n_pixels)`.

    Parameters
    ----------
    raster
        Where pixels lie.
    rates
        The pattern, `(n_pixels,)`.
    n
        Number of random patterns.
    null
        `"regions"`: the values, in order, go to the pixels in the order of a smooth random field, so that
        regions keep their areas and levels, but not their places; the field has the shortest length scale
        at which neighbours differ at most half as much again as in the given pattern. `"spots"`: the values
        are shuffled. Of several sections each keeps its own values.
    rng
        Source of the patterns.
    """
    if null == "spots":
        shuffled = [rng.permuted(np.repeat(rates[None, part], n, axis=0), axis=1) for part in raster.parts]
        return np.concatenate(shuffled, axis=1)
    roughest = SLACK * (1 - float(smoothness(raster, rates[None])[0]))
    length = 1.0
    while length < _longest(raster) / 2:
        trial = _ranked(random_fields(raster, _TRIALS, length, rng), rates, raster)
        if 1 - smoothness(raster, trial).mean() <= roughest:
            break
        length *= _STEP
    return _ranked(random_fields(raster, n, length, rng), rates, raster)


def _longest(raster: Raster) -> int:
    """Longer side of the largest section, in pixels."""
    sides = [np.ptp(at[part]) + 1 for at in (raster.rows, raster.cols) for part in raster.parts]
    return int(max(sides))


def _ranked(fields: np.ndarray, rates: np.ndarray, raster: Raster) -> np.ndarray:
    """The rates of each section in the order of the fields there."""
    ranked = np.empty(fields.shape)
    for part in raster.parts:
        order = fields[:, part].argsort(axis=1)
        np.put_along_axis(ranked[:, part], order, np.sort(rates[part])[None], axis=1)
    return ranked


def pattern_pvalues(observed: np.ndarray, nulls: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """P-values of similarities to a pattern, from similarities to random patterns.

    Parameters
    ----------
    observed
        Similarity of each gene to the pattern, between -1 and 1, `(n_genes,)`.
    nulls
        To random patterns, `(n_genes, n_null)`.
    strength
        How clear a pattern of its own each gene has, `(n_genes,)`.

    Returns
    -------
    numpy.ndarray
        `(n_genes,)`, each at least `1 / (genes counted together * n_null + 1)`.

    Notes
    -----
    If a gene does not follow the pattern, the pattern is to it one more random pattern, and its `n_null + 1`
    similarities are exchangeable. That holds still after they are put on a common scale: Fisher's z, less its
    mean, over its standard deviation. On that scale genes of like strength have like distributions (a strong
    gene's similarities spread as those of directions do, a weak gene's as noise does), so those of a tenth of
    the genes, but at least 100, are counted together: `n_null` patterns alone would end at
    `1 / (n_null + 1)`, too coarse for thousands of genes. If b of the m similarities to random patterns in a
    gene's class are at least as large as its own, `p = (b + 1) / (m + 1)`. With a random pattern in place of
    the designated one the p-values are uniform. The +1 rule (Phipson and Smyth 2010) keeps p above zero.
    """
    together = np.arctanh(np.clip(np.column_stack([observed, nulls]), -_CLOSEST, _CLOSEST))
    scale = np.maximum(together.std(axis=1, keepdims=True), 1e-12)
    together = (together - together.mean(axis=1, keepdims=True)) / scale
    pval = np.empty(len(observed))
    n_classes = max(min(len(observed) // CLASS, CLASSES), 1)
    for genes in np.array_split(np.argsort(strength, kind="stable"), n_classes):
        pool = np.sort(together[genes, 1:], axis=None)
        at_least = len(pool) - np.searchsorted(pool, together[genes, 0] - 1e-9)
        pval[genes] = (at_least + 1) / (len(pool) + 1)
    return pval
