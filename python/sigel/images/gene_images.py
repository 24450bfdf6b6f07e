"""Gene images: counts and coordinates become one small picture per gene on a shared grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images.canvas import on_one_canvas
from sigel.images.named_columns import as_places
from sigel.images.pooling import images_of, left_out, read_section
from sigel.images.raster import Raster
from sigel.images.section import Called, Section, in_section, joined_genes
from sigel.runtime.provenance import content_hash

if TYPE_CHECKING:
    from anndata import AnnData

EMBEDDED = "embedded"


@dataclass(frozen=True)
class GeneImages:
    """The pictures of all genes of one section or several, kept sparse until a batch of them is needed.

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
    sections
        Names of the sections, in the order of their pixels (`raster.parts`); empty for one section.
    present
        Bool `(n_genes, n_sections)`: which genes have an image in which section; None for one section. A
        gene has no counts on the pixels of a section without its image.

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
    sections: tuple[str, ...] = ()
    present: Bool[np.ndarray, "n_genes n_sections"] | None = None

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
        counts, raster = self.counts, self.raster
        parts = (counts.data, counts.indices, counts.indptr, self.depth, raster.pixel_of_spot)
        names = ["\n".join([raster.kind, *self.genes])]
        if self.sections:
            names.append("\n".join([*self.sections, *map(str, raster.starts)]))
        return content_hash(*parts, raster.rows, raster.cols, raster.affine.ravel(), *names)

    @classmethod
    def from_anndata(
        cls,
        adata: AnnData,
        config: ImageConfig | None = None,
        *,
        layer: str | None = None,
        spatial_key: str = "spatial",
        section_key: str | None = None,
    ) -> GeneImages:
        """Images of an AnnData's genes; the object is only read.

        Parameters
        ----------
        adata
            Spots x genes; raw counts in `X` or in `layer`; `obsm[spatial_key]`, and `obs["array_row"]`,
            `obs["array_col"]` where the platform has a lattice. Spots beside the tissue, where
            `obs["in_tissue"]` is 0, are left out: pixels are of the others alone. The counts may lie on disk:
            `X` of a backed object (`anndata.read_h5ad(path, backed="r")`, whose layers anndata reads into
            memory), or a sparse dataset, zarr or dask array as `X` or layer. They are read once, some spots
            at a time; a subset of a backed object is read into memory by anndata itself.
        config
            Settings; default `ImageConfig()`.
        layer
            Layer with the counts; default `X`.
        spatial_key
            Key in `obsm` of the coordinates.
        section_key
            Column of `obs` that tells several sections apart; each has pixels of its own. None: one section.

        Raises
        ------
        InputError
            When counts, names or coordinates cannot be used; the message names the fix.
        """
        section = Section.from_anndata(adata, layer=layer, spatial_key=spatial_key, section_key=section_key)
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
            `(n_spots, 2)`, x and y; of a table, the columns that are named so.
        lattice
            `(n_spots, 2)`, array row and column, or None.
        config
            Settings; default `ImageConfig()`.
        name
            What the caller calls the coordinates, for messages.
        """
        called = Called(places=name)
        coordinates = None if coordinates is None else as_places(coordinates, name)
        return cls.from_section(
            Section(counts, np.array(list(genes), dtype=object), coordinates, lattice, called=called), config
        )

    @classmethod
    def from_section(cls, section: Section, config: ImageConfig | None = None) -> GeneImages:
        """Images of a section; its counts are read once, some spots at a time.

        Several sections, told apart by the section's labels, are read one after the other, and each has
        pixels of its own: see `from_sections`.

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
        parts = list(section.parts())
        if len(parts) > 1:
            # What is wrong with all of them is told of all of them.
            at = np.arange(section.rows().shape[0])
            taken = ((str(name), section.take(spots)) for name, spots in parts)
            return cls.from_sections(taken, config, spots=[at[spots] for _, spots in parts])
        sums, excluded = read_section(section, config), left_out(section, config.exclude)
        status = _status(sums.detected, excluded, config)
        kept = status == EMBEDDED
        return cls(
            counts=images_of(sums.pooled, np.flatnonzero(kept)),
            depth=sums.depth,
            raster=sums.raster,
            genes=section.genes[kept],
            all_genes=section.genes,
            status=status,
            integer=sums.integer,
            config=config,
        )

    @classmethod
    def from_sections(
        cls,
        sections: Iterable[tuple[str, Section]],
        config: ImageConfig | None = None,
        *,
        spots: Sequence[Int[np.ndarray, " _"]] | None = None,
    ) -> GeneImages:
        """Images of several sections on one canvas, each on pixels of its own.

        Parameters
        ----------
        sections
            Name and section; genes are matched by name, and need not be in all of them.
        config
            Settings; default `ImageConfig()`.
        spots
            Where the spots of each section stand among all; default: one section after the other.

        Returns
        -------
        GeneImages
            Of the genes that have an image in at least one section: detected in `min_spots` of its spots. One
            section alone gives the images of `from_section`.

        Raises
        ------
        InputError
            When what a section holds cannot be used; the message names the section and the fix.
        """
        config = config or ImageConfig()
        names, panels, sums, apart = [], [], [], []
        for name, section in sections:
            with in_section(name):
                sums.append(read_section(section, config))
            names.append(name)
            panels.append(section.genes)
            apart.append(left_out(section, config.exclude))
        genes, rows = joined_genes(panels)
        detected = np.zeros((len(genes), len(names)), dtype=np.int64)
        excluded = np.zeros(len(genes), dtype=bool)
        for k, one in enumerate(sums):
            detected[rows[k], k] = one.detected
            excluded[rows[k]] |= apart[k]
        status = _status(detected.max(axis=1), excluded, config)
        kept = np.flatnonzero(status == EMBEDDED)
        present = detected[kept] >= max(config.min_spots, 1)
        parts = []
        for k, one in enumerate(sums):
            column = np.full(len(genes), -1)
            column[rows[k]] = np.arange(len(rows[k]))
            parts.append(images_of(one.pooled, np.where(present[:, k], column[kept], -1)))
        alone = len(sums) == 1  # as any other section: on its own grid, and without a name
        return cls(
            counts=parts[0] if alone else sparse.csr_matrix(sparse.hstack(parts, format="csr")),
            depth=np.concatenate([one.depth for one in sums]),
            raster=sums[0].raster if alone else on_one_canvas([one.raster for one in sums], spots),
            genes=genes[kept],
            all_genes=genes,
            status=status,
            integer=all(one.integer for one in sums),
            config=config,
            sections=() if alone else tuple(names),
            present=None if alone else present,
        )

    def section(self, k: int) -> GeneImages:
        """Images of one of several sections alone; of genes that it lacks they are empty.

        Parameters
        ----------
        k
            Its number.
        """
        part = self.raster.parts[k]
        counts, depth = self.counts[:, part].tocsr(), self.depth[part]
        return replace(
            self, counts=counts, depth=depth, raster=self.raster.section(k), sections=(), present=None
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
        present = None if self.present is None else self.present[rows]
        return replace(
            self, counts=self.counts[rows], genes=genes, all_genes=genes, status=status, present=present
        )

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
        fix = 'Lower it, for example config={"image": {"min_spots": 1}}, or use a section with more spots.'
        raise InputError("min_spots", found, f"genes detected in at least {config.min_spots} spots", fix)
    return status
