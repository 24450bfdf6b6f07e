"""Prediction intervals that hold what they promise: split-conformal within strata and bins of predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from sigel.errors import InputError

# A bin needs this many points: with fewer, a tail of 5 % rests on one or two of them.
LEAST_POINTS = 50
# Values of all strata together that are looked at, for strata with too few of their own.
_TOGETHER = 500_000
# Ranks are products such as 0.95 * 20, which floating point puts a hair beside the whole number.
_HAIR = 1e-9


def conformal_quantile(scores: np.ndarray, coverage: float) -> float:
    """Value that a new score stays at or below with a given probability.

    Parameters
    ----------
    scores
        Scores of the calibration points, `(n,)`; a new one must be exchangeable with them.
    coverage
        The probability, between 0 and 1.

    Returns
    -------
    float
        The `ceil((n + 1) * coverage)`-th smallest score; infinite where that is more than `n`, which is then
        too few.

    Raises
    ------
    InputError
        When `coverage` is not between 0 and 1, or the scores are not finite numbers in one dimension.

    Notes
    -----
    With k = ceil((n + 1) coverage) and s_(k) the k-th smallest of n scores, a new exchangeable score s has
    `P(s <= s_(k)) >= coverage`: the quantile of split-conformal prediction (Papadopoulos et al. 2002; Vovk,
    Gammerman and Shafer 2005, Algorithmic Learning in a Random World).

    Examples
    --------
    >>> import numpy as np
    >>> from sigel.stats.conformal import conformal_quantile
    >>> conformal_quantile(np.arange(1, 20), 0.9)
    18.0
    >>> conformal_quantile(np.arange(1, 9), 0.9)
    inf
    """
    scores = np.asarray(scores, dtype=np.float64)
    _check_coverage(coverage)
    if scores.ndim != 1 or not np.isfinite(scores).all():
        found = f"an array of shape {scores.shape}, or numbers that are not finite"
        raise InputError("scores", found, "finite numbers in one dimension", "Leave the others out.")
    rank = max(math.ceil((len(scores) + 1) * coverage - _HAIR), 1)
    return math.inf if rank > len(scores) else float(np.partition(scores, rank - 1)[rank - 1])


@dataclass(frozen=True, eq=False)
class ConformalIntervals:
    """Intervals for expression values, from predictions whose true values are known.

    Errors are compared among like: genes of one stratum, values predicted about as high (Mondrian
    conformal prediction). In each bin the interval is `[predicted + below, predicted + above]`, both
    quantiles of `measured - predicted` that leave half of what may be missed outside. Expression is never
    below 0 and often exactly 0: where zeros alone would fill the lower half, the interval begins at 0, and
    all that may be missed is missed above. No interval leaves out the prediction itself. Where more values
    than `coverage` are 0, intervals hold that many: one without 0 would hold too few.

    Parameters
    ----------
    coverage
        Share of measured values that an interval shall hold.
    edges
        Lowest predicted values of the second and further bins, `(n_strata + 1, n_bins - 1)`, infinite where
        there are fewer bins. The last row is of all strata together, for those with too few points.
    below, above
        What is added to a prediction, `(n_strata + 1, n_bins)`; `below` is -inf where intervals begin at 0.

    Notes
    -----
    With e the errors, measured less predicted, of the calibration values in the bin of a prediction p, and
    q(c) the conformal quantile, the interval is

        [p - q(1 - a / 2) of -e,  p + q(1 - a / 2) of e],    a = 1 - coverage,

    and `[0, p + q(coverage) of e]` where a share a / 2 or more of the bin's measured values are 0.

    Mondrian conformal prediction: Vovk, Gammerman and Shafer 2005; the quantiles are those of conformal
    predictive systems, Vovk et al. 2017, as in the package `crepes`. The promise is for values of a bin
    taken together, of genes exchangeable with those calibrated on; a single gene may lie above or below.

    Examples
    --------
    >>> import numpy as np
    >>> from sigel.stats.conformal import ConformalIntervals
    >>> rng = np.random.default_rng(0)
    >>> predicted = rng.uniform(1, 3, (600, 40))
    >>> measured = np.maximum(predicted + rng.normal(0, 0.5, predicted.shape), 0)
    >>> stratum = np.arange(40) % 2
    >>> intervals = ConformalIntervals.calibrate(predicted[:300], measured[:300], stratum)
    >>> round(float(intervals.covered(predicted[300:], measured[300:], stratum).mean()), 1)
    0.9
    >>> lower, upper = intervals.bounds(predicted[300:], stratum)
    >>> bool((lower <= upper).all())
    True
    """

    coverage: float
    edges: Float32[np.ndarray, "strata_and_all edges"]
    below: Float64[np.ndarray, "strata_and_all bins"]
    above: Float64[np.ndarray, "strata_and_all bins"]

    @classmethod
    def calibrate(
        cls,
        predicted: np.ndarray,
        measured: np.ndarray,
        stratum: np.ndarray,
        coverage: float = 0.9,
        n_bins: int = 20,
    ) -> ConformalIntervals:
        """Learn from predictions beside what was measured.

        Parameters
        ----------
        predicted
            Values predicted without the measured ones, >= 0, `(n_cells, n_genes)`; used as float32.
        measured
            The measured values, >= 0, `(n_cells, n_genes)`.
        stratum
            Stratum of each gene, whole numbers from 0, `(n_genes,)`. Strata of fewer than 50 values are
            taken together with all others.
        coverage
            Share of measured values that an interval shall hold. Default 0.9.
        n_bins
            Bins of predicted values in each stratum, of equal numbers of values. Default 20: errors grow with
            the prediction, and hardly within a twentieth of them. Bins of fewer than 50 values are merged.

        Raises
        ------
        InputError
            When shapes differ, a value is NaN, infinite or negative, there is none, or `coverage` or
            `n_bins` is out of range.
        """
        _check_coverage(coverage)
        if not isinstance(n_bins, Integral) or isinstance(n_bins, bool) or n_bins < 1:
            raise InputError("n_bins", repr(n_bins), "a whole number >= 1", "Use n_bins=20.")
        predicted, stratum = _values("predicted", predicted), _strata(stratum)
        measured = _values("measured", measured)
        _check_shapes(predicted, stratum, measured)
        if not measured.size:
            fix = "Pass genes whose measured values are known."
            raise InputError("measured", f"no value, shape {measured.shape}", "values", fix)
        n_strata, n_bins = int(stratum.max()) + 1, int(n_bins)
        edges = np.empty((n_strata + 1, n_bins - 1), dtype=np.float32)
        below, above = np.empty((2, n_strata + 1, n_bins))
        # All together first: strata of too few points fall back on them.
        some = slice(None, None, -(-measured.size // _TOGETHER))
        together = predicted[some].ravel(), measured[some].ravel()
        edges[:], below[:], above[:] = _bins(*together, coverage, n_bins)
        for s in range(n_strata):
            genes = stratum == s
            if len(predicted) * genes.sum() >= _least_points(coverage):
                known = predicted[:, genes].ravel(), measured[:, genes].ravel()
                edges[s], below[s], above[s] = _bins(*known, coverage, n_bins)
        return cls(float(coverage), edges, below, above)

    def bounds(
        self, predicted: np.ndarray, stratum: np.ndarray
    ) -> tuple[Float32[np.ndarray, "cells genes"], Float32[np.ndarray, "cells genes"]]:
        """Lower and upper bounds of predictions, float32 `(n_cells, n_genes)` each.

        `0 <= lower <= predicted <= upper`; `upper` is infinite where calibration had too few values.

        Parameters
        ----------
        predicted
            Predicted values, >= 0, `(n_cells, n_genes)`.
        stratum
            Stratum of each gene as in the calibration, `(n_genes,)`; of a stratum it did not have: as for all
            strata together.

        Raises
        ------
        InputError
            When shapes differ, or a value is NaN, infinite or negative.
        """
        predicted, stratum = _values("predicted", predicted), _strata(stratum)
        _check_shapes(predicted, stratum)
        row = np.minimum(stratum, len(self.edges) - 1)
        lower, upper = np.empty_like(predicted), np.empty_like(predicted)
        for s in np.unique(row):
            genes = row == s
            p = predicted[:, genes]
            at = np.searchsorted(self.edges[s], p, side="right")
            lower[:, genes] = np.minimum(np.maximum(p + self.below[s][at], 0), p)
            upper[:, genes] = np.maximum(p + self.above[s][at], p)
        return lower, upper

    def covered(
        self, predicted: np.ndarray, measured: np.ndarray, stratum: np.ndarray
    ) -> Bool[np.ndarray, "cells genes"]:
        """Which measured values lie within their intervals, bool `(n_cells, n_genes)`.

        Parameters
        ----------
        predicted, stratum
            As for `bounds`.
        measured
            Measured values, >= 0, `(n_cells, n_genes)`.

        Raises
        ------
        InputError
            When shapes differ, or a value is NaN, infinite or negative.
        """
        lower, upper = self.bounds(predicted, stratum)
        measured = _values("measured", measured)
        _check_shapes(lower, _strata(stratum), measured)
        return (lower <= measured) & (measured <= upper)


def _bins(
    predicted: Float32[np.ndarray, " values"],
    measured: Float32[np.ndarray, " values"],
    coverage: float,
    n_bins: int,
) -> tuple[Float32[np.ndarray, " edges"], Float64[np.ndarray, " bins"], Float64[np.ndarray, " bins"]]:
    """Edges of bins, one fewer than these, and what is added below and above in each."""
    n, order = len(predicted), np.argsort(predicted)
    predicted, measured = predicted[order], measured[order]
    equal = np.arange(1, n_bins) * n // n_bins
    least = _least_points(coverage)
    # Equal predictions share a bin: it begins where they begin.
    starts = [0]
    for start in np.searchsorted(predicted, predicted[equal]):
        if start - starts[-1] >= least:
            starts.append(int(start))
    if len(starts) > 1 and n - starts[-1] < least:
        starts.pop()
    parts = [slice(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True)]
    tails = np.array([_tails(predicted[part], measured[part], coverage) for part in parts])  # (n_used, 2)
    edges = np.full(n_bins - 1, np.inf, dtype=np.float32)
    edges[: len(starts) - 1] = predicted[starts[1:]]
    rest = n_bins - len(tails)
    return edges, np.pad(tails[:, 0], (0, rest), "edge"), np.pad(tails[:, 1], (0, rest), "edge")


def _least_points(coverage: float) -> int:
    """Values of a bin, so many that both tails hold some."""
    return max(LEAST_POINTS, math.ceil(2 / (1 - coverage)))


def _tails(
    predicted: Float32[np.ndarray, " values"], measured: Float32[np.ndarray, " values"], coverage: float
) -> tuple[float, float]:
    """What the lower and the upper bound add to predictions of a bin."""
    # In double precision, so that a prediction and its error add up to the measured value again.
    error = measured.astype(np.float64) - predicted
    tail = (1 - coverage) / 2
    if np.mean(measured == 0) >= tail - _HAIR:
        return -math.inf, conformal_quantile(error, coverage)
    return -conformal_quantile(-error, 1 - tail), conformal_quantile(error, 1 - tail)


def _check_coverage(coverage: float) -> None:
    if not isinstance(coverage, Real) or isinstance(coverage, bool) or not 0 < coverage < 1:
        raise InputError("coverage", repr(coverage), "a number between 0 and 1", "Use coverage=0.9.")


def _values(argument: str, values: np.ndarray) -> Float32[np.ndarray, " *shape"]:
    values = np.asarray(values, dtype=np.float32)
    if not np.isfinite(values).all() or values.min(initial=0) < 0:
        fix = "Clip them with np.maximum(values, 0), and leave out genes that have no finite values."
        raise InputError(argument, "values that are NaN, infinite or below 0", "finite values >= 0", fix)
    return values


def _strata(stratum: np.ndarray) -> Int[np.ndarray, " *shape"]:
    stratum = np.asarray(stratum)
    whole = stratum.dtype.kind in "iu" or not stratum.size
    if not whole or stratum.min(initial=0) < 0:
        found = "numbers below 0" if whole else f"values of type {stratum.dtype}"
        raise InputError("stratum", found, "whole numbers from 0, one for each gene", "Number the strata.")
    return stratum.astype(np.int64)


def _check_shapes(predicted: np.ndarray, stratum: np.ndarray, measured: np.ndarray | None = None) -> None:
    shapes = {"predicted": predicted.shape, "stratum": stratum.shape}
    if measured is not None:
        shapes["measured"] = measured.shape
    same = measured is None or measured.shape == predicted.shape
    if predicted.ndim != 2 or stratum.shape != predicted.shape[1:] or not same:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        wanted = "values (n_cells, n_genes), the same for all, and stratum (n_genes,)"
        raise InputError("predicted", found, wanted, "Pass the same cells and genes.")
