"""A reference of dissociated cells: what genes vary with stands in for where they are."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError, number_of
from sigel.images.counts import SpotRows
from sigel.images.pooling import left_out
from sigel.images.section import Section
from sigel.runtime.provenance import content_hash
from sigel.runtime.seeds import torch_stream
from sigel.stats.coexpression import coexpression
from sigel.stats.scaling import centred, log_normalised
from sigel.stats.standardised import Standardised
from sigel.tasks.imputation.target_reference import REFERENCE_SUM, Reference, check_cells_differ

# With fewer cells nothing can be said of what varies together.
LEAST_CELLS = 50
NO_COUNTS = "detected in too few cells"


def cell_reference(
    section: Section,
    names: np.ndarray,
    scales: tuple[int, ...],
    *,
    max_cells: int,
    rng: np.random.Generator,
    seed: int,
) -> Reference:
    """Make cells without places ready to impute from; they are read some at a time.

    Parameters
    ----------
    section
        Counts and genes; on disk or in memory.
    names
        Its genes as the target spells them; None where a gene is not to be used.
    scales
        Numbers of nearest cells that are averaged over in the target. A dissociated cell stands for its own
        surroundings at each.
    max_cells
        Cells that are used; of more a sample is drawn.
    rng
        Draws the sample.
    seed
        As in `sigel.tl.impute`.

    Returns
    -------
    Reference
        Representations are those of `sigel.stats.coexpression`; `status` says why a gene has none.

    Raises
    ------
    InputError
        When there are fewer than 50 cells with counts, or that differ.
    """
    drawn = _with_counts(section)  # an unfiltered matrix is mostly empty
    if len(drawn) < LEAST_CELLS:
        found = f"{number_of(len(drawn), 'cell')} with counts"
        fix = "Pass raw counts of more cells, or a section with places."
        raise InputError("reference", found, f"{LEAST_CELLS} or more", fix)
    if len(drawn) > max_cells:
        drawn = np.sort(rng.choice(drawn, max_cells, replace=False))
    parts = [chunk for _, chunk in SpotRows.some(section.counts, drawn)]
    counts = sparse.csr_matrix(sparse.vstack(parts, format="csr"))
    library = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    config = ImageConfig()
    named = np.array([name is not None for name in names], dtype=bool)
    beside = left_out(section, config.exclude)
    seen = np.asarray((counts > 0).sum(axis=0)).ravel() >= max(config.min_spots, 1)
    columns = np.flatnonzero(named & ~beside & seen)
    if not len(columns):
        found = "no gene that is detected in its cells and can be used"
        raise InputError("reference", found, "counts of genes", "Is it cells x genes?")
    normalised = log_normalised(counts[:, columns], library, REFERENCE_SUM)
    check_cells_differ(normalised, LEAST_CELLS)
    values = Standardised.of(normalised)
    found_axes = coexpression(values, torch_stream(seed, "co-expression"))
    alone = sparse.identity(len(library), dtype=np.float32, format="csr")
    status = {
        str(names[at]): "excluded by name" if beside[at] else NO_COUNTS
        for at in np.flatnonzero(named & (beside | ~seen))
    }
    return Reference(
        names=np.asarray(names, dtype=object)[columns],
        values=values,
        representations=centred(found_axes.vectors),
        smoothers=dict.fromkeys(scales, alone),
        status=status,
        data_hash=content_hash(
            "\n".join(map(str, section.genes)), counts.indptr, counts.indices, counts.data
        ),
        explained=found_axes.explained,
    )


def _with_counts(section: Section) -> np.ndarray:
    """Numbers of the cells that have counts, after all counts were checked."""
    sums, whole, rows = [], True, section.rows()
    for where, chunk in rows:
        whole &= section.check_values(chunk, where, rows.shape[0])
        sums.append(np.asarray(chunk.sum(axis=1)).ravel())
    if not whole:
        section.tell_of_fractions()
    return np.flatnonzero(np.concatenate(sums) > 0)
