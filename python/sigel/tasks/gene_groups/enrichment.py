"""Which gene sets the groups are rich in."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import false_discovery_control, hypergeom

from sigel.errors import InputError, span
from sigel.tasks.gene_groups.gene_sets import GeneSets, check_sets, membership


def group_enrichment(
    genes: Sequence[str] | np.ndarray,
    group: Sequence[object] | np.ndarray,
    gene_sets: GeneSets,
    *,
    min_size: int = 5,
    max_size: int = 500,
) -> pd.DataFrame:
    """Over-representation of gene sets in gene groups, by the hypergeometric test.

    The background is the genes that have a group: a gene that was not measured, or has no image, could
    not have been in any group, and counting it would make every set look enriched.

    Parameters
    ----------
    genes
        Names, `(n,)`.
    group
        Group of each as text; `""` or no text: none, and no part of the background.
    gene_sets
        Path of a GMT file (`.gmt`, `.gmt.gz`), or names of genes by name of the set.
    min_size, max_size
        Sets with fewer or more genes in the background are left out: small ones cannot reach significance,
        and large ones say little.

    Returns
    -------
    pandas.DataFrame
        A row for each pair of group and set that share a gene, by p-value: `group`, `term`, `overlap`,
        `term_size`, `group_size` (in the background), `expected` (overlap by chance), `odds_ratio` (of the
        sample; infinite where one lies in the other, NaN where one is all genes), `pval` (one-sided), `qval`
        (Benjamini-Hochberg over all pairs, also those that share none), `genes` (comma-joined). `attrs`:
        `n_background`, `n_terms`.

    Raises
    ------
    InputError
        When the file cannot be read, no gene of any set is measured, or no set is of the right size.

    Notes
    -----
    Of N genes in the background, K are in the set and n in the group. If the group were drawn by chance, the
    overlap X of k genes or more would have the probability

        P(X >= k) = sum over i from k to min(K, n) of C(K, i) C(N - K, n - i) / C(N, n),

    which is Fisher's exact test, one-sided (Rivals et al. 2007, Bioinformatics 23:401). `expected` is
    `n K / N`. With a = k, b = K - k, c = n - k and d = N - K - n + k the odds ratio is `a d / (b c)`.
    q-values: Benjamini and Hochberg 1995.
    """
    _check_sizes(min_size, max_size)
    sets = check_sets(gene_sets)
    names, labels, code = _background(genes, group)
    member, terms = _of_size(membership(sets, names), np.array(list(sets), dtype=object), min_size, max_size)
    n = len(names)
    inside = sparse.csr_matrix((np.ones(n), (np.arange(n), code)), shape=(n, len(labels)))
    overlap = (member @ inside).toarray().astype(np.int64)  # (n_terms, n_groups)
    term_size, group_size = np.diff(member.indptr), np.bincount(code)
    pval = hypergeom.sf(overlap - 1, n, term_size[:, None], group_size)
    qval = false_discovery_control(np.clip(pval, 0, 1), axis=None, method="bh").reshape(pval.shape)

    term, column = np.nonzero(overlap)
    order = np.lexsort((column, term, -overlap[term, column], pval[term, column]))
    term, column = term[order], column[order]
    shared, of_term, of_group = overlap[term, column], term_size[term], group_size[column]
    table = pd.DataFrame(
        {
            "group": labels[column].astype(object),
            "term": terms[term],
            "overlap": shared,
            "term_size": of_term,
            "group_size": of_group,
            "expected": of_term * of_group / n,
            "odds_ratio": _odds_ratio(shared, of_term, of_group, n),
            "pval": pval[term, column],
            "qval": qval[term, column],
            "genes": _shared_names(member, names, code, term, column),
        }
    )
    table.attrs.update(n_background=n, n_terms=len(terms))
    return table


def _background(
    genes: Sequence[str] | np.ndarray, group: Sequence[object] | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names of the genes with a group, the labels of the groups in order, and the number of each gene's."""
    label = np.array([one if isinstance(one, str) else "" for one in group], dtype=object)
    known = label != ""
    if not known.any():
        fix = "Call sigel.tl.embed first."
        raise InputError("genes", "no gene with a group", "genes with groups", fix)
    labels, code = np.unique(label[known].astype(str), return_inverse=True)
    return np.asarray(genes, dtype=object)[known], labels, code


def _of_size(
    member: sparse.csr_matrix, terms: np.ndarray, least: int, most: int
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """The sets with so many genes in the background, and their names."""
    size = np.diff(member.indptr)
    right = np.flatnonzero((size >= least) & (size <= most))
    if not len(right):
        found = f"no set of that size ({len(terms)} sets with {span(size.min(), size.max())} measured genes)"
        fix = "Use min_size=1 or a larger max_size."
        raise InputError("gene_sets", found, f"sets with {span(least, most)} of the measured genes", fix)
    return member[right], terms[right]


def _odds_ratio(shared: np.ndarray, term_size: np.ndarray, group_size: np.ndarray, n: int) -> np.ndarray:
    """Of the sample, from the four counts of genes in the set or not, in the group or not."""
    only_term, only_group = term_size - shared, group_size - shared
    neither = n - shared - only_term - only_group
    with np.errstate(divide="ignore", invalid="ignore"):
        return shared * neither / (only_term * only_group)


def _check_sizes(min_size: Any, max_size: Any) -> None:
    for name, size in (("min_size", min_size), ("max_size", max_size)):
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise InputError(name, repr(size), "a whole number >= 1", f"Leave {name} out.")
    if max_size < min_size:
        found = f"{max_size}, below min_size={min_size}"
        raise InputError("max_size", found, "a number >= min_size", "Leave max_size out.")


def _shared_names(
    member: sparse.csr_matrix, names: np.ndarray, code: np.ndarray, term: np.ndarray, column: np.ndarray
) -> list[str]:
    """Comma-joined names of the genes of each pair, in the order of the pairs."""
    entry = member.tocoo()
    flat = pd.Series(names[entry.col]).groupby([entry.row, code[entry.col]], sort=False).agg(",".join)
    return flat.reindex(pd.MultiIndex.from_arrays([term, column])).tolist()
