"""Domains of a section: spots described, clustered, refined, and put in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, number_of, span
from sigel.images.section import Section
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.stats.partitions import in_order
from sigel.tasks.domains.gene_selection import named_genes
from sigel.tasks.domains.inputs import (
    LEAST_SPOTS,
    Described,
    counted,
    describe,
    measured_genes,
    tissue_of,
    values_of,
    warn_of_empty,
)
from sigel.tasks.domains.methods import cluster
from sigel.tasks.domains.n_domains import best_number, domain_numbers, warn_of_bounds
from sigel.tasks.domains.recipe import Recipe
from sigel.tasks.domains.refinement import refine
from sigel.tasks.domains.windows import Tissue


class Domains(NamedTuple):
    """Domains of all spots."""

    label: np.ndarray  # (n_spots,) text, "1" the largest
    prob: np.ndarray  # (n_spots,) how sure; NaN where the method does not say
    features: np.ndarray  # (n_spots, n_components) float32
    genes: np.ndarray  # (n_used,) names of the genes used
    window: int  # spots that the features describe a spot by
    n_changed: int  # spots that refinement gave to another domain
    number: pd.DataFrame | None = None  # on what ground the number was chosen


def find_domains(
    section: Section,
    n_domains: int | None,
    recipe: Recipe,
    *,
    genes: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Domains:
    """Find the domains of a section; see `sigel.tl.domains`.

    Parameters
    ----------
    section, genes, progress
        As in `describe_section`.
    n_domains
        How many, or None.
    recipe
        How they are made.

    Raises
    ------
    InputError
        When counts, places, genes or the number cannot be used.
    """
    check_number(n_domains, section.counts.shape[0])
    recipe = replace(recipe, device=resolve_device(recipe.device))
    described = describe_section(section, recipe, genes=genes, progress=progress)
    if n_domains is not None:
        return domains_of(described, n_domains, recipe, progress)
    number = domain_numbers(counted(section), described, recipe.seed, recipe.config, recipe.device, progress)
    warn_of_bounds(number)
    return domains_of(described, best_number(number), recipe, progress)._replace(number=number)


def describe_section(
    section: Section,
    recipe: Recipe,
    *,
    genes: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Described:
    """Describe the spots of a section.

    Parameters
    ----------
    section
        Raw counts and places.
    recipe
        How domains will be made; only the mixture makes use of more than one window.
    genes
        Names; None: all that every section has counts of.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    """
    values, names, tissue = _values(section, recipe, genes)
    rng = stream(recipe.seed, "windows")
    return describe(values, names, tissue, recipe.config, rng, progress, views=recipe.method == "mixture")


def _values(
    section: Section, recipe: Recipe, genes: Sequence[str] | None
) -> tuple[sparse.csr_matrix, np.ndarray, Tissue]:
    """Values of the genes used, their names, places; counts that were read from a file are let go with it."""
    section = counted(section)
    tissue = tissue_of(section)
    warn_of_empty(section.counts)
    names = measured_genes(section, tissue) if genes is None else named_genes(genes, section)
    return values_of(section, names, recipe.config), names, tissue


def domains_of(
    described: Described, n_domains: int, recipe: Recipe, progress: Progress | None = None
) -> Domains:
    """Cluster described spots, refine them and number the domains by size.

    Parameters
    ----------
    described
        From `describe_section`.
    n_domains
        How many.
    recipe
        How domains are made.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    """
    recipe = replace(recipe, device=resolve_device(recipe.device))
    found = cluster(described, int(n_domains), recipe, progress)
    label, n_changed = np.unique(found.label, return_inverse=True)[1], 0
    prob = np.asarray(found.prob, dtype=np.float64)
    if recipe.refine:
        before = label
        label, n_changed = refine(label, described.tissue)
        prob = np.where(label == before, prob, np.nan)
    return Domains(
        in_order(label),
        prob,
        described.features.astype(np.float32),
        described.genes,
        described.window,
        n_changed,
    )


def check_number(n_domains: object, n_spots: int) -> None:
    """Refuse what is no number of domains.

    Parameters
    ----------
    n_domains
        What a caller gave; None is lawful.
    n_spots
        Of the section.

    Raises
    ------
    InputError
        When it is not a whole number from 2 to a tenth of the spots.
    """
    if n_spots < LEAST_SPOTS:
        found, fix = number_of(n_spots, "spot"), "Domains are parts of a larger tissue."
        raise InputError("adata", found, f"{LEAST_SPOTS} or more", fix)
    whole = isinstance(n_domains, int | np.integer) and not isinstance(n_domains, bool)
    if n_domains is not None and not (whole and 2 <= n_domains <= n_spots // 10):  # type: ignore[operator]
        most = n_spots // 10
        wanted = span(2, most, "a whole number from ") + ", a tenth of the spots, or None"
        fix = f"Use n_domains={min(7, most)}, or None to have it chosen."
        raise InputError("n_domains", repr(n_domains), wanted, fix)
