"""What goes into labels by a reference: classes, genes that both have, both side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, warn
from sigel.images.section import Called, Section
from sigel.tasks.domains.inputs import measured_genes
from sigel.tasks.domains.windows import Tissue

# Spots of a class at least: one tells nothing of how its class varies.
LEAST_LABELLED = 2
# Share of the smaller panel that both name, below which that is said.
FEW_SHARED = 0.2
# What a caller calls the labelled side, for messages.
REFERENCE = Called(
    owner="reference",
    section="reference",
    genes="reference",
    counts="reference_layer",
    layer="reference_layer",
    places="reference",
)


def classes_of(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes that can be learnt, and which each spot is of.

    Parameters
    ----------
    known
        Text, `""`: none, `(n_reference,)`.

    Returns
    -------
    names, code
        `(n_classes,)` in the order of text; `(n_reference,)` from 0, -1 for no class.

    Raises
    ------
    InputError
        When fewer than 2 have two spots.

    Examples
    --------
    >>> import numpy as np
    >>> classes_of(np.array(["b", "", "a", "b", "a"], dtype=object))[1].tolist()
    [1, -1, 0, 1, 0]
    """
    names, size = np.unique(known[known != ""].astype(str), return_counts=True)
    kept = names[size >= LEAST_LABELLED].astype(object)
    if len(kept) < 2:
        found = f"{len(kept)} label{'s' * (len(kept) != 1)} with {LEAST_LABELLED} spots or more"
        fix = "Name the column of obs that holds the labels: column=..."
        raise InputError("reference", found, "2 or more", fix)
    if len(kept) < len(names):
        few = ", ".join(repr(str(name)) for name in names[size < LEAST_LABELLED])
        warn(f"A label that a single spot of the reference has is given to no other: {few}.")
    return kept, pd.Index(kept).get_indexer(known)


def side_by_side(reference: Section, section: Section) -> Section:
    """Both as one, no section of one being one of the other, with the genes that both name, in their order.

    Libraries are those of these genes, too: panels differ, and so does the share of the counts that is of
    genes which only one of them has.

    Parameters
    ----------
    reference, section
        Counts in memory and places.

    Raises
    ------
    InputError
        When they share fewer than 2 genes.
    """
    genes = np.intersect1d(reference.genes.astype(str), section.genes.astype(str)).astype(object)
    if len(genes) < 2:
        raise _too_few(reference.genes, section.genes, len(genes))
    _warn_of_few(reference.genes, section.genes, len(genes))
    counts, labels = [], []
    for name, one in (("reference", reference), ("section", section)):
        counts.append(one.counts[:, pd.Index(one.genes).get_indexer(genes)])
        names = np.full(one.counts.shape[0], "", dtype=object) if one.labels is None else one.labels
        labels.append(np.char.add(f"{name} ", names.astype(str)).astype(object))
    return Section(
        sparse.csr_matrix(sparse.vstack(counts, format="csr")),
        genes,
        np.concatenate([reference.places(), section.places()]),
        labels=np.concatenate(labels),
    )


@contextmanager
def about_the_reference() -> Iterator[None]:
    """What is refused inside is said of the reference."""
    ours = {"adata": "reference", "layer": "reference_layer", "section_key": "reference_section_key"}
    try:
        yield
    except InputError as error:
        wanted, fix = (re.sub(r"\badata\b", "reference", text) for text in (error.wanted, error.fix))
        argument = ours.get(error.argument, error.argument)
        raise InputError(argument, error.found, wanted, fix) from error


def with_labels(reference: Section, code: np.ndarray) -> tuple[Section, np.ndarray]:
    """The sections of the reference that have a label; the others teach nothing.

    Parameters
    ----------
    reference
        Counts and places.
    code
        From `classes_of`.
    """
    if reference.labels is None:
        return reference, code
    there = np.isin(reference.labels.astype(str), np.unique(reference.labels[code >= 0].astype(str)))
    return reference.take(there), code[there]


def measured_in_both(both: Section, tissue: Tissue) -> np.ndarray:
    """Names of the genes that all sections have counts of, in order.

    Parameters
    ----------
    both
        From `side_by_side`.
    tissue
        Of both.

    Raises
    ------
    InputError
        When there are fewer than 2.
    """
    try:
        return measured_genes(both, tissue)
    except InputError as error:
        found = f"{error.found}, of {len(both.genes)} genes that both name"
        raise InputError("reference", found, "2 or more", error.fix) from error


def warn_of_silent(counts: sparse.csr_matrix) -> None:
    """Warn of new spots that nothing is known of.

    Parameters
    ----------
    counts
        Of the shared genes, `(n_spots, n_genes)`.
    """
    n_silent = int((np.asarray(counts.sum(axis=1)).ravel() == 0).sum())
    if n_silent:
        warn(
            f"{n_silent} of {counts.shape[0]} spots have no counts of the shared genes: their labels follow "
            "what lies around them."
        )


def _warn_of_few(theirs: np.ndarray, ours: np.ndarray, n_shared: int) -> None:
    """Warn where names are shared by few genes, or would be by many more."""
    n_alike, smaller = _alike(theirs, ours), min(len(theirs), len(ours))
    if n_alike > 2 * n_shared:
        warn(
            f"{n_shared} genes are shared by name, {n_alike} would be if capitals were ignored: rename those "
            "of one, or is it of another species? Labels rest on the shared ones."
        )
    elif n_shared < FEW_SHARED * smaller:
        warn(f"Labels rest on {n_shared} shared genes, of {smaller} in the smaller panel.")


def _alike(theirs: np.ndarray, ours: np.ndarray) -> int:
    """Genes that would be shared if capitals were ignored."""
    return len(np.intersect1d(np.char.upper(theirs.astype(str)), np.char.upper(ours.astype(str))))


def _too_few(theirs: np.ndarray, ours: np.ndarray, n_shared: int) -> InputError:
    """The refusal of names that are not the same, with what may be wrong with them."""
    n_alike = _alike(theirs, ours)
    found = f"{n_shared} gene{'s' * (n_shared != 1)} that the new sections have, too"
    fix = f"Are both ids, or symbols? The new sections have {ours[0]!r}, the reference {theirs[0]!r}."
    if n_alike > n_shared:
        fix = (
            f"{n_alike} would be the same if capitals were ignored: rename those of one, or is it of another "
            "species?"
        )
    return InputError("reference", found, "2 shared genes or more", fix)
