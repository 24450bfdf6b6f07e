"""What goes into spatial domains: the section checked, its chosen genes, what describes its spots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.config.domains import DomainConfig
from sigel.errors import InputError, warn
from sigel.images.section import Section, check_apart
from sigel.runtime.progress import Progress
from sigel.stats.scaling import log_normalised
from sigel.tasks.domains.section_offsets import section_offsets
from sigel.tasks.domains.windows import Tissue, reach, window_scores

LEAST_SPOTS = 20


class Described(NamedTuple):
    """What a method of clustering sees; labels are not among it."""

    tissue: Tissue
    values: sparse.csr_matrix  # (n_spots, n_used): log-normalised counts of the genes used, unweighted
    genes: np.ndarray  # (n_used,) their names
    weight: np.ndarray  # (n_used, n_choices) how much each counts, 0: not in that choice
    window: int  # spots of the window
    # Of each choice: features of the window, then of narrower ones, (n_spots, n_components) float64, centred.
    views: tuple[tuple[np.ndarray, ...], ...]

    @property
    def features(self) -> np.ndarray:
        """Those of the first choice in the window, `(n_spots, n_components)`."""
        return self.views[0][0]


def counted(section: Section) -> Section:
    """The section with its counts in memory, checked; there are some.

    Parameters
    ----------
    section
        Raw counts of all genes.

    Raises
    ------
    InputError
        When names or values cannot be used, or there are no counts.
    """
    section = section.in_memory(replace(section.called, section="adata", genes="adata", counts="layer"))
    if not section.counts.data.any():
        raise InputError("layer", "no count", "raw counts", "Pass the layer of raw counts.")
    return section


def tissue_of(section: Section) -> Tissue:
    """Places of a section's spots, checked.

    Parameters
    ----------
    section
        Counts, places and, where there are several, the section of each spot.

    Raises
    ------
    InputError
        When a section has too few spots, or all at one place.
    """
    places, labels = section.places(), section.labels
    codes, names = np.zeros(len(places), int), [""]
    if labels is not None:
        codes, names = pd.factorize(labels)
    within = ["" if labels is None else f" in the section {name!r}" for name in names]
    sizes = np.bincount(codes)
    if sizes.min(initial=len(places)) < LEAST_SPOTS:
        found = f"{sizes.min()} spots{within[int(sizes.argmin())]}"
        fix = "Domains are parts of a larger tissue."
        if labels is not None:
            fix = "Leave that section out, or join it to another."
        raise InputError("adata", found, f"{LEAST_SPOTS} or more", fix)
    for code, where in enumerate(within):
        check_apart(places[codes == code], section.called.places, where=where)
    return Tissue(places, codes, tuple(map(str, names)))


def warn_of_empty(counts: sparse.csr_matrix) -> None:
    """Warn of spots that no gene tells apart from one another.

    Parameters
    ----------
    counts
        `(n_spots, n_genes)`.
    """
    n_empty = int((np.asarray(counts.sum(axis=1)).ravel() == 0).sum())
    if n_empty:
        warn(
            f"{n_empty} of {counts.shape[0]} spots have no counts: they are alike and may become a domain of "
            "their own. Leave them out first."
        )


def normalised(
    counts: sparse.csr_matrix, target_sum: float | None, columns: Sequence[int] | None = None
) -> sparse.csr_matrix:
    """Log-normalised counts, `(n_spots, n_columns)`; spots without counts stay empty.

    Parameters
    ----------
    counts
        Raw counts of all genes.
    target_sum
        Counts of a spot after normalisation; None: the median of the spots.
    columns
        Genes that are wanted; None: all. Libraries are those of all genes.
    """
    library = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    total = float(np.median(library[library > 0])) if target_sum is None else target_sum
    return log_normalised(counts if columns is None else counts[:, columns], library, total)


def describe(
    section: Section,
    tissue: Tissue,
    genes: Sequence[str] | np.ndarray,
    weight: np.ndarray,
    config: DomainConfig,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Described:
    """Describe every spot by chosen genes in its windows.

    Parameters
    ----------
    section
        Raw counts of all genes.
    tissue
        From `tissue_of`.
    genes
        Names of the genes to use.
    weight
        Of each in every choice, `(n_used, n_choices)`, 0 where a choice is without it.
    config
        Settings.
    rng
        Draws spots where there are many.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    """
    column = {str(gene): at for at, gene in enumerate(section.genes)}
    values = normalised(section.counts, config.target_sum, [column[str(gene)] for gene in genes])
    check_varied(values)
    weight = np.asarray(weight, dtype=np.float64)
    choices = [weighted(values, of_choice) for of_choice in weight.T]
    window = _window(choices[0], tissue, config)
    windows = (window, *(n for n in config.rings if 1 < n < window))
    views = []
    for step, chosen in enumerate(choices, 1):
        views.append(tuple(_view(chosen, tissue, n, config, rng) for n in windows))
        if progress is not None:
            progress("windows", step, len(choices), f"{window} spots, {chosen.shape[1]} genes")
    return Described(
        tissue=tissue,
        values=values,
        genes=np.asarray(genes, dtype=object),
        weight=weight,
        window=window,
        views=tuple(views),
    )


def _window(chosen: sparse.csr_matrix, tissue: Tissue, config: DomainConfig) -> int:
    """Spots of the window that the genes of a choice, `(n_spots, n_chosen)`, reach over."""
    smallest = int(np.bincount(tissue.section).min())
    if len(tissue.section) > config.max_spots:
        # A patch of neighbours says how far patterns reach as well as all spots do.
        patch = nearest_to_middle(tissue, config.max_spots)
        chosen = sparse.csr_matrix(chosen[patch])
        tissue = Tissue(tissue.coordinates[patch], np.unique(tissue.section[patch], return_inverse=True)[1])
    window, _ = reach(chosen, tissue, config.rings, config.correlation)
    return _within_sections(config.window, window, smallest)


def _view(
    chosen: sparse.csr_matrix, tissue: Tissue, window: int, config: DomainConfig, rng: np.random.Generator
) -> np.ndarray:
    """What describes spots by the genes of a choice in one window, `(n_spots, n_components)`."""
    n_components = max(1, min(config.n_components, chosen.shape[1] // 2))
    scores = window_scores(chosen, tissue, window, n_components, config.max_spots, rng)
    if tissue.n_sections > 1 and config.section_offsets:
        scores = scores - section_offsets(scores, tissue.section, config, rng)[tissue.section]
    return scores


def _within_sections(given: int | None, window: int, smallest: int) -> int:
    """The window, no wider than half of the smallest section: in wider ones all its spots would be alike."""
    most = max(1, smallest // 2)
    if given is not None and given > most:
        found, wanted = f"{given} spots", f"up to {most}, half of the smallest section"
        raise InputError("window", found, wanted, "Leave it out to have it chosen.")
    return min(given or window, most)


def check_varied(values: sparse.csr_matrix) -> None:
    """Refuse genes that say nothing of the spots.

    Parameters
    ----------
    values
        `(n_spots, n_genes)`.

    Raises
    ------
    InputError
        When there are fewer than 2, or none differs between spots.
    """
    n = values.shape[1]
    if n < 2:
        raise InputError("adata", f"{n} genes that can be used", "2 or more", "Pass counts of more genes.")
    spread = values.max(axis=0).toarray() - values.min(axis=0).toarray()
    if not (spread > 0).any():
        found, fix = f"{n} genes with the same value at all spots", "Name others, or use genes=None."
        raise InputError("genes", found, "genes that vary between spots", fix)


def weighted(values: sparse.csr_matrix, weight: np.ndarray) -> sparse.csr_matrix:
    """The genes of a choice, weighted, `(n_spots, n_chosen)`.

    Parameters
    ----------
    values
        Of all genes used, `(n_spots, n_used)`.
    weight
        Of each, `(n_used,)`, 0: not chosen.
    """
    chosen = np.flatnonzero(weight)
    scale = sparse.diags_array(weight[chosen].astype(np.float32))
    return sparse.csr_matrix(values[:, chosen] @ scale)


def nearest_to_middle(tissue: Tissue, n: int) -> np.ndarray:
    """Spots of each section nearest to its middle, `n` in all or a few more, in order.

    Parameters
    ----------
    tissue
        Places.
    n
        How many.
    """
    share = n / len(tissue.section)
    kept = []
    for part in tissue.parts:
        places = tissue.coordinates[part]
        far = np.square(places - np.median(places, axis=0)).sum(axis=1)
        kept.append(part[np.argsort(far, kind="stable")[: int(np.ceil(share * len(part)))]])
    return np.sort(np.concatenate(kept))
