"""Spatial domains and the choice of their genes, for R."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sigel.bridge._pieces import (
    columns,
    gene_columns,
    names_of,
    section_of,
    whole,
    whole_numbers,
    whole_or_none,
    with_lists,
)
from sigel.bridge._recorded import recorded
from sigel.config import ImageConfig
from sigel.config.domains import DomainConfig
from sigel.runtime.progress import Progress
from sigel.tasks.domains import gene_selection, stability
from sigel.tasks.domains.find import Domains, find_domains
from sigel.tasks.domains.labelled import Labelled, label_spots
from sigel.tasks.domains.labelled_inputs import REFERENCE
from sigel.tasks.domains.recipe import Recipe

# A name, or a function of R: of features (cells x components) and a number.
Method = str | Callable[..., Any]


@recorded("section")
def select_genes(
    *,
    section: Mapping[str, Any],
    settings: dict[str, Any],
    share: float,
    balance: float,
    seed: float,
    device: str,
    n_genes: float | None = None,
    known: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Genes that tell domains apart; see `sigel.tl.select_genes`.

    Parameters
    ----------
    section
        Its pieces.
    settings
        Settings of `ImageConfig`.
    share, balance, seed, device, n_genes, progress
        As in `sigel.tl.select_genes`.
    known
        What is known of the genes, each in their order: `group` as text (`""`: none), `rank` and `effect` of
        spatially variable genes (NaN: not tested). What is None or lacks is computed.

    Returns
    -------
    dict
        Columns of the table as lists, `gene` among them.
    """
    table = gene_selection.select_genes(
        section_of(section),
        ImageConfig.from_dict(whole_numbers(settings)),
        share=share,
        n_genes=whole_or_none(n_genes, "n_genes"),
        balance=balance,
        known=_known(known),
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return gene_columns(table)


@recorded("section")
def domains(
    *,
    section: Mapping[str, Any],
    settings: dict[str, Any],
    method: Method,
    model_name: str,
    refine: bool,
    seed: float,
    device: str,
    n_domains: float | None = None,
    genes: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Domains of a tissue; see `sigel.tl.domains`.

    Parameters
    ----------
    section
        Its pieces.
    settings
        Of `DomainConfig`.
    method, model_name, refine, seed, device, n_domains, genes, progress
        As in `sigel.tl.domains`.

    Returns
    -------
    dict
        `domain` (text), `prob`, `features` `(n_cells, n_components)`, `genes`, `window`, `n_domains`,
        `n_changed`, `number` (columns of its table, or None), `params` (JSON of the settings).
    """
    config = _config(settings)
    found = find_domains(
        section_of(section),
        whole_or_none(n_domains, "n_domains"),
        _recipe(method, model_name, refine, config, seed, device),
        genes=None if genes is None else names_of(genes),
        progress=progress,
    )
    return _plain(found, config)


@recorded("section", "reference")
def label_domains(
    *,
    section: Mapping[str, Any],
    reference: Mapping[str, Any],
    known: Sequence[str],
    settings: dict[str, Any],
    seed: float,
    device: str,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Labels of new sections by those of a reference; see `sigel.tl.label_domains`.

    Parameters
    ----------
    section, reference
        Pieces of the new sections, and of the labelled ones.
    known
        Label of each cell of the reference, `""`: none.
    settings
        Of `DomainConfig`.
    seed, device, progress
        As in `sigel.tl.label_domains`.

    Returns
    -------
    dict
        As `domains`, with `n_labelled` in place of `n_changed` and `number`.
    """
    config = _config(settings)
    found = label_spots(
        section_of(section),
        replace(section_of(reference), called=REFERENCE),
        np.array(names_of(known), dtype=object),
        config,
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return {**_common(found, config), "n_labelled": found.n_labelled}


@recorded("section")
def domain_stability(
    *,
    section: Mapping[str, Any],
    params: str,
    domain: Sequence[str],
    method: Method,
    model_name: str,
    genes: Sequence[str],
    refine: bool,
    n_seeds: float,
    fit_seed: float,
    seed: float,
    device: str,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Domains at other seeds; see `sigel.tl.domain_stability`.

    Parameters
    ----------
    section
        Its pieces.
    params
        Settings as `domains` returned them.
    domain
        Present domain of each cell.
    method, model_name, refine
        As in `domains`.
    genes
        Genes of the present domains.
    n_seeds, seed, device, progress
        As in `sigel.tl.domain_stability`.
    fit_seed
        Seed of the present domains.

    Returns
    -------
    dict
        Columns of the table as lists, `ari`, `ari_by_seed`, `seeds`, and `spots`: the share of seeds in which
        each cell keeps its domain.
    """
    config = stability.settings_again(params)
    table, kept = stability.domain_stability(
        section_of(section),
        np.asarray(names_of(domain), dtype=object),
        _recipe(method, model_name, refine, config, fit_seed, device),
        genes=names_of(genes),
        n_seeds=whole(n_seeds, "n_seeds"),
        seed=whole(seed),
        progress=progress,
    )
    return {**columns(table), **table.attrs, "spots": kept}


def _known(known: Mapping[str, Any] | None) -> gene_selection.Known:
    known = known or {}
    group = known.get("group")
    rank, effect = (
        None if known.get(name) is None else np.asarray(known[name], dtype=np.float64).reshape(-1)
        for name in ("rank", "effect")
    )
    return gene_selection.Known(
        None if group is None else np.array(names_of(group), dtype=object), rank, effect
    )


def _recipe(
    method: Method,
    model_name: str,
    refine: bool,  # noqa: FBT001
    config: DomainConfig,
    seed: float,
    device: str,
) -> Recipe:
    if callable(method):
        of_r = method
        # A function of R returns what reticulate makes of its vector.
        method = lambda features, n: np.asarray(of_r(features, n)).reshape(-1)  # noqa: E731
    return Recipe(
        method=method, model_name=model_name, refine=refine, config=config, seed=whole(seed), device=device
    )


def _config(settings: dict[str, Any]) -> DomainConfig:
    return DomainConfig.from_dict(with_lists(whole_numbers(settings), "windows", "components"))


def _plain(found: Domains, config: DomainConfig) -> dict[str, Any]:
    number = None if found.number is None else columns(found.number)
    return {**_common(found, config), "n_changed": found.n_changed, "number": number}


def _common(found: Domains | Labelled, config: DomainConfig) -> dict[str, Any]:
    """What domains and labels by a reference both come with."""
    return {
        "domain": found.label.tolist(),
        "prob": found.prob,
        "features": found.features.astype(np.float64),
        "genes": found.genes.tolist(),
        "window": found.window,
        "n_domains": len(set(found.label)),
        "params": json.dumps(config.to_dict()),
    }
