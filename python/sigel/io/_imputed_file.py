"""Imputed values that memory would not hold, written to a file as they come."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from scipy import sparse

from sigel.errors import InputError
from sigel.io._anndata_files import zarr_attributes
from sigel.io._hdf5 import written_hdf5
from sigel.runtime.drafts import check_place, drafted, writing
from sigel.runtime.requires import requires

if TYPE_CHECKING:
    import pandas as pd

H5AD, ZARR = ".h5ad", ".zarr"
# Cells x genes of a piece: few genes are read without the others.
_CHUNK = (4096, 16)
# Share of zeros among the first values from which on they are compressed.
_WORTH_PRESSING = 0.25
_FIX = 'For example out="imputed.h5ad".'


class ImputedFile:
    """An `.h5ad` file or a `.zarr` folder of cells x genes, whole when its `with` ends and else absent.

    Parameters
    ----------
    path
        Where to; an earlier one of that name is replaced at the end.
    obs
        What is known of the cells.
    obsm
        Their places, by key.

    Raises
    ------
    InputError
        When nothing can be written there, or the format cannot hold a column of `obs`.
    """

    def __init__(self, path: str | Path, obs: pd.DataFrame, obsm: Mapping[str, np.ndarray]) -> None:
        self.path, self.n_cells = checked_path(path), len(obs)
        with writing(self.path, "out"), ExitStack() as exits:
            self._file, self._check = exits.enter_context(_opened_draft(self.path, exits))
            self._write_cells(obs, obsm)
            self._check()
            self._exits = exits.pop_all()

    def __enter__(self) -> ImputedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with writing(self.path, "out"):
            self._exits.__exit__(kind, error, trace)

    def _write_cells(self, obs: pd.DataFrame, obsm: Mapping[str, np.ndarray]) -> None:
        from anndata import AnnData

        self._file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        layers = self._file.require_group("layers")
        layers.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
        # As anndata itself writes text of which some is missing.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held = AnnData(obs=obs.copy())
            held.strings_to_categoricals()
        try:
            _write(self._file, obs=held.obs, obsm=dict(obsm))
        except OSError:
            raise
        except Exception as error:  # whatever the library of the format says of it
            lost, why = _unwritable(held.obs, error)
            fix = "Leave it out, or turn it into text: target.obs[...] = target.obs[...].astype(str)."
            found = f"{lost}, which {self.path.suffix} cannot hold ({why})"
            raise InputError("target", found, "columns of numbers, text or categories in obs", fix) from error

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
        with writing(self.path, "out"):
            for name, values in parts.items():
                if values is not None:
                    self._write_part(name, values, genes, n_genes)
                    self._check()

    def _write_part(self, name: str, values: Any, genes: slice, n_genes: int) -> None:
        where = name if name == "X" else f"layers/{name}"
        dense = np.asarray(values.toarray() if sparse.issparse(values) else values, dtype=np.float32)
        if where not in self._file:
            # Without zeros nothing gets shorter, and it takes twenty times as long.
            zeros = 1 - np.count_nonzero(dense) / max(dense.size, 1)
            self._make(where, (self.n_cells, n_genes), pressed=bool(zeros >= _WORTH_PRESSING))
        self._file[where][:, genes] = dense

    def _make(self, where: str, shape: tuple[int, int], *, pressed: bool) -> None:
        chunks = tuple(max(min(a, b), 1) for a, b in zip(shape, _CHUNK, strict=True))
        if isinstance(self._file, h5py.Group):
            how = "lzf" if pressed else None
            made = self._file.create_dataset(where, shape, np.float32, chunks=chunks, compression=how)
        else:
            make = getattr(self._file, "create_array", self._file.create_dataset)
            # What a piece that is lost reads as: no value is NaN.
            made = make(where, shape=shape, dtype=np.float32, chunks=chunks, fill_value=np.nan)
        made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})

    def finish(self, var: pd.DataFrame, uns: Mapping[str, Any]) -> None:
        """All that is known of the genes.

        Parameters
        ----------
        var, uns
            Of the file.
        """
        with writing(self.path, "out"):
            _write(self._file, var=var, uns=dict(uns))


def _write(file: Any, **parts: Any) -> None:
    from anndata.io import write_elem

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of formats to come
        for name, part in parts.items():
            write_elem(file, name, part)


def _unwritable(obs: pd.DataFrame, error: Exception) -> tuple[str, str]:
    """Which column of `obs` it is that cannot be written, and why."""
    with h5py.File("scratch", "w", driver="core", backing_store=False) as scratch:
        faults = ((name, _fault(scratch, f"at{n}", obs[[name]])) for n, name in enumerate(obs.columns))
        lost = next(((name, own) for name, own in faults if own is not None), None)
    if lost is None:
        return "obs or coordinates", _first_line(error)
    return f"obs[{lost[0]!r}]", _first_line(lost[1])


def _fault(file: h5py.File, name: str, part: pd.DataFrame) -> Exception | None:
    try:
        _write(file, **{name: part})
    except Exception as error:  # whatever the library of the format says of it
        return error
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


@contextmanager
def _opened_draft(path: Path, exits: ExitStack) -> Iterator[tuple[Any, Callable[[], None]]]:
    """A new file, or folder, beside its place, and what raises the error of its disk."""
    draft = exits.enter_context(drafted(path))
    if path.suffix == ZARR:
        yield _new_zarr(draft), lambda: None
        return
    with written_hdf5(draft) as made:
        yield made


def _new_zarr(path: Path) -> Any:
    zarr = requires("zarr", "out", f"{path.suffix!r}, a zarr folder")
    path.mkdir()
    # Format 2 is what every version reads; those that know of no other have no such argument.
    newer = {} if zarr.__version__.startswith("2.") else {"zarr_format": 2}
    return zarr.open_group(str(path), mode="w", **newer)


def checked_path(path: str | Path) -> Path:
    """Where imputed values shall go.

    Parameters
    ----------
    path
        What a caller gave.

    Raises
    ------
    InputError
        When the name ends on something else than `.h5ad` or `.zarr`, its folder is not there or cannot be
        written to, or what is there is not to be replaced.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError("out", repr(path)[:60], "the path of a file", _FIX)
    shown = repr(os.fspath(path))
    try:
        path = Path(path).expanduser()
        if chr(0) in str(path):
            raise ValueError("a zero byte in it")
        suffix, is_file, is_folder = path.suffix, path.is_file(), path.is_dir()
        is_zarr = is_folder and zarr_attributes(path) is not None
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        # A name that is too long, of bytes, or of no user; a folder that may not be read.
        found = f"{shown[:120]}, no path that can be used ({_first_line(error)[:120]})"
        raise InputError("out", found, "the path of a file", _FIX) from error
    if suffix not in (H5AD, ZARR):
        what = ", a folder" if is_folder and shown != "''" else ""
        raise InputError("out", f"{shown}{what}", f"a name that ends on {H5AD} or {ZARR}", _FIX)
    check_place(path, "out", "Name another.", folder=suffix == ZARR)
    if suffix == ZARR and (is_file or (is_folder and not is_zarr)):
        found = f"{shown}, a {'file' if is_file else 'folder that is no zarr store'}"
        raise InputError("out", found, "a new folder, or a zarr store to replace", "Name another.")
    if suffix == ZARR:
        requires("zarr", "out", f"{shown}, a zarr folder")
    return path
