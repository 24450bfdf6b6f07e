"""Coordinates as a table: x and y are found by the names of its columns, whatever their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sigel.errors import InputError
from sigel.images.sound_matrix import as_host_array

# x, then y, in lower case, as platforms and their readers name them.
PAIRS = (
    ("x", "y"),
    ("imagecol", "imagerow"),
    ("pxl_col_in_fullres", "pxl_row_in_fullres"),
    ("x_centroid", "y_centroid"),
    ("center_x", "center_y"),
    ("centerx_global_px", "centery_global_px"),
    ("x_global_px", "y_global_px"),
    ("x_location", "y_location"),
    ("x_coord", "y_coord"),
    ("spatial_x", "spatial_y"),
    ("spatial1", "spatial2"),
    ("array_col", "array_row"),
)
_DEPTH = {"x": "z", "center_x": "center_z", "x_centroid": "z_centroid", "x_location": "z_location"}


def as_places(values: Any, argument: str) -> np.ndarray:
    """Coordinates as an array, x first, not yet checked.

    Parameters
    ----------
    values
        An array, or a table. Of a table, columns that are named as x and y (and z) are taken; where no names
        tell, two columns are taken as they stand.
    argument
        What the caller calls it.

    Raises
    ------
    InputError
        When a table has other columns and no names tell which are x and y, or it lies on a GPU.
    """
    if not isinstance(values, pd.DataFrame):
        return as_host_array(values, argument)
    at = {str(name).lower(): k for k, name in reversed(list(enumerate(values.columns)))}
    for x, y in PAIRS:
        if x in at and y in at:
            third = _DEPTH.get(x)
            names = [x, y, third] if third in at else [x, y]
            return values.iloc[:, [at[name] for name in names]].to_numpy()
    numbers = [name for name in values.columns if pd.api.types.is_numeric_dtype(values[name])]
    if len(numbers) == values.shape[1]:
        return values.to_numpy()
    found = f"a table with the columns {', '.join(map(repr, values.columns[:8]))}"
    first = ", ".join(map(repr, (*numbers, "x", "y")[:2] if len(numbers) > 1 else ("x", "y")))
    fix = f"Keep those two, for example {argument} = {argument}[[{first}]]."
    raise InputError(argument, found, "columns x and y", fix)
