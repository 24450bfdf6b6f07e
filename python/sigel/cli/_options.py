"""Options that verbs share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from cyclopts import Group, Parameter

from sigel.cli._doors import parameters_in, told_by

T = TypeVar("T")

Inputs: TypeAlias = Annotated[list[Path], Parameter(name="INPUT")]
Input: TypeAlias = Annotated[Path, Parameter(name="INPUT")]
# Several words after one option.
Names: TypeAlias = Annotated[
    tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)
]
Paths: TypeAlias = Annotated[
    tuple[Path, ...], Parameter(consume_multiple=True, negative=(), show_default=False)
]
Flag: TypeAlias = Annotated[bool, Parameter(negative=(), show_default=False)]
RegionKey: TypeAlias = Annotated[str, Parameter(name=("--region-key", "--region"))]
SectionKey: TypeAlias = Annotated[str | None, Parameter(name=("--section-key", "--section"))]
# Of one letter, with one hyphen or two.
N: TypeAlias = Annotated[int, Parameter(name=("--n", "-n"))]
Format: TypeAlias = Literal["tsv", "csv", "json"]


def asks(door: str | None = None) -> Callable[[T], T]:
    """Describe the options of a verb, or a class of options, by what the function behind them says.

    Parameters
    ----------
    door
        For example `"tl.embed"`. What the docstring of the verb says itself goes before; None: it says all.
    """

    def described(verb: T) -> T:
        about, _, examples = inspect.cleandoc(verb.__doc__ or "").partition("\n\nExamples\n--------\n")
        texts = (told_by(door) if door else {}) | parameters_in(about)
        lines = [f"{name}\n    {text}" for name, text in texts.items()]
        verb.__doc__ = "\n".join(
            [about.partition("\nParameters\n")[0], "Parameters\n----------", *lines]
            + (["\nExamples\n--------", examples] if examples else [])
        )
        return verb

    return described


@asks("io.read")
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How inputs are read.

    Parameters
    ----------
    platform
        visium, visium_hd, visium_hd_cells, xenium, merscope, cosmx, h5ad, zarr or spatialdata; default: told
        from the files.
    sample
        Of a folder with several samples, the names of those to read; default: all.
    layer
        The layer that holds the counts; default: X.
    raw
        Read Space Ranger's unfiltered matrix, or raw of an .h5ad file.
    bin_size
        Of Visium HD, in micrometres; default: 8, or that of the folder where it is one bin's.
    table
        Of SpatialData, the table; default: the only one, or that of the name "table".
    """

    platform: str | None = None
    sample: Names = ()
    layer: str | None = None
    raw: Flag = False
    off_tissue: Flag = False
    bin_size: int | None = None
    table: str | None = None
    images: bool = True


@asks()
@dataclass(frozen=True, kw_only=True)
class Writing:
    """Where results go.

    Parameters
    ----------
    output
        File to write; its ending says what: .h5ad (the object with the results), .tsv, .csv or .json
        (a table), .graphml (a network), .html (a report). A table goes to standard output where it is -. It
        is written beside its place, and moved there once it is whole.
    format
        Of a table on standard output.
    force
        Replace a file that is there.
    """

    output: Annotated[str, Parameter(name=("--output", "-o"), allow_leading_hyphen=True)]
    format: Format = "tsv"
    force: Flag = False


@asks()
@dataclass(frozen=True, kw_only=True)
class Telling:
    """What is said on the way.

    Parameters
    ----------
    quiet
        Say nothing but errors. Progress is shown at a terminal alone.
    debug
        Show where an error comes from.
    """

    quiet: Flag = False
    debug: Flag = False


def _flat(title: str, place: int) -> Any:
    return Parameter(name="*", group=Group(title, sort_key=place))


Read: TypeAlias = Annotated[Reading, _flat("Reading", 2)]
Write: TypeAlias = Annotated[Writing, _flat("Writing", 3)]
Tell: TypeAlias = Annotated[Telling, _flat("Telling", 4)]
READ, TELL = Reading(), Telling()
