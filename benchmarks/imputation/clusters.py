"""Cells of the mouse embryo clustered with and without imputed genes, held against their types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from anndata import AnnData
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.leiden import leiden
from benchmarks.harness.numerics import mean_of_nearest, values
from benchmarks.harness.processes import python_with
from benchmarks.harness.report import Table, say, span
from benchmarks.harness.sections import read_plane, there
from benchmarks.imputation.peers import QUICK as SETTINGS_QUICK
from benchmarks.imputation.splits import EMBRYO, QUICK, VISIUM

N_SEEDS = 10
N_COMPONENTS = 30
# As many as the paper imputes, in as many rounds.
N_IMPUTED, ROUNDS = 330, 3
RING = 7
PUBLISHED = {"published: panel, Leiden": 0.361, "published: panel and 330 imputed, Leiden": 0.442}
ARI = ("ARI min", "ARI median", "ARI max")

Features = tuple[str, int, np.ndarray]


def cluster_tables(job: Job) -> list[Table]:
    """Agreement of clusters with the annotated cell types.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        target, reference, _ = sigel.datasets.simulated_panel(60, seed=job.seed, **QUICK)
        types, n_imputed, n_seeds = target.obs["region"], 30, 2
    elif there(EMBRYO, VISIUM):
        target, reference = read_plane(EMBRYO), read_plane(VISIUM)
        types, n_imputed, n_seeds = target.obs["cell_type"], N_IMPUTED, N_SEEDS
    else:
        return []
    labels = types.astype(str).to_numpy()
    rows = _found_rows(feature_sets(target, reference, n_imputed, job), labels, n_seeds)
    empty = {"genes": None, "clusters by": None, "clusters": "22 wanted", **dict.fromkeys(ARI)}
    rows += [{"features": name, **empty, ARI[1]: ari} for name, ari in PUBLISHED.items()]
    alone = {row["clusters by"]: row[ARI[1]] for row in rows if row["features"] == "panel"}
    for row in rows:
        first, here = alone.get(row["clusters by"]), row[ARI[1]]
        row["over the panel's"] = None if first is None or here is None else here - first
    rows[-1]["over the panel's"] = rows[-1][ARI[1]] - rows[-2][ARI[1]]
    note = (
        f"{len(labels)} cells of {len(set(labels))} annotated types, as many clusters wanted; {N_COMPONENTS} "
        f"principal components of log-normalised values; {n_seeds} seeds. Imputed genes: those with the "
        "highest expected PCC. Leiden: graph of the 15 nearest, resolution searched anew for each seed, "
        "nothing chosen by the annotation. Averaged over 7 cells: what smoothing alone would do. Published: "
        "both planes, one seed, a resolution found on the imputed data. Over the panel's: difference of the "
        "medians; where it is below 0, imputed genes made it worse."
    )
    return [{"title": "cell types found again with and without imputed genes", "note": note, "rows": rows}]


def _found_rows(sets: Iterator[Features], labels: np.ndarray, n_seeds: int) -> list[dict[str, object]]:
    """A row of each set of features and each way to cluster, said as it comes."""
    rows: list[dict[str, object]] = []
    for name, n_genes, x in sets:
        scores = PCA(min(N_COMPONENTS, *x.shape), svd_solver="full").fit_transform(x)
        for way, cluster in WAYS.items():
            row: dict[str, object] = {"features": name, "genes": n_genes, "clusters by": way}
            made = cluster(scores, len(set(labels)), n_seeds)
            if made is None:
                rows.append(row | {"clusters": None} | dict.fromkeys(ARI))
                continue
            row["clusters"] = span([len(np.unique(answer)) for answer in made])
            rows.append(row | _spread(labels, made))
            say(f"imputation: {rows[-1]}")
    return rows


def feature_sets(target: AnnData, reference: AnnData, n_imputed: int, job: Job) -> Iterator[Features]:
    """Name, number of genes and values `(n_cells, n_genes)` of each set of features.

    Parameters
    ----------
    target, reference
        Raw counts.
    n_imputed
        Imputed genes to add.
    job
        The call.
    """
    panel = values(target, list(target.var_names))
    near = mean_of_nearest(target.obsm["spatial"], RING)
    yield "panel", panel.shape[1], panel
    yield f"panel, averaged over {RING} cells", panel.shape[1], near @ panel

    def impute(settings: dict[str, Any] | None = None, method: str = "auto") -> AnnData:
        made = sigel.tl.impute(
            target,
            reference,
            method=method,
            intervals=False,
            config=(SETTINGS_QUICK if job.quick else {}) | (settings or {}),
            seed=job.seed,
            progress=False,
        )
        order = np.argsort(-made.var["expected_pcc"].to_numpy(), kind="stable")
        return made[:, order].copy()

    def joined(name: str, made: AnnData) -> Features:
        x = made.X.toarray() if hasattr(made.X, "toarray") else made.X
        return f"panel + {name}", panel.shape[1] + made.n_vars, np.hstack([panel, x])

    made = impute()
    trusted = made[:, made.var["trusted"].to_numpy()]
    if trusted.n_vars:
        yield joined("all trusted imputed genes", trusted)
    yield joined(f"{n_imputed} imputed genes", made[:, :n_imputed])
    rounds = {"rounds": ROUNDS, "round_size": n_imputed // ROUNDS}
    yield joined(f"{n_imputed} imputed in {ROUNDS} rounds", impute(rounds))
    yield joined(f"{n_imputed} imputed by neighbours", impute(method="neighbors")[:, :n_imputed])


def k_means(scores: np.ndarray, n: int, n_seeds: int) -> np.ndarray:
    """Labels by k-means, one start a seed, `(n_seeds, n_cells)`.

    Parameters
    ----------
    scores
        `(n_cells, n_components)`.
    n
        Clusters.
    n_seeds
        How many seeds.
    """
    return np.array([KMeans(n, n_init=1, random_state=seed).fit_predict(scores) for seed in range(n_seeds)])


def mixture(scores: np.ndarray, n: int, n_seeds: int) -> np.ndarray:
    """Labels by a Gaussian mixture with one covariance for all, as mclust's EEE.

    Parameters
    ----------
    scores, n, n_seeds
        As in `k_means`.
    """
    return np.array(
        [
            GaussianMixture(n, covariance_type="tied", random_state=seed).fit_predict(scores)
            for seed in range(n_seeds)
        ]
    )


def by_leiden(scores: np.ndarray, n: int, n_seeds: int) -> np.ndarray | None:
    """Labels by Leiden; None where no Python here has leidenalg.

    Parameters
    ----------
    scores, n, n_seeds
        As in `k_means`.
    """
    python = python_with("leidenalg")
    return None if python is None else leiden(scores, n, n_seeds, python)


WAYS: dict[str, Callable[[np.ndarray, int, int], np.ndarray | None]] = {
    "k-means": k_means,
    "Gaussian mixture": mixture,
    "Leiden": by_leiden,
}


def _spread(labels: np.ndarray, made: np.ndarray) -> dict[str, float]:
    ari = [adjusted_rand_score(labels, found) for found in made]
    return dict(zip(ARI, (float(f(ari)) for f in (np.min, np.median, np.max)), strict=True))
