"""Random patterns as large and as rough as a designated one, and the p-values that they give genes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sigel.images.raster import Raster
from sigel.tasks.pattern_genes.roughness import mixed_fields, ranked, roughness

Null = Literal["regions", "spots"]

# Classes of strength whose genes' random patterns are counted together, and the fewest genes in one: with 200
# patterns p-values of 500 genes go down to 5e-5, those of 10,000 to 5e-6.
CLASSES = 10
CLASS = 100
# Similarities are held this far from 1, where Fisher's z has no value.
_CLOSEST = 1 - 1e-6


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
        `"regions"`: the values, in order, go to the pixels in the order of random fields as rough as the
        pattern, so that regions keep their areas and levels, but not their places. `"spots"`: the values are
        shuffled. Of several sections each keeps its own values.
    rng
        Source of the patterns.
    """
    if null == "spots":
        shuffled = [rng.permuted(np.repeat(rates[None, part], n, axis=0), axis=1) for part in raster.parts]
        return np.concatenate(shuffled, axis=1)
    rough = roughness(raster, rates, rng)
    return ranked(mixed_fields(raster, n, rough, rng), rates, raster)


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
