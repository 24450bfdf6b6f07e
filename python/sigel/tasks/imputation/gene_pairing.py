"""Which genes of target and reference are the same, by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of, unknown_name, warn

# With fewer shared genes there is too little to learn from and to test on; with few more little is sure.
LEAST_SHARED, FEW_SHARED = 10, 20
# Why a gene is set aside.
OTHER_GENE = "not used: the name that orthologs give to another gene"
NEARLY = "not used: nearly the name of {!r}, which the target measured"
_NAMED = 3  # names given as examples
_VERSION = re.compile(r"\.\d+$")
_ENSEMBL = re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?$")


@dataclass(frozen=True, eq=False)
class Pairing:
    """Genes that target and reference share.

    Parameters
    ----------
    target
        Columns of the target's shared genes, in the reference's order, `(n_shared,)`.
    reference
        Columns of the reference that they pair with, `(n_shared,)`.
    names
        All genes of the reference as the target spells them, `(n_reference,)`: their own names where no
        ortholog is given, None for a gene that must not be used.
    unpaired
        Names of the target's genes without a partner, in the target's order.
    set_aside
        Why, of each gene of the reference that must not be used, by its own name.
    spelt
        Of the genes of the reference that the target spells otherwise: the target's name by their own.
    """

    target: np.ndarray
    reference: np.ndarray
    names: np.ndarray
    unpaired: np.ndarray
    set_aside: Mapping[str, str]
    spelt: Mapping[str, str]


def pair_genes(
    target_genes: Sequence[str] | np.ndarray,
    reference_genes: Sequence[str] | np.ndarray,
    orthologs: Mapping[str, str] | pd.DataFrame | None = None,
    *,
    least: int = LEAST_SHARED,
) -> Pairing:
    """Pair genes by name; position never matters.

    Parameters
    ----------
    target_genes, reference_genes
        Names of genes, each once.
    orthologs
        What the reference calls the target's genes: a dict `{target gene: reference gene}` or a table with
        columns `target` and `reference`. Genes that are not in it pair by their own names. A gene with
        several partners has no certain one: those entries are dropped, with a warning.
    least
        Shared genes needed. Default 10; fewer than 20 are warned of.

    Returns
    -------
    Pairing
        What pairs with what.

    Raises
    ------
    InputError
        When a name is there twice, too few genes are shared, or `orthologs` is of another kind.

    Warns
    -----
    UserWarning
        When orthologs are ambiguous, few genes are shared, or names differ by `_` and `-`, the version of an
        Ensembl id, or capitals alone: these are paired where that is certain, and else not used at all.

    Examples
    --------
    >>> from sigel.tasks.imputation.gene_pairing import pair_genes
    >>> pairing = pair_genes(["GAD1", "MBP"], ["Mbp", "Aqp4"], {"MBP": "Mbp"}, least=1)
    >>> pairing.target, pairing.reference
    (array([1]), array([0]))
    >>> list(pairing.names), list(pairing.unpaired)
    (['MBP', 'Aqp4'], ['GAD1'])
    """
    target = _unique("target", target_genes)
    reference = _unique("reference", reference_genes)
    renamed = {theirs: ours for ours, theirs in _one_to_one(orthologs).items()}
    by_table = [name in renamed for name in reference]
    spelt: list[str | None] = [renamed.get(name, name) for name in reference]
    taken = {name for name, told in zip(spelt, by_table, strict=True) if told}
    # The table says what a gene is; another that happens to bear that name is not it. Where the gene of the
    # table is not here, names count: the table may be for another of several references.
    bears = [not told and name in taken for name, told in zip(spelt, by_table, strict=True)]
    spelt = [None if one else name for one, name in zip(bears, spelt, strict=True)]
    aside = {name: OTHER_GENE for one, name in zip(bears, reference, strict=True) if one}

    names = np.empty(len(spelt), dtype=object)
    names[:] = spelt
    said = _pair_loosely(target, names, _listed(orthologs), aside)
    at = {name: column for column, name in enumerate(target)}
    pairs = [(at[name], column) for column, name in enumerate(names) if name in at]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    shared = {target[column] for column in columns[:, 0]}
    unpaired = [name for name in target if name not in shared]
    free = [name for name in spelt if name is not None and name not in shared]
    if len(columns) < least:
        sizes = f"{len(target)} there, {len(reference)} here"
        found = f"{number_of(len(columns), 'gene')} shared with the target ({sizes})"
        raise InputError("reference", found, f"{least} or more", _advice(unpaired, free))
    if 0 < len(columns) < FEW_SHARED and least:
        said.append(
            f"Target and reference share {len(columns)} genes: of fewer than {FEW_SHARED} little can be "
            "learned, neither how to impute nor how well."
        )
    for words in said:
        warn(words)
    differ = {b: a for a, b in zip(names, reference, strict=True) if a is not None and a != b}
    return Pairing(columns[:, 0], columns[:, 1], names, np.array(unpaired, dtype=object), aside, differ)


def _pair_loosely(target: list[str], names: np.ndarray, listed: set[str], aside: dict[str, str]) -> list[str]:
    """Give genes of the reference the target's spelling where names differ by no more than their writing.

    A name that could be that of several is None: what was measured must not be imputed. Of genes that are
    `listed` the table of orthologs says all there is to say. Those not used go to `aside`, with why. Returns
    what is to be said of it.
    """
    measured, said = set(target), []
    exact = len((measured & set(names)) - listed)
    for differ, key in _LOOSER:
        there = set(names)
        known = measured | listed
        ours = _by_key([name for name in target if name not in there and name not in listed], key)
        theirs = _by_key([name for name in names if name is not None and name not in known], key)
        both = [
            (ours[k][0], theirs[k][0]) for k in ours if k in theirs and len(ours[k]) == len(theirs[k]) == 1
        ]
        # Where most names differ by capitals the species do, and a table should say which gene is which.
        if not both or (differ == _CAPITALS and len(both) > exact):
            continue
        genes = f"{len(both)} gene{'s' * (len(both) > 1)} of target and reference"
        said.append(_said(f"{genes} differ by {differ} only and are paired", both))
        spelling = {b: a for a, b in both}
        names[:] = [spelling.get(name, name) for name in names]
    keys = {_loosest(name): name for name in target}
    free = [name for name in names if name is not None and name not in measured | listed]
    alike = [(keys[_loosest(name)], name) for name in free if _loosest(name) in keys]
    if alike:
        what = f"{len(alike)} names of the reference are nearly those of genes of the target and are not used"
        said.append(_said(what, alike) + " If they are the same genes, pass orthologs=.")
        lost = {theirs: NEARLY.format(ours) for ours, theirs in alike}
        aside |= lost
        names[:] = [None if name in lost else name for name in names]
    return said


def _listed(orthologs: Mapping[str, str] | pd.DataFrame | None) -> set[str]:
    """All names in a table of orthologs that is sound."""
    if orthologs is None:
        return set()
    if isinstance(orthologs, pd.DataFrame):
        table = orthologs.rename(columns=lambda name: str(name).casefold())
        return set(map(str, table[["target", "reference"]].to_numpy().ravel()))
    return {str(name) for pair in orthologs.items() for name in pair}


def _said(what: str, pairs: list[tuple[str, str]]) -> str:
    some = ", ".join(f"{ours!r} and {theirs!r}" for ours, theirs in pairs[:_NAMED])
    return f"{what}, for example {some}."


def _by_key(names: list[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return found


def genes_to_impute(
    pairing: Pairing,
    target_genes: Sequence[str] | np.ndarray,
    reference_genes: Sequence[str] | np.ndarray,
    asked: Sequence[str] | str | None,
) -> np.ndarray:
    """Columns of the reference whose genes are to be imputed.

    Parameters
    ----------
    pairing
        Of these genes.
    target_genes, reference_genes
        Names as they were paired.
    asked
        Names of genes in the target's spelling, or one name; None: all that the target lacks.

    Returns
    -------
    numpy.ndarray
        Columns, in the order asked, or of the reference, `(n_asked,)`.

    Raises
    ------
    InputError
        When a gene is unknown, is in the target already, is asked twice, none is asked, or `asked` does not
        hold names.

    Examples
    --------
    >>> from sigel.tasks.imputation.gene_pairing import genes_to_impute, pair_genes
    >>> target, reference = ["Gad1", "Mbp"], ["Mbp", "Aqp4", "Sst"]
    >>> genes_to_impute(pair_genes(target, reference, least=1), target, reference, ["Sst", "Aqp4"])
    array([2, 1])
    """
    held = {str(name) for name in target_genes}
    if len(pairing.names) != len(reference_genes):
        found = f"{number_of(len(reference_genes), 'gene')} for a pairing of {len(pairing.names)}"
        raise InputError("reference_genes", found, "the genes that were paired", "Pass the same names.")
    column = {name: at for at, name in enumerate(pairing.names) if name is not None}
    if asked is None:
        return np.array([at for name, at in column.items() if name not in held], dtype=np.int64)
    wanted = _names_asked(asked)
    for name in wanted:
        if name in held:
            found = f"{name!r}, which the target already holds"
            raise InputError("genes", found, "genes that the target lacks", "Leave it out.")
        if name not in column:
            fix = "Use the target's spelling, or genes=None for all."
            raise InputError("genes", unknown_name(name, column), "genes of the reference", fix)
    return np.array([column[name] for name in wanted], dtype=np.int64)


def _names_asked(asked: Sequence[str] | str) -> list[str]:
    wanted, fix = "names of genes", 'Pass names, for example genes=["Gad1", "Sst"], or genes=None for all.'
    if isinstance(asked, str):
        return [asked]
    if isinstance(asked, Mapping | bytes) or not hasattr(asked, "__iter__"):
        raise InputError("genes", f"{type(asked).__name__}", wanted, fix)
    names = list(asked)
    if names and all(isinstance(name, bool | np.bool_) for name in names):
        fix = "Pass the names that it selects: adata.var_names[mask]."
        raise InputError("genes", "a mask of True and False", wanted, fix)
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None or None in names:
        raise InputError("genes", f"{odd!r} of type {type(odd).__name__}", wanted, fix)
    if not names:
        raise InputError("genes", "no name", "one or more", fix)
    twice = _repeated(names)
    if twice:
        raise InputError("genes", f"{twice[0]!r} more than once", "each gene once", "Name it once.")
    return [str(name) for name in names]


def _unique(argument: str, genes: Sequence[str] | np.ndarray) -> list[str]:
    names = [str(name) for name in genes]
    twice = _repeated(names)
    if twice:
        found = f"duplicated names, for example {', '.join(map(repr, twice[:_NAMED]))}"
        raise InputError(argument, found, "each gene once", "Call adata.var_names_make_unique() first.")
    return names


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _one_to_one(orthologs: Mapping[str, str] | pd.DataFrame | None) -> dict[str, str]:
    """The entries of which both names occur once, target to reference."""
    if orthologs is None:
        return {}
    if isinstance(orthologs, pd.DataFrame):
        found = {str(name).casefold(): name for name in reversed(list(orthologs.columns))}
        if not {"target", "reference"} <= set(found):
            has = f"a table with columns {', '.join(map(repr, orthologs.columns)) or 'none'}"
            raise InputError("orthologs", has, "columns 'target' and 'reference'", "Rename the columns.")
        table = orthologs[[found["target"], found["reference"]]]
    elif isinstance(orthologs, Mapping):
        table = pd.DataFrame(list(orthologs.items()), columns=["target", "reference"], dtype=object)
    else:
        wanted = "a dict {target gene: reference gene} or a table with columns target and reference"
        fix = 'For example orthologs={"GAD1": "Gad1"}.'
        raise InputError("orthologs", f"{type(orthologs).__name__}", wanted, fix)
    entries = [(str(a), str(b)) for a, b in table.dropna().itertuples(index=False) if str(a) and str(b)]
    entries = list(dict.fromkeys(entries))
    ours, theirs = Counter(a for a, _ in entries), Counter(b for _, b in entries)
    kept = {a: b for a, b in entries if ours[a] == 1 and theirs[b] == 1}
    dropped = [(a, b) for a, b in entries if kept.get(a) != b]
    if dropped:
        some = ", ".join(f"{a!r} to {b!r}" for a, b in dropped[:_NAMED])
        warn(
            f"{len(dropped)} of {len(entries)} orthologs are dropped, because a gene has several partners: "
            f"for example {some}."
        )
    return kept


def _would_match(ours: list[str], theirs: list[str], key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Pairs of names that are equal once `key` was applied to both."""
    there: dict[str, str] = {}
    for name in theirs:
        there.setdefault(key(name), name)
    return [(name, there[key(name)]) for name in ours if key(name) in there]


def _advice(ours: list[str], theirs: list[str]) -> str:
    """What may be wrong with names that do not match."""
    words = []
    capitals = _would_match(ours, theirs, str.casefold)
    if capitals:
        a, b = capitals[0]
        words.append(
            f"{len(capitals)} more differ by capitals only, e.g. {a!r} and {b!r}: human and mouse? Pass "
            "orthologs=, a table of them, or if nothing else differs: "
            "theirs = {g.lower(): g for g in reference.var_names}; orthologs="
            "dict(zip(target.var_names, [theirs.get(g.lower()) for g in target.var_names]))."
        )
    versions = _would_match(ours, theirs, _without_version)
    if versions:
        a, b = versions[0]
        words.append(
            f"{len(versions)} more match without the version of Ensembl ids, e.g. {a!r} and {b!r}: "
            'adata.var_names = adata.var_names.str.replace(r"\\.\\d+$", "", regex=True).'
        )
    ids = [
        bool(names) and np.mean([bool(_ENSEMBL.match(n)) for n in names]) > 0.5 for names in (ours, theirs)
    ]
    if ids[0] != ids[1] and ours and theirs:
        one, other = ("target", "reference") if ids[0] else ("reference", "target")
        a, b = (ours[0], theirs[0]) if ids[0] else (theirs[0], ours[0])
        words.append(
            f"The {one} has Ensembl ids, e.g. {a!r}, and the {other} symbols, e.g. {b!r}: name both alike."
        )
    return (
        " ".join(words) or "Do both name genes alike? See target.var_names[:5] and reference.var_names[:5]."
    )


def _dashed(name: str) -> str:
    """As Seurat names features, which may hold no underscore."""
    return name.replace("_", "-")


def _loosest(name: str) -> str:
    return _dashed(_without_version(name)).casefold()


def _without_version(name: str) -> str:
    return _VERSION.sub("", name) if _ENSEMBL.match(name) else name


_CAPITALS = "capitals"
# By what names of one gene may differ, the surest first.
_LOOSER: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("`_` and `-`", _dashed),
    ("the version of their Ensembl id", _without_version),
    (_CAPITALS, _loosest),
)
