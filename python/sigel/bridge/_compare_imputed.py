"""Imputed genes in two groups of cells, for R."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sigel.bridge._pieces import gene_columns, names_of, whole
from sigel.io._imputed import in_parts, without_values
from sigel.runtime.seeds import stream
from sigel.tasks.imputation.compared import Bounded, check_groups, compare_groups, genes_at_a_time, groups_of


def compare_imputed(
    *,
    genes: Sequence[str],
    cell_names: Sequence[str],
    labels: Sequence[str],
    first: Sequence[str],
    expected_pcc: Sequence[float],
    params: str,
    n_draws: float,
    seed: float,
    second: Sequence[str] | None = None,
    values: Any = None,
    lower: Any = None,
    upper: Any = None,
    path: str | None = None,
) -> dict[str, Any]:
    """Compare imputed genes between two groups of cells; see `sigel.tl.compare_imputed`.

    Parameters
    ----------
    genes
        Names of the genes.
    cell_names, labels
        Names of the cells that have a label, and that.
    first, second, n_draws, seed
        As there.
    expected_pcc
        Of the genes.
    params
        Settings that the genes were imputed with, as JSON.
    values, lower, upper
        `(n_genes, n_cells)` each, or None where a file has them.
    path
        The file, or None.

    Returns
    -------
    dict
        The columns of the table, `gene` first.
    """
    names, label = names_of(genes), np.array(names_of(labels), dtype=object)
    if path is not None:
        label_of = dict(zip(names_of(cell_names), label, strict=True))
        there = without_values(Path(path)).obs_names
        label = np.array([label_of.get(cell) for cell in there], dtype=object)
    one, other = groups_of(label, names_of(first), None if second is None else names_of(second))
    times = whole(n_draws, "n_draws")
    check_groups(one, other, times)
    parts: Iterable[Bounded]
    if path is None:
        shape = (len(names), len(label))
        value, low, high = (np.asarray(part).reshape(shape).T for part in (values, lower, upper))
        parts = [(value, low, high)]
    else:
        parts = in_parts(Path(path), names, genes_at_a_time(int((one | other).sum())))
    table = compare_groups(
        names,
        parts,
        one,
        other,
        expected_pcc=np.asarray(expected_pcc, dtype=np.float64).reshape(-1),
        coverage=json.loads(params)["coverage"],
        n_draws=times,
        rng=stream(whole(seed), "compare imputed"),
    )
    return gene_columns(table)
