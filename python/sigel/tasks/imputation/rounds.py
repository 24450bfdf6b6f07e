"""Predictions of all genes at once, or in rounds: the most predictable join the panel for the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from sigel.config.imputation import ImputeConfig
from sigel.tasks.imputation.ensemble import Ensemble, MakePredictors
from sigel.tasks.imputation.predictors import Predictor
from sigel.tasks.imputation.target_reference import Target


class Rounds(NamedTuple):
    """What the rounds predicted, round after round."""

    z: np.ndarray  # predicted z-scores, float32 (n_cells, n); (n_cells, 0) where they were taken
    order: np.ndarray  # positions of their genes among those wanted, (n,)
    number: np.ndarray  # round of each, from 1, (n,)
    predictors: list[list[Predictor]]  # of each round

    @property
    def converged(self) -> bool:
        """Whether all training ended because nothing got better."""
        return all(one.converged for of_round in self.predictors for one in of_round)

    @property
    def history(self) -> list[dict[str, Any]]:
        """Epochs of all training, with their round."""
        return [
            {"round": number, **epoch}
            for number, of_round in enumerate(self.predictors, 1)
            for one in of_round
            for epoch in one.history
        ]


def split_into_rounds(expected_pcc: np.ndarray, config: ImputeConfig) -> list[np.ndarray]:
    """Positions of the genes of each round; with more than one, the most predictable first.

    Parameters
    ----------
    expected_pcc
        Of the genes wanted, `(n_wanted,)`.
    config
        Settings; `rounds` and `round_size` count.
    """
    if config.rounds == 1 and config.round_size is None:
        return [np.arange(len(expected_pcc))]
    order = np.argsort(-expected_pcc, kind="stable")
    if config.round_size is None:
        parts = np.array_split(order, config.rounds)
    else:
        parts = [*batches(order[: config.rounds * config.round_size], config.round_size)]
    return [part for part in parts if len(part)]


def predict_in_rounds(
    ensemble: Ensemble,
    target: Target,
    shared: np.ndarray,
    wanted: np.ndarray,
    rounds: list[np.ndarray],
    make: MakePredictors,
    batch_genes: int,
    taken: Callable[[np.ndarray, slice], None] | None = None,
) -> Rounds:
    """Predict the genes of one round after another.

    Parameters
    ----------
    ensemble
        Weights of the predictors.
    target
        The section with the panel.
    shared, wanted
        Names of the genes of the panel, and of those to impute.
    rounds
        Positions in `wanted` of the genes of each round.
    make
        Makes the predictors from a panel.
    batch_genes
        Genes predicted at a time.
    taken
        Takes the z-scores of each batch, and where they stand among all, of a single round: later ones would
        need them. Default: they are kept.
    """
    kept = 0 if taken is not None else sum(map(len, rounds))
    z = np.empty((target.n_cells, kept), dtype=np.float32)
    panel, used, end = target.panel(shared), [], 0
    for number, part in enumerate(rounds):
        if number:
            before = rounds[number - 1]
            panel = panel.joined(wanted[before], z[:, end - len(before) : end])
        used.append(make(panel, None))
        predicted = ensemble.bound(used[-1], target.smoothers)
        for some in batches(part, batch_genes):
            found = predicted(wanted[some])
            at, end = slice(end, end + len(some)), end + len(some)
            if taken is None:
                z[:, at] = found
            else:
                taken(found, at)
    number_of = np.repeat(np.arange(1, len(rounds) + 1), [len(part) for part in rounds])
    return Rounds(z, np.concatenate(rounds), number_of, used)


def batches(items: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """At most `size` items at a time.

    Parameters
    ----------
    items
        `(n,)`.
    size
        How many.
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]
