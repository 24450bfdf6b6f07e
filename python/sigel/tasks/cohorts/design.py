"""Who is compared with whom: sections within donors, donors within conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from sigel.errors import InputError, one_of, unknown_name

MOST_LABELLINGS = 50


@dataclass(frozen=True)
class Design:
    """A linear model of units: donors, or a donor in a condition where donors are paired.

    Parameters
    ----------
    units
        Names of the units, `(n_units,)`.
    unit_of_section
        Number of each section's unit, `(n_sections,)`.
    condition
        Of each unit: text, or numbers where the condition is numeric, `(n_units,)`.
    levels
        Of the condition in their order; empty where it is numeric.
    matrix
        `(n_units, n_coefs)`: intercept, condition, what else donors differ by.
    tested
        Numbers of the columns of the condition.
    pairs
        Number of each unit's donor where donors are paired, else None.
    """

    units: np.ndarray
    unit_of_section: np.ndarray
    condition: np.ndarray
    levels: tuple[str, ...]
    matrix: np.ndarray
    tested: np.ndarray
    pairs: np.ndarray | None

    @property
    def df(self) -> int:
        """Residual degrees of freedom of a gene that all units have."""
        return len(self.matrix) - self.matrix.shape[1]

    def with_condition(self, order: np.ndarray) -> np.ndarray:
        """The matrix with the conditions of the units in another order.

        Parameters
        ----------
        order
            Of which unit each takes the condition, `(n_units,)`.
        """
        matrix = self.matrix.copy()
        matrix[:, self.tested] = self.matrix[np.ix_(order, self.tested)]
        return matrix


def design_of(
    condition: pd.Series,
    donor: pd.Series | None,
    covariates: pd.DataFrame | None,
    *,
    paired: bool,
) -> Design:
    """The model of some sections.

    Parameters
    ----------
    condition
        Of each section, text, categories or numbers; index: names of the sections.
    donor
        Of each section; None: each section is a donor of its own.
    covariates
        What else sections differ by, a column each, numbers or text; None: nothing.
    paired
        Whether donors are in several conditions, each compared with itself.

    Raises
    ------
    InputError
        When something is missing, donors are in two conditions without `paired`, or covariates leave nothing
        to the condition.
    """
    donor = donors_of(condition, donor)
    numeric = is_numeric(condition)
    value = condition.astype(float) if numeric else named(condition)
    _check_donors(value, donor, paired=paired)
    key = donor + " / " + value.astype(str) if paired else donor
    code, units = pd.factorize(key)
    first = pd.Series(np.arange(len(code))).groupby(code).first().to_numpy()
    of_unit = value.to_numpy()[first]
    levels = () if numeric else tuple(levels_of(condition))
    if not numeric and len(levels) < 2:
        found = f"one condition, {levels[0]!r}" if levels else "no condition"
        raise InputError("condition", found, "two or more", "Add sections of another, or check the labels.")
    if numeric and len(set(of_unit)) < 2:
        raise InputError("condition", "the same number for all", "two or more numbers", "Check the labels.")
    parts = [_centred(of_unit.astype(float))[:, None] if numeric else _dummies(of_unit, levels)]
    n_tested = parts[0].shape[1]
    names = ["condition"] * n_tested
    if paired:
        of_donor = donor.to_numpy()[first]
        parts.append(_dummies(of_donor, tuple(dict.fromkeys(of_donor))))
        names += ["donor"] * parts[-1].shape[1]
    for name, column in (_of_units(covariates, code, len(units)) if covariates is not None else {}).items():
        parts.append(column)
        names += [name] * column.shape[1]
    matrix = np.column_stack([np.ones(len(units)), *parts])
    _check_rank(matrix, n_tested, names)
    pairs = pd.factorize(donor.to_numpy()[first])[0] if paired else None
    return Design(np.asarray(units), code, of_unit, levels, matrix, np.arange(1, 1 + n_tested), pairs)


def donors_of(condition: pd.Series, donor: pd.Series | None) -> pd.Series:
    """The donor of each section as text, after it was checked that nothing is missing.

    Parameters
    ----------
    condition, donor
        As in `design_of`.

    Raises
    ------
    InputError
        When a section lacks its condition or its donor.
    """
    donor = pd.Series(condition.index, condition.index) if donor is None else donor
    for argument, column in (("condition", condition), ("donor", donor)):
        if column.isna().any():
            found = f"no value for the section {column.index[column.isna().argmax()]!r}"
            raise InputError(argument, found, "one for each section", "Leave that section out.")
    return donor.astype(str)


def is_numeric(condition: pd.Series) -> bool:
    """Whether a condition is a quantity: numbers, of which there are more than two.

    Parameters
    ----------
    condition
        Of each section.
    """
    kind = condition.dtype
    return (
        pd.api.types.is_numeric_dtype(kind)
        and not pd.api.types.is_bool_dtype(kind)
        and condition.nunique() > 2
    )


def levels_of(condition: pd.Series) -> list[str]:
    """Conditions that occur, in their order.

    Parameters
    ----------
    condition
        Of each section.
    """
    if isinstance(condition.dtype, pd.CategoricalDtype):
        return [name_of(one) for one in condition.cat.categories if (condition == one).any()]
    values = condition.unique()
    return sorted(map(name_of, values)) if condition.dtype == object else [*map(name_of, sorted(values))]


def name_of(value: object) -> str:
    """A condition in words: 1 for 1.0, as columns with a gap and R's numbers come.

    Parameters
    ----------
    value
        A name, a number or True or False.
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def named(condition: pd.Series) -> pd.Series:
    """The condition of each section in words; of none, missing.

    Parameters
    ----------
    condition
        Of each section.
    """
    names = condition.astype(object).map(name_of, na_action="ignore")
    return names.where(condition.notna(), None)


def first_in_words(condition: pd.Series) -> str:
    """Why a condition is the first, where nobody said which is; nothing where somebody did.

    Parameters
    ----------
    condition
        Of each section.
    """
    if isinstance(condition.dtype, pd.CategoricalDtype) or is_numeric(condition):
        return ""
    kind = condition.dtype
    if pd.api.types.is_bool_dtype(kind):
        return "as False comes before True"
    return "the smallest number" if pd.api.types.is_numeric_dtype(kind) else "the first of the alphabet"


def against(condition: pd.Series, control: object) -> pd.Series:
    """The condition of each section, with the one that others are compared with as the first.

    Parameters
    ----------
    condition
        Of each section.
    control
        Its name; None: the condition as it is.

    Raises
    ------
    InputError
        When no section is of it, or the condition is a quantity.
    """
    if control is None:
        return condition
    if is_numeric(condition):
        found, fix = f"{control!r}, but the condition is a quantity", "Leave control out."
        raise InputError("control", found, "nothing beside numbers", fix)
    known, first = levels_of(condition.dropna()), name_of(control)
    if first not in known:
        fix = f'For example control="{known[0]}".' if known else "Check the condition."
        raise InputError("control", unknown_name(control, known), one_of(known), fix)
    order = [first, *(one for one in known if one != first)]
    return named(condition).astype(pd.CategoricalDtype(order))


def direction_of(levels: Sequence[str]) -> str:
    """Which way effects are counted; nothing where the condition is a quantity.

    Parameters
    ----------
    levels
        Of the condition in their order.
    """
    return f"effects are {', '.join(levels[1:])} against {levels[0]}" if len(levels) > 1 else ""


def labellings(design: Design, rng: np.random.Generator, most: int = MOST_LABELLINGS) -> list[np.ndarray]:
    """Other ways to deal out the conditions to the units, each of which tells another story of them.

    Parameters
    ----------
    design
        From `design_of`.
    rng
        Draws some where there are more than `most`.
    most
        How many at most.

    Returns
    -------
    list
        Of each the unit whose condition every unit takes, `(n_units,)`; the given one is not among them, nor
        is one that follows from what else donors differ by.
    """
    n = len(design.units)
    if design.pairs is None and len(design.levels) == 2 and comb(n, n // 2) <= 20 * most:
        every = [order for order in _of_two(design) if _tells(design, order)]
        return (
            every if len(every) <= most else [every[k] for k in rng.choice(len(every), most, replace=False)]
        )
    found: dict[bytes, np.ndarray] = {_told(design, np.arange(n)): np.arange(n)}
    for _ in range(20 * most):
        order = _within_pairs(design.pairs, rng) if design.pairs is not None else rng.permutation(n)
        found.setdefault(_told(design, order), order)
        if len(found) > most:
            break
    return [order for order in list(found.values())[1:] if _tells(design, order)]


def n_labellings(design: Design) -> int | None:
    """How many different labellings there are; None where that is not counted.

    Parameters
    ----------
    design
        From `design_of`.
    """
    if len(design.levels) != 2:
        return None
    if design.pairs is not None:
        return int(2 ** (np.bincount(design.pairs) > 1).sum())  # a donor of one condition has one labelling
    return comb(len(design.units), int((design.condition == design.levels[0]).sum()))


def _of_two(design: Design) -> list[np.ndarray]:
    """All labellings of two conditions but the given one, mirror images once where sides are as large."""
    first = design.condition == design.levels[0]
    n, size = len(first), int(first.sum())
    members = [np.flatnonzero(first), np.flatnonzero(~first)]
    mirrored = 2 * size == n
    made, given = [], tuple(np.flatnonzero(first))
    other = tuple(np.flatnonzero(~first))
    for chosen in combinations(range(n), size):
        if chosen == given or (mirrored and (chosen == other or 0 not in chosen)):
            continue
        order = np.empty(n, int)
        inside = np.isin(np.arange(n), chosen)
        order[inside], order[~inside] = members[0], members[1]
        made.append(order)
    return made


def _tells(design: Design, order: np.ndarray) -> bool:
    """Whether a model can tell a labelling from all else that donors differ by."""
    return bool(np.linalg.matrix_rank(design.with_condition(order)) == design.matrix.shape[1])


def _told(design: Design, order: np.ndarray) -> bytes:
    return design.matrix[np.ix_(order, design.tested)].tobytes()


def _within_pairs(pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    order = np.arange(len(pairs))
    for donor in range(pairs.max() + 1):
        units = np.flatnonzero(pairs == donor)
        order[units] = rng.permutation(units)
    return order


def _check_donors(value: pd.Series, donor: pd.Series, *, paired: bool) -> None:
    several = value.groupby(donor.to_numpy()).nunique()
    if not paired and (several > 1).any():
        name = several.index[several.to_numpy().argmax()]
        found = f"the donor {name!r} in {several.max()} conditions"
        fix = "Use paired=True, which compares each donor with itself, or check the labels."
        raise InputError("donor", found, "one condition for each donor", fix)
    if paired and (several < 2).all():
        fix = "Leave it out."
        raise InputError("paired", "donors that are in one condition each", "donors in several", fix)


def _dummies(of_unit: np.ndarray, levels: tuple[str, ...]) -> np.ndarray:
    """1 where a unit is of a level, for all levels but the first, `(n_units, n_levels - 1)`."""
    return np.column_stack(
        [np.zeros((len(of_unit), 0)), *[(of_unit == one).astype(float) for one in levels[1:]]]
    )


def _centred(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / (x.std() or 1.0)


def _of_units(covariates: pd.DataFrame, code: np.ndarray, n_units: int) -> Mapping[str, np.ndarray]:
    """Columns of each covariate: the mean of a unit's numbers, dummies of text."""
    made = {}
    for name, column in covariates.items():
        if column.isna().any():
            found = f"no {name!r} for the section {column.index[column.isna().argmax()]!r}"
            raise InputError("covariates", found, "a value for each section", "Leave that section out.")
        if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
            made[str(name)] = _centred(column.astype(float).groupby(code).mean().to_numpy())[:, None]
            continue
        text = column.astype(str).groupby(code)
        if (text.nunique() > 1).any():
            found = f"several values of {name!r} for one donor"
            raise InputError("covariates", found, "one for each donor", "Use what donors differ by.")
        values = text.first().to_numpy()
        made[str(name)] = _dummies(values, tuple(dict.fromkeys(values)))
    return made


def _check_rank(matrix: np.ndarray, n_tested: int, names: list[str]) -> None:
    """Refuse a model in which something else says what the condition says."""
    rank = np.linalg.matrix_rank
    if rank(matrix) == matrix.shape[1]:
        return
    others = np.delete(matrix, np.arange(1, 1 + n_tested), axis=1)
    if rank(matrix) < rank(others) + n_tested:
        by = ", ".join(map(repr, dict.fromkeys(names[n_tested:])))
        found = f"{by}, from which the condition follows"
        fix = "No model tells the two apart: leave it out, and say so, or add donors that break the tie."
        raise InputError("covariates", found, "something that varies within each condition", fix)
    found = f"{matrix.shape[0]} donors for {matrix.shape[1]} coefficients that follow from one another"
    raise InputError("covariates", found, "covariates that say different things", "Leave some out.")
