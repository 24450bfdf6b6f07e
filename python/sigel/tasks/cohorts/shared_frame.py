"""One gene in the mean of each condition, where sections lie in one frame."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images.raster import Raster, rasterise, spacing_of
from sigel.images.section import in_section
from sigel.images.tensors import SHOWN
from sigel.tasks.cohorts.design import donors_of, is_numeric
from sigel.tasks.cohorts.donor_means import mean_of_those_there
from sigel.tasks.cohorts.find import Sections
from sigel.tasks.cohorts.one_gene import conditions_in_order, see_gene

# How far the sides of a section may lie from the median ones, in median extents.
FAR = 0.25
# Spacings of spots in the side of a pixel: sections whose spots lie elsewhere then fill it, each for itself.
WIDE = 1.5


class MeanImages(NamedTuple):
    """Mean images of conditions on one grid."""

    raster: Raster  # of the pixels that all conditions show
    conditions: list[str]
    n_donors: list[int]
    means: np.ndarray  # (n_conditions, n_pixels)

    @property
    def differences(self) -> np.ndarray:
        """Of each condition after the first from it, `(n_conditions - 1, n_pixels)`."""
        return self.means[1:] - self.means[:1]


def mean_images(
    sections: Sections, gene: str, condition: pd.Series, donor: pd.Series | None, config: ImageConfig
) -> MeanImages:
    """The mean image of a gene over the donors of each condition.

    Parameters
    ----------
    sections, gene, condition, donor
        As in `gene_panels`.
    config
        `pixel_size` and `max_side` are read.

    Raises
    ------
    InputError
        When sections lie in different frames, or the condition is a quantity or has no donor with the gene.

    Notes
    -----
    Sections of a donor are averaged first. Pixels are shown where half of the donors of each condition have
    tissue.
    """
    if is_numeric(condition):
        fix = "Cut it into classes, or use frame='own'."
        raise InputError("condition", "a quantity", "conditions that have a mean", fix)
    donor = donors_of(condition, donor)
    condition, conditions = conditions_in_order(condition)
    if len(conditions) < 2:
        found = f"one condition, {conditions[0]!r}"
        raise InputError("condition", found, "two or more", "Use frame='own'.")
    seen = see_gene(sections, gene)
    places = []
    for name, section in sections.named():
        with in_section(name):
            places.append(section.places())
    _check_one_frame(sections.names, places)
    raster = _grid(places, config)
    units: dict[tuple[str, str], list[np.ndarray]] = {}
    begin = 0
    for at, (name, place) in enumerate(zip(sections.names, places, strict=True)):
        pixel = raster.pixel_of_spot[begin : begin + len(place)]
        begin += len(place)
        if seen.counts[at] is not None:
            values = seen.level(at, pixel, raster.n_pixels)
            values[np.bincount(pixel, minlength=raster.n_pixels) == 0] = np.nan
            units.setdefault((condition[name], donor[name]), []).append(_smoothed(values, raster))
    by_condition = [
        [mean_of_those_there(np.stack(own)) for (one, _), own in units.items() if one == level]
        for level in conditions
    ]
    empty = [level for level, own in zip(conditions, by_condition, strict=True) if not own]
    if empty:
        found = f"{gene!r}, which no section of {empty[0]!r} has"
        raise InputError("gene", found, "a gene that all conditions have", "Use frame='own'.")
    shown = np.all([np.isfinite(own).mean(axis=0) >= 0.5 for own in by_condition], axis=0)
    if not shown.any():
        raise InputError("frame", "sections that share no place", "sections of one frame", "Use frame='own'.")
    means = np.stack([mean_of_those_there(np.stack(own))[shown] for own in by_condition])
    return MeanImages(_part(raster, shown), conditions, [len(own) for own in by_condition], means)


def _check_one_frame(names: tuple[str, ...], places: list[np.ndarray]) -> None:
    sides = np.stack([np.concatenate([one.min(axis=0), one.max(axis=0)]) for one in places])
    middle = np.median(sides, axis=0)  # left, top, right, bottom
    extent = np.tile(middle[2:] - middle[:2], 2)
    off = (np.abs(sides - middle) / np.maximum(extent, 1e-12)).max(axis=1)
    if off.max() > FAR:
        at = int(off.argmax())
        x, y = (f"{side} from {sides[at, k]:.4g} to {sides[at, k + 2]:.4g}" for k, side in enumerate("xy"))
        usual = f"x from {middle[0]:.4g} to {middle[2]:.4g} and y from {middle[1]:.4g} to {middle[3]:.4g}"
        found = f"the section {names[at]!r} with {x} and {y}"
        wanted = f"sections of one frame, here about {usual}"
        raise InputError("frame", found, wanted, "Use frame='own', or register the sections first.")


def _grid(places: list[np.ndarray], config: ImageConfig) -> Raster:
    every = np.concatenate(places)
    pixel = config.pixel_size
    if pixel is None:
        spacing = WIDE * float(np.median([spacing_of(np.unique(one, axis=0)) for one in places]))
        extent = float(np.ptp(every, axis=0).max())
        pixel = spacing * max(math.ceil(extent / max(config.max_side - 1, 1) / spacing), 1)
    return rasterise(every, None, ImageConfig(grid="continuous", pixel_size=pixel))


def _smoothed(values: np.ndarray, raster: Raster) -> np.ndarray:
    """Pixels of the section's tissue for the eye, by neighbours that are tissue, too.

    Pixels between spots, most of whose neighbours are tissue, have the mean of these.
    """
    there = np.isfinite(values)
    filled, weight = np.where(there, values, 0.0), raster.neighbors @ there.astype(float)
    around = np.divide(raster.neighbors @ filled, weight, out=filled.copy(), where=weight > 0)
    mixed = np.where(there, (1 - SHOWN) * filled + SHOWN * around, around)
    return np.where(there | (weight > 0.5), mixed, np.nan)


def _part(raster: Raster, shown: np.ndarray) -> Raster:
    """The grid with some of its pixels; it knows no spots."""
    return Raster(
        shape=raster.shape,
        rows=raster.rows[shown],
        cols=raster.cols[shown],
        pixel_of_spot=np.empty(0, dtype=np.int64),
        kind=raster.kind,
        affine=raster.affine,
        parity=raster.parity,
    )
