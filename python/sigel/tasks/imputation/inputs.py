"""What goes into imputation: sections checked, genes paired by name, references made ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import torch

from sigel.config.imputation import ImputeConfig
from sigel.errors import InputError
from sigel.images.section import Called, Section, check_apart
from sigel.model import SIGEL
from sigel.runtime.seeds import stream
from sigel.tasks.imputation.cell_reference import cell_reference
from sigel.tasks.imputation.gene_pairing import LEAST_SHARED, genes_to_impute, pair_genes
from sigel.tasks.imputation.target_reference import Reference, Target

Orthologs: TypeAlias = "Mapping[str, str] | pd.DataFrame"


# What a caller calls the two sides, for messages.
def _side(name: str, layer: str) -> Called:
    return Called(owner=name, section=name, genes=name, counts=name, layer=layer, places=name, spots="cells")


TARGET, REFERENCE = _side("target", "layer"), _side("reference", "reference_layer")


class Inputs(NamedTuple):
    """What is to be imputed from what."""

    references: list[Reference]
    shared: np.ndarray  # names of genes that the target and a reference have
    wanted: np.ndarray  # names of genes to impute
    left_out: pd.DataFrame  # genes that cannot be, and why


def prepare(
    target: Target,
    references: Sequence[Section],
    genes: Sequence[str] | str | None,
    model: SIGEL | str | Path | Sequence[SIGEL | str | Path] | None,
    orthologs: Orthologs | None,
    config: ImputeConfig,
    seed: int,
    device: str | torch.device,
) -> Inputs:
    """Pair genes by name and make the references ready.

    Parameters
    ----------
    target
        The section with the panel.
    references
        Sections with all genes.
    genes, model, orthologs, device
        As in `sigel.tl.impute`.
    config
        Settings.
    seed
        As in `sigel.tl.impute`; draws spots from large references, too.

    Raises
    ------
    InputError
        When too few genes are shared, or an asked gene cannot be imputed.
    """
    if not len(references):
        raise InputError("reference", "no section", "one or more", "Pass a section with all genes.")
    models = _models(model, len(references))
    measured = target.section.genes
    rng = stream(seed, "reference spots")
    made: list[Reference] = []
    lacking: dict[str, None] = {}  # genes that the target lacks, in order
    aside: dict[str, str] = {}  # genes whose names are not sure, and why
    spelt: dict[str, str] = {}  # what the target calls genes, by the references' names
    told: set[str] = set()  # what is said of one reference need not be said of the next
    for section, fitted in zip(references, models, strict=True):
        section = replace(section, told=told, called=REFERENCE)
        pairing = pair_genes(measured, section.genes, orthologs)
        if section.is_placed:
            made.append(
                Reference.prepare(
                    checked(section, REFERENCE),
                    pairing.names,
                    config.scales,
                    model=fitted,
                    max_spots=config.max_spots,
                    rng=rng,
                    seed=seed,
                    device=device,
                )
            )
        else:
            _refuse_model(fitted)
            made.append(
                cell_reference(
                    section, pairing.names, config.scales, max_cells=config.max_spots, rng=rng, seed=seed
                )
            )
        columns = genes_to_impute(pairing, measured, section.genes, None)
        lacking |= dict.fromkeys(str(name) for name in pairing.names[columns])
        aside, spelt = {**pairing.set_aside, **aside}, {**pairing.spelt, **spelt}
    if genes is not None:
        _refuse_other_names(genes, set(map(str, measured)), lacking, aside, spelt)
    asked = list(lacking) if genes is None else _genes_asked(genes, measured, list(lacking))
    shared = _shared_genes(target, made)
    wanted, left_out = _with_an_image(asked, made, refuse=genes is not None)
    if genes is None:
        known = {*lacking, *map(str, measured)}
        rest = {name: why for name, why in aside.items() if name not in known}
        left_out = pd.concat(
            [left_out, pd.DataFrame({"status": rest.values()}, index=list(rest), dtype=object)]
        )
    return Inputs(made, shared, wanted, left_out)


def _models(
    model: SIGEL | str | Path | Sequence[SIGEL | str | Path] | None, n_references: int
) -> Sequence[SIGEL | str | Path | None]:
    """The model of each reference."""
    if model is None:
        return [None] * n_references
    models: Sequence[SIGEL | str | Path]
    if isinstance(model, SIGEL | str | Path):
        models = [model]
    elif isinstance(model, Sequence):
        models = list(model)
    else:
        fix = "Use model=None, or sigel.SIGEL.load(path)."
        raise InputError("model", repr(model)[:60], "a fitted SIGEL, its folder, or a list", fix)
    if len(models) != n_references:
        found = f"{len(models)} for {n_references} references"
        raise InputError("model", found, "one for each reference", "Use model=None.")
    return models


def _refuse_model(model: SIGEL | str | Path | None) -> None:
    """A model is of the images of a section; dissociated cells have none."""
    if model is not None:
        found = "a model of a reference without places"
        raise InputError("model", found, "None for dissociated cells", "Use model=None.")


def _refuse_other_names(
    genes: Sequence[str] | str,
    measured: set[str],
    lacking: Mapping[str, None],
    aside: Mapping[str, str],
    spelt: Mapping[str, str],
) -> None:
    """Refuse genes by a reference's name where the target has another, and those that were set aside."""
    names = [genes] if isinstance(genes, str) else [one for one in genes if isinstance(one, str)]
    name = next((one for one in names if one not in lacking and (one in spelt or one in aside)), None)
    if name is None or name in measured:
        return
    wanted, own = "genes that the target lacks", spelt.get(name)
    if own is None:
        fix = "If they are not one gene, or which is which is known, pass orthologs=."
        raise InputError("genes", f"{name!r}, {aside[name]}", wanted, fix)
    if own in measured:
        raise InputError(
            "genes", f"{name!r}, which the target already holds as {own!r}", wanted, "Leave it out."
        )
    raise InputError("genes", f"{name!r}, which is {own!r} there", "the target's spelling", f"Use {own!r}.")


def _genes_asked(genes: Sequence[str] | str, measured: np.ndarray, lacking: list[str]) -> list[str]:
    """Names of the genes that a caller asks for, all of which a reference has."""
    every = np.array([*lacking, *map(str, measured)], dtype=object)
    together = pair_genes(measured, every, least=0)
    return [str(name) for name in every[genes_to_impute(together, measured, every, genes)]]


def _shared_genes(target: Target, references: list[Reference]) -> np.ndarray:
    """Names of the genes that both sides show, enough of them in each reference."""
    # A gene that the panel never detected teaches nothing.
    detected = np.asarray(target.section.counts.sum(axis=0)).ravel() > 0
    known = [str(gene) for gene, seen in zip(target.section.genes, detected, strict=True) if seen]
    for number, one in enumerate(references, 1):
        n = sum(gene in one.row for gene in known)
        if n < LEAST_SHARED:
            which = f" in reference {number} of {len(references)}" if len(references) > 1 else ""
            found = f"{n} shared genes that are detected and have an image{which}"
            fix = "Take a reference with more counts, or a larger panel."
            raise InputError("reference", found, f"{LEAST_SHARED} or more to learn from", fix)
    has_image = set().union(*(one.row for one in references))
    return np.array([gene for gene in known if gene in has_image], dtype=object)


def _with_an_image(
    asked: list[str], references: list[Reference], *, refuse: bool
) -> tuple[np.ndarray, pd.DataFrame]:
    """Genes that can be imputed, and why the others cannot be, which may be refused."""
    has_image = set().union(*(one.row for one in references))
    why: dict[str, str] = {}
    for one in references:
        why |= one.status
    wanted = np.array([gene for gene in asked if gene in has_image], dtype=object)
    lost = [gene for gene in asked if gene not in has_image]
    if refuse and lost:
        found = f"{lost[0]!r}, which has no image in the reference: {why.get(lost[0], 'left out')}"
        raise InputError("genes", found, "genes that have an image", "Leave it out, or use genes=None.")
    if not len(wanted):
        found = "no gene that the target lacks and a reference has"
        raise InputError("reference", found, "one or more", "Take a reference with more genes.")
    status = [why.get(gene, "left out") for gene in lost]
    return wanted, pd.DataFrame({"status": status}, index=lost, dtype=object)


def checked(section: Section, called: Called) -> Section:
    """A section in memory whose counts are finite, not negative, and have places.

    Parameters
    ----------
    section, called
        What was given, and as what.

    Raises
    ------
    InputError
        When it cannot be used.
    """
    section = section.in_memory(called)
    places = section.places(columns=(2, 3))
    check_apart(places, called.places, called.spots)
    return replace(section, coordinates=places)
