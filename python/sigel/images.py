"""Gene images: counts and coordinates become one small picture per gene on a shared grid."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.raster import Raster, rasterise

if TYPE_CHECKING:
    from anndata import AnnData

EMBEDDED = "embedded"


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
        for part in (counts.data, counts.indices, counts.indptr, self.depth, raster.pixel_of_spot):
            digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
        for part in (raster.rows, raster.cols, raster.affine):
            digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
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
            `obs["array_col"]` where the platform has a lattice.
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
        counts: sparse.spmatrix | np.ndarray,
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
            `(n_spots, n_genes)`, sparse or dense, not negative.
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
        matrix = as_csr(counts)
        names = _check_names(genes, matrix.shape[1])
        for argument, places in ((name, coordinates), ("array_row, array_col", lattice)):
            if places is not None and len(places) != matrix.shape[0]:
                found = f"{len(places)} places for {matrix.shape[0]} spots"
                raise InputError(argument, found, "one place for each spot", "Order them as the counts.")
        if 0 in matrix.shape:
            found = f"{matrix.shape[0]} spots x {matrix.shape[1]} genes"
            raise InputError("counts", found, "at least one of both", "Check how the object was subset.")
        integer = _check_values(matrix, config)
        raster = rasterise(coordinates, lattice, config, name=name)

        excluded = _matches(names, config.exclude)
        detected = np.bincount(matrix.indices[matrix.data != 0], minlength=len(names))
        status = np.full(len(names), EMBEDDED, dtype=object)
        status[detected < max(config.min_spots, 1)] = (
            f"detected in fewer than {max(config.min_spots, 1)} spots"
        )
        status[excluded] = "excluded by name"
        kept = status == EMBEDDED
        if not kept.any():
            if excluded.all():
                fix = "Name other genes, or pass ImageConfig(exclude=())."
                raise InputError(
                    "exclude", f"{len(names)} genes, all excluded by name", "some that are not", fix
                )
            found = f"no gene of {len(names)} that passes ({int(excluded.sum())} excluded by name)"
            fix = "Lower it, for example ImageConfig(min_spots=1), or use a section with more spots."
            raise InputError("min_spots", found, f"genes detected in at least {config.min_spots} spots", fix)

        library = matrix @ (~excluded).astype(matrix.dtype)
        depth = np.bincount(raster.pixel_of_spot, weights=library, minlength=raster.n_pixels)
        return cls(
            counts=_pool(matrix, kept, raster),
            depth=depth,
            raster=raster,
            genes=names[kept],
            all_genes=names,
            status=status,
            integer=integer,
            config=config,
        )

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
                    else f"{gene!r}, unknown here"
                )
                raise InputError(
                    "genes", found, "names of genes that have an image", "See `status` of each gene."
                )
        return np.array([position[gene] for gene in genes], dtype=np.int64)


def check_section(adata: object) -> None:
    """Refuse what is no AnnData.

    Parameters
    ----------
    adata
        What a caller passed as a section.

    Raises
    ------
    InputError
        When it is something else.
    """
    if not (hasattr(adata, "obsm") and hasattr(adata, "varm")):
        fix = "For plain arrays use sigel.GeneImages.from_arrays and sigel.SIGEL."
        raise InputError("adata", f"an object of class {type(adata).__name__}", "an AnnData", fix)


def as_csr(counts: sparse.spmatrix | np.ndarray) -> sparse.csr_matrix:
    """Counts of any sparse layout or dense, `(n_spots, n_genes)`, as floating-point CSR.

    Parameters
    ----------
    counts
        Not copied where it is that already.

    Raises
    ------
    InputError
        When it holds no numbers, or lies on disk.
    """
    if not sparse.issparse(counts):
        if type(counts).__module__.partition(".")[0] in ("anndata", "h5py"):
            found, fix = "counts on disk (a backed object)", "Call adata.to_memory() first."
            raise InputError("counts", found, "counts in memory", fix)
        counts = np.asarray(counts)
        if counts.ndim != 2 or counts.dtype.kind not in "fiub":
            found = f"an array of shape {counts.shape} and type {counts.dtype}"
            raise InputError("counts", found, "numbers, spots x genes", "Pass a numeric matrix.")
    if np.dtype(counts.dtype) == np.float16:  # scipy knows no sparse half precision
        counts = counts.astype(np.float32)
    matrix = sparse.csr_matrix(counts)
    return matrix if matrix.dtype.kind == "f" else matrix.astype(np.float32)


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


def _check_values(matrix: sparse.csr_matrix, config: ImageConfig) -> bool:
    """Refuse what cannot be expression; say whether it is counts."""
    data = matrix.data
    if not np.isfinite(data).all():
        n = int((~np.isfinite(data)).sum())
        raise InputError(
            "counts", f"{n} values that are NaN or infinite", "finite values", "Use the raw counts."
        )
    if config.normalize != "none" and data.size and data.min() < 0:
        fix = 'Pass the layer of raw counts, or ImageConfig(normalize="none") for values of another kind.'
        raise InputError("counts", f"negative values (smallest {data.min():.3g})", "counts", fix)
    integer = bool((data == np.round(data)).all()) and not (data.size and data.min() < 0)
    if config.normalize != "none" and not integer:
        warnings.warn(
            "The values are not whole numbers: they are normalised as if they were counts, and thinning is "
            'off. If they are log-normalised already, pass layer="counts" or ImageConfig(normalize="none").',
            UserWarning,
            stacklevel=4,
        )
    return integer


def _matches(names: np.ndarray, patterns: Sequence[str]) -> np.ndarray:
    compiled = [re.compile(pattern) for pattern in patterns]
    found = (any(pattern.search(name) for pattern in compiled) for name in names)
    return np.fromiter(found, dtype=bool, count=len(names))


def _pool(matrix: sparse.csr_matrix, kept: np.ndarray, raster: Raster) -> sparse.csr_matrix:
    """Sum the spots of each pixel: `(n_spots, n_genes)` to `(n_kept_genes, n_pixels)`, one sparse product."""
    n_spots = matrix.shape[0]
    place = sparse.csr_matrix(
        (np.ones(n_spots, dtype=np.float32), (raster.pixel_of_spot, np.arange(n_spots))),
        shape=(raster.n_pixels, n_spots),
    )
    pooled = (place @ matrix).tocsc()[:, np.flatnonzero(kept)].T.tocsr().astype(np.float32)
    pooled.eliminate_zeros()
    pooled.sort_indices()
    return pooled
