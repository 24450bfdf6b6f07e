"""Spatial domains and the choice of their genes, for R."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sigel.bridge._pieces import columns, names_of, section_of, whole, whole_numbers, with_lists
from sigel.config import ImageConfig
from sigel.config.domains import DomainConfig
from sigel.runtime.progress import Progress
from sigel.tasks.domains import gene_selection, stability
from sigel.tasks.domains.find import find_domains
from sigel.tasks.domains.recipe import Recipe


def select_genes(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    settings: dict[str, Any],
    share: float,
    n_genes: float | None,
    group: Sequence[str] | None,
    rank: Any,
    effect: Any,
    section: Sequence[str] | None,
    seed: float,
    device: str,
    progress: Progress | None,
    balance: float = 0.0,
) -> dict[str, Any]:
    """Genes that tell domains apart; see `sigel.tl.select_genes`. The section as in `embed`.

    Parameters
    ----------
    settings
        Settings of `ImageConfig`.
    share, n_genes, balance, seed, device
        As in `sigel.tl.select_genes`.
    group
        Group of each gene as text (`""`: none), or None.
    rank, effect
        Of spatially variable genes, NaN: not tested, or None.
    section
        Section of every cell, or None for one section.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    dict
        Columns of the table as lists, `gene` among them.
    """
    table = gene_selection.select_genes(
        section_of(i, p, x, dim, genes, coordinates, lattice),
        _labels(section),
        ImageConfig.from_dict(whole_numbers(settings)),
        share=share,
        n_genes=None if n_genes is None else whole(n_genes, "n_genes"),
        balance=balance,
        known=_known(group, rank, effect),
        seed=whole(seed),
        device=device,
        progress=progress,
    )
    return columns(table.rename_axis("gene").reset_index())


def domains(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    settings: dict[str, Any],
    image_settings: dict[str, Any],
    n_domains: float | None,
    method: str | Callable[..., Any],
    model_name: str,
    use_genes: Sequence[str] | None,
    group: Sequence[str] | None,
    rank: Any,
    effect: Any,
    refine: bool,  # noqa: FBT001
    section: Sequence[str] | None,
    seed: float,
    device: str,
    progress: Progress | None,
) -> dict[str, Any]:
    """Domains of a tissue; see `sigel.tl.domains`. The section as in `embed`.

    Parameters
    ----------
    settings, image_settings
        Settings of `DomainConfig` and of `ImageConfig`.
    n_domains, model_name, refine, seed, device
        As in `sigel.tl.domains`.
    method
        A name, or a function of R: of features (cells x components) and a number.
    use_genes
        Genes to use, or None for the choice.
    group, rank, effect, section, progress
        As in `select_genes`.

    Returns
    -------
    dict
        `domain` (text), `prob`, `features` `(n_cells, n_components)`, `genes`, `weight`, `window`,
        `n_domains`, `n_changed`, `number` (columns of its table, or None), `params` (JSON of the settings).
    """
    config = DomainConfig.from_dict(with_lists(whole_numbers(settings), "rings"))
    found = find_domains(
        section_of(i, p, x, dim, genes, coordinates, lattice),
        _labels(section),
        None if n_domains is None else whole(n_domains, "n_domains"),
        Recipe(
            method=_of_r(method),
            model_name=model_name,
            refine=refine,
            config=config,
            seed=whole(seed),
            device=device,
        ),
        image_config=ImageConfig.from_dict(whole_numbers(image_settings)),
        genes=None if use_genes is None else names_of(use_genes),
        known=_known(group, rank, effect),
        progress=progress,
    )
    return {
        "domain": found.label.tolist(),
        "prob": found.prob,
        "features": found.features.astype(np.float64),
        "genes": found.genes.tolist(),
        "weight": found.weight,
        "window": found.window,
        "n_domains": len(set(found.label)),
        "n_changed": found.n_changed,
        "number": None if found.number is None else columns(found.number),
        "params": json.dumps(config.to_dict()),
    }


def domain_stability(
    i: Any,
    p: Any,
    x: Any,
    dim: Sequence[int],
    genes: Sequence[str],
    cells: Sequence[str],
    coordinates: Any,
    lattice: Any,
    params: str,
    domain: Sequence[str],
    method: str | Callable[..., Any],
    model_name: str,
    use_genes: Sequence[str],
    weight: Any,
    refine: bool,  # noqa: FBT001
    section: Sequence[str] | None,
    n_seeds: float,
    fit_seed: float,
    seed: float,
    device: str,
    progress: Progress | None,
) -> dict[str, Any]:
    """Domains at other seeds; see `sigel.tl.domain_stability`. The section as in `embed`.

    Parameters
    ----------
    params
        Settings as `domains` returned them.
    domain
        Present domain of each cell.
    method, model_name, refine, section, progress
        As in `domains`.
    use_genes, weight
        Genes of the present domains and their weights, `(n_used, n_choices)`.
    n_seeds, seed, device
        As in `sigel.tl.domain_stability`.
    fit_seed
        Seed of the present domains.

    Returns
    -------
    dict
        Columns of the table as lists, `ari`, `ari_by_seed`, `seeds`, and `spots`: the share of seeds in which
        each cell keeps its domain.
    """
    used = names_of(use_genes)
    table, kept = stability.domain_stability(
        section_of(i, p, x, dim, genes, coordinates, lattice),
        _labels(section),
        np.asarray(names_of(domain), dtype=object),
        Recipe(
            method=_of_r(method),
            model_name=model_name,
            refine=refine,
            config=DomainConfig.from_dict(json.loads(params)),
            seed=whole(fit_seed),
            device=device,
        ),
        genes=used,
        weight=np.asarray(weight, dtype=np.float64).reshape(len(used), -1),
        n_seeds=whole(n_seeds, "n_seeds"),
        seed=whole(seed),
        progress=progress,
    )
    return {**columns(table), **table.attrs, "spots": kept}


def _labels(section: Sequence[str] | None) -> np.ndarray | None:
    return None if section is None else np.asarray(names_of(section), dtype=object)


def _known(group: Sequence[str] | None, rank: Any, effect: Any) -> gene_selection.Known:
    ranks, effects = (
        None if one is None else np.asarray(one, dtype=np.float64).reshape(-1) for one in (rank, effect)
    )
    return gene_selection.Known(
        None if group is None else np.array(names_of(group), dtype=object), ranks, effects
    )


def _of_r(method: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """A function of R returns what reticulate makes of its vector."""
    if not callable(method):
        return method
    return lambda features, n: np.asarray(method(features, n)).reshape(-1)
