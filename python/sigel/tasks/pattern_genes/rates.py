"""What a user designates - levels of regions, or a column of numbers - as expression at every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, number_of, unknown_name
from sigel.images import GeneImages

Unit = Literal["quantile", "multiple"]

# Spots that nobody speaks of: as a gene of the lowest tenth, close to silent, but never quite. In real and
# simulated sections genes of the region come first from there on, and less surely with more background.
BACKGROUND_QUANTILE = 0.1
BACKGROUND_MULTIPLE = 1.0
# One multiple is the rate of the section's middle gene.
BASE_QUANTILE = 0.5
# What the highest value of a numeric column stands for: a gene among the top tenth.
HIGHEST_QUANTILE = 0.9


@dataclass(frozen=True)
class PatternRates:
    """Expression that a pattern asks for.

    Parameters
    ----------
    pixels
        Share of a pixel's library, `(n_pixels,)`.
    levels
        The level of every region in the unit that was asked for, `"background"` among them where any spot
        takes it; for numbers the lowest and the highest quantile.
    """

    pixels: np.ndarray
    levels: dict[str, float]


def pattern_rates(
    images: GeneImages,
    regions: Sequence[Any],
    levels: Mapping[Any, float] | None = None,
    *,
    unit: Unit = "quantile",
    background: float | None = None,
) -> PatternRates:
    """Rates at every pixel, whether the pattern is regions with levels or a column of numbers.

    Parameters
    ----------
    images
        Gene images of the section.
    regions
        For each spot its region, or a number; `n_spots` of them.
    levels
        Region to level; None where `regions` are numbers.
    unit, background
        As in `region_rates`; for numbers a quantile, see `numeric_rates`.

    Raises
    ------
    InputError
        When regions, numbers or levels cannot be used.
    """
    if unit not in ("quantile", "multiple"):
        raise InputError("unit", repr(unit), '"quantile" or "multiple"', 'Use unit="quantile".')
    if np.asarray(regions).dtype.kind not in "fiub":
        return region_rates(images, regions, levels, unit=unit, background=background)
    if levels is not None:
        fix = 'Leave levels out, or turn the column into text: adata.obs[...].astype(str).astype("category").'
        raise InputError("levels", "levels for a numeric column", "no levels: the numbers say it all", fix)
    if unit != "quantile":
        fix = "Leave unit out: the lowest value is the background, the highest the quantile 0.9."
        raise InputError("unit", f"{unit!r} for a numeric column", '"quantile"', fix)
    return numeric_rates(images, regions, background=background)


def region_rates(
    images: GeneImages,
    regions: Sequence[Any],
    levels: Mapping[Any, float] | None,
    *,
    unit: Unit = "quantile",
    background: float | None = None,
) -> PatternRates:
    """Rates of regions that have a level each; all other spots take the background.

    Parameters
    ----------
    images
        Gene images of the section.
    regions
        Region of each spot, `n_spots` texts; None, NaN or `""` where a spot has none.
    levels
        Region to level.
    unit
        `"quantile"`: from 0 to 1, of all genes' mean rates within the region. `"multiple"`: times the median
        of all genes' mean rates in the section.
    background
        Level of everything else, in the same unit; default 0.1 as a quantile and 1 as a multiple.

    Raises
    ------
    InputError
        When regions or levels cannot be used.

    Notes
    -----
    With w the share of a pixel's spots that lie in a region, the mean rate of a gene there is the sum of w
    times its counts over the sum of w times all counts. A region's rate is a quantile of these over the
    genes, or a multiple of the median over the section; a pixel's is the mean of its regions', weighted by w.
    """
    _check_length(images, regions)
    names = np.array(["" if _is_missing(name) else str(name) for name in regions], dtype=object)
    wanted = _checked_levels(levels, unit, [name for name in dict.fromkeys(names) if name])
    if background is None:
        background = BACKGROUND_QUANTILE if unit == "quantile" else BACKGROUND_MULTIPLE
    background = _checked_level("background", background, unit)

    asked = np.array([*wanted.values(), background])
    number = {name: k for k, name in enumerate(wanted)}
    code = np.array([number.get(name, len(wanted)) for name in names])  # the background comes last
    share = _shares(images, code, len(asked))
    present = np.bincount(code, minlength=len(asked)) > 0
    if unit == "quantile":
        rates = np.array(
            [
                np.quantile(_mean_rates(images, share[:, k]), q) if present[k] else 0.0
                for k, q in enumerate(asked)
            ]
        )
    else:
        rates = asked * np.quantile(_mean_rates(images), BASE_QUANTILE)
    # A region may itself be called so.
    used = {"background": background, **wanted} if present[-1] else wanted
    if len(set(asked[present])) < 2:
        raise _flat("levels", used)
    return PatternRates(_some_pattern(images, share @ rates, "levels", used), used)


def numeric_rates(
    images: GeneImages, values: Sequence[float], *, background: float | None = None
) -> PatternRates:
    """Rates along any numbers: the lowest stands for the background, the highest for a gene of the top tenth.

    Parameters
    ----------
    images
        Gene images of the section.
    values
        A number for each spot, `(n_spots,)`; spots with NaN take the background.
    background
        Quantile of all genes' mean rates in the section; default 0.1.

    Raises
    ------
    InputError
        When the numbers cannot be used.

    Notes
    -----
    A spot with the number x has the rate `low + (high - low) (x - min x) / (max x - min x)`, where low and
    high are the quantiles `background` and 0.9 of all genes' mean rates in the section; a pixel has the mean
    of its spots.
    """
    _check_length(images, values)
    numbers = np.asarray(values, dtype=np.float64)
    if np.isinf(numbers).any():
        found = f"{int(np.isinf(numbers).sum())} infinite values"
        raise InputError("region_key", found, "finite numbers, or NaN for the background", "Clip them first.")
    if np.isnan(numbers).all():
        raise InputError("region_key", "no number at all", "a number for some spots", "Name another column.")
    if len(np.unique(numbers[~np.isnan(numbers)])) < 2:
        found = f"one number, {np.nanmin(numbers):g}, in every spot that has one"
        fix = "Write 0 where the pattern is not: a spot without a number counts as the lowest."
        raise InputError("region_key", found, "at least two different numbers", fix)
    background = BACKGROUND_QUANTILE if background is None else background
    background = _checked_level("background", background, "quantile")
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    share = (np.nan_to_num(numbers, nan=low) - low) / (high - low if high > low else 1.0)
    rates = _mean_rates(images)
    lowest, highest = np.quantile(rates, background), np.quantile(rates, HIGHEST_QUANTILE)
    raster = images.raster
    mean = np.bincount(raster.pixel_of_spot, share, raster.n_pixels) / raster.spots_per_pixel
    used = {"lowest": background, "highest": HIGHEST_QUANTILE}
    rates = lowest + (highest - lowest) * mean
    return PatternRates(_some_pattern(images, rates, "region_key", used), used)


def _mean_rates(images: GeneImages, weight: np.ndarray | None = None) -> np.ndarray:
    """Share of the library that is each gene's, `(n_genes,)`, over pixels with weights `(n_pixels,)`."""
    weight = np.ones(images.raster.n_pixels) if weight is None else weight
    return np.asarray(images.counts @ weight, dtype=np.float64) / max(float(images.depth @ weight), 1e-12)


def _shares(images: GeneImages, code: np.ndarray, n: int) -> np.ndarray:
    """Share of each pixel's spots that are of each region, `(n_pixels, n)`."""
    raster = images.raster
    ones = np.ones(len(code))
    counted = sparse.csr_matrix((ones, (raster.pixel_of_spot, code)), shape=(raster.n_pixels, n))
    return counted.toarray() / raster.spots_per_pixel[:, None]


def _some_pattern(
    images: GeneImages, rates: np.ndarray, argument: str, levels: dict[str, float]
) -> np.ndarray:
    # What differs between sections alone is their level, and no pattern.
    most = max(np.ptp(rates[part]) for part in images.raster.parts)
    if most <= 1e-9 * max(float(rates.max()), 1e-12):
        raise _flat(argument, levels, " of each section" if images.sections else "")
    return rates


def _flat(argument: str, levels: dict[str, float], where: str = "") -> InputError:
    words = ", ".join(f"{k}: {v:g}" for k, v in levels.items())
    found = f"the same expression in every spot{where} ({words})"
    fix = "Raise the level of one region, or set another background."
    return InputError(argument, found, "a pattern: at least two levels on the section", fix)


def _checked_levels(levels: Mapping[Any, float] | None, unit: str, there: list[str]) -> dict[str, float]:
    example = f"For example levels={{{there[0] if there else 'region'!r}: 0.9}}."
    if not isinstance(levels, Mapping) or len(levels) == 0:
        none = levels is None or isinstance(levels, Mapping)
        found = "nothing" if none else f"a {type(levels).__name__}"
        raise InputError("levels", found, "a dict with a level for at least one region", example)
    wanted = {str(name): level for name, level in levels.items()}
    for name, level in wanted.items():
        if name not in there:
            shown = ", ".join(map(repr, there[:20])) + (" ..." if len(there) > 20 else "")
            wanted_here = f"regions of the column: {shown or 'none, every spot lacks one'}"
            raise InputError("levels", f"the region {unknown_name(name, there)}", wanted_here, example)
        wanted[name] = _checked_level("levels", level, unit, of=f" for {name!r}")
    return wanted


def _checked_level(argument: str, level: Any, unit: str, of: str = "") -> float:
    try:
        number = float(level)
    except (TypeError, ValueError):
        number = float("nan")
    wanted = "a quantile from 0 to 1" if unit == "quantile" else "a multiple > 0, of the median gene"
    if not (0 <= number <= 1 if unit == "quantile" else 0 < number < np.inf):
        fix = (
            'Use 0.9 for "as high as the top tenth of genes".'
            if unit == "quantile"
            else "Use 5, for example."
        )
        if unit == "quantile" and 1 < number <= 100:
            fix += f' {number:g} % is {number / 100:g}; for multiples set unit="multiple".'
        raise InputError(argument, f"{level!r}{of}", wanted, fix)
    return number


def _check_length(images: GeneImages, values: Sequence[Any]) -> None:
    n = len(images.raster.pixel_of_spot)
    if len(values) != n:
        found = f"{number_of(len(values), 'value')} for {number_of(n, 'spot')}"
        raise InputError("region_key", found, "one for each spot", "Order them as the counts.")


def _is_missing(name: Any) -> bool:
    return bool(pd.isna(name))
