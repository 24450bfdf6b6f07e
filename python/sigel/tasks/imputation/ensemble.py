"""One prediction out of many: weights by cross-validation over the genes that both sections show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import nnls

from sigel.stats.products import sparse_product
from sigel.stats.scaling import zscored
from sigel.tasks.imputation.predictors import Predictor
from sigel.tasks.imputation.target_reference import BLOCK, Panel, Target

# Predictors are alike: this share of their variance is added so that their weights are.
EVEN = 1e-3

# From a panel, and the cells that are predicted; None: all.
MakePredictors = Callable[[Panel, np.ndarray | None], list[Predictor]]


@dataclass(frozen=True)
class Ensemble:
    """How much each predictor counts, as it is and averaged over nearest cells.

    Parameters
    ----------
    names
        Names of the predictors, `(n_predictors,)`.
    scales
        Numbers of nearest cells averaged over, `(n_scales,)`.
    weights
        Never negative, `(n_predictors, n_scales)`.
    """

    names: tuple[str, ...]
    scales: tuple[int, ...]
    weights: np.ndarray

    def table(self) -> pd.DataFrame:
        """Weights that are not zero, the largest first: `predictor`, `cells`, `weight`."""
        row, column = np.nonzero(self.weights)
        table = pd.DataFrame(
            {
                "predictor": [self.names[at] for at in row],
                "cells": [self.scales[at] for at in column],
                "weight": self.weights[row, column],
            }
        )
        return table.sort_values("weight", ascending=False, ignore_index=True)

    def predict(
        self,
        predictors: Sequence[Predictor],
        smoothers: dict[int, sparse.csr_matrix],
        genes: np.ndarray,
    ) -> np.ndarray:
        """Predicted z-scores, float32 `(n_cells, len(genes))`, of mean 0 over the cells.

        Parameters
        ----------
        predictors
            Of all references.
        smoothers
            Means over the nearest of the predictors' cells, for each scale, a row for each cell wanted.
        genes
            Names; each is known to one reference at least.
        """
        return self.bound(predictors, smoothers)(genes)

    def bound(
        self,
        predictors: Sequence[Predictor],
        smoothers: dict[int, sparse.csr_matrix],
    ) -> Callable[[np.ndarray], np.ndarray]:
        """`predict` as a function of genes alone: what does not hang on them is worked out once.

        Parameters
        ----------
        predictors, smoothers
            As in `predict`.
        """
        n_cells = next(iter(smoothers.values())).shape[0]
        terms = [
            _terms(predictors, name, _mixed(smoothers, self.weights[at]))
            for at, name in enumerate(self.names)
            if self.weights[at].any()
        ]

        def predicted(genes: np.ndarray) -> np.ndarray:
            total, factors = np.zeros((n_cells, len(genes)), dtype=np.float32), _Factors(genes)
            for term in terms:
                total += _mean_over_references(term, factors, n_cells)
            return total - total.mean(axis=0)

        return predicted


@dataclass(frozen=True)
class HeldOut:
    """Predictions of shared genes by what was learned without them.

    Parameters
    ----------
    cells
        Cells looked at, `(n,)`.
    predicted
        z-scores, `(n, n_shared)`.
    fold
        Of each shared gene, `(n_shared,)`.
    predictors
        Those made without the first fold: other genes are to shared ones as their predictions are.
    smoothers
        Means over the cells of `predictors`, for each scale, `(n, n_reached)`.
    """

    cells: np.ndarray
    predicted: np.ndarray
    fold: np.ndarray
    predictors: list[Predictor]
    smoothers: dict[int, sparse.csr_matrix]


def cross_validate(
    target: Target,
    shared: np.ndarray,
    make: MakePredictors,
    *,
    n_folds: int,
    max_cells: int,
    rng: np.random.Generator,
) -> tuple[Ensemble, HeldOut]:
    """Weights of the predictors, and each shared gene as it would have been imputed.

    The weights are those, none below zero, whose mean comes nearest to the z-scores of the shared genes, each
    predicted from the panel without its fold: least squares, genes counting alike.

    Parameters
    ----------
    target
        The section with the panel.
    shared
        Names of the genes that a reference has too.
    make
        Makes the predictors from a panel.
    n_folds
        Folds of the shared genes.
    max_cells
        Cells looked at; of more a sample is drawn.
    rng
        Draws the folds and the sample.
    """
    cells = np.sort(rng.permutation(target.n_cells)[:max_cells])
    fold = np.empty(len(shared), dtype=np.int64)
    fold[rng.permutation(len(shared))] = np.arange(len(shared)) % n_folds
    reached, near = _about(cells, target.smoothers)
    made = [make(target.panel(shared[fold != k], without=shared[fold == k]), reached) for k in range(n_folds)]
    names = tuple(dict.fromkeys(one.name for of_fold in made for one in of_fold))
    sums = [_normal_equations(target, shared[fold == k], cells, near, made[k], names) for k in range(n_folds)]
    scales = tuple(target.smoothers)

    def learned_from(folds: Sequence[int]) -> Ensemble:
        gram, cross = (np.sum([sums[k][at] for k in folds], axis=0) for at in (0, 1))
        return Ensemble(names, scales, _weights(gram, cross).reshape(len(names), len(scales)))

    predicted = np.empty((len(cells), len(shared)), dtype=np.float32)
    for k in range(n_folds):
        # Its own measured values have no say in the weights of a gene either.
        others = learned_from([one for one in range(n_folds) if one != k])
        of_fold = others.bound(made[k], near)
        for at in _blocks(np.flatnonzero(fold == k)):
            predicted[:, at] = of_fold(shared[at])
    return learned_from(range(n_folds)), HeldOut(cells, predicted, fold, made[0], near)


def _about(
    cells: np.ndarray, smoothers: dict[int, sparse.csr_matrix]
) -> tuple[np.ndarray, dict[int, sparse.csr_matrix]]:
    """Cells that the means over the nearest of some reach, and those means over them alone."""
    rows = {scale: weights[cells] for scale, weights in smoothers.items()}
    reached = np.unique(np.concatenate([weights.indices for weights in rows.values()]))
    return reached, {scale: sparse.csr_matrix(weights[:, reached]) for scale, weights in rows.items()}


def _normal_equations(
    target: Target,
    genes: np.ndarray,
    cells: np.ndarray,
    near: dict[int, sparse.csr_matrix],
    predictors: Sequence[Predictor],
    names: tuple[str, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Products of the predictions with each other and with the measured z-scores, added up over genes.

    A row for each pair of name and scale, `(n, n)` and `(n,)`.
    """
    terms = [_terms(predictors, name, weights) for name in names for weights in near.values()]
    n = len(terms)
    gram, cross = np.zeros((n, n)), np.zeros(n)
    for some in _blocks(genes):
        measured = zscored(target.measured(some)[cells].toarray())  # (n_cells, m)
        factors = _Factors(some)
        predicted = np.stack(
            [_mean_over_references(term, factors, len(cells)) for term in terms]
        )  # (n, n_cells, m)
        predicted -= predicted.mean(axis=1, keepdims=True)
        predicted = predicted.reshape(n, -1)
        gram += (predicted @ predicted.T).astype(np.float64)
        cross += (predicted @ measured.ravel()).astype(np.float64)
    return gram, cross


def _weights(gram: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Least squares without negative weights; predictors scaled alike first."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-12))
    gram, cross = gram / np.outer(size, size), cross / size
    root = np.linalg.cholesky(gram + EVEN * np.eye(len(gram)))
    weights, _ = nnls(root.T, np.linalg.solve(root, cross))
    return weights / size


def _mixed(smoothers: dict[int, sparse.csr_matrix], weights: np.ndarray) -> sparse.csr_matrix:
    """Weighted sum of the means over nearest cells, `(n_cells, n_reached)`."""
    parts = [matrix * weight for matrix, weight in zip(smoothers.values(), weights, strict=True) if weight]
    return sparse.csr_matrix(sum(parts[1:], start=parts[0]))


# A predictor, and its cell factors averaged over cells times what it knows of genes: `(r, m)` to
# `(n_cells, m)`.
_Term = tuple[Predictor, Callable[[np.ndarray], np.ndarray]]


def _terms(predictors: Sequence[Predictor], name: str, weights: sparse.csr_matrix) -> list[_Term]:
    """The predictors of one name, of every reference, each averaged over cells by `weights`."""
    return [(one, _averaged(weights, one.cells)) for one in predictors if one.name == name]


def _averaged(
    weights: sparse.csr_matrix, cells: np.ndarray | sparse.csr_matrix
) -> Callable[[np.ndarray], np.ndarray]:
    """`weights @ cells @ right` as a function of `right`, in the order that costs less."""
    if not isinstance(cells, sparse.csr_matrix):
        narrow = sparse_product(weights, cells)
        return lambda right: narrow @ right
    reached = np.unique(weights.indices)
    in_a_row = cells.nnz / max(cells.shape[0], 1)
    if weights.nnz * in_a_row <= weights.nnz + len(reached) * in_a_row:
        few = weights @ cells
        return lambda right: sparse_product(few, right)
    # Averages of averages would have a value for nearly every spot.
    near, own = weights[:, reached], cells[reached]
    return lambda right: sparse_product(near, sparse_product(own, right))


class _Factors:
    """What predictors know of some genes: worked out once for those that know the same."""

    def __init__(self, genes: np.ndarray) -> None:
        self.genes = genes
        self._of: dict[Any, tuple[np.ndarray, np.ndarray]] = {}

    def of(self, one: Predictor) -> tuple[np.ndarray, np.ndarray]:
        """Which genes its reference has, `(m,)`, and its factors of them, `(r, n_known)`."""
        if one.genes not in self._of:
            known = np.array([str(gene) in one.reference.row for gene in self.genes], dtype=bool)
            right = one.genes(one.reference.rows(self.genes[known])) if known.any() else np.empty((0, 0))
            self._of[one.genes] = known, right
        return self._of[one.genes]


def _mean_over_references(terms: Sequence[_Term], factors: _Factors, n_cells: int) -> np.ndarray:
    """Prediction of one name, averaged over the references that have a gene, `(n_cells, m)`."""
    total = np.zeros((n_cells, len(factors.genes)), dtype=np.float32)
    times = np.zeros(len(factors.genes), dtype=np.float32)
    for one, averaged in terms:
        known, right = factors.of(one)
        if known.all():  # taking all columns by their numbers is as slow as the product
            total += averaged(right)
        elif known.any():
            total[:, known] += averaged(right)
        times += known
    return total / np.maximum(times, 1)


def _blocks(items: np.ndarray) -> Iterator[np.ndarray]:
    """At most `BLOCK` items at a time."""
    for start in range(0, len(items), BLOCK):
        yield items[start : start + BLOCK]
