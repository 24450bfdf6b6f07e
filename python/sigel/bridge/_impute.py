"""Genes that a panel did not measure, for R."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.bridge._pieces import columns, names_of, section_of, whole, whole_numbers, with_lists
from sigel.config.imputation import ImputeConfig
from sigel.runtime.progress import Progress
from sigel.tasks.imputation.impute import Imputed
from sigel.tasks.imputation.impute import impute as impute_section

# What the report says in one word or number each.
REPORTED = ("method", "n_shared", "target_sum", "spearman", "converged")


def impute(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    references: Sequence[Sequence[Any]],
    features: Sequence[str] | None,
    method: str,
    model: Sequence[str] | None,
    orthologs: Sequence[Sequence[str]] | None,
    intervals: bool,  # noqa: FBT001
    settings: dict[str, Any],
    seed: float,
    device: str,
    progress: Progress | None,
) -> dict[str, Any]:
    """Impute the genes that a section lacks; see `sigel.tl.impute`. The target as in `embed`.

    Parameters
    ----------
    references
        Sections, each a sequence of `i, p, x, dim, genes, cells, coordinates, lattice`.
    features
        Names of genes to impute, or None for all that there are.
    method, intervals, seed, device
        As in `sigel.tl.impute`.
    model
        Folders of saved models, one for each reference, or None.
    orthologs
        Two sequences of equal length, genes of the target and of the reference; None: same names.
    settings
        Nested settings of `ImputeConfig`.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    dict
        `genes`; `values`, `lower`, `upper`, float32 `(n_genes, n_cells)` or None (`values` with zeros: the
        slots `i, p, x, dim` of a dgCMatrix); the columns of `table`, `shared`, `weights`, `coverage`,
        `left_out` and `history` as lists, the gene's name among them; `report`: words and numbers, `min_pcc`
        among them, `params` and `provenance` as JSON.
    """
    config = ImputeConfig.from_dict(with_lists(whole_numbers(settings), "scales", "penalties"))
    result = impute_section(
        section_of(i, p, x, dim, genes, coordinates, lattice),
        [section_of(*one[:5], *one[6:]) for one in references],  # without the names of cells
        genes=None if features is None else names_of(features),
        method=method,  # type: ignore[arg-type]  # checked there
        model=None if model is None else names_of(model),
        orthologs=None if orthologs is None else _pairs(*orthologs),
        intervals=intervals,
        config=config,
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return _plain(result, config)


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
        "table": _named(result.table),
        "shared": _named(result.shared),
        "weights": columns(result.weights),
        "coverage": columns(result.coverage),
        "left_out": _named(result.left_out),
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


def _named(table: pd.DataFrame) -> dict[str, list[Any]]:
    return columns(table.rename_axis("gene").reset_index())


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
