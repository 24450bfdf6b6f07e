"""Planted truth: the groups of genes that simulated tissue was made with, and those that are found."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Section, simulated
from benchmarks.harness.sigel_rows import QUICK_SECTION, engine_images
from benchmarks.representations.baselines import PCA_SMOOTHED, PCA_WIENER, chosen

N_SEEDS = 5


def ari(section: Section, groups: np.ndarray) -> float:
    """Adjusted Rand index of groups against planted programmes, over the genes that follow one.

    Parameters
    ----------
    section
        Simulated.
    groups
        A label for each of `section.images.genes`. Genes without a pattern may share groups among
        themselves, so they are left out.
    """
    truth = section.adata.var.loc[section.images.genes, "programme"].astype(str).to_numpy()
    planted = truth != "background"
    return float(adjusted_rand_score(truth[planted], np.asarray(groups)[planted]))


def clustered(section: Section, representations: np.ndarray, seed: int) -> np.ndarray:
    """K-means at the true number of groups, background included.

    Parameters
    ----------
    section
        Simulated.
    representations
        `(n_genes, n_dims)`.
    seed
        Of k-means.
    """
    k = section.adata.var.loc[section.images.genes, "programme"].nunique()
    return KMeans(k, n_init=10, random_state=seed).fit_predict(representations)


def sigel_groups(section: Section, config: sigel.SIGELConfig, seed: int) -> np.ndarray:
    """Groups that SIGEL finds, a label for each gene.

    Parameters
    ----------
    section
        The section.
    config
        Settings.
    seed
        Of the fit.
    """
    return sigel.SIGEL(config, seed=seed).fit(engine_images(section, config)).groups


def planted(job: Job) -> list[Table]:
    """ARI for several seeds of tissue and fit, beside k-means at the true number on the baselines.

    Parameters
    ----------
    job
        The call.
    """
    config = job.config()
    assert config is not None
    rows: list[dict[str, Any]] = []
    for seed in range(job.seed, job.seed + (1 if job.quick else N_SEEDS)):
        section = simulated(seed, **(QUICK_SECTION if job.quick else {}))
        groups = sigel_groups(section, config, seed)
        row = {"seed": str(seed), "SIGEL": ari(section, groups), "groups found": len(set(groups))}
        for name, method in chosen(seed, PCA_SMOOTHED, PCA_WIENER).items():
            row[f"{name}, k-means at the true number"] = ari(
                section, clustered(section, method(section), seed)
            )
        rows.append(row)
        say(f"  planted, seed {seed}: SIGEL {row['SIGEL']:.3f}")
    scores = [name for name in rows[0] if name not in ("seed", "groups found")]
    worst = {name: min(row[name] for row in rows) for name in scores}
    rows.append({"seed": "worst", "SIGEL": worst["SIGEL"], "groups found": None} | worst)
    note = "ARI over the genes of a programme, the number of groups chosen by SIGEL itself. Goal: 0.9."
    return [{"title": "planted truth", "note": note, "rows": rows}]
