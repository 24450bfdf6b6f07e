"""Ways to find changed genes: this package's, and what one would do without it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import anndata
import numpy as np
from scipy import sparse, stats
from sklearn.decomposition import PCA

import sigel
from benchmarks.harness.numerics import library, log_normalised

N_BINS = 10
N_DOMAINS = 6
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
    """

    score: np.ndarray
    pval: np.ndarray | None = None


# From sections of the same genes and their conditions (0 or 1) to an answer.
Way = Callable[[list[anndata.AnnData], np.ndarray, int], Answer]


def ours(sections: list[anndata.AnnData], condition: np.ndarray, seed: int) -> Answer:
    """`sigel.tl.disease_genes`, each section a donor.

    Parameters
    ----------
    sections, condition, seed
        As in `Way`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sigel.tl.disease_genes(
            sections, condition.astype(str), seed=seed, device="cpu", progress=False
        )
    table = found.reindex(sections[0].var_names)
    return Answer(table["stat"].fillna(0).to_numpy(), table["pval"].to_numpy())


def pseudobulk(sections: list[anndata.AnnData], condition: np.ndarray, seed: int) -> Answer:
    """Welch's t-test of log2 counts per million of whole sections: differential expression.

    Parameters
    ----------
    sections, condition, seed
        As in `Way`.
    """
    counts = np.array([np.asarray(one.X.sum(axis=0), dtype=float).ravel() for one in sections])
    level = np.log2(counts / counts.sum(axis=1, keepdims=True) * 1e6 + 0.5)
    found = stats.ttest_ind(level[condition == 0], level[condition == 1], equal_var=False)
    return Answer(np.nan_to_num(np.abs(found.statistic)), found.pvalue)


def by_domain(sections: list[anndata.AnnData], condition: np.ndarray, seed: int) -> Answer:
    """Pseudobulks of shared domains: the interaction of condition and domain, donors as blocks.

    Parameters
    ----------
    sections, condition, seed
        As in `Way`; the seed is that of the domains.
    """
    joined = anndata.concat(sections, label="section", index_unique="_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sigel.tl.domains(joined, N_DOMAINS, section_key="section", seed=seed, progress=False)
    domain = joined.obs["sigel_domain"].cat.codes.to_numpy()
    section = joined.obs["section"].cat.codes.to_numpy()
    n_sections, n_domains = len(sections), domain.max() + 1
    cell = section * n_domains + domain
    member = sparse.csr_matrix((np.ones(len(cell)), (cell, np.arange(len(cell)))))
    counts = np.asarray((member @ joined.X).todense(), dtype=float)
    size = counts.sum(axis=1)
    used = np.flatnonzero(size > 0)
    level = np.log2((counts[used] + 0.5) / (size[used, None] + 1) * 1e6)
    of_section, of_domain = np.divmod(used, n_domains)
    blocks = [np.eye(n_sections)[of_section], np.eye(n_domains)[of_domain][:, 1:]]
    without = np.hstack(blocks)
    interaction = np.eye(n_domains)[of_domain][:, 1:] * condition[of_section, None]
    return _nested_f(level, without, np.hstack([without, interaction]))


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


def image_correlation(sections: list[anndata.AnnData], condition: np.ndarray, seed: int) -> Answer:
    """Correlation of a gene's pictures within conditions less that between them, on one coarse grid.

    Parameters
    ----------
    sections, condition, seed
        As in `Way`.
    """
    images = _images(sections)  # (n_sections, n_genes, n_pixels)
    images = images - images.mean(axis=2, keepdims=True)
    images /= np.maximum(np.linalg.norm(images, axis=2, keepdims=True), 1e-12)
    together = np.einsum("sgp,tgp->gst", images, images)
    same = condition[:, None] == condition[None]
    apart = ~np.eye(len(condition), dtype=bool)
    return Answer(together[:, same & apart].mean(axis=1) - together[:, ~same].mean(axis=1))


def pca_distance(sections: list[anndata.AnnData], condition: np.ndarray, seed: int) -> Answer:
    """Distance of the conditions' means in principal components of all pictures, over that within.

    Parameters
    ----------
    sections, condition, seed
        As in `Way`.
    """
    images = _images(sections)
    n_sections, n_genes, n_pixels = images.shape
    found = PCA(N_COMPONENTS, random_state=seed).fit_transform(images.reshape(-1, n_pixels))
    found = found.reshape(n_sections, n_genes, N_COMPONENTS)
    means = np.stack([found[condition == one].mean(axis=0) for one in (0, 1)])
    between = np.linalg.norm(means[0] - means[1], axis=1)
    within = np.sqrt(np.square(found - means[condition]).sum(axis=2).mean(axis=0))
    return Answer(between / np.maximum(within, 1e-12))


WAYS: dict[str, Way] = {
    "SIGEL": ours,
    "pseudobulk": pseudobulk,
    "pseudobulk by domain, interaction": by_domain,
    "image correlation": image_correlation,
    "PCA of images, distance": pca_distance,
}


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
