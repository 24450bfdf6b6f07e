"""Differential expression of pseudobulks by other packages, in a process of its own.

Usage: python -m benchmarks.cohorts.peers METHOD OUT FILE, by a Python that has the method's package. FILE
holds counts and what the method needs beside them, the answer goes to the folder OUT, the last line printed
is JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness.processes import in_own_process, memory_gb

ANSWER = "answer.npz"

# Score (higher: more changed) and p-value of each gene; NaN where a gene is not tested.
Found = tuple[np.ndarray, np.ndarray]


def deseq2(counts: np.ndarray, condition: np.ndarray) -> Found:
    """PyDESeq2 at its defaults: size factors, shrunk dispersions, Wald test of the condition.

    Genes with an outlier by Cook's distance, and genes without counts, are not tested.

    Parameters
    ----------
    counts
        `(n_sections, n_genes)`.
    condition
        0 or 1 of each section.
    """
    import pandas as pd
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    names = [f"section{k}" for k in range(len(counts))]
    genes = [f"gene{k}" for k in range(counts.shape[1])]
    table = pd.DataFrame(np.round(counts).astype(int), index=names, columns=genes)
    about = pd.DataFrame({"condition": np.where(condition == 1, "case", "control")}, index=names)
    fitted = DeseqDataSet(counts=table, metadata=about, design="~condition", quiet=True, n_cpus=1)
    fitted.deseq2()
    tested = DeseqStats(fitted, contrast=["condition", "case", "control"], quiet=True, n_cpus=1)
    tested.summary()
    result = tested.results_df.reindex(genes)
    return np.abs(result["stat"].to_numpy(dtype=float)), result["pvalue"].to_numpy(dtype=float)


def edger(counts: np.ndarray, design: np.ndarray, tested: np.ndarray) -> Found:
    """The pipeline of edgeR as edgepython has it: filter, TMM, quasi-likelihood fit, F-test of some columns.

    Genes are ordered by p-value, as their degrees of freedom differ. Genes that edgeR's filter takes for too
    rare are not tested, and none is where no column is to be tested or the design leaves no part to spare.

    Parameters
    ----------
    counts
        `(n_parts, n_genes)`.
    design
        `(n_parts, n_columns)`, of full rank.
    tested
        Which columns, all together.
    """
    score, pval = np.full((2, counts.shape[1]), np.nan)
    if not len(tested) or len(counts) <= design.shape[1]:
        return score, pval
    import edgepython

    kept = edgepython.filter_by_expr(edgepython.make_dgelist(counts.T), design=design)
    given = edgepython.calc_norm_factors(edgepython.make_dgelist(counts.T[kept]))
    fitted = edgepython.glm_ql_fit(given, design=design)
    pval[kept] = edgepython.glm_ql_ftest(fitted, coef=tested.tolist())["table"]["PValue"].to_numpy(float)
    score[kept] = -np.log10(np.maximum(pval[kept], np.finfo(float).tiny))
    return score, pval


METHODS: dict[str, Callable[..., Found]] = {"PyDESeq2": deseq2, "edgepython": edger}
PACKAGES = {"PyDESeq2": "pydeseq2", "edgepython": "edgepython"}


def asked(method: str, file: Path, python: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Score, p-value and seconds of a method in a process of its own.

    Parameters
    ----------
    method
        Key of `METHODS`.
    file
        `.npz` with the method's arguments by name.
    python
        Has the method's package.

    Raises
    ------
    RuntimeError
        When the method fails; with what it said.
    """

    def read(out: Path) -> Found:
        with np.load(out / ANSWER) as kept:
            return kept["score"], kept["pval"]

    (score, pval), marks = in_own_process(__name__, method, str(file), read=read, python=python)
    return score, pval, float(marks["seconds"])


def main(method: str, out: str, file: str) -> None:
    """Run a method on what lies in a file.

    Parameters
    ----------
    method
        Key of `METHODS`.
    out
        Folder for the answer.
    file
        As in `asked`.
    """
    with np.load(file) as kept:
        given = {name: kept[name] for name in kept.files}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        # What is imported and compiled at a first call is no part of a method's time.
        METHODS[method](**given | {"counts": given["counts"][:, : given["counts"].shape[1] // 4]})
        started = time.perf_counter()
        score, pval = METHODS[method](**given)
        seconds = time.perf_counter() - started
    np.savez(Path(out) / ANSWER, score=score, pval=pval)
    print(json.dumps({"seconds": seconds, "peak GB": memory_gb("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
