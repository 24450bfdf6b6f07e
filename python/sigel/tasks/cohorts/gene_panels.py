"""The picture of one gene in every section of a cohort, by condition and donor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sigel.config import ImageConfig
from sigel.images.raster import Raster, rasterise
from sigel.images.section import in_section
from sigel.images.tensors import SHOWN
from sigel.tasks.cohorts.design import donors_of, is_numeric
from sigel.tasks.cohorts.find import Sections
from sigel.tasks.cohorts.one_gene import by_number, conditions_in_order, see_gene


@dataclass(frozen=True)
class Panel:
    """A gene in a section.

    Parameters
    ----------
    title
        The donor and the section, each once.
    raster
        Pixels in the section's own frame.
    values
        Of the pixels, `(n_pixels,)`; None where the gene was not measured.
    """

    title: str
    raster: Raster
    values: np.ndarray | None


@dataclass(frozen=True)
class Block:
    """The panels of one condition, or of all where it is a quantity.

    Parameters
    ----------
    heading
        Its name, and how many sections and donors there are.
    panels
        By donor.
    """

    heading: str
    panels: list[Panel]


def gene_panels(
    sections: Sections, gene: str, condition: pd.Series, donor: pd.Series | None, config: ImageConfig
) -> list[Block]:
    """The picture of a gene in each section, for the eye, at one scale.

    Parameters
    ----------
    sections
        Counts and places.
    gene
        Its name.
    condition, donor
        Of each section, by its name.
    config
        `grid`, `pixel_size` and `max_side` are read.

    Returns
    -------
    list of Block
        Conditions in their order. Pixels are smoothed as all pictures of genes are: single spots are mostly
        counting noise.

    Raises
    ------
    InputError
        When no section has the gene, or a section lacks its condition, its donor or its places.
    """
    quantity = is_numeric(condition)
    donor = donors_of(condition, donor)
    condition, order = conditions_in_order(condition)
    seen = see_gene(sections, gene)
    found: dict[str, dict[str, Panel]] = {one: {} for one in order}
    for at, (name, section) in enumerate(sections.named()):
        with in_section(name):
            raster = rasterise(section.coordinates, section.lattice, config, name=section.called.places)
        values = None
        if seen.counts[at] is not None:
            values = seen.level(at, raster.pixel_of_spot, raster.n_pixels)
            values = (1 - SHOWN) * values + SHOWN * (raster.neighbors @ values)
        title = name if donor[name] == name else f"{donor[name]}, {name}"
        title = f"{condition[name]}: {title}" if quantity else title
        found[condition[name]][name] = Panel(title, raster, values)
    for one, own in found.items():
        found[one] = dict(sorted(own.items(), key=lambda pair: by_number(donor[pair[0]])))
    if quantity:
        found = {"from low to high": {name: panel for own in found.values() for name, panel in own.items()}}
    return [Block(_heading(one, list(own), donor), list(own.values())) for one, own in found.items()]


def _heading(condition: str, names: list[str], donor: pd.Series) -> str:
    n, donors = len(names), donor[names].nunique()
    told = f"{n} section{'s' * (n != 1)}"
    if list(donor[names]) != names:
        told += f", {donors} donor{'s' * (donors != 1)}"
    return f"{condition}  ({told})"
