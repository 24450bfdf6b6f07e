"""Known pairs of genes against random pairs of the same expression levels."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from benchmarks.representations.agreement import directions

MOST_PAIRS = 50_000
# Random pairs for each known one, where those are few: a figure of 300 pairs owes half its noise to these.
MOST_REPEATS = 20
N_LEVELS = 10


def level_bins(mean: np.ndarray, n_bins: int = N_LEVELS) -> np.ndarray:
    """Bin of each gene by mean expression, equally many in each, `(n_genes,)`.

    Parameters
    ----------
    mean
        Mean log-normalised expression, `(n_genes,)`; genes that are NaN take no part and get bin 0.
    n_bins
        How many bins.
    """
    there = np.isfinite(mean)
    bins = np.zeros(len(mean), dtype=np.int64)
    bins[there] = (rankdata(mean[there], method="ordinal") - 1) * n_bins // there.sum()
    return bins


def matched_pairs(
    positives: np.ndarray, known: np.ndarray, level: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A random pair for each known one, of genes of the same levels and not known to belong together.

    Parameters
    ----------
    positives
        `(n_pairs, 2)` rows.
    known
        All pairs that the source knows, smaller row first, `(n_known, 2)`; the genes are drawn from theirs,
        so that a gene nobody has studied stands for no studied one.
    level
        Bin of each gene, `(n_genes,)`.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        `(n_pairs, 2)` rows; -1 where a hundred draws found only known pairs.
    """
    width = len(level)
    codes = np.unique(known[:, 0] * width + known[:, 1])
    pool = np.unique(known)
    pool = pool[np.argsort(level[pool], kind="stable")]
    first = np.searchsorted(level[pool], np.arange(level.max() + 2))  # where each bin begins in the pool
    found = np.full(positives.shape, -1)
    left = np.arange(len(positives))
    for _ in range(100):
        if not len(left):
            break
        bins = level[positives[left]]
        drawn = pool[rng.integers(first[bins], first[bins + 1])]
        low, high = drawn.min(axis=1), drawn.max(axis=1)
        fine = (low != high) & ~np.isin(low * width + high, codes)
        found[left[fine]] = drawn[fine]
        left = left[~fine]
    return found


def cosines(representations: np.ndarray, pairs: np.ndarray, chunk: int = 20_000) -> np.ndarray:
    """Cosine of mean-centred representations of each pair, `(n_pairs,)`.

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`.
    pairs
        `(n_pairs, 2)` rows.
    chunk
        Pairs at a time.
    """
    x = directions(representations)
    parts = np.array_split(pairs, max(1, -(-len(pairs) // chunk)))
    return np.concatenate([np.einsum("nd,nd->n", x[part[:, 0]], x[part[:, 1]]) for part in parts])


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a known pair is nearer than a random one.

    Parameters
    ----------
    positive, negative
        Likenesses.
    """
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    return float(roc_auc_score(truth, np.concatenate([positive, negative])))


def draw(
    sources: dict[str, np.ndarray], level: np.ndarray, seed: int, most: int = MOST_PAIRS
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Known and random pairs by source, each `(n_pairs, 2)` rows; sources without pairs are left out.

    Parameters
    ----------
    sources
        Known pairs.
    level
        Bin of each gene, `(n_genes,)`.
    seed
        Of the draws.
    most
        Known pairs a source at most, a random choice of them.
    """
    drawn = {}
    for number, (source, known) in enumerate(sources.items()):
        rng = np.random.default_rng([seed, number])
        if len(known):
            positives = known[rng.permutation(len(known))[:most]]
            repeats = min(MOST_REPEATS, max(1, most // len(positives)))
            negatives = matched_pairs(np.repeat(positives, repeats, axis=0), known, level, rng)
            drawn[source] = positives, negatives[negatives[:, 0] >= 0]
    return drawn
