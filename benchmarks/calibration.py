"""Whether p-values of spatial genes keep their promise: on permuted spots, and on a mixture of genes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse, stats
from spatial_stages import apply, why_not

N_DECILES = 10
# Most genes of a section that a slow method is given many times over.
SLOW = {"FlashS": 2000}
# Spots of like library between which genes of a mixed section move.
STRATUM = 25
# 95 % point of the Kolmogorov-Smirnov distance of n uniform draws from the uniform, times the root of n.
NOISE = 1.358


def permuted(adata: AnnData, rng: np.random.Generator) -> AnnData:
    """Whole profiles at other spots: every gene keeps its partners and its library, and loses its place.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    rng
        Of the permutation.
    """
    made = adata.copy()
    made.X = sparse.csr_matrix(adata.X)[rng.permutation(adata.n_obs)]
    return made


def within_strata(library: np.ndarray, rng: np.random.Generator, size: int = STRATUM) -> np.ndarray:
    """A permutation of spots that moves each to one of much the same library, `(n_spots,)`.

    Parameters
    ----------
    library
        Counts of each spot, `(n_spots,)`.
    rng
        Of the permutation.
    size
        Spots that change places with each other.
    """
    order = np.argsort(library, kind="stable")
    stratum = np.arange(len(order)) // size
    moved = np.empty(len(order), dtype=np.int64)
    moved[order] = order[np.lexsort((rng.random(len(order)), stratum))]
    return moved


def mixed(adata: AnnData, rng: np.random.Generator) -> AnnData:
    """A section in which a random half of the genes is permuted, in `var["permuted"]`.

    The permuted half moves between spots of like library: what a spot has of the real half says how deeply it
    was sequenced, and a gene that follows another depth than its spot's is no null gene.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    rng
        Of the halves and of the permutation.
    """
    counts = sparse.csc_matrix(adata.X)
    library = np.asarray(counts.sum(axis=1)).ravel()
    chosen = np.zeros(adata.n_vars, dtype=bool)
    chosen[rng.permutation(adata.n_vars)[: adata.n_vars // 2]] = True
    moved = sparse.csr_matrix(counts[:, chosen])[within_strata(library, rng)]
    order = np.concatenate([np.flatnonzero(~chosen), np.flatnonzero(chosen)])
    both = sparse.hstack([counts[:, ~chosen], moved], format="csc")[:, np.argsort(order)]
    made = adata.copy()
    made.X = sparse.csr_matrix(both)
    made.var["permuted"] = chosen
    return made


def distance(pval: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance of p-values from the uniform; NaN for none.

    Parameters
    ----------
    pval
        `(n,)`; what is not finite is left out.
    """
    pval = pval[np.isfinite(pval)]
    return float(stats.kstest(pval, "uniform").statistic) if len(pval) else np.nan


def uniformity(pval: np.ndarray, level: np.ndarray) -> dict[str, float | int]:
    """Distances from the uniform, overall and in each tenth of the genes by expression.

    Parameters
    ----------
    pval
        `(n_permutations, n_genes)`; genes that were not tested are NaN.
    level
        Expression of each gene, `(n_genes,)`.
    """
    tested = np.isfinite(pval).all(axis=0)
    deciles = np.array_split(np.flatnonzero(tested)[np.argsort(level[tested], kind="stable")], N_DECILES)
    each = [distance(pval[:, genes].ravel()) for genes in deciles]
    used = pval[:, tested]
    return {
        "gene-permutations": int(used.size),
        "KS": distance(used.ravel()),
        "worst tenth": float(np.nanmax(each)) if used.size else np.nan,
        "chance, a tenth": NOISE / np.sqrt(max(used.size / N_DECILES, 1)),
        "p < 0.05": float((used < 0.05).mean()) if used.size else np.nan,
        "p < 0.001": float((used < 0.001).mean()) if used.size else np.nan,
    } | {f"tenth {n}": value for n, value in enumerate(each, start=1)}


def benjamini_hochberg(pval: np.ndarray) -> np.ndarray:
    """Adjusted p-values of those that are finite, `(n_genes,)`; the others NaN.

    Parameters
    ----------
    pval
        `(n_genes,)`.
    """
    known = np.isfinite(pval)
    adjusted = np.full(len(pval), np.nan)
    if known.any():
        adjusted[known] = stats.false_discovery_control(np.clip(pval[known], 0, 1))
    return adjusted


def quick_enough(method: str, adata: AnnData) -> bool:
    """Whether a method tests so many genes within minutes.

    Parameters
    ----------
    method
        Key of `spatial_stages.METHODS`.
    adata
        Spots x genes.
    """
    return method not in SLOW or adata.n_vars <= SLOW[method]


def calibrated(
    sections: dict[str, AnnData],
    methods: list[str],
    n_permutations: dict[str, int],
    seed: int,
    *,
    alone: bool,
) -> list[dict[str, object]]:
    """Rows: p-values of permuted sections, for each method and section.

    Parameters
    ----------
    sections
        Spots x genes by name.
    methods
        Keys of `spatial_stages.METHODS`.
    n_permutations
        How many permutations of each section.
    seed
        Of the permutations.
    alone
        Whether methods run in processes of their own.
    """
    rows: list[dict[str, object]] = []
    for name, adata in sections.items():
        rng = np.random.default_rng(seed)
        made = [permuted(adata, rng) for _ in range(n_permutations[name])]
        level = np.asarray(adata.X.mean(axis=0)).ravel()
        for method in methods:
            if why_not(method) is None and quick_enough(method, adata):
                tables = apply(method, made, alone=alone).tables
                pval = np.stack([table["pval"].to_numpy(dtype=float) for table in tables])
                rows.append({"method": method, "section": name, **uniformity(pval, level)})
    return rows


def false_calls(
    sections: dict[str, AnnData], methods: list[str], seed: int, *, alone: bool, n_times: int = 3
) -> list[dict[str, object]]:
    """Rows: calls at q < 0.05 in sections whose genes are half permuted, and how many of them are permuted.

    Parameters
    ----------
    sections
        Spots x genes by name.
    methods
        Keys of `spatial_stages.METHODS`.
    seed
        Of halves and permutations.
    alone
        Whether methods run in processes of their own.
    n_times
        How many such sections of each.
    """
    rows: list[dict[str, object]] = []
    for name, adata in sections.items():
        rng = np.random.default_rng(seed)
        made = [mixed(adata, rng) for _ in range(n_times)]
        for method in methods:
            if why_not(method) is None and quick_enough(method, adata):
                tables = apply(method, made, alone=alone).tables
                rows.append({"method": method, "section": name, **_shares(made, tables)})
    return rows


def _shares(made: list[AnnData], tables: list[pd.DataFrame]) -> dict[str, object]:
    counts = []
    for adata, table in zip(made, tables, strict=True):
        wrong = adata.var["permuted"].to_numpy()
        called = benjamini_hochberg(table["pval"].to_numpy(dtype=float)) < 0.05
        counts.append([called.sum(), (called & wrong).sum(), (~wrong).sum()])
    shares = [wrong / max(calls, 1) for calls, wrong, _ in counts]
    calls, wrong, real = np.mean(counts, axis=0)
    return {
        "calls": float(calls),
        "permuted among them": float(wrong),
        "share permuted": float(np.mean(shares)),
        "largest share": float(np.max(shares)),
        "share of real genes called": float((calls - wrong) / real),
    }
