"""What known pairs of genes have in common, learnt so that no gene is judged by a model that saw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sigel.errors import InputError
from sigel.tasks.interactions.similar_pairs import GeneVectors

N_FOLDS = 5
# Inverse strength of the penalty: strong, since genes of few pairs teach little.
PENALTY = 0.1
LEAST_PAIRS = 50
MOST_TRIES = 20
PAIRS_AT_A_TIME = 50_000


class Learnt(NamedTuple):
    """What known pairs taught.

    Parameters
    ----------
    prob
        Of the pairs asked about, calibrated, `(n_pairs,)`; NaN where a gene is not known.
    auroc, average_precision
        Of the known pairs, each by models that saw neither of its genes.
    auroc_level
        The same with levels and pattern strengths alone.
    n_known, n_positive
        Known pairs whose genes are in the sections.
    """

    prob: np.ndarray
    auroc: float
    average_precision: float
    auroc_level: float
    n_known: int
    n_positive: int


class Lesson(NamedTuple):
    """Pairs to learn from.

    Parameters
    ----------
    first, second
        Numbers of their genes, `(n_pairs,)`.
    label
        1 for a pair that belongs together, 0 for one that does not, `(n_pairs,)`.
    """

    first: np.ndarray
    second: np.ndarray
    label: np.ndarray


def lesson_of(
    known: tuple[np.ndarray, np.ndarray],
    label: np.ndarray | None,
    seen: np.ndarray,
    rng: np.random.Generator,
) -> Lesson:
    """Known pairs of genes that are seen, and pairs that do not belong together; nothing is fitted yet.

    Parameters
    ----------
    known
        Numbers of the genes of each pair, two arrays `(n_pairs,)`; -1: not in the sections.
    label
        1 for a known pair that belongs together, 0 for one that does not; None: all belong, and as many that
        do not are drawn.
    seen
        Genes that have an image in a section, `(n_genes,)`.
    rng
        Draws.

    Raises
    ------
    InputError
        When too few of a kind are left.

    Notes
    -----
    Pairs that do not belong together are drawn by dealing the second genes of the known pairs out anew, so
    that a gene is in as many of both kinds: neither its level nor how well it is studied tells them apart.
    """
    there = (np.minimum(*known) >= 0) & (known[0] != known[1])
    there &= seen[known[0]] & seen[known[1]]
    a, b = known[0][there], known[1][there]
    if label is None:
        other = rewired(a, b, rng)
        y = np.repeat([1, 0], [len(a), len(other[0])])
        a, b = np.concatenate([a, other[0]]), np.concatenate([b, other[1]])
    else:
        y = label[there]
    if min((y == 1).sum(), (y == 0).sum()) < LEAST_PAIRS:
        found = (
            f"{(y == 1).sum()} pairs that belong together and {(y == 0).sum()} that do not, with genes seen"
        )
        fix = "Check the names of genes (species, symbols or identifiers), or leave known out."
        raise InputError("known", found, f"{LEAST_PAIRS} or more of each", fix)
    return Lesson(a, b, y)


def learn_from_pairs(
    genes: GeneVectors, lesson: Lesson, asked: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> Learnt:
    """Learn from known pairs whether others belong together.

    Parameters
    ----------
    genes
        All genes.
    lesson
        From `lesson_of`.
    asked
        Numbers of the genes of each pair, two arrays `(n_pairs,)`; -1: not in the sections.
    rng
        Deals genes to folds.

    Notes
    -----
    Genes are dealt to five folds. A pair of genes of folds i and j is judged by a logistic regression on the
    known pairs without a gene of either: none of its genes was seen. Probabilities are of a logistic
    regression on the scores of the known pairs (Platt 1999), and hold where as many pairs belong together as
    among these.
    """
    a, b, y = lesson
    seen = (np.minimum(*asked) >= 0) & (asked[0] != asked[1])
    seen &= genes.known[asked[0]] & genes.known[asked[1]]
    c, d = asked[0][seen], asked[1][seen]
    fold = rng.integers(N_FOLDS, size=len(genes.there))
    score, of_asked = _scores(genes, features, fold, (a, b, y), (c, d))
    alone, _ = _scores(genes, level_features, fold, (a, b, y), (c[:0], d[:0]))
    told = np.isfinite(score)
    prob = np.full(len(asked[0]), np.nan)
    calibrated = LogisticRegression().fit(score[told, None], y[told])
    if len(c):
        known_score = np.nan_to_num(of_asked)
        prob[seen] = np.where(
            np.isfinite(of_asked), calibrated.predict_proba(known_score[:, None])[:, 1], np.nan
        )
    return Learnt(
        prob,
        float(roc_auc_score(y[told], score[told])),
        float(average_precision_score(y[told], score[told])),
        float(roc_auc_score(y[told], alone[told])),
        len(y),
        int(y.sum()),
    )


def rewired(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of the same genes that are not among the given ones, each gene in about as many.

    Parameters
    ----------
    first, second
        Numbers of the genes, `(n_pairs,)`.
    rng
        Deals the second genes out.
    """
    n = int(max(first.max(initial=0), second.max(initial=0))) + 1
    taken = np.unique(_codes(first, second, n))
    made: list[tuple[np.ndarray, np.ndarray]] = []
    a, b = first, second
    for _ in range(MOST_TRIES):
        b = b[rng.permutation(len(b))]
        code = _codes(a, b, n)
        new = (a != b) & ~np.isin(code, taken)
        new &= np.isin(np.arange(len(code)), np.unique(code, return_index=True)[1])
        made.append((a[new], b[new]))
        taken = np.union1d(taken, code[new])
        a, b = a[~new], b[~new]
    return np.concatenate([one for one, _ in made]), np.concatenate([other for _, other in made])


def features(genes: GeneVectors, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What is known of pairs, the same whichever gene comes first, `(n_pairs, n_features)`.

    Parameters
    ----------
    genes
        All genes.
    a, b
        Numbers of the genes, `(n_pairs,)`.
    """
    one, other = genes.mean[a], genes.mean[b]
    alike = np.nan_to_num(genes.similarity(a, b))[:, None]
    of_levels = level_features(genes, a, b)
    return np.hstack([one * other, np.abs(one - other), one + other, alike, of_levels])


def level_features(genes: GeneVectors, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Levels and pattern strengths of pairs: sum, difference and the lesser, `(n_pairs, 6)`.

    Parameters
    ----------
    genes
        All genes.
    a, b
        Numbers of the genes, `(n_pairs,)`.
    """
    made = []
    for values in (genes.level, genes.strength):
        one, other = values[a], values[b]
        made += [one + other, np.abs(one - other), np.minimum(one, other)]
    return np.stack(made, axis=1)


def _codes(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """A number for each pair, whichever gene comes first."""
    return np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b)


def _scores(
    genes: GeneVectors,
    describe: Callable[[GeneVectors, np.ndarray, np.ndarray], np.ndarray],
    fold: np.ndarray,
    known: tuple[np.ndarray, np.ndarray, np.ndarray],
    asked: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the known pairs and of those asked about, by models that saw neither gene."""
    a, b, y = known
    x = describe(genes, a, b)
    score, of_asked = np.full(len(y), np.nan), np.full(len(asked[0]), np.nan)
    for i in range(N_FOLDS):
        for j in range(i, N_FOLDS):
            train = ~np.isin(fold[a], (i, j)) & ~np.isin(fold[b], (i, j))
            if len(np.unique(y[train])) < 2:
                continue
            model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))
            model.fit(x[train], y[train])
            own = _between(fold, a, b, i, j)
            if own.any():
                score[own] = model.decision_function(x[own])
            # What many pairs are described by is made a part at a time.
            rows = np.flatnonzero(_between(fold, *asked, i, j))
            for part in np.array_split(rows, -(-len(rows) // PAIRS_AT_A_TIME)) if len(rows) else []:
                described = describe(genes, asked[0][part], asked[1][part])
                of_asked[part] = model.decision_function(described)
    return score, of_asked


def _between(fold: np.ndarray, a: np.ndarray, b: np.ndarray, i: int, j: int) -> np.ndarray:
    """Pairs of a gene of fold i and one of fold j, i up to j."""
    return (np.minimum(fold[a], fold[b]) == i) & (np.maximum(fold[a], fold[b]) == j)
