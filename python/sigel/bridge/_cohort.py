"""Sections of several donors as they cross from R, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sigel.bridge._pieces import names_of, section_of
from sigel.images.section import Called
from sigel.tasks.cohorts.find import Sections, check_names


def cohort_of(
    sections: Sequence[Mapping[str, Any]], names: Sequence[str], *, joined: bool, least: int = 2
) -> Sections:
    """Sections of their pieces; `joined`: whether they were one object, in which what is missing is zero."""
    names = names_of(names)
    check_names(names, least)
    made = tuple(
        replace(section_of(pieces), called=Called(owner=f"section {name!r}"))
        for name, pieces in zip(names, sections, strict=True)
    )
    return Sections(tuple(names), made, joined=joined)


def series_of(given: Mapping[str, Any], names: list[str] | None = None) -> pd.Series:
    """A value of each section, or of each spot where there are no names; whole numbers of R are doubles."""
    values, levels = given["values"], given.get("levels")
    if isinstance(values, np.ndarray):
        numbers = np.asarray(values, dtype=np.float64).reshape(-1)
        is_whole = np.isfinite(numbers).all() and (numbers == np.round(numbers)).all()
        return pd.Series(numbers.astype(np.int64) if is_whole else numbers, names)
    text = [value or None for value in names_of(values)]
    kind = object if levels is None else pd.CategoricalDtype(names_of(levels))
    return pd.Series(text, names, dtype=kind)
