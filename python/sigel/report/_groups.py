"""Groups of genes on a page: mean image, typical genes, what each is called after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sigel.config.report import ReportConfig
from sigel.keys import NO_PATTERN
from sigel.pl._base import limits_of
from sigel.pl._colours import colours_of
from sigel.report._found import Found
from sigel.report._pictures import Frame
from sigel.report._tables import number
from sigel.tasks.gene_groups.enrichment import group_enrichment
from sigel.tasks.gene_groups.gene_sets import GeneSets
from sigel.tasks.gene_groups.group_images import group_images, largest_groups
from sigel.tasks.gene_groups.grouping import describe_groups
from sigel.tasks.gene_groups.top_terms import top_terms


@dataclass(frozen=True)
class Group:
    """One group.

    Parameters
    ----------
    name, title
        As it is stored, and as a heading.
    number
        Of `Found.groups`.
    colour
        On the map.
    n_genes
        Its size.
    facts
        What is known of it, in words.
    typical
        Names of its most typical genes.
    """

    name: str
    title: str
    number: int
    colour: str
    n_genes: int
    facts: str
    typical: list[str]


@dataclass(frozen=True)
class Groups:
    """Groups that are shown.

    Parameters
    ----------
    shown
        The largest; that of genes without a pattern last.
    n_all
        How many have genes; genes without a pattern are none.
    tiles
        Levels of their mean images, `(n, height, width)`.
    limits
        Values of the lowest colour of mean images and of the highest.
    """

    shown: list[Group]
    n_all: int
    tiles: np.ndarray
    limits: tuple[float, float]

    @property
    def n_shown(self) -> int:
        """How many of them are shown."""
        return sum(one.name != NO_PATTERN for one in self.shown)

    @property
    def n_flat(self) -> int:
        """How many genes have no pattern."""
        return sum(one.n_genes for one in self.shown if one.name == NO_PATTERN)


def groups_of(found: Found, frame: Frame, config: ReportConfig, gene_sets: GeneSets | None) -> Groups | None:
    """The groups of a report; None where there are none.

    Parameters
    ----------
    found
        What the object holds.
    frame
        How images are laid out.
    config
        Settings.
    gene_sets
        As in `sigel.pl.gene_groups`.
    """
    z, group = found.representations, found.group
    if z is None or group is None:
        return None
    labels = largest_groups(found.images, group)
    if not labels:
        return None
    shown = labels[: config.max_groups]
    if NO_PATTERN in labels and NO_PATTERN not in shown and len(shown) > 1:
        shown = [*shown[:-1], NO_PATTERN]
    terms = {} if gene_sets is None else top_terms(group_enrichment(found.names, group, gene_sets))
    made = group_images(found.images, z, group, shown, n_genes=config.n_typical)
    limits = limits_of(np.stack([one.mean for one in made]))
    tiles = frame.tiles(np.stack([one.mean for one in made]), limits)
    colour = dict(zip(found.groups, colours_of(found.groups), strict=True))
    table = describe_groups(z, found.names, group, found.adata.var.get(found.keys.group_prob))
    about = {row.group: row for row in table.itertuples()}
    stability = found.info.get("stability", {})
    again = dict(zip(map(str, stability.get("group", ())), stability.get("stability", ()), strict=True))
    listed = [
        Group(
            name=label,
            title=_title(label, terms.get(label)),
            number=found.groups.index(label),
            colour=colour[label],
            n_genes=one.n_genes,
            facts=_facts(about.get(label), again.get(label)),
            typical=[str(name) for name in one.typical],
        )
        for label, one in zip(shown, made, strict=True)
    ]
    return Groups(listed, sum(name != NO_PATTERN for name in labels), tiles, limits)


def _title(label: str, term: str | None) -> str:
    called = "No pattern" if label == NO_PATTERN else f"Group {label}"
    return called if term is None else f"{called}: {term}"


def _facts(about: object, stability: float | None) -> str:
    """What is known of a group beside its size."""
    told = []
    if about is not None:
        told = [f"cohesion {number(about.cohesion, 2)}"]  # type: ignore[attr-defined]
        if np.isfinite(about.mean_prob):  # type: ignore[attr-defined]
            told.append(f"mean posterior {number(about.mean_prob, 2)}")  # type: ignore[attr-defined]
    if stability is not None:
        told.append(f"stability {number(float(stability), 2)}")
    return ", ".join(told)
