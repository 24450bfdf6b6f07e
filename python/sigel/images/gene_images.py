"""Gene images: counts and coordinates become one small picture per gene on a shared grid."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images.counts import SpotRows
from sigel.images.raster import Raster, rasterise
from sigel.images.section import Called, Section

if TYPE_CHECKING:
    from anndata import AnnData

EMBEDDED = "embedded"
# What is hashed at a time: 8 MB as float64.
_HASHED = 2**20
# Chunks of counts wait to be pooled until they hold this many values (64 MB), or half of what is pooled.
_WAITING = 2**23
# What else can be done with values that are no counts.
_INSTEAD = ', or use ImageConfig(normalize="none") for values of another kind'


@dataclass(frozen=True)
class GeneImages:
    """The pictures of all genes of one section, kept sparse until a batch of them is needed.

    Parameters
    ----------
    counts
        CSR of shape `(n_genes, n_pixels)`: what the spots of a pixel add up to, for the kept genes.
    depth
        Library size of each pixel over all genes that are not excluded by name, shape `(n_pixels,)`.
    raster
        Grid, mask and the pixel of each spot.
    genes
        Names of the kept genes, shape `(n_genes,)`.
    all_genes
        Names of all genes that came in, in their order.
    status
        For each of `all_genes`: `"embedded"`, or why there is no image.
    integer
        Whether the input was counts; only counts can be thinned.
    config
        Settings they were made with.

    Notes
    -----
    One small picture a gene as in Genome Biology 2025, 26:287. Only the counts are kept; pictures are made of
    them when they are needed (`sigel.images.tensors.ImageViews`). With c_p the counts of a gene in pixel p,
    those of its spots added up, d_p the share of the pixel in `depth`, and t the sum of c_p over pixels, the
    default is

        r_p = (c_p - t d_p) / sqrt(t d_p + (t d_p)^2 / 100), held within +-sqrt(n_pixels),
        x_p = (r_p - mean of r) / (standard deviation of r), held within +-clip:

    Pearson residuals of counts that know the library alone (Lause, Berens and Kobak 2021, Genome Biology
    22:258), as z-scores. `normalize="log"` has `r_p = log(1 + m c_p / depth_p)` instead, m the median over
    pixels of the mean library of their spots.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> images = sigel.GeneImages.from_anndata(adata)
    >>> images.raster.kind
    'hexagonal'
    """

    counts: Float[sparse.csr_matrix, "n_genes n_pixels"]
    depth: Float[np.ndarray, " n_pixels"]
    raster: Raster
    genes: Shaped[np.ndarray, " n_genes"]
    all_genes: Shaped[np.ndarray, " n_all_genes"]
    status: Shaped[np.ndarray, " n_all_genes"]
    integer: bool
    config: ImageConfig

    @property
    def n_genes(self) -> int:
        """Number of genes that have an image."""
        return self.counts.shape[0]

    @property
    def kept(self) -> Bool[np.ndarray, " n_all_genes"]:
        """Which of `all_genes` have an image."""
        return self.status == EMBEDDED

    @cached_property
    def data_hash(self) -> str:
        """Short hash of all that images are made of: the same input gives the same hash."""
        digest = hashlib.sha256()
        counts, raster = self.counts, self.raster
        parts = (counts.data, counts.indices, counts.indptr, self.depth, raster.pixel_of_spot)
        for part in (*parts, raster.rows, raster.cols, raster.affine.ravel()):
            # By pieces: as numbers of eight bytes all at once would be twice the images.
            for start in range(0, len(part), _HASHED):
                digest.update(part[start : start + _HASHED].astype(np.float64).tobytes())
        digest.update("\n".join([raster.kind, *self.genes]).encode())
        return digest.hexdigest()[:16]

    @classmethod
    def from_anndata(
        cls,
        adata: AnnData,
        config: ImageConfig | None = None,
        *,
        layer: str | None = None,
        spatial_key: str = "spatial",
    ) -> GeneImages:
        """Images of an AnnData's genes; the object is only read.

        Parameters
        ----------
        adata
            Spots x genes; raw counts in `X` or in `layer`; `obsm[spatial_key]`, and `obs["array_row"]`,
            `obs["array_col"]` where the platform has a lattice. The counts may lie on disk: `X` of
            a backed object (`anndata.read_h5ad(path, backed="r")`, whose layers anndata reads into memory),
            or a sparse dataset, zarr or dask array as `X` or layer. They are read once, some spots at a
            time; a subset of a backed object is read into memory by anndata itself.
        config
            Settings; default `ImageConfig()`.
        layer
            Layer with the counts; default `X`.
        spatial_key
            Key in `obsm` of the coordinates.

        Raises
        ------
        InputError
            When counts, names or coordinates cannot be used; the message names the fix.
        """
        section = Section.from_anndata(adata, layer=layer, spatial_key=spatial_key)
        return cls.from_section(section, config)

    @classmethod
    def from_arrays(
        cls,
        counts: Any,
        genes: Sequence[str],
        coordinates: np.ndarray | None,
        lattice: np.ndarray | None = None,
        config: ImageConfig | None = None,
        *,
        name: str = "coordinates",
    ) -> GeneImages:
        """Images from plain arrays.

        Parameters
        ----------
        counts
            `(n_spots, n_genes)`, sparse or dense, not negative; in memory or on disk, as in
            `sigel.images.counts.SpotRows`.
        genes
            `n_genes` different names.
        coordinates
            `(n_spots, 2)`, x and y.
        lattice
            `(n_spots, 2)`, array row and column, or None.
        config
            Settings; default `ImageConfig()`.
        name
            What the caller calls the coordinates, for messages.
        """
        called = Called(places=name)
        return cls.from_section(
            Section(counts, np.array(list(genes), dtype=object), coordinates, lattice, called=called), config
        )

    @classmethod
    def from_section(cls, section: Section, config: ImageConfig | None = None) -> GeneImages:
        """Images of a section; its counts are read once, some spots at a time.

        Parameters
        ----------
        section
            Counts, genes and places.
        config
            Settings; default `ImageConfig()`.

        Raises
        ------
        InputError
            When counts, names or coordinates cannot be used; the message names the fix.
        """
        config = config or ImageConfig()
        rows = section.rows()
        raster = rasterise(section.coordinates, section.lattice, config, name=section.called.places)
        excluded = _matches(section.genes, config.exclude)
        sums = _sums(section, rows, ~excluded, raster, config)
        if config.normalize != "none" and not sums.integer:
            section.tell_of_fractions(_INSTEAD)
        status = _status(sums.detected, excluded, config)
        kept = status == EMBEDDED
        counts = sums.pooled.tocsc()[:, np.flatnonzero(kept)].T.tocsr().astype(np.float32)
        counts.eliminate_zeros()
        counts.sort_indices()
        return cls(
            counts=counts,
            depth=np.bincount(raster.pixel_of_spot, weights=sums.library, minlength=raster.n_pixels),
            raster=raster,
            genes=section.genes[kept],
            all_genes=section.genes,
            status=status,
            integer=sums.integer,
            config=config,
        )

    def take(self, rows: Shaped[np.ndarray, " n"]) -> GeneImages:
        """Images of some genes alone, on the same grid and with the depth of the whole section.

        Parameters
        ----------
        rows
            Row numbers of genes, or a mask over them.
        """
        genes = self.genes[rows]
        status = np.full(len(genes), EMBEDDED, dtype=object)
        return replace(self, counts=self.counts[rows], genes=genes, all_genes=genes, status=status)

    def index(self, genes: Sequence[str]) -> Int[np.ndarray, " n"]:
        """Rows of named genes.

        Parameters
        ----------
        genes
            Names of genes that have an image.

        Raises
        ------
        InputError
            When a gene is unknown or has no image; says why.
        """
        position = {gene: row for row, gene in enumerate(self.genes)}
        for gene in genes:
            if isinstance(gene, bool | np.bool_):
                fix = "Pass the names, for example adata.var_names[mask]."
                raise InputError("genes", "a mask of True and False", "names of genes", fix)
            if gene not in position:
                known = dict(zip(self.all_genes, self.status, strict=True))
                found = (
                    f"{gene!r}, which has no image: {known[gene]}"
                    if gene in known
                    else unknown_name(gene, self.genes)
                )
                raise InputError(
                    "genes", found, "names of genes that have an image", "See `status` of each gene."
                )
        return np.array([position[gene] for gene in genes], dtype=np.int64)


def _matches(names: Shaped[np.ndarray, " n_genes"], patterns: Sequence[str]) -> Bool[np.ndarray, " n_genes"]:
    compiled = [re.compile(pattern) for pattern in patterns]
    found = (any(pattern.search(name) for pattern in compiled) for name in names)
    return np.fromiter(found, dtype=bool, count=len(names))


def _status(
    detected: Int[np.ndarray, " n_genes"], excluded: Bool[np.ndarray, " n_genes"], config: ImageConfig
) -> Shaped[np.ndarray, " n_genes"]:
    """`"embedded"` or why there is no image, for each gene; a refusal where there is none at all."""
    least = max(config.min_spots, 1)
    status = np.full(len(excluded), EMBEDDED, dtype=object)
    status[detected < least] = f"detected in fewer than {least} spots"
    status[excluded] = "excluded by name"
    if excluded.all():
        found, fix = (
            f"{len(excluded)} genes, all excluded by name",
            "Name other genes, or use the image setting exclude=().",
        )
        raise InputError("exclude", found, "some that are not", fix)
    if not (status == EMBEDDED).any():
        found = f"no gene of {len(excluded)} that passes ({int(excluded.sum())} excluded by name)"
        fix = "Lower it, for example ImageConfig(min_spots=1), or use a section with more spots."
        raise InputError("min_spots", found, f"genes detected in at least {config.min_spots} spots", fix)
    return status


class _Sums(NamedTuple):
    """What one pass over the counts finds."""

    pooled: Float[sparse.csr_matrix, "n_pixels n_genes"]  # the spots of each pixel added up
    library: Float[np.ndarray, " n_spots"]  # counts of each spot over the genes that are not excluded
    detected: Int[np.ndarray, " n_genes"]  # spots with the gene
    integer: bool


def _sums(
    section: Section,
    rows: SpotRows,
    included: Bool[np.ndarray, " n_genes"],
    raster: Raster,
    config: ImageConfig,
) -> _Sums:
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
    return _Sums(pooled, np.concatenate(library), detected, integer)


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
    ones, at = np.ones(len(pixel), dtype=np.float32), np.arange(len(pixel))
    place = sparse.csr_matrix((ones, (pixel, at)), shape=(n_pixels, len(pixel)))
    return place @ spots
