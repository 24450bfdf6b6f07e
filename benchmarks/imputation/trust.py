"""Whether intervals hold what they promise, and whether expected accuracies come true."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.harness.numerics import library, log_normalised
from benchmarks.imputation.folds import fold_of
from benchmarks.imputation.metrics import pcc
from benchmarks.imputation.splits import Split
from benchmarks.imputation.stages import Outcome

N_STRATA = 5
STRATA = [f"{n}" for n in range(1, N_STRATA + 1)]


def gene_table(split: Split, outcome: Outcome) -> pd.DataFrame:
    """What was said of each gene beforehand and what came of it, genes of all folds.

    Values are compared in the units that the result has: counts of a cell at the result's own common library,
    by what the cell shows of the genes still measured.

    Parameters
    ----------
    split
        With the truth.
    outcome
        Of the package's default.

    Returns
    -------
    pandas.DataFrame
        Beside the result's own columns `achieved` (PCC), `measured` (mean), `zeros`, `covered`, `width`.
    """
    tables = []
    for held, found in zip(split.folds, outcome.folds, strict=True):
        if found.lower is None or found.upper is None or found.genes is None or found.about is None:
            msg = "The result has no intervals."
            raise ValueError(msg)
        size = library(fold_of(split.target, [], held).target)
        truth = log_normalised(split.target[:, held].X, size, found.about["target_sum"]).toarray()
        table = found.genes.copy()
        table["achieved"] = pcc(np.nan_to_num(found.values), truth)
        table["measured"] = truth.mean(axis=0)
        table["zeros"] = (truth == 0).mean(axis=0)
        # Ends are kept in single precision; a value on an end is inside.
        slack = 1e-5 * (1 + truth)
        inside = (truth >= found.lower - slack) & (truth <= found.upper + slack)
        table["covered"] = inside.mean(axis=0)
        table["width"] = (found.upper - found.lower).mean(axis=0)
        table["claimed spearman"] = found.about["spearman"]
        tables.append(table[np.isfinite(found.values).all(axis=0)])
    return pd.concat(tables)


def strata(level: np.ndarray) -> np.ndarray:
    """Fifth of the genes that each is in, 0 the weakest.

    Parameters
    ----------
    level
        `(n_genes,)`.
    """
    order = np.argsort(np.argsort(level, kind="stable"), kind="stable")
    return order * N_STRATA // len(level)


def coverage_rows(name: str, table: pd.DataFrame) -> list[dict[str, object]]:
    """Coverage and share of zeros, overall and by fifths of the genes.

    Parameters
    ----------
    name
        Of the split.
    table
        As `gene_table` makes it.
    """
    rows: list[dict[str, object]] = []
    for by, column in (("level in the reference", "level"), ("level measured", "measured")):
        fifth = strata(table[column].to_numpy())
        for what in ("covered", "zeros", "width"):
            each = table[what].groupby(fifth).mean()
            row = {"split": name, "fifths by": by, "share": what, "all": float(table[what].mean())}
            rows.append(row | {STRATA[n]: float(each.get(n, np.nan)) for n in range(N_STRATA)})
    return rows


def trust_row(name: str, table: pd.DataFrame) -> dict[str, object]:
    """Expected beside achieved accuracy.

    Parameters
    ----------
    name
        Of the split.
    table
        As `gene_table` makes it.
    """
    trusted = table["trusted"].to_numpy() > 0
    expected, achieved = table["expected_pcc"].to_numpy(), table["achieved"].to_numpy()
    known = np.isfinite(expected)

    def mean(of: np.ndarray) -> float:
        return float(of.mean()) if len(of) else np.nan

    return {
        "split": name,
        "genes": len(table),
        "Spearman": float(spearmanr(expected[known], achieved[known]).statistic),
        "Spearman it claims": float(table["claimed spearman"].mean()),
        "mean expected PCC": mean(expected[known]),
        "mean achieved PCC": mean(achieved),
        "mean absolute difference": mean(np.abs(expected - achieved)[known]),
        "share trusted": mean(trusted),
        "PCC of trusted": mean(achieved[trusted]),
        "PCC of the others": mean(achieved[~trusted]),
        "PCC of others at most": float(achieved[~trusted].max()) if (~trusted).any() else np.nan,
    }
