"""Where results go: checked before the work begins, written whole or not at all."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sigel._version import __version__
from sigel.cli._options import Writing
from sigel.cli._talk import WORDS
from sigel.errors import InputError, alternatives
from sigel.keys import COMMANDS
from sigel.runtime.drafts import check_absent, check_place, drafted, writing

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from anndata import AnnData

TABLES = (".tsv", ".csv", ".json")
STANDARD = "-"


@dataclass(frozen=True)
class Destination:
    """A file that may be written, or standard output.

    Parameters
    ----------
    path
        None: standard output.
    kind
        `".h5ad"`, `".tsv"`, ...
    force
        Whether a file that is there may be replaced.
    began
        When the work did.
    """

    path: Path | None
    kind: str
    force: bool
    began: float = field(default_factory=time.perf_counter)

    @property
    def is_object(self) -> bool:
        """Whether an object is wanted, rather than a table."""
        return self.kind == ".h5ad"

    def write_object(self, adata: AnnData) -> None:
        """Write an .h5ad file, which remembers the command.

        Parameters
        ----------
        adata
            With its results.
        """
        from sigel.io._hdf5 import write_h5ad

        adata.uns[COMMANDS] = self._commands(adata.uns.get(COMMANDS, []))
        with self._place() as place:
            write_h5ad(adata, place)

    def write_through(self, make: Callable[[Path], object]) -> None:
        """Let something write an .h5ad file itself, which then remembers the command.

        Parameters
        ----------
        make
            Takes the path.
        """
        from anndata.io import write_elem

        from sigel.io._hdf5 import written_hdf5

        with self._place() as place:
            make(place)
            with written_hdf5(place, "r+") as (file, _):
                write_elem(file["uns"], COMMANDS, self._commands([]))

    def _commands(self, earlier: Sequence[str] | np.ndarray) -> np.ndarray:
        """The earlier commands and this one."""
        import numpy as np

        about = {
            "command": shlex.join(["sigel", *WORDS.get()]),
            "sigel": __version__,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "wall_time": round(time.perf_counter() - self.began, 3),
        }
        return np.array([*map(str, np.atleast_1d(earlier)), json.dumps(about)], dtype=object)

    def write_table(self, table: pd.DataFrame, index: str | None = None) -> None:
        """Write a table.

        Parameters
        ----------
        table
            Its `attrs` go into JSON too.
        index
            Name of the column that the index becomes; None: it is left out.
        """
        from sigel.cli._tables import as_text

        text = as_text(table, self.kind, index)
        if self.path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        with self._place() as place:
            place.write_text(text, encoding="utf-8")

    def write_page(self, text: str) -> None:
        """Write a page.

        Parameters
        ----------
        text
            Its HTML.
        """
        with self._place() as place:
            place.write_text(text, encoding="utf-8", newline="\n")

    def write_network(self, table: pd.DataFrame) -> None:
        """Write pairs of genes as a GraphML file.

        Parameters
        ----------
        table
            From `sigel.tl.gene_interactions`.
        """
        from sigel.io import write_network

        with self._place() as place:
            write_network(table, place)

    @contextmanager
    def _place(self) -> Iterator[Path]:
        assert self.path is not None
        with replaced(self.path, force=self.force) as place:
            yield place


@contextmanager
def replaced(path: Path, *, force: bool) -> Iterator[Path]:
    """A draft of a file, as `drafted`, refused in words of the command line.

    Parameters
    ----------
    path
        The place.
    force
        Whether what is there by then may be replaced.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    with writing(path, "output"), drafted(path) as draft:
        yield draft
        if not force:
            _check_absent(path)


def destination_of(writing: Writing, inputs: Sequence[Path], kinds: Sequence[str]) -> Destination:
    """The place of the results, refused while nothing is lost.

    Parameters
    ----------
    writing
        What was asked for.
    inputs
        What is read.
    kinds
        What the verb can write.

    Raises
    ------
    InputError
        When it is of another kind, there already, an input, or in no folder.
    """
    has_tables = set(TABLES) <= set(kinds)
    if writing.output == STANDARD and has_tables:
        return Destination(None, f".{writing.format}", writing.force)
    path = Path(writing.output).expanduser()
    kind = path.suffix.lower()
    if kind not in kinds:
        wanted = f"a name that ends in {alternatives(kinds)}" + (", or - for standard output" * has_tables)
        raise InputError("output", repr(writing.output), wanted, f"For example -o results{kinds[0]}.")
    check_place(path, "output", f"For example -o results{kind}.")
    if not writing.force:
        _check_absent(path, inputs)
    return Destination(path, kind, writing.force)


def _check_absent(path: Path, inputs: Sequence[Path] = ()) -> None:
    is_input = path.exists() and any(one.exists() and one.samefile(path) for one in inputs)
    fix = "Choose another name, or replace it by --force."
    check_absent(path, "output", fix, what="the input" if is_input else "there already")
