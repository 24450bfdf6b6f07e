"""Ways to find changed genes: this package's, and what one would do without it."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anndata
import numpy as np
from scipy import sparse, stats
from sklearn.decomposition import PCA

import sigel
from benchmarks.cohorts.cohort import Cohort, interaction_design
from benchmarks.cohorts.peers import PACKAGES, asked
from benchmarks.harness.job import Job
from benchmarks.harness.numerics import library, log_normalised

N_BINS = 10
N_COMPONENTS = 10


@dataclass(frozen=True)
class Answer:
    """What a way says of each gene.

    Parameters
    ----------
    score
        Higher: more changed, `(n_genes,)`.
    pval
        `(n_genes,)`, or None where the way has none.
    seconds
        That it took.
    """

    score: np.ndarray
    pval: np.ndarray | None = None
    seconds: float = 0.0


# From sections of the same genes and their conditions (0 or 1) to an answer.
Way = Callable[[Cohort, np.ndarray], Answer]


@dataclass(frozen=True)
class Peer:
    """A way that is another package's, in a process of its own.

    Parameters
    ----------
    method
        Key of `benchmarks.cohorts.peers.METHODS`.
    given
        From sections and conditions to the method's arguments by name.
    """

    method: str
    given: Callable[[Cohort, np.ndarray], dict[str, np.ndarray]]


def ours(cohort: Cohort, condition: np.ndarray) -> Answer:
    """`sigel.tl.disease_genes`, each section a donor.

    Parameters
    ----------
    cohort, condition
        As in `Way`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sigel.tl.disease_genes(
            cohort.sections, condition.astype(str), seed=cohort.seed, device="cpu", progress=False
        )
    table = found.reindex(cohort.sections[0].var_names)
    return Answer(table["stat"].fillna(0).to_numpy(), table["pval"].to_numpy())


def pseudobulk(cohort: Cohort, condition: np.ndarray) -> Answer:
    """Welch's t-test of log2 counts per million of whole sections: differential expression.

    Parameters
    ----------
    cohort, condition
        As in `Way`.
    """
    counts = cohort.whole
    level = np.log2(counts / counts.sum(axis=1, keepdims=True) * 1e6 + 0.5)
    found = stats.ttest_ind(level[condition == 0], level[condition == 1], equal_var=False)
    return Answer(np.nan_to_num(np.abs(found.statistic)), found.pvalue)


def by_domain(cohort: Cohort, condition: np.ndarray) -> Answer:
    """Pseudobulks of shared domains: the interaction of condition and domain, donors as blocks.

    Parameters
    ----------
    cohort, condition
        As in `Way`.
    """
    parts = cohort.parts
    level = np.log2((parts.counts + 0.5) / (parts.counts.sum(axis=1, keepdims=True) + 1) * 1e6)
    design, tested = interaction_design(parts, condition)
    return _nested_f(level, np.delete(design, tested, axis=1), design)


def _nested_f(y: np.ndarray, without: np.ndarray, whole: np.ndarray) -> Answer:
    """F-test of what a larger model explains beside a smaller one."""

    def left(x: np.ndarray) -> tuple[np.ndarray, int]:
        found, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
        return np.square(y - x @ found).sum(axis=0), int(rank)

    (small, rank), (large, rank_whole) = left(without), left(whole)
    between, within = rank_whole - rank, len(y) - rank_whole
    if min(between, within) < 1:  # one domain, or as many parts as coefficients
        return Answer(np.zeros(y.shape[1]), np.ones(y.shape[1]))
    f = (small - large) / between / np.maximum(large / within, 1e-12)
    return Answer(f, stats.f.sf(f, between, within))


def image_correlation(cohort: Cohort, condition: np.ndarray) -> Answer:
    """Correlation of a gene's pictures within conditions less that between them, on one coarse grid.

    Parameters
    ----------
    cohort, condition
        As in `Way`.
    """
    images = _images(cohort.sections)  # (n_sections, n_genes, n_pixels)
    images = images - images.mean(axis=2, keepdims=True)
    images /= np.maximum(np.linalg.norm(images, axis=2, keepdims=True), 1e-12)
    together = np.einsum("sgp,tgp->gst", images, images)
    same = condition[:, None] == condition[None]
    apart = ~np.eye(len(condition), dtype=bool)
    return Answer(together[:, same & apart].mean(axis=1) - together[:, ~same].mean(axis=1))


def pca_distance(cohort: Cohort, condition: np.ndarray) -> Answer:
    """Distance of the conditions' means in principal components of all pictures, over that within.

    Parameters
    ----------
    cohort, condition
        As in `Way`.
    """
    images = _images(cohort.sections)
    n_sections, n_genes, n_pixels = images.shape
    found = PCA(N_COMPONENTS, random_state=cohort.seed).fit_transform(images.reshape(-1, n_pixels))
    found = found.reshape(n_sections, n_genes, N_COMPONENTS)
    means = np.stack([found[condition == one].mean(axis=0) for one in (0, 1)])
    between = np.linalg.norm(means[0] - means[1], axis=1)
    within = np.sqrt(np.square(found - means[condition]).sum(axis=2).mean(axis=0))
    return Answer(between / np.maximum(within, 1e-12))


def _whole(cohort: Cohort, condition: np.ndarray) -> dict[str, np.ndarray]:
    return {"counts": cohort.whole, "condition": condition}


def _interaction(cohort: Cohort, condition: np.ndarray) -> dict[str, np.ndarray]:
    design, tested = interaction_design(cohort.parts, condition)
    return {"counts": cohort.parts.counts, "design": design, "tested": tested}


BY_DOMAIN, BY_DOMAIN_EDGER = "pseudobulk by domain, interaction", "pseudobulk by domain, edgepython"
WAYS: dict[str, Way | Peer] = {
    "SIGEL": ours,
    "pseudobulk": pseudobulk,
    "pseudobulk, PyDESeq2": Peer("PyDESeq2", _whole),
    BY_DOMAIN: by_domain,
    BY_DOMAIN_EDGER: Peer("edgepython", _interaction),
    "image correlation": image_correlation,
    "PCA of images, distance": pca_distance,
}


def answered(name: str, cohort: Cohort, condition: np.ndarray, job: Job) -> Answer | str:
    """What a way says, or why it says nothing; a gene that it does not test has p 1 and score 0.

    The seconds hold those of the domains where the way needs them, though they are found once.

    Parameters
    ----------
    name
        Key of `WAYS`.
    cohort, condition
        As in `Way`.
    job
        The call.
    """
    way = WAYS[name]
    if isinstance(way, Peer):
        answer = job.attempt(
            lambda python: _from_peer(way, cohort, condition, python), PACKAGES[way.method], peer=True
        )
        if isinstance(answer, str):
            return answer
    else:
        shared = cohort.parts.seconds if name == BY_DOMAIN else 0.0
        started = time.perf_counter()
        answer = way(cohort, condition)
        answer = replace(answer, seconds=shared + time.perf_counter() - started)
    if answer.pval is None:
        return answer
    tested = np.isfinite(answer.pval)
    score = np.where(tested, np.nan_to_num(answer.score), 0.0)
    return replace(answer, score=score, pval=np.where(tested, answer.pval, 1.0))


def _from_peer(peer: Peer, cohort: Cohort, condition: np.ndarray, python: str) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "given.npz"
        given = peer.given(cohort, condition)
        np.savez(file, **given)  # type: ignore[arg-type]
        score, pval, seconds = asked(peer.method, file, python)
    return Answer(score, pval, seconds + (cohort.parts.seconds if "design" in given else 0.0))


def _images(sections: list[anndata.AnnData]) -> np.ndarray:
    """Z-scored log pictures over each section's principal axes, `(n_sections, n_genes, n_pixels)`."""
    made = []
    for adata in sections:
        at = PCA(2).fit_transform(adata.obsm["spatial"])
        ranks = (stats.rankdata(at, axis=0) - 1) / len(at)
        pixel = (np.floor(ranks * N_BINS) @ [N_BINS, 1]).astype(int)
        member = sparse.csr_matrix(
            (np.ones(len(pixel)), (pixel, np.arange(len(pixel)))), (N_BINS**2, len(pixel))
        )
        size = np.maximum(np.asarray(member.sum(axis=1)), 1)
        logs = log_normalised(sparse.csr_matrix(adata.X), library(adata))
        image = (np.asarray((member @ logs).todense()) / size).T
        image = image - image.mean(axis=1, keepdims=True)
        made.append(image / np.maximum(image.std(axis=1, keepdims=True), 1e-12))
    return np.stack(made)
