"""Cohorts whose changes are known: real sections, in half of which some genes were dealt out anew.

A gene's counts in a section stay as many; where they lie is drawn from rates: the gene's own (a mean over the
nearest spots), or changed ones. Genes that do not change are drawn anew too, in all sections, so that nothing
but the change tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.harness.numerics import library, log_normalised, mean_of_nearest, morans_i, zscored
from benchmarks.harness.sections import read

N_GENES = 1500
N_STRONG = 500
N_SMOOTHED = 7
OF_A_KIND = 25
LEVEL = 0.5

NOTHING, LEVEL_ALONE, SHARE, INSIDE = "nothing", "level alone", "share of a cell type", "inside a domain"
CHANGES = ("moved", "flipped", "sharpened", "abolished")
FULL = tuple(f"{way}, full" for way in CHANGES)
HALF = tuple(f"{way}, half" for way in CHANGES)
UNCHANGED = (NOTHING, LEVEL_ALONE, SHARE)


@dataclass(frozen=True)
class Planted:
    """A cohort whose changes are known.

    Parameters
    ----------
    name
        Of the tissue, and of what else differs.
    sections
        Spots x genes, counts and `obsm["spatial"]`.
    condition
        0 or 1 of each section.
    kind
        Of change, for each gene, `(n_genes,)`.
    """

    name: str
    sections: list[anndata.AnnData]
    condition: np.ndarray
    kind: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        """Whether the pattern of a gene changes, `(n_genes,)`."""
        return ~np.isin(self.kind, UNCHANGED)


def sections_of(names: list[str]) -> list[anndata.AnnData]:
    """Sections with the genes that all share, the `N_GENES` that have most counts in the least section.

    Parameters
    ----------
    names
        As in `benchmarks.harness.sections.read`.
    """
    whole = [read(name) for name in names]
    shared = whole[0].var_names
    for one in whole[1:]:
        shared = shared.intersection(one.var_names)
    sections = [one[:, shared].copy() for one in whole]
    means = np.array([np.asarray(one.X.mean(axis=0)).ravel() for one in sections])
    kept = np.sort(np.argsort(-means.min(axis=0), kind="stable")[:N_GENES])
    return [_plain(one[:, kept]) for one in sections]


def _plain(adata: anndata.AnnData) -> anndata.AnnData:
    places = np.asarray(adata.obsm["spatial"], dtype=float)[:, :2]
    counts = sparse.csr_matrix(adata.X)
    seen = np.asarray(counts.sum(axis=1)).ravel() > 0
    names = pd.DataFrame(index=adata.var_names.astype(str))
    made = anndata.AnnData(counts[seen], var=names, obsm={"spatial": places[seen]})
    made.obs_names = [f"spot{k}" for k in range(made.n_obs)]
    return made


def planted(
    name: str, sections: list[anndata.AnnData], rng: np.random.Generator, of_a_kind: int = OF_A_KIND
) -> Planted:
    """Plant changes in every second section.

    Parameters
    ----------
    name
        Of the tissue.
    sections
        From `sections_of`.
    rng
        Chooses genes, and draws.
    of_a_kind
        Genes of each way and strength.
    """
    condition = np.arange(len(sections)) % 2
    smooth = [mean_of_nearest(one.obsm["spatial"], min(N_SMOOTHED, one.n_obs)) for one in sections]
    logs = [zscored(near @ _logs(one)) for near, one in zip(smooth, sections, strict=True)]
    strength = np.mean(
        [morans_i(zscored(_logs(one)), near) for near, one in zip(smooth, sections, strict=True)], axis=0
    )
    strong = np.argsort(-strength, kind="stable")[: min(N_STRONG, sections[0].n_vars)]
    alike = np.mean([own[:, strong].T @ own[:, strong[0]] / len(own) for own in logs], axis=0)
    markers = strong[np.argsort(-alike, kind="stable")[: 2 * of_a_kind]]
    kind = np.full(sections[0].n_vars, NOTHING, dtype=object)
    kind[markers[1::2]] = SHARE
    free = rng.permutation(np.setdiff1d(strong, markers))
    names = [*FULL, *HALF, INSIDE, LEVEL_ALONE]
    for place, one in enumerate(names):
        kind[free[place * of_a_kind : (place + 1) * of_a_kind]] = one
    of_others = _others(kind, strong, logs, rng)
    made = []
    for adata, near, own, case in zip(sections, smooth, logs, condition, strict=True):
        rates = _rates(adata, near)
        domain = own[:, markers[0::2]].mean(axis=1)
        changed = _changed(rates, kind, of_others, domain > np.quantile(domain, 0.6)) if case else rates
        share = np.where(np.isin(kind, (LEVEL_ALONE, SHARE)) & (case == 1), LEVEL, 1.0)
        one = adata.copy()
        one.X = _drawn(adata.X, changed, share, rng)
        made.append(one)
    return Planted(name, made, condition, kind)


def depth_differs(given: Planted, rng: np.random.Generator) -> Planted:
    """The same with three fifths of the counts in the second condition.

    Parameters
    ----------
    given
        A cohort.
    rng
        Thins.
    """

    def thinned(adata: anndata.AnnData) -> anndata.AnnData:
        one = adata.copy()
        one.X.data = rng.binomial(one.X.data.astype(int), 0.6).astype(np.float32)
        one.X.eliminate_zeros()
        return one[np.asarray(one.X.sum(axis=1)).ravel() > 0].copy()

    return _of_cases(given, ", depth differs", thinned)


def turned_and_cropped(given: Planted, rng: np.random.Generator) -> Planted:
    """The same with sections of the second condition turned, larger, and a fifth of each cut off at one side.

    Parameters
    ----------
    given
        A cohort.
    rng
        Turns.
    """

    def turned(adata: anndata.AnnData) -> anndata.AnnData:
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        one = adata.copy()
        one.obsm["spatial"] = 3.0 * one.obsm["spatial"] @ turn
        across = one.obsm["spatial"][:, 0]
        return one[across > np.quantile(across, 0.2)].copy()

    return _of_cases(given, ", turned and cropped", turned)


def _of_cases(given: Planted, what: str, change: Callable[[anndata.AnnData], anndata.AnnData]) -> Planted:
    pairs = zip(given.sections, given.condition, strict=True)
    return replace(
        given, name=given.name + what, sections=[change(one) if case else one for one, case in pairs]
    )


def _logs(adata: anndata.AnnData) -> np.ndarray:
    return log_normalised(sparse.csr_matrix(adata.X), library(adata)).toarray()


def _rates(adata: anndata.AnnData, near: sparse.csr_matrix) -> np.ndarray:
    """Expected share of a spot's counts, `(n_spots, n_genes)`: a mean over the nearest."""
    size = library(adata)
    share = sparse.csr_matrix(adata.X).multiply(1 / size[:, None]).tocsr()
    return np.asarray((near @ share).toarray())


def _others(
    kind: np.ndarray, strong: np.ndarray, logs: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """For each gene another strong one whose pattern is unlike its own, `(n_genes,)`."""
    together = np.mean([own[:, strong].T @ own[:, strong] / len(own) for own in logs], axis=0)
    other = np.arange(len(kind))
    for row, gene in enumerate(strong):
        unlike = strong[np.argsort(together[row], kind="stable")[: len(strong) // 4]]
        other[gene] = rng.choice(unlike[unlike != gene])
    return other


def _changed(rates: np.ndarray, kind: np.ndarray, other: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Rates of the second condition: of the same mean, elsewhere."""
    made = rates.copy()
    for strength, names in ((1.0, FULL), (0.5, HALF)):
        for way, name in zip(CHANGES, names, strict=True):
            genes = np.flatnonzero(kind == name)
            own = rates[:, genes]
            new = {
                "moved": rates[:, other[genes]],
                "flipped": own.max(axis=0) + own.min(axis=0) - own,
                "sharpened": np.square(own),
                "abolished": np.ones_like(own),
            }[way]
            made[:, genes] = (1 - strength) * _scaled(own) + strength * _scaled(new)
    genes = np.flatnonzero(kind == INSIDE)
    inside = rates[np.ix_(domain, genes)]
    new = _scaled(rates[np.ix_(domain, other[genes])]) * inside.mean(axis=0)
    made[np.ix_(domain, genes)] = new
    return made


def _scaled(rates: np.ndarray) -> np.ndarray:
    """Of mean 1."""
    return rates / np.maximum(rates.mean(axis=0), 1e-12)


def _drawn(
    counts: sparse.csr_matrix, rates: np.ndarray, share: np.ndarray, rng: np.random.Generator
) -> sparse.csr_matrix:
    """Counts of every gene, as many as it has (or a share of them), dealt to spots by rates."""
    size = np.asarray(counts.sum(axis=1)).ravel()
    weight = rates * size[:, None]
    weight /= np.maximum(weight.sum(axis=0), 1e-300)
    total = np.round(np.asarray(counts.sum(axis=0)).ravel() * share).astype(int)
    dealt = rng.multinomial(total, weight.T)  # (n_genes, n_spots)
    return sparse.csr_matrix(dealt.T.astype(np.float32))
