"""Tables of a page, and how their numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

NOTHING = "–"
# Natural logarithm of the least p-value that is written as a number in the usual way.
_LEAST = math.log(1e-300)


@dataclass(frozen=True)
class Table:
    """A table whose rows are genes, or something else.

    Parameters
    ----------
    title
        What it holds.
    columns
        Headings; of a table of genes without those of the gene and its image.
    rows
        Text of the cells.
    genes
        Name of the gene of each row; None: rows are no genes.
    note
        How to read it and when not to trust it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    genes: Sequence[str] | None = None
    note: str = ""

    @property
    def lines(self) -> list[tuple[str | None, Sequence[str]]]:
        """Gene and cells of each row."""
        genes: Sequence[str | None] = self.genes or [None] * len(self.rows)
        return list(zip(genes, self.rows, strict=True))


def number(value: Any, digits: int = 3) -> str:
    """A number as text, with so many digits that count.

    Parameters
    ----------
    value
        Any; what is missing is a dash.
    digits
        How many.

    Examples
    --------
    >>> number(0.12345), number(999.7), number(1234567), number(float("nan"))
    ('0.123', '1,000', '1,234,567', '–')
    """
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return NOTHING
    if isinstance(value, int | np.integer) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    # Rounded first: 99.96 is no number below 100 in three digits.
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if abs(float(text)) >= 10 ** (digits - 1) else text


def p_value(value: float, log: float = math.nan) -> str:
    """A p-value as text; where it is below what numbers can hold, its power of ten.

    Parameters
    ----------
    value
        The p-value.
    log
        Its natural logarithm, where that is known.

    Examples
    --------
    >>> p_value(0.03), p_value(1e-12), p_value(0.0, -1000.0), p_value(0.0)
    ('0.03', '1e-12', '1e-435', 'below 1e-300')
    """
    if math.isfinite(log) and log < _LEAST:
        return f"1e{math.floor(log / math.log(10))}"
    if value == 0:
        return "below 1e-300"
    return number(value, 2)


def written(table: pd.DataFrame, columns: Sequence[str]) -> list[list[str]]:
    """Cells of some columns of a table: numbers as `number` writes them, p- and q-values alike.

    Parameters
    ----------
    table
        Any.
    columns
        Names of its columns.
    """
    cells = [
        table[name].map(p_value if name.endswith(("pval", "qval")) else _cell).tolist() for name in columns
    ]
    return [list(row) for row in zip(*cells, strict=True)]


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.number):
        return number(value)
    return NOTHING if value is None or value is pd.NA else str(value)
