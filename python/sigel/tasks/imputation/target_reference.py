"""The two sides of imputation: the section with a panel, and the sections with all genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.section import Section
from sigel.model import SIGEL
from sigel.model.section_model import section_model
from sigel.stats.nearest_means import mean_of_nearest
from sigel.stats.scaling import centred, log_normalised
from sigel.stats.standardised import Standardised

# Counts of a reference's spot after normalisation; the level in the target is learned from the shared genes.
REFERENCE_SUM = 10_000.0
# Genes that are worked on at a time.
BLOCK = 512


@dataclass(frozen=True)
class Panel:
    """Genes of a panel over all cells of the target, as z-scores.

    Parameters
    ----------
    names
        `(n_genes,)`; measured genes, then those that earlier rounds imputed.
    values
        z-scores of the normalised values, `(n_cells, n_genes)`.
    level
        Mean of the normalised values of a cell over the measured genes, `(n_cells,)`.
    """

    names: np.ndarray
    values: Standardised
    level: np.ndarray

    def joined(self, names: np.ndarray, values: np.ndarray) -> Panel:
        """With imputed genes, which weigh as much as their prediction varies.

        Parameters
        ----------
        names
            `(n_more,)`.
        values
            Predicted z-scores, `(n_cells, n_more)`.
        """
        return Panel(np.concatenate([self.names, names]), self.values.joined(values), self.level)


@dataclass(frozen=True)
class Target:
    """The section whose unmeasured genes are wanted.

    Parameters
    ----------
    section
        Its counts and places.
    scales
        Numbers of nearest cells that are averaged over.
    target_sum
        Counts of a cell after normalisation; None: the median library.
    """

    section: Section
    scales: tuple[int, ...]
    target_sum: float | None

    @property
    def n_cells(self) -> int:
        """Cells of the section."""
        return int(self.section.counts.shape[0])

    @cached_property
    def library(self) -> np.ndarray:
        """Counts of each cell over all genes measured, `(n_cells,)`."""
        return np.asarray(self.section.counts.sum(axis=1), dtype=np.float64).ravel()

    @cached_property
    def sum(self) -> float:
        """Counts of a cell after normalisation."""
        return (
            float(np.median(self.library[self.library > 0])) if self.target_sum is None else self.target_sum
        )

    @cached_property
    def column(self) -> Mapping[str, int]:
        """Column of each measured gene."""
        return {str(gene): at for at, gene in enumerate(self.section.genes)}

    @cached_property
    def smoothers(self) -> dict[int, sparse.csr_matrix]:
        """Means over the nearest cells for each scale, `(n_cells, n_cells)` sparse."""
        return smoothers(self.section.coordinates, self.scales)

    def measured(self, names: Sequence[str] | np.ndarray) -> sparse.csr_matrix:
        """Normalised values of some measured genes, `(n_cells, len(names))`.

        Parameters
        ----------
        names
            Measured genes.
        """
        columns = [self.column[str(name)] for name in names]
        return log_normalised(self.section.counts[:, columns], self.library, self.sum)

    def panel(self, names: np.ndarray, without: np.ndarray | None = None) -> Panel:
        """The panel as it would be if some genes had not been measured, their share of the libraries neither.

        Parameters
        ----------
        names
            Genes of the panel.
        without
            Genes that nobody shall know of; default: none.
        """
        counts = self.section.counts[:, [self.column[str(name)] for name in names]]
        library = self.library
        if without is not None and len(without):
            hidden = self.section.counts[:, [self.column[str(name)] for name in without]]
            library = library - np.asarray(hidden.sum(axis=1), dtype=np.float64).ravel()
        values = log_normalised(counts, library, self.sum)
        level = np.asarray(values.mean(axis=1), dtype=np.float64).ravel()
        return Panel(np.asarray(names, dtype=object), Standardised.of(values), level)


@dataclass(frozen=True)
class Reference:
    """A section of which all genes are known, or cells without places; of these, genes with a vector.

    Parameters
    ----------
    names
        Genes with an image, as the target spells them, `(n_genes,)`.
    values
        z-scores of the normalised values, `(n_spots, n_genes)`.
    representations
        SGRs, or vectors of co-expression, centred on the mean of all genes and of length 1, float64
        `(n_genes, n_dims)`.
    smoothers
        Means over the nearest spots for each scale.
    status
        Of each gene without an image: why.
    data_hash
        Of the images.
    explained
        Of dissociated cells, which have no places: share of each gene's variance along the axes of
        co-expression, `(n_genes,)`. None: a section.
    """

    names: np.ndarray
    values: Standardised
    representations: np.ndarray
    smoothers: dict[int, sparse.csr_matrix]
    status: dict[str, str]
    data_hash: str
    explained: np.ndarray | None = None
    row: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "row", {str(name): at for at, name in enumerate(self.names)})

    @classmethod
    def prepare(
        cls,
        section: Section,
        names: np.ndarray,
        scales: tuple[int, ...],
        *,
        model: SIGEL | str | Path | None,
        max_spots: int,
        rng: np.random.Generator,
        seed: int,
        device: str | torch.device,
    ) -> Reference:
        """Make images and representations of a section.

        Parameters
        ----------
        section
            Its counts and places.
        names
            Its genes as the target spells them; None where a gene is not to be used.
        scales
            Numbers of nearest spots that are averaged over.
        model
            As in `sigel.model.section_model.section_model`.
        max_spots
            Spots used; of more a sample is drawn.
        rng
            Draws the sample.
        seed, device
            As in `sigel.SIGEL`.
        """
        config = ImageConfig()
        if model is not None:
            model = model if isinstance(model, SIGEL) else SIGEL.load(model, device=device, argument="model")
            config = model.config.image
        try:
            images = GeneImages.from_section(section, config)
        except InputError as error:
            found = f"a section without usable images (`{error.argument}`: {error.found})"
            raise InputError("reference", found, error.wanted, error.fix) from error
        fitted = section_model(images, model, seed=seed, device=device)
        z = np.asarray(fitted.transform(images), dtype=np.float64)
        z = centred(z)
        column = {str(gene): at for at, gene in enumerate(section.genes)}
        wanted = np.array([names[column[str(gene)]] is not None for gene in images.genes], dtype=bool)
        columns = np.array([column[str(gene)] for gene in images.genes[wanted]], dtype=np.int64)
        places = section.coordinates if section.coordinates is not None else section.lattice
        library = np.asarray(section.counts.sum(axis=1), dtype=np.float64).ravel()
        values = log_normalised(section.counts[:, columns], library, REFERENCE_SUM)
        check_cells_differ(values, 2)
        if len(library) > max_spots:
            kept = np.sort(rng.choice(len(library), max_spots, replace=False))
            values, places = values[kept], np.asarray(places)[kept]
        status = {
            str(names[column[str(gene)]]): str(why)
            for gene, why in zip(images.all_genes, images.status, strict=True)
            if why != "embedded" and names[column[str(gene)]] is not None
        }
        return cls(
            names=np.asarray(names, dtype=object)[columns],
            values=Standardised.of(values),
            representations=z[wanted],
            smoothers=smoothers(places, scales),
            status=status,
            data_hash=images.data_hash,
        )

    def rows(self, names: Sequence[str] | np.ndarray) -> np.ndarray:
        """Positions of named genes.

        Parameters
        ----------
        names
            Genes with an image.
        """
        return np.array([self.row[str(name)] for name in names], dtype=np.int64)

    @property
    def pattern(self) -> np.ndarray:
        """How much of each gene is pattern: Moran's I, of dissociated cells the share that axes explain."""
        return self._moran if self.explained is None else self.explained

    @cached_property
    def _moran(self) -> np.ndarray:
        """Moran's I of every gene over the nearest spots of the second scale, `(n_genes,)`."""
        scale = next((k for k in self.smoothers if k > 1), 1)
        weights, n = self.smoothers[scale], self.values.shape[0]
        matrix = sparse.csc_matrix(self.values.matrix)
        share = np.empty(matrix.shape[1])
        for start in range(0, matrix.shape[1], BLOCK):
            block = slice(start, start + BLOCK)
            values = sparse.csr_matrix(matrix[:, block])
            around = weights @ values  # (n_spots, BLOCK), sparse
            cross = np.asarray(values.multiply(around).sum(axis=0), dtype=np.float64).ravel()
            total = np.asarray(around.sum(axis=0), dtype=np.float64).ravel()
            share[block] = (cross - self.values.mean[block] * total) / n / self.values.sd[block] ** 2
        k = min(scale, n)
        return (share * k - 1) / max(k - 1, 1)  # each spot itself taken out of its mean


def smoothers(coordinates: np.ndarray | None, scales: tuple[int, ...]) -> dict[int, sparse.csr_matrix]:
    """Means over the nearest cells for each scale.

    Parameters
    ----------
    coordinates
        `(n_cells, 2)`.
    scales
        Numbers of cells.
    """
    if coordinates is None:
        fix = "Pass coordinates, or use sections that have them."
        raise InputError("coordinates", "none", "the places of the cells", fix)
    return {k: mean_of_nearest(np.asarray(coordinates, dtype=np.float64), k) for k in scales}


def check_cells_differ(values: sparse.csr_matrix, least: int) -> None:
    """Refuse copies of few cells, which say nothing of what genes vary with.

    Parameters
    ----------
    values
        Of a reference, normalised, `(n_cells, n_genes)`.
    least
        Different cells that are wanted.

    Raises
    ------
    InputError
        When there are fewer.
    """
    # Copies have one sum by any weights; other cells hardly ever.
    weights = np.cos(np.arange(values.shape[1])) + 2
    n = len(np.unique(np.round(values.astype(np.float64) @ weights, 4)))
    if n < least:
        found = f"{values.shape[0]} cells that are copies of {n}"
        fix = "Pass the cells as they were measured."
        raise InputError("reference", found, f"{least} or more different cells", fix)
