"""Whether p-values of spatial genes keep their promise: on permuted spots, and on a mixture of genes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse, stats

from benchmarks.spatial_genes.stages import applied
from sigel.images import GeneImages

N_DECILES = 10
# Most genes of a section that a slow method is given many times over.
SLOW = {"FlashS": 2000}
# Share of spots that are left out as not deep enough where all are thinned to the same counts.
LEAST_DEEP = 0.1
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


def thinned(counts: sparse.csr_matrix, depth: int, rng: np.random.Generator) -> sparse.csr_matrix:
    """Every spot's counts drawn down to the same sum without replacement; spots with less keep all.

    Parameters
    ----------
    counts
        Whole numbers, `(n_spots, n_genes)`.
    depth
        Counts that a spot keeps.
    rng
        Of the draws.
    """
    counts = sparse.csr_matrix(counts)
    times = counts.data.astype(np.int64)
    spot = np.repeat(np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr)), times)
    gene = np.repeat(counts.indices, times)
    order = np.lexsort((rng.random(len(spot)), spot))
    first = np.searchsorted(spot, np.arange(counts.shape[0]))
    kept = order[np.arange(len(spot)) - first[spot] < depth]
    made = sparse.coo_matrix(
        (np.ones(len(kept), dtype=np.float32), (spot[kept], gene[kept])), shape=counts.shape
    )
    return made.tocsr()


def even(counts: sparse.csr_matrix) -> int:
    """Counts to which spots are thinned: those that nine spots of ten have.

    Parameters
    ----------
    counts
        `(n_spots, n_genes)`.
    """
    return max(int(np.quantile(np.asarray(counts.sum(axis=1)).ravel(), LEAST_DEEP)), 1)


def counted(adata: AnnData) -> AnnData:
    """The genes that count for the library everywhere: some methods leave mitochondrial genes out.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    """
    return adata[:, GeneImages.from_anndata(adata).status != "excluded by name"].copy()


def mixed(adata: AnnData, rng: np.random.Generator) -> AnnData:
    """A section in which a random half of the genes is permuted, in `var["permuted"]`.

    Both halves have the same counts in all spots, so that no library size tells a permuted gene where it is:
    of genes with the depth of one spot at the place of another none would be a null gene. Spots that are not
    deep enough are left out.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    rng
        Of the halves, of thinning and of the permutation.
    """
    adata = counted(adata)
    chosen = np.zeros(adata.n_vars, dtype=bool)
    chosen[rng.permutation(adata.n_vars)[: adata.n_vars // 2]] = True
    halves = [sparse.csr_matrix(adata.X[:, part]) for part in (~chosen, chosen)]
    depths = [even(half) for half in halves]
    deep = np.logical_and(
        *(np.asarray(half.sum(axis=1)).ravel() >= depth for half, depth in zip(halves, depths, strict=True))
    )
    real, moved = (thinned(half[deep], depth, rng) for half, depth in zip(halves, depths, strict=True))
    order = np.concatenate([np.flatnonzero(~chosen), np.flatnonzero(chosen)])
    both = sparse.hstack([real, moved[rng.permutation(moved.shape[0])]], format="csc")[:, np.argsort(order)]
    made = adata[deep].copy()
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
        Key of `stages.METHODS`.
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
        Keys of `stages.METHODS`.
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
        able = [method for method in methods if quick_enough(method, adata)]
        for method, tables in applied(able, made, alone=alone):
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
        Keys of `stages.METHODS`.
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
        able = [method for method in methods if quick_enough(method, adata)]
        for method, tables in applied(able, made, alone=alone):
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
