"""Spatial genes of real tissue: known markers, published results, and what turning the section changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse, stats

from benchmarks.harness.numerics import library
from benchmarks.harness.report import SHARED
from benchmarks.harness.sections import there
from benchmarks.spatial_genes.calibration import benjamini_hochberg, counted, even, quick_enough, thinned
from benchmarks.spatial_genes.stages import applied
from sigel.images import GeneImages

MARKERS: dict[str, list[str]] = {
    "st_mousebrain_hippo1": ["Slc17a7", "Prox1", "Mbp", "Plp1"],
    "dlpfc_151510": ["MBP", "PLP1", "SNAP25", "PCP4"],
}
N_COPIES = 20
# Published results on one section: file and the column of p- or q-values; the index holds the genes.
PUBLISHED = {
    "SPARK": ("mob_rep11_spark_results.tsv.gz", "combined_pvalue"),
    "SpatialDE": ("mob_rep11_spatialDE_results.tsv.gz", "qval"),
}
N_TOP = 200
TURN = np.deg2rad(30)
ROTATION = np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]])


def with_copies(adata: AnnData, genes: list[str], rng: np.random.Generator, n: int = N_COPIES) -> AnnData:
    """The section at even depth with permuted copies of some genes beside it.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    genes
        Of which copies are made.
    rng
        Of thinning and of the permutations.
    n
        Copies of each gene; `var["copy_of"]` names the gene, and is empty for the section's own.
    """
    adata = counted(adata)
    depth = even(adata.X)
    adata = adata[library(adata) >= depth]  # the others have no even depth
    counts = thinned(adata.X, depth, rng)
    chosen = counts[:, adata.var_names.get_indexer(genes)]
    copies = [chosen[rng.permutation(adata.n_obs)] for _ in range(n)]
    names = [f"{gene} permuted {k}" for k in range(n) for gene in genes]
    var = pd.DataFrame({"copy_of": [""] * adata.n_vars + genes * n}, index=[*adata.var_names, *names])
    whole = sparse.hstack([counts, *copies], format="csr")
    return AnnData(whole, obs=adata.obs.copy(), var=var, obsm={"spatial": adata.obsm["spatial"]})


def marker_rows(
    sections: dict[str, tuple[AnnData, list[str]]], methods: dict[str, str], seed: int, *, alone: bool
) -> list[dict[str, object]]:
    """Rows: where known markers come, and where permuted copies of them do.

    Parameters
    ----------
    sections
        Section and its markers by name.
    methods
        Column that orders genes, by key of `stages.METHODS`.
    seed
        Of the copies.
    alone
        Whether methods run in processes of their own.
    """
    rows: list[dict[str, object]] = []
    for name, (adata, markers) in sections.items():
        made = with_copies(adata, markers, np.random.default_rng(seed))
        able = [method for method in methods if quick_enough(method, adata)]
        for method, (plain, table) in applied(able, [adata, made], alone=alone):
            column = methods[method]
            first, rank = (ranks(t[column].to_numpy(dtype=float)) for t in (plain, table))
            q = benjamini_hochberg(table["pval"].to_numpy(dtype=float))
            for gene in markers:
                at, copies = made.var_names.get_loc(gene), (made.var["copy_of"] == gene).to_numpy()
                rows.append(
                    {
                        "section": name,
                        "genes": adata.n_vars,
                        "method": method,
                        "marker": gene,
                        "rank": int(first[adata.var_names.get_loc(gene)]),
                        "rank, thinned": int(rank[at]),
                        "q, thinned": float(q[at]),
                        "copies: best rank": int(rank[copies].min()),
                        "copies: median rank": float(np.median(rank[copies])),
                        "copies: q < 0.05": int((q[copies] < 0.05).sum()),
                    }
                )
    return rows


def ranks(score: np.ndarray) -> np.ndarray:
    """Ranks from 1, the highest score first; what is NaN comes last, `(n_genes,)`.

    Parameters
    ----------
    score
        `(n_genes,)`.
    """
    return stats.rankdata(-np.where(np.isnan(score), -np.inf, score), method="average")


def published_rows(
    adata: AnnData,
    methods: dict[str, str],
    published: dict[str, pd.Series],
    *,
    alone: bool,
) -> list[dict[str, object]]:
    """Rows: likeness of the order of genes to published p-values, over the genes that both know.

    Parameters
    ----------
    adata
        Spots x genes, raw counts.
    methods
        As in `marker_rows`.
    published
        p-values by gene, by name of the method.
    alone
        Whether methods run in processes of their own.
    """
    found = {
        method: pd.Series(table[methods[method]].to_numpy(dtype=float), adata.var_names)
        for method, (table,) in applied(methods, [adata], alone=alone)
    }
    rows: list[dict[str, object]] = []
    for method, score in (found | {name: -p for name, p in published.items()}).items():
        row: dict[str, object] = {"method": method}
        for name, pval in published.items():
            both = score.dropna().index.intersection(pval.dropna().index)
            row[f"Spearman with {name}"] = float(stats.spearmanr(score[both], -pval[both])[0])
            first, second = (_top(values[both]) for values in (score, -pval))
            row[f"shared with {name}'s first {N_TOP}"] = len(first & second)
        rows.append(row)
    return rows


def _top(score: pd.Series) -> set[str]:
    return set(score.sort_values(ascending=False, kind="stable").index[:N_TOP])


def read_published() -> dict[str, pd.Series]:
    """Published p-values on the olfactory bulb, by method; gene names as in the section."""
    tables = {}
    for name, (file, column) in PUBLISHED.items():
        path = SHARED / "data" / file
        if path.is_file():
            table = pd.read_csv(path, sep="\t", index_col=0)
            pval = table[column].astype(float)
            tables[name] = pval[~pval.index.duplicated()]
    return tables


def turned(adata: AnnData) -> dict[str, AnnData]:
    """The same section rotated, reflected, shifted, scaled; and two measures of the raster's own noise.

    Parameters
    ----------
    adata
        Spots x genes off any lattice.
    """
    places = np.asarray(adata.obsm["spatial"], dtype=np.float64)
    pixel = float(np.abs(GeneImages.from_anndata(adata).raster.affine[0, 1]))
    rng = np.random.default_rng(0)
    # The grid begins at the lowest x and y: one spot put half a pixel outside the corner moves all of it.
    corner = places.copy()
    corner[0] = places.min(axis=0) - 0.5 * pixel
    other = {
        "rotated by 30 degrees": places @ ROTATION.T,
        "rotated by 90 degrees": places[:, ::-1] * [-1, 1],
        "reflected": places * [-1, 1],
        "shifted": places + [1234.5, -987.6],
        "scaled by 3": 3 * places,
        "raster: origin moved by half a pixel": corner,
        "raster: every spot moved by up to half a pixel": places
        + rng.uniform(-0.5, 0.5, places.shape) * pixel,
    }
    made = {}
    for name, xy in other.items():
        made[name] = adata.copy()
        made[name].obsm["spatial"] = xy
    return made


def turning_rows(
    sections: dict[str, AnnData], methods: dict[str, str], *, alone: bool
) -> list[dict[str, object]]:
    """Rows: how the order of genes changes when the section is moved as a whole.

    Parameters
    ----------
    sections
        Sections off any lattice, by name.
    methods
        As in `marker_rows`.
    alone
        Whether methods run in processes of their own.
    """
    rows: list[dict[str, object]] = []
    for name, adata in sections.items():
        made = turned(adata)
        for method, (first, *others) in applied(methods, [adata, *made.values()], alone=alone):
            before = first[methods[method]].to_numpy(dtype=float)
            for change, table in zip(made, others, strict=True):
                after = table[methods[method]].to_numpy(dtype=float)
                both = np.isfinite(before) & np.isfinite(after)
                moved = np.abs(ranks(before[both]) - ranks(after[both]))
                rows.append(
                    {
                        "section": name,
                        "method": method,
                        "change": change,
                        "genes": int(both.sum()),
                        "Spearman": float(stats.spearmanr(before[both], after[both])[0]),
                        "mean change of rank": float(moved.mean()),
                        "largest change of rank": float(moved.max()),
                    }
                )
    return rows


def markers_there() -> dict[str, list[str]]:
    """Markers of the sections that are in the shared data."""
    return {name: genes for name, genes in MARKERS.items() if there(name)}
