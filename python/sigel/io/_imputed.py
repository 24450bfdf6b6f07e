"""Some genes of a file of imputed values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from sigel.errors import InputError, unknown_name
from sigel.keys import IMPUTATION

if TYPE_CHECKING:
    from anndata import AnnData


def read_imputed(path: str | Path, genes: Sequence[str] | str) -> AnnData:
    """Read some genes of what `sigel.tl.impute(..., out=path)` wrote, and nothing of the others.

    Parameters
    ----------
    path
        The file.
    genes
        Names of imputed genes.

    Returns
    -------
    AnnData
        As `sigel.tl.impute` returns it, of these genes alone, in their order.

    Raises
    ------
    InputError
        When there is no such file, it was not written by `sigel.tl.impute`, or a gene is not in it.

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
    if not path.is_file() or not h5py.is_hdf5(path):
        found = f"{str(path)!r}, " + ("no HDF5 file" if path.is_file() else "which is not there")
        raise InputError("path", found, "a file that sigel.tl.impute wrote", "Pass what it returned.")
    with h5py.File(path, "r") as file:
        if IMPUTATION not in file.get("uns", {}) or "X" not in file:
            found = f"{str(path)!r}, without uns[{IMPUTATION!r}]"
            raise InputError("path", found, "a file that sigel.tl.impute wrote", "Pass what it returned.")
        var = read_elem(file["var"])
        names = [genes] if isinstance(genes, str) else [str(gene) for gene in genes]
        column = var.index.get_indexer(names)
        if (column < 0).any():
            lost = names[int(np.argmax(column < 0))]
            fix = "See uns: `left_out` says which genes could not be imputed."
            raise InputError("genes", unknown_name(lost, var.index), "imputed genes of the file", fix)
        order, back = np.unique(column, return_inverse=True)

        def some(values: h5py.Dataset) -> np.ndarray:
            return np.asarray(values[:, order])[:, back]

        made = AnnData(some(file["X"]), obs=read_elem(file["obs"]), var=var.iloc[column])
        for name in ("lower", "upper"):
            if name in file.get("layers", {}):
                made.layers[name] = some(file["layers"][name])
        for key in file["obsm"]:
            made.obsm[key] = read_elem(file["obsm"][key])
        made.uns[IMPUTATION] = read_elem(file["uns"][IMPUTATION])
    return made
