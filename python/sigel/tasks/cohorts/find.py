"""Genes whose pattern changes between conditions, from the counts of sections to the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.section import Section, in_section, joined_genes
from sigel.images.tensors import ImageViews
from sigel.model import SIGEL
from sigel.model.section_model import section_model
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream, torch_stream
from sigel.stats.q_values import q_values
from sigel.stats.thinning import thinned_to
from sigel.tasks.cohorts.changed_genes import changed_genes
from sigel.tasks.cohorts.design import against, design_of, direction_of, first_in_words
from sigel.tasks.cohorts.donor_means import totals_of_sections
from sigel.tasks.cohorts.equal_levels import shares_to_keep
from sigel.tasks.cohorts.kept_places import kept_places


@dataclass(frozen=True)
class Sections:
    """Sections of a cohort, named.

    Parameters
    ----------
    names
        Of the sections.
    sections
        Counts and places of each.
    joined
        Whether they were one object, in which a gene that a section lacks has zeros.
    """

    names: tuple[str, ...]
    sections: tuple[Section, ...]
    joined: bool

    def named(self) -> Iterator[tuple[str, Section]]:
        """Name and section."""
        return zip(self.names, self.sections, strict=True)

    @property
    def genes(self) -> np.ndarray:
        """Names of all genes, in the order of their first section."""
        return joined_genes([section.genes for section in self.sections])[0]

    @property
    def n_spots(self) -> np.ndarray:
        """Spots of each section, `(n_sections,)`."""
        return np.array([section.counts.shape[0] for section in self.sections])

    def totals(self) -> np.ndarray:
        """Counts of each gene in each section, `(n_sections, n_genes)`; NaN: not measured."""
        genes, columns = joined_genes([section.genes for section in self.sections])
        counts = []
        for name, section in self.named():
            with in_section(name):
                held = section if sparse.issparse(section.counts) else section.in_memory()
            counts.append(sparse.csr_matrix(held.counts.sum(axis=0)))
        totals = totals_of_sections(counts, columns, len(genes))
        return np.where(totals > 0, totals, np.nan) if self.joined else totals

    def thinned(self, share: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, Section]]:
        """Name and section, with a share of its counts.

        Parameters
        ----------
        share
            Of each gene that each section keeps, `(n_sections, n_genes)`, genes in the order of `genes`.
        rng
            Chooses.
        """
        columns = joined_genes([section.genes for section in self.sections])[1]
        for row, place, (name, section) in zip(share, columns, self.named(), strict=True):
            with in_section(name):
                held = section.in_memory()
            yield name, replace(held, counts=thinned_to(sparse.csr_matrix(held.counts), row[place], rng))


def find_changed_genes(
    sections: Sections,
    condition: pd.Series,
    donor: pd.Series | None,
    covariates: pd.DataFrame | None,
    *,
    paired: bool,
    control: str | None = None,
    config: ImageConfig,
    seed: int,
    device: str | torch.device,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Find genes whose pattern, or level, differs between conditions; see `sigel.tl.disease_genes`.

    Parameters
    ----------
    sections
        Counts and places.
    condition, donor, covariates
        Of each section, by its name.
    paired, control, seed, device, progress
        As in `sigel.tl.disease_genes`.
    config
        Settings of the images.

    Returns
    -------
    pandas.DataFrame
        As `sigel.tl.disease_genes`, with its `attrs`.
    """
    condition = against(condition, control)
    design = design_of(condition, donor, covariates, paired=paired)
    totals = sections.totals()
    check_copies(sections, totals)
    share = shares_to_keep(totals, sections.n_spots, design)
    images = GeneImages.from_sections(sections.thinned(share, stream(seed, "equal levels")), config)
    model = section_model(images, seed=seed, device=device, progress=progress)
    kept, own = images.kept, seen_by_sections(model, images)
    found = changed_genes(sections.genes, own, totals, design, seed=seed, progress=progress)
    table = found.table
    if len(sections.names) == len(design.levels) == len(design.units) == 2:
        views, generator = ImageViews(images, model.device), torch_stream(seed, "surrogates")
        kept_pval = np.full(len(kept), np.nan)
        kept_pval[kept] = kept_places(model, views, own[:, kept], generator, progress)
        near = pd.DataFrame({"kept_pval": kept_pval, "kept_qval": q_values(kept_pval)}, sections.genes)
        table[list(near)] = near.reindex(table.index)
    table.attrs = {
        "calibration": {name: found.calibration[name].to_list() for name in found.calibration},
        "n_labellings": found.n_labellings,
        "least_pval": found.least_pval,
        "inflation": found.inflation,
        "levels": list(design.levels),
        "direction": direction_of(design.levels),
        "first": first_in_words(condition),
        "map": found.map,
        "seed": seed,
    }
    return table


def seen_by_sections(model: SIGEL, images: GeneImages) -> np.ndarray:
    """What each section alone says of every gene, `(n_sections, n_genes, n_dims)`; NaN: nothing.

    Parameters
    ----------
    model
        Fitted to the images.
    images
        Of one section or several; genes without an image count.
    """
    several = len(model.section_representations) > 0
    found = model.section_representations if several else model.representations[None]
    own = np.full((len(found), len(images.kept), model.config.n_dims), np.nan, dtype=np.float32)
    own[:, images.kept] = found
    return own


def check_copies(sections: Sections, totals: np.ndarray) -> None:
    """Refuse two sections of the same counts: a copy is no donor of its own.

    Parameters
    ----------
    sections
        Names, counts and places.
    totals
        From `Sections.totals`.
    """
    rows = [(int(n), row.tobytes()) for n, row in zip(sections.n_spots, totals, strict=True)]
    twice = [k for k, row in enumerate(rows) if row in rows[:k]]
    if twice:
        first, last = sections.names[rows.index(rows[twice[0]])], sections.names[twice[0]]
        found = f"the same counts for {first!r} and {last!r}"
        raise InputError("sections", found, "each section once", "Leave one of them out.")


def check_names(names: Sequence[str], least: int = 2) -> None:
    """Refuse too few sections, and two of one name.

    Parameters
    ----------
    names
        Of the sections.
    least
        How many there must be.
    """
    if not names:
        raise InputError("sections", "no section", "one or more", "Pass a section.")
    if len(names) < least:
        found = f"{len(names)} section{'s' * (len(names) != 1)}"
        raise InputError("sections", found, "two or more", "Pass sections of two conditions at least.")
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        found = f"{twice[0]!r} for two sections"
        fix = "Give each a name of its own, for example by the names of what holds them."
        raise InputError("sections", found, "a name of its own for each", fix)
