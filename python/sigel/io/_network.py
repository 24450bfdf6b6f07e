"""A network of genes as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of
from sigel.runtime.drafts import check_place, drafted, writing
from sigel.runtime.requires import requires

_ENDS = ("gene_a", "gene_b")
_VALUES = ("similarity", "pval", "qval", "prob")


def write_network(table: pd.DataFrame, path: str | Path) -> None:
    """Write pairs of genes as a network that Cytoscape, Gephi, igraph and networkx read.

    Parameters
    ----------
    table
        What `sigel.tl.gene_interactions` returned, or those rows of it that shall be edges.
    path
        Where to: a GraphML file, `.graphml`. One that is there is replaced.

    Raises
    ------
    InputError
        When the table is another or has no pair with a similarity, or the file cannot be written.
    MissingPackageError
        When igraph is missing.

    Notes
    -----
    The network has no direction. A node has its gene's `name`, an edge `similarity`, `pval`, `qval` and,
    where the table has it, `prob`. A pair that stands twice, as two partners of each other do, is one edge,
    that of its first row; pairs without a similarity are left out.

    Examples
    --------
    >>> import sigel, tempfile
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> table = sigel.tl.gene_interactions(adata, genes=adata.var_names[:9], progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sigel.io.write_network(table[table["similarity"] > 0.3], f"{folder}/network.graphml")
    """
    edges = _edges(table)
    path = _checked(path)
    igraph = requires("igraph", "path", f"{path.name!r}, which igraph writes")
    ends = edges[list(_ENDS)].to_numpy(dtype=str)
    codes, names = pd.factorize(ends.ravel())
    graph = igraph.Graph(
        n=len(names), edges=codes.reshape(ends.shape).tolist(), vertex_attrs={"name": names.tolist()}
    )
    for name in _VALUES:
        if name in edges:
            graph.es[name] = edges[name].astype(float).tolist()
    with writing(path, "path"), drafted(path) as draft:
        said: Exception | None = None
        try:
            graph.write_graphml(str(draft))
        except igraph.InternalError as error:
            said = error
        _check_end(draft, said)


def _check_end(file: Path, said: Exception | None) -> None:
    """What could not be written at the end igraph does not tell of, and of the rest not why."""
    with file.open("a+b") as written:
        written.seek(0)
        if not written.read().rstrip().endswith(b"</graphml>"):
            written.write(bytes(1 << 16))  # the system says why
            written.flush()
            raise said or OSError("the disk took a part of it")


def _edges(table: object) -> pd.DataFrame:
    """Each pair with a similarity once."""
    needed = {*_ENDS, "similarity"}
    if not isinstance(table, pd.DataFrame) or not needed <= set(table.columns):
        found = (
            f"columns {', '.join(map(str, table))}" if isinstance(table, pd.DataFrame) else "no data frame"
        )
        wanted = f"columns {', '.join((*_ENDS, 'similarity'))}"
        raise InputError("table", found, wanted, "Pass what sigel.tl.gene_interactions returned.")
    if table[list(_ENDS)].isna().any(axis=None):
        raise InputError("table", "missing names of genes", "two names in each row", "Use table.dropna().")
    told = table[np.isfinite(table["similarity"].to_numpy(dtype=float))]
    if told.empty:
        found = f"{number_of(len(table), 'row')}, none with a similarity"
        raise InputError("table", found, "pairs that were tested", "Choose rows less strictly.")
    ends = np.sort(told[list(_ENDS)].to_numpy(dtype=str), axis=1)
    return told[~pd.DataFrame(ends).duplicated().to_numpy()]


def _checked(path: object) -> Path:
    wanted, fix = "a file that ends in .graphml", 'For example path="network.graphml".'
    if not isinstance(path, str | Path) or Path(path).suffix.lower() != ".graphml":
        found = repr(str(path)) if isinstance(path, str | Path) else repr(path)[:60]
        raise InputError("path", found, wanted, fix)
    path = Path(path)
    check_place(path, "path", fix)
    return path
