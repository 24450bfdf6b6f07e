"""Which gene sets the groups are rich in."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import false_discovery_control, hypergeom

from sigel.errors import InputError

GeneSets = str | Path | Mapping[str, Sequence[str]]

WEIGHT = re.compile(r",\d+(?:\.\d+)?$")


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
    Fisher's exact test, one-sided, is this hypergeometric tail.
    """
    _check_sizes(min_size, max_size)
    sets = check_sets(gene_sets)
    label = np.array([one if isinstance(one, str) else "" for one in group], dtype=object)
    names = np.asarray(genes, dtype=object)[label != ""]
    label = label[label != ""]
    if not len(names):
        fix = "Call sigel.tl.embed first."
        raise InputError("genes", "no gene with a group", "genes with groups", fix)
    labels, code = np.unique(label.astype(str), return_inverse=True)
    member = _membership(sets, names)  # (n_terms, n_genes)
    if _spelt_otherwise(sets, names) > 2 * member.nnz or member.nnz == 0:
        raise _nothing_measured(sets, names)
    size = np.diff(member.indptr)
    right = np.flatnonzero((size >= min_size) & (size <= max_size))
    if not len(right):
        found = f"no set of that size ({len(sets)} sets with {size.min()} to {size.max()} measured genes)"
        fix = "Use min_size=1 or a larger max_size."
        raise InputError("gene_sets", found, f"sets with {min_size} to {max_size} of the measured genes", fix)
    member, terms = member[right], np.array(list(sets), dtype=object)[right]

    n = len(names)
    inside = sparse.csr_matrix((np.ones(n), (np.arange(n), code)), shape=(n, len(labels)))
    overlap = (member @ inside).toarray().astype(np.int64)  # (n_terms, n_groups)
    term_size, group_size = size[right][:, None], np.bincount(code)[None]
    pval = hypergeom.sf(overlap - 1, n, term_size, group_size)
    qval = false_discovery_control(np.clip(pval, 0, 1), axis=None, method="bh").reshape(pval.shape)
    term, column = np.nonzero(overlap)
    order = np.lexsort((column, term, -overlap[term, column], pval[term, column]))
    term, column = term[order], column[order]
    shared = overlap[term, column]
    only_term, only_group = term_size[term, 0] - shared, group_size[0, column] - shared
    neither = n - shared - only_term - only_group
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = shared * neither / (only_term * only_group)
    table = pd.DataFrame(
        {
            "group": labels[column].astype(object),
            "term": terms[term],
            "overlap": shared,
            "term_size": term_size[term, 0],
            "group_size": group_size[0, column],
            "expected": term_size[term, 0] * group_size[0, column] / n,
            "odds_ratio": odds,
            "pval": pval[term, column],
            "qval": qval[term, column],
            "genes": _shared_names(member, names, code, term, column),
        }
    )
    table.attrs.update(n_background=n, n_terms=len(terms))
    return table


def check_sets(gene_sets: Any) -> dict[str, list[str]]:
    """Gene sets by name, from a GMT file or a mapping.

    Parameters
    ----------
    gene_sets
        What a caller gave.

    Raises
    ------
    InputError
        When it is neither, or holds no set.
    """
    if isinstance(gene_sets, str | Path):
        return read_gmt(gene_sets)
    wanted, fix = "a GMT file or a dict of names", 'For example {"myelin": ["Mbp", "Plp1"]}.'
    if not isinstance(gene_sets, Mapping):
        raise InputError("gene_sets", f"a {type(gene_sets).__name__}", wanted, fix)
    if not gene_sets:
        raise InputError("gene_sets", "no set", wanted, fix)
    sets = {}
    for name, genes in gene_sets.items():
        if isinstance(genes, str):
            raise InputError("gene_sets", f"one text for {name!r}", "a list of names for each set", fix)
        sets[str(name)] = [str(gene) for gene in genes]
    return sets


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    """Gene sets of a GMT file: a line a set, its name, a description and its genes between tabs.

    Parameters
    ----------
    path
        `.gmt`, or `.gmt.gz`; weights as Enrichr writes them (`GENE,1.0`) are left out. A set that comes
        twice has the genes of both.

    Raises
    ------
    InputError
        When there is no such file, or it is none.
    """
    wanted = "a GMT file: name, description and genes of a set on a line, between tabs"
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError("gene_sets", f"{str(path)!r}, which is no file", wanted, "Check the path.")
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError("gene_sets", f"{str(path)!r} ({error})", wanted, "Download it again.") from error
    sets: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, *rest = (field.strip() for field in line.split("\t"))
        if len(rest) < 2 or not name:
            found = f"{str(path)!r}, whose line {number} is {line[:40]!r}"
            raise InputError("gene_sets", found, wanted, "Use tabs, and a description or an empty field.")
        # Enrichr writes a weight behind each gene.
        genes = (WEIGHT.sub("", gene) for gene in rest[1:])
        sets.setdefault(name, []).extend(gene for gene in genes if gene)
    if not sets:
        raise InputError("gene_sets", f"{str(path)!r}, which is empty", wanted, "Use another file.")
    return sets


def _check_sizes(min_size: Any, max_size: Any) -> None:
    for name, size in (("min_size", min_size), ("max_size", max_size)):
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise InputError(name, repr(size), "a whole number >= 1", f"Leave {name} out.")
    if max_size < min_size:
        found = f"{max_size}, below min_size={min_size}"
        raise InputError("max_size", found, "a number >= min_size", "Leave max_size out.")


def _membership(sets: dict[str, list[str]], names: np.ndarray) -> sparse.csr_matrix:
    """Sets x background genes, 1 where a gene belongs."""
    column = pd.Index(names).get_indexer([gene for genes in sets.values() for gene in genes])
    row = np.repeat(np.arange(len(sets)), [len(genes) for genes in sets.values()])
    row, column = row[column >= 0], column[column >= 0]
    member = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(sets), len(names)))
    member.sum_duplicates()
    member.data[:] = 1
    return member


def _shared_names(
    member: sparse.csr_matrix, names: np.ndarray, code: np.ndarray, term: np.ndarray, column: np.ndarray
) -> list[str]:
    """Comma-joined names of the genes of each pair, in the order of the pairs."""
    entry = member.tocoo()
    flat = pd.Series(names[entry.col]).groupby([entry.row, code[entry.col]], sort=False).agg(",".join)
    return flat.reindex(pd.MultiIndex.from_arrays([term, column])).tolist()


def _spelt_otherwise(sets: dict[str, list[str]], names: np.ndarray) -> int:
    """How many entries would be measured genes if capitals did not count."""
    return _membership(
        {name: [gene.casefold() for gene in genes] for name, genes in sets.items()},
        np.array(pd.unique(pd.Series(names, dtype=object).astype(str).str.casefold()), dtype=object),
    ).nnz


def _nothing_measured(sets: dict[str, list[str]], names: np.ndarray) -> InputError:
    """The commonest reason is another species' spelling, or identifiers of another kind: say which."""
    spelt = {str(name).casefold(): str(name) for name in names}
    theirs = [gene for genes in sets.values() for gene in genes]
    here = set(spelt.values())
    pairs = ((gene, spelt[gene.casefold()]) for gene in theirs if gene.casefold() in spelt)
    twin = next(((gene, own) for gene, own in pairs if gene not in here), None)
    ours, example = str(names[0]), theirs[0] if theirs else "nothing"
    found = f"no set with a gene of the section ({example!r} there, {ours!r} here)"
    fix = "Use sets with the same kind of names."
    if twin is not None:
        found = f"sets that spell genes otherwise ({twin[0]!r} there, {twin[1]!r} here)"
        fix = "Use sets for this species, or rename their genes."
    return InputError("gene_sets", found, "sets of the measured genes", fix)
