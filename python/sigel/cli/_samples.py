"""The table of samples: what is known of each section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigel.errors import InputError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

# Which pandas unpacks.
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_WANTED = "a table with a row for each section, and a column section or path"


def table_at(path: Path, option: str) -> pd.DataFrame:
    """A table with a row of column names, `.csv`, packed or not, else with tabs.

    Parameters
    ----------
    path, option
        Where, and by which option it was named.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    import pandas as pd

    try:
        return pd.read_csv(path, sep="," if _is_csv(path) else "\t")
    except (OSError, ValueError) as error:  # of pandas: what is no table, what is no text
        found = f"{str(path)!r}, which cannot be read ({error})"
        raise InputError(option, found, "a table (.csv, else with tabs)", "Check the path.") from error


def _is_csv(path: Path) -> bool:
    """Whether a name ends in `.csv`, what packs it put aside."""
    *before, last = ["", *map(str.lower, path.suffixes)]
    return ".csv" in (last, before[-1] if last in _PACKED and before else "")


def samples_at(path: Path | None) -> pd.DataFrame | None:
    """What is known of each section, by its name.

    Parameters
    ----------
    path
        Of a table with a column `section`, the names, or `path`, files beside the table, or both; None stays
        None.

    Raises
    ------
    InputError
        When it has neither, or names a section twice or not at all.
    """
    if path is None:
        return None
    table = table_at(path, "samples")
    if "path" in table:
        told = table["path"].dropna().astype(str)
        table["path"] = [None if one not in told else str(path.parent / told[one]) for one in table.index]
    if "section" not in table and "path" in table:
        table["section"] = [None if one is None else Path(one).stem for one in table["path"]]
    if "section" not in table:
        found = f"the columns {', '.join(map(str, table))}"
        raise InputError(
            "samples",
            found,
            _WANTED,
            "Call the column of the names of sections section, or that of their files path.",
        )
    names = table["section"]
    if names.isna().any() or names.astype(str).duplicated().any():
        twice = names[names.duplicated()].astype(str)
        found = "a row without a section" if names.isna().any() else f"{twice.iloc[0]!r} twice"
        raise InputError("samples", found, _WANTED, "Mend the table.")
    return table.set_index(names.astype(str)).drop(columns="section")


def paths_in(inputs: Sequence[Path], samples: pd.DataFrame | None) -> dict[str, Path] | None:
    """Files by the names of their sections where the table says where they are; None where it does not.

    Parameters
    ----------
    inputs
        What was given on the command line; it goes first.
    samples
        Of `samples_at`.

    Raises
    ------
    InputError
        When neither names any.
    """
    if inputs:
        return None
    if samples is None or "path" not in samples:
        fix = "Name folders or files, or give --samples with a column path."
        raise InputError("INPUT", "none", "sections", fix)
    lost = samples.index[samples["path"].isna()]
    if len(lost):
        found = f"no path for the section {lost[0]!r}"
        raise InputError("samples", found, "a path for each section", "Mend the table.")
    return {str(name): Path(one) for name, one in samples["path"].items()}


def of_sections(column: str, samples: pd.DataFrame | None, names: Sequence[str] | None, option: str) -> Any:
    """What the functions of several sections take: values by section, or a column of `obs`.

    Parameters
    ----------
    column
        Its name; one of the table goes before one of `obs`.
    samples
        Of `samples_at`.
    names
        Of the sections; None where they are not known yet.
    option
        By which.

    Raises
    ------
    InputError
        When the table does not speak of a section.
    """
    if samples is None or column not in samples:
        return column
    for name in names or ():
        if name not in samples.index:
            found = f"a table without the section {unknown_name(name, samples.index)}"
            raise InputError("samples", found, "a row for each section", f"It has to tell {option} of each.")
    return samples[column]
