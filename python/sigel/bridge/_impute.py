"""Genes that a panel did not measure, for R."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.bridge._pieces import columns, gene_columns, names_of, section_of, whole, whole_numbers, with_lists
from sigel.bridge._recorded import recorded
from sigel.config.imputation import ImputeConfig
from sigel.images.section import Section
from sigel.io._imputed_file import ImputedFile
from sigel.keys import IMPUTATION
from sigel.runtime.progress import Progress
from sigel.tasks.imputation.impute import Imputed
from sigel.tasks.imputation.impute import impute as impute_section

# What the report says in one word or number each.
REPORTED = ("method", "n_shared", "target_sum", "spearman", "converged")


@recorded("section", "references")
def impute(
    *,
    section: Mapping[str, Any],
    references: Sequence[Mapping[str, Any]],
    method: str,
    intervals: bool,
    settings: dict[str, Any],
    seed: float,
    device: str,
    genes: Sequence[str] | None = None,
    model: Sequence[str] | None = None,
    orthologs: Sequence[Sequence[str]] | None = None,
    out: str | None = None,
    cell_names: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Impute the genes that a section lacks; see `sigel.tl.impute`.

    Parameters
    ----------
    section, references
        Pieces of the target, and of each reference.
    method, intervals, seed, device, genes, progress
        As in `sigel.tl.impute`.
    settings
        Nested settings of `ImputeConfig`.
    model
        Folders of saved models, one for each reference, or None.
    orthologs
        Two sequences of equal length, genes of the target and of the reference; None: same names.
    out
        File that takes the values, some genes at a time; None: none.
    cell_names
        Names of the cells, for the file.

    Returns
    -------
    dict
        `genes`; `values`, `lower`, `upper`, float32 `(n_genes, n_cells)` or None (`values` with zeros: the
        slots `i, p, x, dim` of a dgCMatrix; all None where a file took them); the columns of `table`,
        `shared`, `weights`, `coverage`, `left_out` and `history` as lists, the gene's name among them;
        `report`: words and numbers, `min_pcc` among them, `params` and `provenance` as JSON.
    """
    config = ImputeConfig.from_dict(with_lists(whole_numbers(settings), "scales", "penalties"))
    target = section_of(section)
    file = None if out is None else _file(out, target, names_of(cell_names or []))
    with file or nullcontext():
        result = impute_section(
            target,
            [section_of(one) for one in references],
            genes=None if genes is None else names_of(genes),
            method=method,  # type: ignore[arg-type]  # checked there
            model=None if model is None else names_of(model),
            orthologs=None if orthologs is None else _pairs(*orthologs),
            intervals=intervals,
            config=config,
            seed=whole(seed),
            device=device,
            progress=progress,
            file=file,
        )
        if file is not None:
            file.finish(result.table, {IMPUTATION: result.known()})
    return _plain(result, config)


def _file(out: str, target: Section, cells: Sequence[str]) -> ImputedFile:
    """A file for the cells of the target, which has their places, too."""
    places = target.coordinates if target.coordinates is not None else target.lattice
    obsm = {} if places is None else {"spatial": np.asarray(places)}
    return ImputedFile(out, pd.DataFrame(index=pd.Index(cells, dtype=object)), obsm)


def _pairs(target: Any, reference: Any) -> pd.DataFrame:
    return pd.DataFrame({"target": names_of(target), "reference": names_of(reference)})


def _plain(result: Imputed, config: ImputeConfig) -> dict[str, Any]:
    report = result.report
    history = report["history"] or None
    return {
        "genes": names_of(result.genes),
        "values": _genes_by_cells(result.values),
        "lower": _genes_by_cells(result.lower),
        "upper": _genes_by_cells(result.upper),
        "table": gene_columns(result.table),
        "shared": gene_columns(result.shared),
        "weights": columns(result.weights),
        "coverage": columns(result.coverage),
        "left_out": gene_columns(result.left_out),
        "history": None if history is None else columns(pd.DataFrame(history)),
        "report": {name: report[name] for name in REPORTED}
        | {
            "min_pcc": config.min_pcc,
            "params": _json(report["params"]),
            "provenance": _json(report["provenance"]),
        },
    }


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _genes_by_cells(values: Any) -> Any:
    """Cells x genes by rows is genes x cells by columns, as R keeps it: nothing is moved."""
    if values is None:
        return None
    if not sparse.issparse(values):
        return values.T
    matrix = sparse.csr_matrix(values)
    matrix.sort_indices()
    return {
        "i": matrix.indices.astype(np.int32),
        "p": matrix.indptr.astype(np.int32),
        "x": matrix.data.astype(np.float64),
        "dim": [matrix.shape[1], matrix.shape[0]],
    }
