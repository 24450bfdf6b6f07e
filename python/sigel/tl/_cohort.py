"""Sections of several donors as a caller gives them, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, number_of, unknown_name
from sigel.images.section import Called, Section, check_section, fix_for_tables
from sigel.tasks.cohorts.find import Sections, check_names
from sigel.tl._sections import section_named

if TYPE_CHECKING:
    from anndata import AnnData

# What callers give of each section: a column of `obs`, values in the order of the sections, or by name.
Labels: TypeAlias = str | Sequence[Any] | Mapping[str, Any] | pd.Series


@dataclass(frozen=True)
class Cohort:
    """Sections, named, and what is known of their spots.

    Parameters
    ----------
    held
        Names, counts and places.
    obs
        Of the spots of each.
    """

    held: Sections
    obs: tuple[pd.DataFrame, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sections."""
        return self.held.names

    def of_sections(self, given: Labels, argument: str) -> pd.Series:
        """A value of each section.

        Parameters
        ----------
        given
            As the caller gave it.
        argument
            Its name, for messages.

        Raises
        ------
        InputError
            When there is not one value for each.
        """
        if isinstance(given, str):
            return self._column(given, argument)
        wanted = f"a value for each of the {len(self.names)} sections, or a column of obs"
        known = ", ".join(map(repr, self.names))
        if isinstance(given, Mapping | pd.Series) and not (
            isinstance(given, pd.Series) and isinstance(given.index, pd.RangeIndex)
        ):
            by_name = {str(name): value for name, value in given.items()}
            lost = [name for name in self.names if name not in by_name]
            if lost:
                raise InputError(
                    argument, f"nothing for the section {lost[0]!r}", wanted, f"Sections: {known}."
                )
            values = [by_name[name] for name in self.names]
            kind = given.dtype if isinstance(given, pd.Series) else None
            return pd.Series(values, list(self.names), dtype=kind)
        if isinstance(given, pd.Categorical | pd.Series):
            values = pd.Series(given)
        else:
            try:
                values = pd.Series(list(given))
            except TypeError as error:
                raise InputError(argument, repr(given)[:60], wanted, f"Sections: {known}.") from error
        if len(values) != len(self.names):
            raise InputError(argument, number_of(len(values), "value"), wanted, f"Sections: {known}.")
        return values.set_axis(list(self.names))

    def of_spots(self, column: str, argument: str) -> list[pd.Series]:
        """A column of `obs` in each section.

        Parameters
        ----------
        column
            Its name.
        argument
            Of which that is the value, for messages.

        Raises
        ------
        InputError
            When a section does not have it.
        """
        return [
            self._own(column, section, obs, argument)
            for section, obs in zip(self.names, self.obs, strict=True)
        ]

    def covariates(self, given: object) -> pd.DataFrame | None:
        """What else sections differ by, a column each.

        Parameters
        ----------
        given
            A column of `obs`, several, a mapping of names to values of the sections, or a data frame.
        """
        if given is None:
            return None
        if isinstance(given, str):
            given = [given]
        if isinstance(given, pd.DataFrame):
            return pd.DataFrame({name: self.of_sections(given[name], "covariates") for name in given})
        if isinstance(given, Mapping):
            return pd.DataFrame({str(key): self.of_sections(one, "covariates") for key, one in given.items()})
        if isinstance(given, Sequence) and all(isinstance(one, str) for one in given):
            return pd.DataFrame({one: self._column(one, "covariates") for one in given})
        wanted = "columns of obs, a dict of values of the sections, or a data frame"
        raise InputError("covariates", repr(given)[:60], wanted, 'For example covariates=["batch"].')

    def _column(self, name: str, argument: str) -> pd.Series:
        values, orders = [], []
        for section, obs in zip(self.names, self.obs, strict=True):
            column = self._own(name, section, obs, argument)
            own = column.dropna().unique()
            if len(own) > 1:
                found = f"{number_of(len(own), 'value')} of {name!r} in the section {section!r}"
                raise InputError(argument, found, "one for each section", "Name a column of whole sections.")
            values.append(own[0] if len(own) else np.nan)
            if isinstance(column.dtype, pd.CategoricalDtype):
                orders.append(column.cat.categories)
        # A part of an object has lost the categories that it lacks: the first section that knows all values.
        wanted = set(pd.Series(values).dropna())
        order = next((one for one in orders if wanted <= set(one)), None)
        kind = None if order is None else pd.CategoricalDtype(order)
        return pd.Series(values, list(self.names), dtype=kind)

    @staticmethod
    def _own(column: str, section: str, obs: pd.DataFrame, argument: str) -> pd.Series:
        if not isinstance(column, str) or column not in obs:
            found = f"{unknown_name(column, obs)} in the section {section!r}"
            raise InputError(argument, found, "a column of obs, or values", "See obs.columns.")
        return obs[column]


def cohort_of(
    sections: object,
    section_key: str | None,
    layer: str | None,
    spatial_key: str,
    least: int = 2,
) -> Cohort:
    """What a caller gave, checked as far as it can be before counts are read.

    Parameters
    ----------
    sections
        A list of objects or of paths, a mapping of names to these, or one object with `section_key`.
    section_key
        Column of `obs` that tells the sections of one object apart, or names the section of each of a list.
    layer, spatial_key
        As in `Section.from_anndata`.
    least
        How many sections there must be; where one is enough, an object without `section_key` is one.
    """
    if isinstance(sections, anndata.AnnData):
        if section_key is not None or least > 1:
            return _of_one(sections, section_key, layer, spatial_key, least)
        sections = [sections]
    if isinstance(sections, Mapping):
        names, given = [str(name) for name in sections], list(sections.values())
    elif isinstance(sections, Sequence) and not isinstance(sections, str | bytes):
        names, given = [], list(sections)
    else:
        wanted = "a list of AnnData or paths, or one AnnData with section_key"
        fix = fix_for_tables(sections) or "Pass a list."
        raise InputError("sections", f"a {type(sections).__name__}", wanted, fix)
    _check_twice(given)
    objects = [_read(one, k) for k, one in enumerate(given)]
    if not names:
        names = [
            _name(one, path, section_key, k) for k, (one, path) in enumerate(zip(objects, given, strict=True))
        ]
    check_names(names, least)
    made, obs = [], []
    for name, adata in zip(names, objects, strict=True):
        called = Called(owner=f"section {name!r}", places=f"obsm[{spatial_key!r}] of the section {name!r}")
        section = Section.from_anndata(adata, layer=layer, spatial_key=spatial_key, called=called)
        made.append(section)
        obs.append(adata.obs if section.within is None else adata.obs[section.within])
    return Cohort(Sections(tuple(names), tuple(made), joined=False), tuple(obs))


def _of_one(
    adata: AnnData, section_key: str | None, layer: str | None, spatial_key: str, least: int
) -> Cohort:
    if section_key is None:
        fix = "Name the column of obs that tells sections apart, or pass a list of sections."
        raise InputError("section_key", "None for one object", "a column of obs", fix)
    section = Section.from_anndata(adata, layer=layer, spatial_key=spatial_key, section_key=section_key)
    obs = adata.obs if section.within is None else adata.obs[section.within]
    section = section if sparse.issparse(section.counts) else section.in_memory()
    label = np.asarray(section.labels)
    names = list(dict.fromkeys(label))
    spots = [np.flatnonzero(label == name) for name in names]
    parts = [
        replace(
            section.take(one),
            labels=None,
            called=Called(owner=f"section {name!r}", places=f"obsm[{spatial_key!r}] of the section {name!r}"),
        )
        for name, one in zip(names, spots, strict=True)
    ]
    check_names(names, least)
    held = Sections(tuple(names), tuple(parts), joined=True)
    return Cohort(held, tuple(obs.iloc[one] for one in spots))


def _read(given: object, k: int) -> AnnData:
    if isinstance(given, str | Path):
        if not Path(given).is_file():
            found, fix = f"{str(given)!r}, which is no file", "Check the path."
            raise InputError(f"sections[{k}]", found, "an .h5ad file", fix)
        try:
            given = anndata.read_h5ad(given)
        except OSError as error:
            found, fix = f"{str(given)!r}, which cannot be read ({error})", "Write it anew."
            raise InputError(f"sections[{k}]", found, "an .h5ad file", fix) from error
    check_section(given, f"sections[{k}]")
    return given  # type: ignore[return-value]


def _name(adata: AnnData, given: object, section_key: str | None, k: int) -> str:
    if section_key is not None:
        return section_named(adata, section_key, f"sections[{k}]")
    return Path(given).stem if isinstance(given, str | Path) else str(k + 1)


def _check_twice(given: list[object]) -> None:
    for k, one in enumerate(given):
        for other in given[:k]:
            same = one is other or (
                isinstance(one, str | Path)
                and isinstance(other, str | Path)
                and Path(one).resolve() == Path(other).resolve()
            )
            if same:
                found = "a section that is given twice"
                raise InputError(f"sections[{k}]", found, "each once", "Leave it out.")
