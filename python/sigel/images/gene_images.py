"""Gene images: counts and coordinates become one small picture per gene on a shared grid."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images.counts import SpotRows
from sigel.images.counts import as_csr as as_csr  # known here as well
from sigel.images.raster import Raster, rasterise

if TYPE_CHECKING:
    from anndata import AnnData
from sigel.images.section import check_section

EMBEDDED = "embedded"
# What is hashed at a time: 8 MB as float64.
_HASHED = 2**20
# Chunks of counts wait to be pooled until they hold this many values (64 MB), or half of what is pooled.
_WAITING = 2**23


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

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> images = sigel.GeneImages.from_anndata(adata)
    >>> images.raster.kind
    'hexagonal'
    """

    counts: sparse.csr_matrix
    depth: np.ndarray
    raster: Raster
    genes: np.ndarray
    all_genes: np.ndarray
    status: np.ndarray
    integer: bool
    config: ImageConfig

    @property
    def n_genes(self) -> int:
        """Number of genes that have an image."""
        return self.counts.shape[0]

    @property
    def kept(self) -> np.ndarray:
        """Bool of shape `(n_all_genes,)`: which of `all_genes` have an image."""
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
        check_section(adata)
        if layer is not None and layer not in adata.layers:
            known = ", ".join(map(repr, adata.layers)) or "none"
            raise InputError(
                "layer", repr(layer), f"a layer of the object (there: {known})", "Use layer=None for X."
            )
        values = adata.X if layer is None else adata.layers[layer]
        if values is None:
            raise InputError(
                "layer",
                "an empty X",
                "raw counts",
                'Name the layer that holds them, for example layer="counts".',
            )
        has_lattice = {"array_row", "array_col"} <= set(adata.obs.columns)
        lattice = adata.obs[["array_row", "array_col"]].to_numpy() if has_lattice else None
        coordinates = adata.obsm.get(spatial_key)
        if coordinates is None and (lattice is None or spatial_key != "spatial"):
            known = ", ".join(map(repr, adata.obsm)) or "none"
            fix = f"Store x and y there or pass spatial_key; keys in obsm: {known}."
            raise InputError(
                "spatial_key", f"no adata.obsm[{spatial_key!r}]", "coordinates of the spots", fix
            )
        if coordinates is not None:
            coordinates = np.asarray(coordinates)
        name = f"adata.obsm[{spatial_key!r}]"
        return cls.from_arrays(values, list(adata.var_names), coordinates, lattice, config, name=name)

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
        config = config or ImageConfig()
        spots = SpotRows(counts)
        names = _check_names(genes, spots.shape[1])
        for argument, places in ((name, coordinates), ("array_row, array_col", lattice)):
            if places is not None and len(places) != spots.shape[0]:
                found = f"{len(places)} places for {spots.shape[0]} spots"
                raise InputError(argument, found, "one place for each spot", "Order them as the counts.")
        if 0 in spots.shape:
            found = f"{spots.shape[0]} spots x {spots.shape[1]} genes"
            raise InputError("counts", found, "at least one of both", "Check how the object was subset.")
        raster = rasterise(coordinates, lattice, config, name=name)
        excluded = _matches(names, config.exclude)
        sums = _sums(spots, ~excluded, raster, config)
        if config.normalize != "none" and not sums.integer:
            _warn_of_fractions()

        status = np.full(len(names), EMBEDDED, dtype=object)
        status[sums.detected < max(config.min_spots, 1)] = (
            f"detected in fewer than {max(config.min_spots, 1)} spots"
        )
        status[excluded] = "excluded by name"
        kept = status == EMBEDDED
        if not kept.any():
            if excluded.all():
                fix = "Name other genes, or use the image setting exclude=()."
                raise InputError(
                    "exclude", f"{len(names)} genes, all excluded by name", "some that are not", fix
                )
            found = f"no gene of {len(names)} that passes ({int(excluded.sum())} excluded by name)"
            fix = "Lower it, for example ImageConfig(min_spots=1), or use a section with more spots."
            raise InputError("min_spots", found, f"genes detected in at least {config.min_spots} spots", fix)

        counts = sums.pooled.tocsc()[:, np.flatnonzero(kept)].T.tocsr().astype(np.float32)
        counts.eliminate_zeros()
        counts.sort_indices()
        return cls(
            counts=counts,
            depth=np.bincount(raster.pixel_of_spot, weights=sums.library, minlength=raster.n_pixels),
            raster=raster,
            genes=names[kept],
            all_genes=names,
            status=status,
            integer=sums.integer,
            config=config,
        )

    def take(self, rows: np.ndarray) -> GeneImages:
        """Images of some genes alone, on the same grid and with the depth of the whole section.

        Parameters
        ----------
        rows
            Row numbers of genes, or a mask over them.
        """
        genes = self.genes[rows]
        status = np.full(len(genes), EMBEDDED, dtype=object)
        return replace(self, counts=self.counts[rows], genes=genes, all_genes=genes, status=status)

    def index(self, genes: Sequence[str]) -> np.ndarray:
        """Rows of named genes, shape `(len(genes),)`.

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


def _check_names(genes: Sequence[str], n: int) -> np.ndarray:
    names = np.array([str(gene) for gene in genes], dtype=object)
    if len(names) != n:
        raise InputError(
            "genes", f"{len(names)} names for {n} genes", "one name for each gene", "Check the order."
        )
    broken = [name for name in names if "\n" in name]
    if broken:
        raise InputError("genes", f"{broken[0]!r}", "names without line breaks", "Rename the gene.")
    unique, times = np.unique(names, return_counts=True)
    if len(unique) < n:
        found = f"duplicated names, for example {unique[times > 1][0]!r}"
        raise InputError("genes", found, "different names", "Call adata.var_names_make_unique() first.")
    return names


def _check_values(chunk: sparse.csr_matrix, where: slice, n_spots: int, config: ImageConfig) -> bool:
    """Refuse what cannot be expression; say whether it is counts."""
    data = chunk.data
    among = "" if len(range(n_spots)[where]) == n_spots else f" in spots {where.start} to {where.stop - 1}"
    finite = np.isfinite(data)
    if not finite.all():
        found = f"{int((~finite).sum())} values that are NaN or infinite{among}"
        raise InputError("counts", found, "finite values", "Use the raw counts.")
    least = data.min(initial=0)
    if config.normalize != "none" and least < 0:
        fix = 'Pass the layer of raw counts, or ImageConfig(normalize="none") for values of another kind.'
        raise InputError("counts", f"negative values (smallest {least:.3g}){among}", "counts", fix)
    return bool((data == np.round(data)).all()) and not least < 0


def _warn_of_fractions() -> None:
    warnings.warn(
        "The values are not whole numbers: they are normalised as if they were counts, and thinning is "
        'off. If they are log-normalised already, pass layer="counts" or ImageConfig(normalize="none").',
        UserWarning,
        stacklevel=4,
    )


def _matches(names: np.ndarray, patterns: Sequence[str]) -> np.ndarray:
    compiled = [re.compile(pattern) for pattern in patterns]
    found = (any(pattern.search(name) for pattern in compiled) for name in names)
    return np.fromiter(found, dtype=bool, count=len(names))


class _Sums(NamedTuple):
    """What one pass over the counts finds."""

    pooled: sparse.csr_matrix  # (n_pixels, n_genes): the spots of each pixel added up
    library: np.ndarray  # (n_spots,): counts of each spot over the genes that are not excluded
    detected: np.ndarray  # (n_genes,): spots with the gene
    integer: bool


def _sums(spots: SpotRows, included: np.ndarray, raster: Raster, config: ImageConfig) -> _Sums:
    n_spots, n_genes = spots.shape
    detected, library, integer = np.zeros(n_genes, dtype=np.int64), [], True
    pooled: sparse.csr_matrix | None = None
    waiting: list[sparse.csr_matrix] = []
    stored, begin = 0, 0
    for where, chunk in spots:
        integer &= _check_values(chunk, where, n_spots, config)
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
    pooled: sparse.csr_matrix | None, chunks: list[sparse.csr_matrix], pixel: np.ndarray, n_pixels: int
) -> sparse.csr_matrix:
    """Add spots to their pixels by one sparse product: `(n_pixels, n_genes)`.

    What is pooled already comes first in the sum of each pixel, so values are added in the order of the spots
    and the result does not depend, to the last bit, on where a chunk ends.
    """
    if pooled is not None:
        chunks, pixel = [pooled, *chunks], np.concatenate([np.arange(n_pixels), pixel])
    spots = chunks[0] if len(chunks) == 1 else sparse.vstack(chunks, format="csr")
    ones, at = np.ones(len(pixel), dtype=np.float32), np.arange(len(pixel))
    place = sparse.csr_matrix((ones, (pixel, at)), shape=(n_pixels, len(pixel)))
    return place @ spots
