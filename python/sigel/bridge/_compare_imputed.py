"""Imputed genes in two groups of cells, for R."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sigel.bridge._pieces import gene_columns, names_of, spots_by_genes, whole
from sigel.bridge._recorded import recorded
from sigel.errors import InputError, number_of
from sigel.io._imputed import in_parts, without_values
from sigel.runtime.seeds import stream
from sigel.tasks.imputation.compared import Bounded, check_groups, compare_groups, genes_at_a_time, groups_of


@recorded("values", "lower", "upper", "genes")
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
    n_cells: float | None = None,
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
    n_cells
        Of all cells with imputed values, those without a label among them; None: those of `labels`, or of the
        file.
    values, lower, upper
        Of the cells of `labels`, genes x cells each: an array, or the slots `i, p, x, dim` of a dgCMatrix; or
        None where a file has them.
    path
        The file, or None.

    Returns
    -------
    dict
        The columns of the table, `gene` first.

    Raises
    ------
    InputError
        As there, and when a cell that has a label is not in the file.
    """
    names, label = names_of(genes), np.array(names_of(labels), dtype=object)
    if path is not None:
        label_of = dict(zip(names_of(cell_names), label, strict=True))
        there = without_values(Path(path)).obs_names
        _check_cells(list(label_of), set(there))
        label = np.array([label_of.get(cell) for cell in there], dtype=object)
    one, other = groups_of(label, names_of(first), None if second is None else names_of(second))
    times = whole(n_draws, "n_draws")
    check_groups(one, other, times)
    # Parts of the size that the other door gives them: what is drawn goes by part.
    n = genes_at_a_time(len(label) if path is not None or n_cells is None else whole(n_cells, "n_cells"))
    parts: Iterable[Bounded]
    if path is None:
        parts = _parts([_cells_by_genes(one, len(names)) for one in (values, lower, upper)], len(names), n)
    else:
        parts = in_parts(Path(path), names, n)
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


def _check_cells(labelled: list[str], there: set[str]) -> None:
    """Refuse labels of cells that the file does not have."""
    lost = [cell for cell in labelled if cell not in there]
    if lost:
        shown = ", ".join(f'"{cell}"' for cell in lost[:3]) + (", ..." if len(lost) > 3 else "")
        found = f"{number_of(len(lost), 'cell')} without intervals: {shown}"
        fix = "They were renamed or added since: call sigel.tl.impute again."
        raise InputError("imputed", found, "the cells that were imputed", fix)


def _cells_by_genes(values: Any, n_genes: int) -> Any:
    """Genes x cells of R as cells x genes, so that some genes can be taken."""
    if not isinstance(values, Mapping):
        return np.asarray(values).reshape(n_genes, -1).T
    return spots_by_genes(values).tocsc()


def _parts(matrices: list[Any], n_genes: int, n: int) -> Iterator[Bounded]:
    for start in range(0, n_genes, n):
        value, low, high = (one[:, start : start + n] for one in matrices)
        yield value, low, high
