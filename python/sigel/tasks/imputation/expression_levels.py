"""What mean, spread and share of zeros a gene would have in the target, from its level in the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import HuberRegressor, LinearRegression

from sigel.errors import InputError, number_of

# With fewer genes only offsets are learned.
LEAST_GENES = 10
# Keeps slopes finite where features are nearly the same; larger ones were no better on real sections.
_PENALTY = 0.01
# How far beyond the panel's levels a mean may be predicted, as a logarithm: a panel leaves out genes that are
# ten times weaker than its weakest and, where crowded spots cannot be told apart, ten times stronger ones.
_BEYOND = np.log(10.0)
_LEAST_SHARE = 1e-3
_LEAST = 1e-6  # a reference's mean or standard deviation whose logarithm is taken, when it is asked about


class Levels(NamedTuple):
    """What `log1p` values of genes would be like in the target, each `(n_genes,)`."""

    mean: np.ndarray
    sd: np.ndarray
    zeros: np.ndarray  # share of cells whose value is 0


@dataclass(frozen=True)
class LevelModel:
    """From levels of genes in the reference to those in the target, learned on the genes of both.

    - `log mean = a + b * log reference mean + c * excess`; `excess` is how much the `log` of the standard
      deviation in the reference lies above that of genes of the same mean. Genes of one place have more of
      it, and means of sections that hold more or less of that place depend on it.
    - `sd = sqrt(mean) * exp(d + e * mean)`: as of counts, which the logarithm flattens where they are high.
    - `zeros = exp(-exp(f + g * log mean))`: with `g = 1` the zeros of Poisson counts.

    All are robust regressions (Huber 1964). Slopes of the wrong sign are set to 0 (`b`, `e`) or 1 (`g`):
    stronger genes are never predicted to be weaker. With fewer than ten genes `b = g = 1`, `c = e = 0`. What
    is predicted stays near what was seen, whatever a slope says of genes far from all that were learned from.

    Parameters
    ----------
    mean
        `a`, `b`, `c`.
    excess
        Intercept and slope of the reference's log standard deviation over its log mean.
    excess_range
        Smallest and largest excess of the genes learned from; others are taken as these.
    log_range
        Smallest and largest log mean that is predicted.
    sd
        `d`, `e`.
    zeros
        `f`, `g`.
    top
        Largest mean learned from.
    sd_range, zeros_range
        Smallest and largest `log(sd / sqrt(mean))` and `log(-log(zeros) / mean)` that are predicted.

    Notes
    -----
    On four pairs of real sections (5 folds of shared genes) `excess` lowers the mean error of the log mean
    from 0.479 to 0.462. Learned on strong genes and asked about weak ones, which is what is imputed, the
    forms of `sd` and `zeros` have a third of the error of lines through the log and the logit (0.098 for
    0.297 in the log, 0.026 for 0.071 in the share); among genes of one range they are better by a fifth.

    Examples
    --------
    >>> import numpy as np
    >>> from sigel.tasks.imputation.expression_levels import LevelModel
    >>> reference = np.geomspace(0.01, 1, 50)
    >>> target = 0.5 * reference  # a platform that is half as efficient
    >>> model = LevelModel.fit(reference, np.sqrt(reference), target, np.sqrt(target), np.exp(-target))
    >>> model.predict(np.array([0.2]), np.sqrt([0.2])).mean.round(2)
    array([0.1])
    """

    mean: tuple[float, float, float]
    excess: tuple[float, float]
    excess_range: tuple[float, float]
    log_range: tuple[float, float]
    sd: tuple[float, float]
    zeros: tuple[float, float]
    top: float
    sd_range: tuple[float, float]
    zeros_range: tuple[float, float]

    @classmethod
    def fit(
        cls,
        reference_mean: np.ndarray,
        reference_sd: np.ndarray,
        target_mean: np.ndarray,
        target_sd: np.ndarray,
        target_zeros: np.ndarray,
    ) -> LevelModel:
        """Learn from genes that both sections have.

        Parameters
        ----------
        reference_mean, reference_sd
            Mean and standard deviation of the `log1p` values of each gene over the reference's spots,
            `(n_genes,)`.
        target_mean, target_sd
            The same over the target's cells, `(n_genes,)`.
        target_zeros
            Share of the target's cells in which a gene is 0, `(n_genes,)`.

        Raises
        ------
        InputError
            When lengths differ, a number is negative or not finite, or no gene is seen in both.
        """
        given = {
            "reference_mean": reference_mean,
            "reference_sd": reference_sd,
            "target_mean": target_mean,
            "target_sd": target_sd,
            "target_zeros": target_zeros,
        }
        r_mean, r_sd, t_mean, t_sd, zeros = _checked(given)
        if not ((r_mean > 0) & (t_mean > 0)).any():
            found = f"{number_of(len(r_mean), 'gene')}, none of them with counts in both sections"
            raise InputError("target_mean", found, "genes with counts", "Pass the shared genes.")
        log_r, log_sd, log_t = _log(r_mean), _log(r_sd), _log(t_mean)
        excess = _line(log_r[:, None], log_sd) if len(r_mean) >= LEAST_GENES else (0.0, 0.0)
        over = log_sd - excess[0] - excess[1] * log_r

        # Genes that the target never shows say nothing of how values vary.
        shown = (t_mean > 0) & (t_sd > 0)
        m, log_m = t_mean[shown], log_t[shown]
        bend = np.log(t_sd[shown]) - 0.5 * log_m
        rate = np.log(-np.log(np.clip(zeros[shown], _LEAST_SHARE, 1 - _LEAST_SHARE)))
        return cls(
            mean=_mean_line(log_r, over, log_t),
            excess=(excess[0], excess[1]),
            excess_range=(float(over.min()), float(over.max())),
            log_range=(float(log_t.min() - _BEYOND), float(log_t.max() + _BEYOND)),
            sd=_sd_line(m, bend),
            zeros=_zeros_line(log_m, rate),
            top=float(m.max(initial=0)),
            sd_range=_around(bend),
            zeros_range=_around(rate - log_m),
        )

    def predict(self, reference_mean: np.ndarray, reference_sd: np.ndarray) -> Levels:
        """Levels that genes would have in the target.

        Parameters
        ----------
        reference_mean, reference_sd
            Mean and standard deviation of their `log1p` values over the reference's spots, `(n_genes,)`.

        Raises
        ------
        InputError
            When lengths differ, or a number is negative or not finite.
        """
        r_mean, r_sd = _checked({"reference_mean": reference_mean, "reference_sd": reference_sd})
        log_r, log_sd = np.log(np.maximum(r_mean, _LEAST)), np.log(np.maximum(r_sd, _LEAST))
        over = log_sd - self.excess[0] - self.excess[1] * log_r
        log_m = self.mean[0] + self.mean[1] * log_r + self.mean[2] * np.clip(over, *self.excess_range)
        log_m = np.clip(log_m, *self.log_range)
        mean = np.exp(log_m)
        bend = np.clip(self.sd[0] + self.sd[1] * np.minimum(mean, self.top), *self.sd_range)
        rate = log_m + np.clip(self.zeros[0] + (self.zeros[1] - 1) * log_m, *self.zeros_range)
        return Levels(mean, np.sqrt(mean) * np.exp(bend), np.exp(-np.exp(rate)))


def _mean_line(log_r: np.ndarray, excess: np.ndarray, log_t: np.ndarray) -> tuple[float, float, float]:
    """`a`, `b`, `c` from log means of the reference, their excess, and log means of the target."""
    if len(log_r) < LEAST_GENES:
        return float(np.median(log_t - log_r)), 1.0, 0.0
    a, b, c = _line(np.column_stack([log_r, excess]), log_t)
    return (a, b, c) if b >= 0 else (float(np.median(log_t)), 0.0, 0.0)


def _sd_line(mean: np.ndarray, bend: np.ndarray) -> tuple[float, float]:
    """`d`, `e` from means of the target and `log(sd / sqrt(mean))`."""
    if len(mean) >= LEAST_GENES:
        d, e = _line(mean[:, None], bend)
        if e <= 0:
            return d, e
    return float(np.median(bend)) if len(mean) else 0.0, 0.0


def _zeros_line(log_mean: np.ndarray, rate: np.ndarray) -> tuple[float, float]:
    """`f`, `g` from log means of the target and `log(-log(zeros))`."""
    if len(log_mean) >= LEAST_GENES:
        f, g = _line(log_mean[:, None], rate)
        if g > 0:
            return f, g
    return float(np.median(rate - log_mean)) if len(log_mean) else 0.0, 1.0


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
    """Intercept and slopes of a robust regression of `y` on the columns of `x`."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    varies = scale > 1e-9 * np.maximum(np.abs(centre), 1)
    middle, size = np.median(y), y.std()
    if not varies.any() or size < 1e-9 * max(abs(middle), 1):
        return (float(middle), *np.zeros(x.shape[1]))
    scale = np.where(varies, scale, np.inf)
    u, v = (x - centre) / scale, (y - middle) / size
    try:
        found = HuberRegressor(alpha=_PENALTY, max_iter=1000).fit(u, v)
    except ValueError:  # its solver gives up where points lie on a line but for rounding
        found = LinearRegression().fit(u, v)
    slopes = found.coef_ * size / scale
    return (float(middle + found.intercept_ * size - slopes @ centre), *map(float, slopes))


def _around(values: np.ndarray) -> tuple[float, float]:
    """Range of logarithms, half as much and twice as much allowed."""
    if not len(values):
        return 0.0, 0.0
    return float(values.min() - np.log(2)), float(values.max() + np.log(2))


def _log(values: np.ndarray) -> np.ndarray:
    """Logarithms; a 0 is taken as half of the smallest number above it."""
    seen = values[values > 0]
    return np.log(np.maximum(values, seen.min() / 2 if len(seen) else _LEAST))


def _checked(given: dict[str, np.ndarray]) -> list[np.ndarray]:
    out = [np.asarray(values, dtype=np.float64) for values in given.values()]
    for name, values in zip(given, out, strict=True):
        if values.ndim != 1 or len(values) != len(out[0]):
            found = f"shape {values.shape}"
            raise InputError(name, found, f"a number for each of {len(out[0])} genes", "Pass the same genes.")
        if not np.isfinite(values).all() or values.min(initial=0) < 0:
            found = "numbers that are negative, NaN or infinite"
            raise InputError(name, found, "finite numbers >= 0", "Leave out genes without counts.")
    return out
