"""Tables as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def as_text(table: pd.DataFrame, kind: str, index: str | None = None) -> str:
    r"""A table as text.

    Parameters
    ----------
    table
        Any.
    kind
        `".tsv"`, `".csv"` (missing values are NA) or `".json"` (an object: `rows`, and `attrs` with what is
        known of the table as a whole; missing values are null).
    index
        Name of the column that the index becomes; None: it is left out.

    Examples
    --------
    >>> import pandas as pd
    >>> as_text(pd.DataFrame({"qval": [0.01, None]}, index=["Mbp", "Gfap"]), ".csv", "gene")
    'gene,qval\nMbp,0.01\nGfap,NA\n'
    """
    attrs = dict(table.attrs)
    if index is not None:
        table = table.rename_axis(index).reset_index()
    if kind != ".json":
        text: str = table.to_csv(
            sep="," if kind == ".csv" else "\t", index=False, na_rep="NA", lineterminator="\n"
        )
        return text
    columns = [str(name) for name in table.columns]
    rows = [dict(zip(columns, map(plain, row), strict=True)) for row in table.itertuples(index=False)]
    return as_json({"attrs": plain(attrs), "rows": rows})


def as_json(value: Any) -> str:
    """Text of plain values, one line at its end.

    Parameters
    ----------
    value
        What `plain` returns.
    """
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Values that JSON knows; what is missing or not finite is None.

    Parameters
    ----------
    value
        Of numpy, pandas or Python.
    """
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return {str(name): plain(value[name].to_numpy()) for name in value}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(one) for one in value.tolist()]
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return None if value is pd.NA else str(value)


def facts(attrs: Mapping[Any, Any]) -> list[str]:
    """A line for each single number or word that was found of a table as a whole.

    Parameters
    ----------
    attrs
        Of the table.
    """
    single = {name: plain(value) for name, value in attrs.items()}
    return [
        f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}"
        for name, value in single.items()
        if isinstance(value, str | int | float) and name != "seed"
    ]
