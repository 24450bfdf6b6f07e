"""Plain pieces of R as what the engine works on, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.section import Section
from sigel.model import SIGEL


def spots_by_genes(i: Any, p: Any, x: Any, dim: Sequence[int]) -> sparse.csr_matrix:
    """The columns of a genes x cells dgCMatrix are the rows of a cells x genes CSR: no copy of structure."""
    n_genes, n_cells = (int(n) for n in dim)
    parts = (
        np.asarray(x, dtype=np.float32).reshape(-1),
        np.asarray(i, dtype=np.int32).reshape(-1),
        np.asarray(p).reshape(-1),
    )
    return sparse.csr_matrix(parts, shape=(n_cells, n_genes))


def images_of(
    counts: sparse.csr_matrix, genes: Sequence[str], coordinates: Any, lattice: Any, config: ImageConfig
) -> GeneImages:
    genes = [genes] if isinstance(genes, str) else list(genes)
    places = None if coordinates is None else np.asarray(coordinates, dtype=np.float64)
    array = None if lattice is None else np.asarray(lattice, dtype=np.float64)
    return GeneImages.from_arrays(counts, genes, places, array, config)


def section_of(
    i: Any, p: Any, x: Any, dim: Sequence[int], genes: Any, coordinates: Any, lattice: Any
) -> Section:
    place, array = (None if one is None else np.asarray(one, dtype=float) for one in (coordinates, lattice))
    return Section(spots_by_genes(i, p, x, dim), np.array(names_of(genes), dtype=object), place, array)


def with_lists(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    """R's vector of one number comes as that number, and whole ones as doubles."""
    found = dict(settings)
    for name in names:
        if name in found:
            value = found[name]
            numbers = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
            found[name] = [whole_numbers(number) for number in numbers]
    return found


def whole_numbers(settings: Any) -> Any:
    """R has no integer literals without L: whole doubles become int, all the way down."""
    if isinstance(settings, dict):
        return {name: whole_numbers(value) for name, value in settings.items()}
    if isinstance(settings, float) and settings.is_integer():
        return int(settings)
    return settings


def whole(number: float, argument: str = "seed") -> int:
    if not float(number).is_integer():
        fix = "Use seed.use = 0." if argument == "seed" else "Leave out what follows the point."
        raise InputError(argument, repr(number), "a whole number >= 0", fix)
    return int(number)


def names_of(names: Any) -> list[str]:
    """R's vector of one name comes as text."""
    return [names] if isinstance(names, str) else [str(name) for name in names]


def columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns of a table as lists; no text becomes `""`."""
    return {
        str(name): column.fillna("").tolist() if column.dtype == object else column.tolist()
        for name, column in table.items()
    }


def model_and_settings(
    model: str | None, settings: dict[str, Any], device: str
) -> tuple[SIGEL | None, ImageConfig]:
    """The model of a folder, and how images are made: as R says, else as the model's, else by default."""
    fitted = None if model is None else SIGEL.load(model, device=device)
    if fitted is not None and not settings:
        return fitted, fitted.config.image
    return fitted, ImageConfig.from_dict(whole_numbers(settings))
