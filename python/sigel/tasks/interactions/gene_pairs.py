"""Pairs of genes as a caller names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of, unknown_name

# Two names each: a table, whose first two columns they are, pairs, or a file with such a table.
Pairs: TypeAlias = pd.DataFrame | Sequence[Sequence[str]] | str | Path

MOST_PAIRS = 2_000_000
NAMES = ("gene_a", "gene_b")


def pairs_of(given: Pairs, argument: str) -> pd.DataFrame:
    """Pairs as a table of `gene_a` and `gene_b`, each once, whichever gene comes first; and its `label`.

    Parameters
    ----------
    given
        A table with the columns `gene_a` and `gene_b`, else its first two; pairs; or the path of a file, with
        commas where it ends in `.csv` or `.csv.gz`, else with tabs.
    argument
        Its name, for messages.

    Raises
    ------
    InputError
        When there are no two columns of names, or `label` is not 0 and 1.
    """
    table = _read(given, argument)
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise InputError(argument, f"two columns {twice!r}", "columns of different names", "Rename one.")
    columns = list(NAMES) if set(NAMES) <= set(table.columns) else list(table.columns[:2])
    wanted = "pairs of names of genes"
    if len(columns) < 2 or not len(table):
        found = f"{number_of(len(table), 'row')} of {number_of(len(columns), 'column')}"
        raise InputError(argument, found, wanted, "Give a table of two columns.")
    made = table[columns].set_axis(list(NAMES), axis=1)
    for name, column in zip(columns, made, strict=True):
        if not all(isinstance(one, str) for one in made[column]):
            found = f"the column {name!r}, in which not all is text"
            fix = f"Choose the columns: {argument}=table[[first, second]]."
            if made[column].isna().any():
                found, fix = f"missing names in the column {name!r}", f"Leave them out: {argument}.dropna()."
            raise InputError(argument, found, wanted, fix)
    if argument == "known" and "label" in table and "label" not in columns:
        made["label"] = _labels(table["label"], argument)
    first, second = (made[name].to_numpy(dtype=str) for name in NAMES)
    swap = first > second
    ordered = pd.DataFrame({"a": np.where(swap, second, first), "b": np.where(swap, first, second)})
    if "label" in made:
        n_labels = made["label"].groupby([ordered["a"].to_numpy(), ordered["b"].to_numpy()]).nunique()
        if (n_labels > 1).any():
            found = f"{' and '.join(n_labels.idxmax())} with the label 1 and the label 0"
            raise InputError(argument, found, "one label for each pair", "Keep one of the rows.")
    return made[~ordered.duplicated().to_numpy()].reset_index(drop=True)


def pairs_among(genes: Iterable[str] | str, known: np.ndarray) -> pd.DataFrame:
    """All pairs of some genes.

    Parameters
    ----------
    genes
        Their names.
    known
        Names of all genes.
    """
    names = named(genes, known, "genes", least=2)
    if len(names) * (len(names) - 1) > 2 * MOST_PAIRS:
        found, fix = number_of(len(names), "gene"), "Choose spatial genes, or name the pairs."
        raise InputError("genes", found, f"at most {MOST_PAIRS:,} pairs of them", fix)
    return pd.DataFrame(list(combinations(names, 2)), columns=list(NAMES))


def pairs_with(genes: Iterable[str] | str, known: np.ndarray) -> pd.DataFrame:
    """Pairs of each of some genes with all others, a pair of two of them under each.

    Parameters
    ----------
    genes
        Their names.
    known
        Names of all genes.
    """
    names = named(genes, known, "partners_of", least=1)
    if len(names) * len(known) > MOST_PAIRS:
        found, fix = number_of(len(names), "gene"), "Ask about fewer."
        raise InputError("partners_of", found, f"at most {MOST_PAIRS:,} pairs", fix)
    tables = [pd.DataFrame({"gene_a": one, "gene_b": known[known != one]}) for one in names]
    return pd.concat(tables, ignore_index=True)


def named(genes: Iterable[str] | str, known: np.ndarray, argument: str, least: int) -> list[str]:
    """Names of genes, each once.

    Parameters
    ----------
    genes
        Their names.
    known
        Names of all genes.
    argument
        Its name, for messages.
    least
        How many there must be.

    Raises
    ------
    InputError
        When one is unknown, or there are too few.
    """
    given = [genes] if isinstance(genes, str) else list(genes) if isinstance(genes, Iterable) else [None]
    if not all(isinstance(one, str) for one in given):
        raise InputError(argument, repr(genes)[:60], "names of genes", "See var_names.")
    names = list(dict.fromkeys(given))
    if len(names) < least:
        found, wanted = number_of(len(names), "name"), f"{least} or more names of genes"
        raise InputError(argument, found, wanted, "Name more genes.")
    there = set(known)
    for one in names:
        if one not in there:
            raise InputError(argument, unknown_name(one, known), "names of genes", "Check the spelling.")
    return names


def _read(given: Any, argument: str) -> pd.DataFrame:
    if isinstance(given, pd.DataFrame):
        return given
    if isinstance(given, str | Path):
        path = Path(given)
        if not path.is_file():
            fix = "Check the path; a single pair is [(first, second)]."
            raise InputError(argument, f"{str(given)!r}, which is no file", "a table of pairs", fix)
        try:
            return pd.read_csv(path, sep="," if path.name.endswith((".csv", ".csv.gz")) else "\t")
        except ValueError as error:  # nothing in it, no text, or no table
            fix = "Write a table with a row of names and two columns."
            raise InputError(argument, f"{str(given)!r} ({error})", "a table of pairs", fix) from error
    try:
        pairs = [tuple(pair) for pair in given]
    except TypeError as error:
        raise InputError(argument, repr(given)[:60], "pairs of names", "Give a table.") from error
    if any(len(pair) != 2 for pair in pairs) or any(isinstance(pair, str) for pair in given):
        raise InputError(argument, repr(given)[:60], "two names each", "Give a list of (first, second).")
    return pd.DataFrame(pairs, columns=list(NAMES))


def _labels(column: pd.Series, argument: str) -> np.ndarray:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    if not np.isin(values, (0, 1)).all():
        other = column[~np.isin(values, (0, 1))].iloc[0]
        found, fix = f"a column 'label' with other values, as {other!r}", "Leave the column out, or mend it."
        raise InputError(argument, found, "1 for a pair that belongs together, 0 for one that does not", fix)
    return values.astype(int)
