"""Plain pieces of R as what the engine works on, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.canvas import near_each_other
from sigel.images.raster import Raster
from sigel.images.section import Section
from sigel.model import SIGEL


def section_of(pieces: Mapping[str, Any]) -> Section:
    """A section as it crosses from R.

    Parameters
    ----------
    pieces
        `i`, `p`, `x` and `dim`, slots of a dgCMatrix, genes x cells; `genes`, its row names; `coordinates`,
        `(n_cells, 2)`, x and y, or None where there is a lattice; `lattice`, `(n_cells, 2)`, array row and
        column, or None; `labels`, the section of every cell, or None for one section; `told`, names of
        warnings that were given before.
    """
    place, array = (
        None if pieces[name] is None else np.asarray(pieces[name], dtype=np.float64)
        for name in ("coordinates", "lattice")
    )
    labels = pieces.get("labels")
    return Section(
        spots_by_genes(pieces),
        np.array(names_of(pieces["genes"]), dtype=object),
        place,
        array,
        None if labels is None else np.asarray(names_of(labels), dtype=object),
        told=set(names_of(pieces.get("told") or [])),
    )


def spots_by_genes(pieces: Mapping[str, Any]) -> sparse.csr_matrix:
    """The columns of a genes x cells dgCMatrix are the rows of a cells x genes CSR: no copy of structure."""
    n_genes, n_cells = (int(n) for n in pieces["dim"])
    parts = (
        np.asarray(pieces["x"], dtype=np.float32).reshape(-1),
        np.asarray(pieces["i"], dtype=np.int32).reshape(-1),
        np.asarray(pieces["p"]).reshape(-1),
    )
    return sparse.csr_matrix(parts, shape=(n_cells, n_genes))


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
        fix = "Use seed=0." if argument == "seed" else "Leave out what follows the point."
        raise InputError(argument, repr(number), "a whole number >= 0", fix)
    return int(number)


def whole_or_none(number: float | None, argument: str) -> int | None:
    return None if number is None else whole(number, argument)


def names_of(names: Any) -> list[str]:
    """R's vector of one name comes as text."""
    return [names] if isinstance(names, str) else [str(name) for name in names]


def columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns of a table as lists; no text becomes `""`."""
    return {
        str(name): column.fillna("").tolist() if column.dtype == object else column.tolist()
        for name, column in table.items()
    }


def gene_columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """The same, of a table by gene: `gene` comes first."""
    return columns(table.rename_axis("gene").reset_index())


def pixels_of(images: GeneImages) -> dict[str, Any]:
    """`row` and `col` of the tissue pixels, their `x` and `y` on the section, `shape` of the grid.

    Several sections lie nearer each other than on their canvas, fit for a picture.
    """
    raster = near_each_other(images.raster)
    return {**pixels_on(raster), "shape": list(raster.shape)}


def pixels_on(raster: Raster) -> dict[str, Any]:
    """`row` and `col` of the pixels of a grid, their `x` and `y` on the section."""
    places = raster.coordinates()
    return {
        "row": raster.rows.tolist(),
        "col": raster.cols.tolist(),
        "x": places[:, 0],
        "y": places[:, 1],
    }


def model_and_settings(
    model: str | None, settings: dict[str, Any], device: str
) -> tuple[SIGEL | None, ImageConfig]:
    """The model of a folder, and how images are made: as R says, else as the model's, else by default."""
    fitted = None if model is None else SIGEL.load(model, device=device, argument="model")
    if fitted is not None and not settings:
        return fitted, fitted.config.image
    return fitted, ImageConfig.from_dict(whole_numbers(settings))
