"""Some genes of a file of imputed values."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from sigel.errors import InputError, unknown_name
from sigel.io._anndata_files import zarr_attributes
from sigel.io._hdf5 import opened_hdf5
from sigel.io._tables import reading
from sigel.keys import CALLS, IMPUTATION
from sigel.runtime.requires import requires
from sigel.tasks.imputation.room import check_room

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_WANTED = "a file that sigel.tl.impute wrote"
_FIX = "Pass what it returned."
_BOUNDS = ("lower", "upper")


def read_imputed(
    path: str | Path, genes: Sequence[str] | str | None = None, *, intervals: bool = True
) -> AnnData:
    """Read some genes of what `sigel.tl.impute(..., out=path)` wrote, and nothing of the others.

    Parameters
    ----------
    path
        The `.h5ad` file, or the `.zarr` folder (`pip install "sigel[read]"`).
    genes
        Names of imputed genes. Default: all, where memory holds them.
    intervals
        Whether to read the layers `lower` and `upper`, where there are any.

    Returns
    -------
    AnnData
        As `sigel.tl.impute` returns it, of these genes alone, in their order.

    Raises
    ------
    InputError
        When there is no such file, it was not written by `sigel.tl.impute` or lacks a piece, a gene is not in
        it or named twice, or the values would not fit into memory.

    Examples
    --------
    >>> import sigel, tempfile, pathlib
    >>> target, reference, hidden = sigel.datasets.simulated_panel(seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "imputed.h5ad"
    ...     where = sigel.tl.impute(target, reference, out=file, progress=False)
    ...     some = sigel.io.read_imputed(where, [hidden.var_names[0]])
    >>> some.shape == (target.n_obs, 1)
    True
    """
    from anndata import AnnData
    from anndata.io import read_elem

    path = Path(path).expanduser()
    with _opened(path) as file:
        var = read_elem(file["var"])
        column = var.index.get_indexer(genes_asked(genes, var.index))
        layers = [name for name in _BOUNDS if intervals and name in file["layers"]]
        check_room(file["X"].shape[0], len(column), intervals=bool(layers), fix="Name fewer genes.")
        made = AnnData(_some(file["X"], column, path), obs=read_elem(file["obs"]), var=var.iloc[column])
        for name in layers:
            made.layers[name] = _some(file["layers"][name], column, path)
        for key in file["obsm"]:
            made.obsm[key] = read_elem(file["obsm"][key])
        made.uns.update(_about(file["uns"]))
    return made


def without_values(path: Path) -> AnnData:
    """All but the values of what `sigel.tl.impute` wrote.

    Parameters
    ----------
    path
        The file.
    """
    from anndata import AnnData
    from anndata.io import read_elem

    with _opened(path) as file:
        return AnnData(obs=read_elem(file["obs"]), var=read_elem(file["var"]), uns=_about(file["uns"]))


def _about(uns: Any) -> dict[str, Any]:
    """How the values were made."""
    from anndata.io import read_elem

    return {key: read_elem(uns[key]) for key in (IMPUTATION, CALLS) if key in uns}


def in_parts(path: Path, genes: list[str], n: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Values, lower and upper bounds of some genes after others, `(n_cells, n)` each.

    Parameters
    ----------
    path
        The file.
    genes
        Names, all of which it has.
    n
        How many at a time.
    """
    from anndata.io import read_elem

    with _opened(path) as file:
        if not set(_BOUNDS) <= set(file["layers"]):
            fix = "Call sigel.tl.impute with intervals=True."
            raise InputError("imputed", "a file without intervals", "layers lower and upper", fix)
        column = read_elem(file["var"]).index.get_indexer(genes)
        for start in range(0, len(column), n):
            some = column[start : start + n]
            value, low, high = (
                _some(file[name], some, path) for name in ("X", "layers/lower", "layers/upper")
            )
            yield value, low, high


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file, or the folder, for reading, if it holds imputed values."""
    with _opened_any(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of formats to come
        if "uns" not in file or IMPUTATION not in file["uns"] or "X" not in file:
            found = f"{str(path)!r}, without uns[{IMPUTATION!r}]"
            raise InputError("path", found, _WANTED, _FIX)
        yield file


@contextmanager
def _opened_any(path: Path) -> Iterator[Any]:
    is_zarr = path.is_dir() and zarr_attributes(path) is not None
    if is_zarr:
        zarr = requires("zarr", "path", f"{path.name!r}, a zarr folder")
        with reading(path, _WANTED):
            yield zarr.open_group(str(path), mode="r")
        return
    if not path.is_file() or not h5py.is_hdf5(path):
        what = (
            "no HDF5 file" if path.is_file() else "no zarr store" if path.is_dir() else "which is not there"
        )
        raise InputError("path", f"{str(path)!r}, {what}", _WANTED, _FIX)
    with opened_hdf5(path, _WANTED) as file:
        yield file


def genes_asked(genes: Sequence[str] | str | None, known: pd.Index) -> list[str]:
    """Names of imputed genes that a caller asks for.

    Parameters
    ----------
    genes
        Names, or one; None: all.
    known
        Names of those that were imputed.

    Raises
    ------
    InputError
        When none is named, one twice, or one that was not imputed.
    """
    if genes is None:
        return list(known)
    names = [genes] if isinstance(genes, str) else [str(gene) for gene in genes]
    if not names or len(set(names)) < len(names):
        found = "a name more than once" if names else "no name"
        raise InputError("genes", found, "names of imputed genes, each once", "Leave it out for all.")
    lost = next((name for name in names if name not in known), None)
    if lost is not None:
        fix = "See uns: `left_out` says which genes could not be imputed."
        raise InputError("genes", unknown_name(lost, known), "imputed genes", fix)
    return names


def _some(values: Any, column: np.ndarray, path: Path) -> np.ndarray:
    """Columns of a dataset, in the order asked."""
    order, back = np.unique(column, return_inverse=True)
    whole = len(order) == values.shape[1]
    if isinstance(values, h5py.Dataset):
        found = np.asarray(values[:] if whole else values[:, order])
    else:
        found = np.asarray(values[:] if whole else values.oindex[:, order])
    if np.isnan(found).any():
        raise InputError("path", f"{path.name!r}, which lacks pieces", "a whole one", "Copy it anew.")
    return found if (back == np.arange(len(back))).all() else found[:, back]
