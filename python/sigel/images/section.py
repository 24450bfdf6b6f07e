"""One section: its counts, genes and places, read and checked in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse

from sigel.errors import InputError
from sigel.images.counts import SpotRows
from sigel.images.lattice import is_hexagonal

if TYPE_CHECKING:
    from anndata import AnnData


class Section(NamedTuple):
    """Counts and places of one section, as either door gives them."""

    counts: sparse.csr_matrix  # (n_cells, n_genes), float32
    genes: np.ndarray  # (n_genes,) names
    coordinates: np.ndarray | None  # (n_cells, 2)
    lattice: np.ndarray | None = None  # (n_cells, 2): array row and column

    def places(self) -> np.ndarray | None:
        """Coordinates as float64; else array positions, spaced as on the slide; None without either."""
        if self.coordinates is not None:
            return np.asarray(self.coordinates, dtype=np.float64)
        if self.lattice is None:
            return None
        places = np.asarray(self.lattice, dtype=np.float64)
        # Rows of a hexagonal lattice lie closer than its numbering of columns says.
        return places * [np.sqrt(3), 1] if is_hexagonal(places) else places


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


def read_section(adata: AnnData, values: Any, spatial_key: str) -> Section:
    """Counts, wherever they lie, and what there is of places; for questions that make no images."""
    has_lattice = {"array_row", "array_col"} <= set(adata.obs.columns)
    return Section(
        counts=sparse.csr_matrix(sparse.vstack([chunk for _, chunk in SpotRows(values)], format="csr")),
        genes=adata.var_names.to_numpy(dtype=object),
        coordinates=np.asarray(adata.obsm[spatial_key]) if spatial_key in adata.obsm else None,
        lattice=adata.obs[["array_row", "array_col"]].to_numpy() if has_lattice else None,
    )
