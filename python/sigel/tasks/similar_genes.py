"""Similar genes: the nearest by representation, beside what random genes of the same expression reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of, one_of, unknown_name
from sigel.images.counts import SpotRows
from sigel.runtime.seeds import stream
from sigel.stats.scaling import centred, unit_vectors

Combine = Literal["mean", "each"]

N_MATCHED = 200  # genes of the same expression that a similarity is held against
RANDOM_QUANTILE = 0.95
_QUERIES = 256  # handled at a time: a block of queries x genes, never genes x genes
_FOUND = 2048  # found genes whose matched genes are looked at together


def similar_genes(
    representations: np.ndarray,
    names: Sequence[str] | np.ndarray,
    level: np.ndarray,
    queries: Sequence[str] | str,
    *,
    n: int = 20,
    combine: Combine = "mean",
    groups: Sequence[str] | np.ndarray | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Genes whose representations are nearest to those of some genes.

    Similarity is the cosine of representations, centred on the mean of all genes: what all genes share
    says nothing about any. Genes of few counts have images of noise, which look alike to a degree that
    depends on the counts; each similarity therefore stands beside those of the 200 other genes whose mean
    expression is nearest to that of the found gene (all others where there are fewer).

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`; rows that are not finite are genes without a representation.
    names
        `(n_genes,)`.
    level
        Expression level, `(n_genes,)`; only differences matter.
    queries
        Names of the genes asked about.
    n
        Genes found for each query.
    combine
        `"mean"`: one query, the mean of the unit vectors of all. `"each"`: a query of its own for each.
    groups
        Group of each gene as text, or None.
    seed
        Decides between genes of equal level.

    Returns
    -------
    pandas.DataFrame
        Columns `query` (with `"mean"` all names), `gene`, `rank`, `similarity`, `random_mean` and
        `random_95` (mean and 95 % quantile over the matched genes), `pval` (share of matched genes at
        least as similar, the found gene counted among them), `group` where there are groups.
        `attrs["queries"]`: the names.

    Raises
    ------
    InputError
        When a gene is unknown (with the nearest spellings), has no representation, or none is left.

    Notes
    -----
    With u a gene's representation less the mean of all, at unit length, and Q the genes of a query, the
    similarity of gene g is `u_g . m / |m|` with m the mean of `u_q` over Q. If b of M matched genes are at
    least as similar as g, `pval = (b + 1) / (M + 1)`: the rule of Phipson and Smyth 2010, which keeps it
    above zero.
    """
    every = np.asarray(names, dtype=object)
    z, level = np.asarray(representations, dtype=np.float64), np.asarray(level, dtype=np.float64)
    kept = np.flatnonzero(np.isfinite(z).all(axis=1) & np.isfinite(level))
    asked = check_queries(queries, every, every[kept])
    n = _check_numbers(n, combine, len(asked), len(kept))

    rows = pd.Index(every[kept]).get_indexer(asked)
    # Each row: the genes of one query, which are neither found nor matched.
    members = rows[None] if combine == "mean" else rows[:, None]
    matches = _Matches(level[kept], stream(seed, "similar genes"))
    found = _nearest(centred(z[kept]), members, n, matches)

    query = [", ".join(asked)] if combine == "mean" else list(asked)
    gene = kept[found.row.ravel()]
    table = pd.DataFrame(
        {
            "query": np.repeat(np.array(query, dtype=object), n),
            "gene": every[gene],
            "rank": np.tile(np.arange(1, n + 1), len(query)),
            "similarity": found.similarity.ravel(),
            "random_mean": found.random_mean.ravel(),
            "random_95": found.random_95.ravel(),
            "pval": found.pval.ravel(),
        }
    )
    if groups is not None:
        table["group"] = np.asarray(groups, dtype=object)[gene]
    table.attrs["queries"] = list(asked)
    return table


def _check_numbers(n: Any, combine: Any, n_asked: int, n_known: int) -> int:
    """Genes to be found for each query: as many as are asked for, or as there are."""
    if combine not in get_args(Combine):
        raise InputError("combine", repr(combine), one_of(get_args(Combine)), 'Use combine="mean".')
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise InputError("n", repr(n), "a whole number >= 1", "Use n=20.")
    left = n_known - (1 if combine == "each" else n_asked)
    if left < 1:
        found, fix = f"{number_of(n_asked, 'gene')} of {n_known}", "Ask about fewer genes."
        raise InputError("genes", found, "genes that leave others to be found", fix)
    return min(int(n), left)


class _Found(NamedTuple):
    """Genes nearest to each query, beside genes of their expression, `(n_queries, n)` each."""

    row: np.ndarray
    similarity: np.ndarray
    random_mean: np.ndarray
    random_95: np.ndarray
    pval: np.ndarray


def _nearest(vectors: np.ndarray, members: np.ndarray, n: int, matches: _Matches) -> _Found:
    """The `n` genes nearest to the mean of each query's own, `members` `(n_queries, n_own)`."""
    parts = []
    for block in np.array_split(members, -(-len(members) // _QUERIES)):
        direction = unit_vectors(vectors[block].mean(axis=1))  # (n_queries, n_dims)
        similarity = direction @ vectors.T  # (n_queries, n_genes)
        query = np.arange(len(block))[:, None]
        similarity[query, block] = -np.inf
        near = np.argsort(-similarity, axis=1, kind="stable")[:, :n]  # (n_queries, n)
        parts.append([near, similarity[query, near], *matches.against(similarity, near, block.shape[1])])
    return _Found(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def check_queries(
    queries: Any, names: np.ndarray, embedded: np.ndarray, status: np.ndarray | None = None
) -> list[str]:
    """The names asked about, each once.

    Parameters
    ----------
    queries
        A name or several.
    names, embedded
        All names, and those of genes with a representation.
    status
        Why a gene has none, `(n_names,)`, where that is known.

    Raises
    ------
    InputError
        When there is none, or one of them cannot be used.
    """
    wanted = "names of genes that have a representation"
    if not isinstance(queries, str | Iterable | None) or getattr(queries, "ndim", 1) != 1:
        raise InputError("genes", f"a {type(queries).__name__}", wanted, "Pass a name or a list of names.")
    asked = [queries] if isinstance(queries, str) else list(() if queries is None else queries)
    if not asked:
        raise InputError("genes", "no name", wanted, "Name at least one gene.")
    if any(isinstance(one, bool | np.bool_) for one in asked):
        fix = "Pass the names, for example adata.var_names[mask]."
        raise InputError("genes", "a mask of True and False", wanted, fix)
    known, usable = {name: row for row, name in enumerate(names)}, set(embedded)
    for one in asked:
        if one not in known:
            raise InputError("genes", unknown_name(one, embedded), wanted, "Check the spelling.")
        if one not in usable:
            why = "" if status is None else f": {status[known[one]]}"
            found = f"{one!r}, which was not embedded{why}"
            raise InputError("genes", found, wanted, "See the status of each gene.")
    return list(dict.fromkeys(asked))


def expression_level(counts: Any) -> np.ndarray:
    """Log of the mean count of each gene, `(n_genes,)`; the mean itself where values may be negative.

    Parameters
    ----------
    counts
        `(n_spots, n_genes)`, in memory or on disk, as in `sigel.images.counts.SpotRows`.
    """
    rows = SpotRows(counts)
    total = np.zeros(rows.shape[1])
    for _, chunk in rows:
        total += np.bincount(chunk.indices, weights=chunk.data, minlength=len(total))
    mean = total / max(rows.shape[0], 1)
    if (mean < 0).any():
        return mean
    return np.log(np.maximum(mean, np.finfo(float).tiny))


class _Matches:
    """For any gene, those of nearly its expression."""

    def __init__(self, level: np.ndarray, rng: np.random.Generator) -> None:
        # Equal levels in random order: that of the names means something (families, pseudogenes).
        self.order = np.lexsort((rng.random(len(level)), level))
        self.sorted = level[self.order]
        self.place = np.empty(len(level), dtype=np.int64)
        self.place[self.order] = np.arange(len(level))

    def against(
        self, similarity: np.ndarray, found: np.ndarray, n_own: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, 95 % quantile and share at least as similar, each in the shape of `found`.

        Similarities are `(n_queries, n_genes)`, minus infinite for the `n_own` genes of the query itself.
        """
        query = np.repeat(np.arange(len(found)), found.shape[1])
        genes = found.ravel()
        parts = [
            self._block(similarity, query[rows], genes[rows], n_own)
            for rows in np.array_split(np.arange(len(genes)), -(-len(genes) // _FOUND))
        ]
        mean, high, pval = (np.concatenate(part).reshape(found.shape) for part in zip(*parts, strict=True))
        return mean, high, pval

    def _block(
        self, similarity: np.ndarray, query: np.ndarray, genes: np.ndarray, n_own: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n_genes = len(self.order)
        n_matched = min(N_MATCHED, n_genes - n_own - 1)
        own = similarity[query, genes][:, None]
        if n_matched < 1:
            nothing = np.full(len(genes), np.nan)
            return nothing, nothing, np.ones(len(genes))
        # In a window of ranks that holds the nearest even when the query's own genes are passed over.
        reach = N_MATCHED + n_own
        width = min(2 * reach + 1, n_genes)
        place = self.place[genes]
        window = np.clip(place - reach, 0, n_genes - width)[:, None] + np.arange(width)
        other = self.order[window]  # (n, width)
        reached = similarity[query[:, None], other]
        apart = np.abs(self.sorted[window] - self.sorted[place][:, None])
        apart[(other == genes[:, None]) | np.isneginf(reached)] = np.inf
        nearest = np.argpartition(apart, n_matched - 1, axis=1)[:, :n_matched]
        reached = np.take_along_axis(reached, nearest, axis=1)  # (n, n_matched)
        pval = (1 + (reached >= own).sum(axis=1)) / (1 + n_matched)
        return reached.mean(axis=1), np.quantile(reached, RANDOM_QUANTILE, axis=1), pval
