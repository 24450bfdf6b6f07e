"""The counts of a section, read once: the spots of each pixel added up, and who was detected how often."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy import sparse

from sigel.config import ImageConfig
from sigel.images.counts import SpotRows
from sigel.images.raster import Raster, rasterise
from sigel.images.section import Section

# Chunks of counts wait to be pooled until they hold this many values (64 MB), or half of what is pooled.
_WAITING = 2**23
# What else can be done with values that are no counts.
_INSTEAD = ', or use config={"image": {"normalize": "none"}} for values of another kind'


def left_out(section: Section, exclude: Sequence[str]) -> Bool[np.ndarray, " n_genes"]:
    """Features of a section that are no genes to look at, by name or by kind.

    Parameters
    ----------
    section
        What knows their names and kinds.
    exclude
        Regular expressions of names; where there are none, nothing is left out, by its kind neither.
    """
    found = matching(section.genes, exclude)
    return found | section.apart if section.apart is not None and len(exclude) else found


def matching(names: Shaped[np.ndarray, " n_genes"], patterns: Sequence[str]) -> Bool[np.ndarray, " n_genes"]:
    """Names that one of the patterns is found in.

    Parameters
    ----------
    names
        Of genes.
    patterns
        Regular expressions.
    """
    found = np.zeros(len(names), dtype=bool)
    for pattern in patterns:
        # `map` calls the search without a step of Python between two names.
        found |= np.fromiter(map(bool, map(re.compile(pattern).search, names)), dtype=bool, count=len(names))
    return found


class Sums(NamedTuple):
    """What one pass over the counts finds."""

    raster: Raster
    pooled: Float[sparse.csr_matrix, "n_pixels n_genes"]  # the spots of each pixel added up
    depth: Float[np.ndarray, " n_pixels"]  # counts of each pixel over the genes that are not excluded
    detected: Int[np.ndarray, " n_genes"]  # spots with the gene
    integer: bool


def read_section(section: Section, config: ImageConfig) -> Sums:
    """The pixels of one section, and what its spots add up to on them.

    Parameters
    ----------
    section
        Its labels are not looked at.
    config
        Settings.
    """
    rows = section.rows()
    raster = rasterise(section.coordinates, section.lattice, config, name=section.called.places)
    sums = _sums(section, rows, ~left_out(section, config.exclude), raster, config)
    if config.normalize != "none" and not sums.integer:
        section.tell_of_fractions(_INSTEAD)
    return sums


def _sums(
    section: Section,
    rows: SpotRows,
    included: Bool[np.ndarray, " n_genes"],
    raster: Raster,
    config: ImageConfig,
) -> Sums:
    n_spots, n_genes = rows.shape
    signed = config.normalize == "none"
    detected, library, integer = np.zeros(n_genes, dtype=np.int64), [], True
    pooled: sparse.csr_matrix | None = None
    waiting: list[sparse.csr_matrix] = []
    stored, begin = 0, 0
    for where, chunk in rows:
        integer &= section.check_values(chunk, where, n_spots, negative=signed, instead=_INSTEAD)
        detected += np.bincount(chunk.indices[chunk.data != 0], minlength=n_genes)
        library.append(chunk @ included.astype(chunk.dtype))
        waiting.append(chunk)
        stored += chunk.nnz
        # What is pooled is written anew with each chunk: the larger it is, the more chunks at once.
        if stored >= max(_WAITING, 0 if pooled is None else pooled.nnz // 2) or where.stop == n_spots:
            pooled = _pool(pooled, waiting, raster.pixel_of_spot[begin : where.stop], raster.n_pixels)
            waiting, stored, begin = [], 0, where.stop
    assert pooled is not None  # there is a spot
    depth = np.bincount(raster.pixel_of_spot, weights=np.concatenate(library), minlength=raster.n_pixels)
    return Sums(raster, pooled, depth, detected, integer)


def images_of(
    pooled: Float[sparse.csr_matrix, "n_pixels n_all"], columns: Int[np.ndarray, " n_genes"]
) -> Float[sparse.csr_matrix, "n_genes n_pixels"]:
    """Counts of genes on pixels.

    Parameters
    ----------
    pooled
        From `read_section`.
    columns
        Of the genes in it; -1 for genes without counts.
    """
    found = columns >= 0
    counts = pooled.tocsc()[:, columns[found]].T.tocsr().astype(np.float32)
    counts.eliminate_zeros()
    counts.sort_indices()
    if found.all():
        return counts
    lengths = np.zeros(len(columns), dtype=counts.indptr.dtype)
    lengths[found] = np.diff(counts.indptr)
    indptr = np.append(0, np.cumsum(lengths)).astype(counts.indptr.dtype)
    return sparse.csr_matrix((counts.data, counts.indices, indptr), shape=(len(columns), pooled.shape[0]))


def _pool(
    pooled: Float[sparse.csr_matrix, "{n_pixels} n_genes"] | None,
    chunks: list[sparse.csr_matrix],
    pixel: Int[np.ndarray, " n_waiting"],
    n_pixels: int,
) -> Float[sparse.csr_matrix, "{n_pixels} n_genes"]:
    """Add spots to their pixels by one sparse product.

    What is pooled already comes first in the sum of each pixel, so values are added in the order of the spots
    and the result does not depend, to the last bit, on where a chunk ends.
    """
    if pooled is not None:
        chunks, pixel = [pooled, *chunks], np.concatenate([np.arange(n_pixels), pixel])
    spots = chunks[0] if len(chunks) == 1 else sparse.vstack(chunks, format="csr")
    if np.array_equal(np.sort(pixel), np.arange(n_pixels)) and spots.has_canonical_format:
        # A spot to every pixel: nothing to add.
        return spots if (np.diff(pixel) > 0).all() else spots[np.argsort(pixel)]
    ones, at = np.ones(len(pixel), dtype=np.float32), np.arange(len(pixel))
    place = sparse.csr_matrix((ones, (pixel, at)), shape=(n_pixels, len(pixel)))
    return place @ spots
