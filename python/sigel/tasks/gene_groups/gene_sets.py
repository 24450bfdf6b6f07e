"""Sets of genes by name: read, and held against the genes that were measured."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError

GeneSets = str | Path | Mapping[str, Sequence[str]]

WEIGHT = re.compile(r",\d+(?:\.\d+)?$")


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
        if not isinstance(genes, Iterable):
            raise InputError("gene_sets", f"{genes!r} for {name!r}"[:80], "a list of names for each set", fix)
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


def membership(sets: dict[str, list[str]], names: np.ndarray) -> sparse.csr_matrix:
    """Which genes belong to which set, 1 where one does, `(n_sets, n_genes)`.

    Parameters
    ----------
    sets
        From `check_sets`.
    names
        Of the genes that were measured, `(n_genes,)`.

    Raises
    ------
    InputError
        When none belongs to any, or far more would if capitals did not count: sets of another species.
    """
    member = _membership(sets, names)
    if _spelt_otherwise(sets, names) > 2 * member.nnz or member.nnz == 0:
        raise _nothing_measured(sets, names)
    return member


def _membership(sets: dict[str, list[str]], names: np.ndarray) -> sparse.csr_matrix:
    column = pd.Index(names).get_indexer([gene for genes in sets.values() for gene in genes])
    row = np.repeat(np.arange(len(sets)), [len(genes) for genes in sets.values()])
    row, column = row[column >= 0], column[column >= 0]
    member = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(sets), len(names)))
    member.sum_duplicates()
    member.data[:] = 1
    return member


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
