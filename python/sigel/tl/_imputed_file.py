"""Imputed values that memory would not hold, written to a file as they come."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from scipy import sparse

from sigel.errors import InputError
from sigel.runtime.drafts import drafted

if TYPE_CHECKING:
    from anndata import AnnData

SUFFIX = ".h5ad"
# Cells x genes of a piece: few genes are read without the others.
_CHUNK = (4096, 16)


class ImputedFile:
    """An `.h5ad` file of cells x genes, whole when its `with` ends and absent where that fails.

    Parameters
    ----------
    path
        Where to; an earlier file of that name is replaced at the end.
    n_cells
        Of the target.

    Raises
    ------
    InputError
        When the name ends on something else, or the folder is not there or cannot be written to.
    """

    def __init__(self, path: str | Path, n_cells: int) -> None:
        self.path, self.n_cells = checked_path(path), n_cells
        self._exits = ExitStack()
        draft = self._exits.enter_context(drafted(self.path))
        self._file = self._exits.enter_context(h5py.File(draft, "x"))

    def __enter__(self) -> ImputedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.__exit__(kind, error, trace)

    def write(self, genes: slice, n_genes: int, **parts: Any) -> None:
        """Values of some genes.

        Parameters
        ----------
        genes
            Which they are.
        n_genes
            Of the whole file.
        parts
            `X`, `lower`, `upper`: `(n_cells, len(genes))`, dense or sparse; None: there are none.
        """
        for name, values in parts.items():
            if values is None:
                continue
            where = name if name == "X" else f"layers/{name}"
            if where not in self._file:
                shape = (self.n_cells, n_genes)
                chunks = tuple(min(a, b) for a, b in zip(shape, _CHUNK, strict=True))
                made = self._file.create_dataset(where, shape, np.float32, chunks=chunks, compression="lzf")
                made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            dense = values.toarray() if sparse.issparse(values) else values
            self._file[where][:, genes] = np.asarray(dense, dtype=np.float32)

    def finish(self, about: AnnData) -> None:
        """All but the values.

        Parameters
        ----------
        about
            `obs`, `var`, `obsm` and `uns` of the file.
        """
        from anndata.io import write_elem

        self._file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        for name in ("obs", "var"):
            write_elem(self._file, name, getattr(about, name))
        for name in ("obsm", "uns"):
            write_elem(self._file, name, dict(getattr(about, name)))
        layers = self._file.require_group("layers")
        layers.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})


def checked_path(path: str | Path) -> Path:
    """Where a file of imputed values shall go.

    Parameters
    ----------
    path
        What a caller gave.

    Raises
    ------
    InputError
        As `ImputedFile`.
    """
    fix = 'For example out="imputed.h5ad".'
    if not isinstance(path, str | os.PathLike):
        raise InputError("out", repr(path)[:60], "the path of a file", fix)
    path = Path(path).expanduser()
    if path.suffix != SUFFIX:
        raise InputError("out", repr(str(path)), f"a name that ends on {SUFFIX}", fix)
    if not path.parent.is_dir():
        found = f"{str(path)!r}, whose folder is not there"
        raise InputError("out", found, "a file in a folder that is there", "Make the folder first.")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError("out", repr(str(path)), "a file that can be written", "Name another.")
    return path
