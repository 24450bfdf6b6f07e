"""What goes into spatial domains: the section checked, its genes, what describes its spots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.config.domains import DomainConfig
from sigel.config.gene_names import CONTROL
from sigel.errors import InputError, number_of, warn
from sigel.images.pooling import left_out
from sigel.images.section import Section, check_apart
from sigel.runtime.progress import Progress
from sigel.stats.scaling import log_normalised
from sigel.tasks.domains.section_offsets import of_every_section, offsets_of_views
from sigel.tasks.domains.windows import Tissue, View, view_of

LEAST_SPOTS = 20
# Entries whose columns are counted at a time.
_PIECE = 2**24


class Described(NamedTuple):
    """What a method of clustering sees; labels are not among it."""

    tissue: Tissue
    values: sparse.csr_matrix  # (n_spots, n_used): log-normalised counts of the genes used
    genes: np.ndarray  # (n_used,) their names
    window: int  # spots of the window of the features
    features: np.ndarray  # (n_spots, n_components) float64, centred; float32 where only some are judged
    views: tuple[View, ...]  # of every window that the mixtures see, of the judged spots
    judged: np.ndarray | None  # numbers of the spots that mixtures are fitted to; None: all

    def scores(self, view: View) -> np.ndarray:
        """Scores of all spots in a view, `(n_spots, n_components)`.

        Parameters
        ----------
        view
            One of `views`.
        """
        return view.scores if self.judged is None else view.of_all(self.values, self.tissue)


def counted(section: Section) -> Section:
    """The section with its counts in memory, checked; there are some, and no stored zeros among them.

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
    counts = section.counts
    if not counts.data.any():
        raise InputError("layer", "no count", "raw counts", "Pass the layer of raw counts.")
    if not counts.data.all():  # a stored zero is a zero; the caller keeps his
        counts = counts.copy()
        counts.eliminate_zeros()
        section = replace(section, counts=counts)
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
    if columns is None or np.array_equal(columns, np.arange(counts.shape[1])):
        return log_normalised(counts, library, total)
    chosen = counts[:, columns]  # a matrix of our own
    return log_normalised(chosen, library, total, overwrite=chosen.dtype == np.float32)


def measured_genes(section: Section, tissue: Tissue) -> np.ndarray:
    """Names of the genes that every section has counts of, in order; control probes are none.

    A gene without a count in one of several sections was not measured there, as where an outer join of
    panels filled zeros, or says nothing that its absence does not: it would tell sections apart.

    Parameters
    ----------
    section
        Raw counts.
    tissue
        From `tissue_of`.

    Raises
    ------
    InputError
        When there are fewer than 2.
    """
    found = np.asarray(section.counts.sum(axis=0)).ravel() > 0
    found &= ~left_out(section, [CONTROL])
    for part in tissue.parts if tissue.n_sections > 1 else []:
        found &= np.asarray(section.counts[part].sum(axis=0)).ravel() > 0
    if found.sum() < 2:
        n = f"{number_of(int(found.sum()), 'gene')} with counts"
        where = "" if tissue.n_sections == 1 else " in every section"
        raise InputError("adata", n + where, "2 or more", "Pass counts of more genes.")
    return np.asarray(section.genes, dtype=object)[found]


def values_of(section: Section, genes: Sequence[str] | np.ndarray, config: DomainConfig) -> sparse.csr_matrix:
    """Log-normalised counts of the genes that spots are described by, `(n_spots, n_used)`.

    Parameters
    ----------
    section
        Raw counts of all genes, in memory.
    genes
        Names of the genes to use.
    config
        Settings.

    Raises
    ------
    InputError
        When they say nothing of the spots.
    """
    column = {str(gene): at for at, gene in enumerate(section.genes)}
    values = normalised(section.counts, config.target_sum, [column[str(gene)] for gene in genes])
    check_varied(values)
    return values


def describe(
    values: sparse.csr_matrix,
    genes: Sequence[str] | np.ndarray,
    tissue: Tissue,
    config: DomainConfig,
    rng: np.random.Generator,
    progress: Progress | None = None,
    *,
    views: bool = True,
) -> Described:
    """Describe every spot by genes in its windows.

    Parameters
    ----------
    values, genes
        From `values_of`, and the names of its columns.
    tissue
        From `tissue_of`.
    config
        Settings.
    rng
        Draws spots where there are many.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    views
        Whether the windows of the mixtures are wanted beside that of the features.
    """
    own, *others = _within_sections(config, tissue, views=views)
    n_components = max(1, min(max(config.components), values.shape[1] // 2))

    judged = None
    if values.shape[0] > config.max_spots:
        judged = of_every_section(tissue.section, config.max_spots, rng)
    made: dict[int, View] = {}
    for step, window in enumerate(dict.fromkeys((own, *others)), 1):
        made[window] = view_of(values, tissue, window, n_components, rng, judged)
        if progress is not None:
            progress("windows", step, len({own, *others}), f"{window} spots, {values.shape[1]} genes")
    if tissue.n_sections > 1 and config.section_offsets:
        guide = made[1] if 1 in made else view_of(values, tissue, 1, n_components, rng, judged)
        within = tissue.section if judged is None else tissue.section[judged]
        scores = [view.scores for view in made.values()]
        offsets = offsets_of_views(guide.scores, scores, within, config, rng)
        for (window, view), offset in zip(list(made.items()), offsets, strict=True):
            made[window] = view.apart_from(offset, within)
    return Described(
        tissue=tissue,
        values=values,
        genes=np.asarray(genes, dtype=object),
        window=own,
        features=made[own].scores if judged is None else made[own].of_all(values, tissue),
        views=tuple(made[window] for window in others),
        judged=judged,
    )


def _within_sections(config: DomainConfig, tissue: Tissue, *, views: bool) -> list[int]:
    """The window of the features and those of the views, no wider than half of the smallest section.

    In wider ones all its spots would be alike. Defaults give way, others are refused.
    """
    most = tissue.widest
    usual = DomainConfig()
    for name, given, default in (
        ("window", (config.window,), (usual.window,)),
        ("windows", config.windows, usual.windows),
    ):
        if max(given) > most and given != default:
            found, wanted = f"{max(given)} spots", f"up to {most}, half of the smallest section"
            raise InputError(name, found, wanted, f"Use {most} or fewer, or leave it out.")
    others = dict.fromkeys(min(window, most) for window in config.windows) if views else {}
    return [min(config.window, most), *others]


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
        raise InputError(
            "adata", f"{number_of(n, 'gene')} that can be used", "2 or more", "Pass counts of more genes."
        )
    pieces = range(0, values.nnz, _PIECE)
    stored = sum(np.bincount(values.indices[at : at + _PIECE], minlength=n) for at in pieces)
    if np.any((stored > 0) & (stored < values.shape[0])):  # zeros and others: no need to look at the values
        return
    spread = values.max(axis=0).toarray() - values.min(axis=0).toarray()
    if not (spread > 0).any():
        found = f"{number_of(n, 'gene')} with the same value at all spots"
        fix = "Name others, or use genes=None."
        raise InputError("genes", found, "genes that vary between spots", fix)
