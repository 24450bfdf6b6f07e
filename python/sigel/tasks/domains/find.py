"""Domains of a tissue: genes chosen, spots described, clustered, refined, and put in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.config.domains import DomainConfig
from sigel.errors import InputError
from sigel.images.section import Section
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import streams
from sigel.stats.partitions import in_order
from sigel.tasks.domains.gene_selection import (
    Known,
    _choices,
    named_genes,
)
from sigel.tasks.domains.inputs import (
    LEAST_SPOTS,
    Described,
    check_counts,
    describe,
    tissue_of,
    warn_of_empty,
)
from sigel.tasks.domains.methods import Clusterer, check_method, cluster
from sigel.tasks.domains.n_domains import best_number, domain_numbers, warn_of_bounds
from sigel.tasks.domains.refinement import refine as majority


class Domains(NamedTuple):
    """Domains of all spots."""

    label: np.ndarray  # (n_spots,) text, "1" the largest
    prob: np.ndarray  # (n_spots,) how sure; NaN where the method does not say
    features: np.ndarray  # (n_spots, n_components) float32
    genes: np.ndarray  # (n_used,) names of the genes used
    weight: np.ndarray  # (n_used, n_choices) of each, 0: not in that choice
    window: int  # spots that a spot was described by
    n_changed: int  # spots that refinement gave to another domain
    number: pd.DataFrame | None  # on what ground the number was chosen


def describe_section(
    section: Section,
    labels: Sequence[object] | np.ndarray | None,
    images: ImageConfig,
    *,
    genes: Sequence[str] | None,
    known: Known | None,
    config: DomainConfig,
    seed: int,
    device: str | torch.device,
    method: str | Clusterer = "mixture",
    weight: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Described:
    """Describe the spots of a section by the genes named, or by those chosen.

    Parameters
    ----------
    section, labels, images, known, seed, device, progress
        As in `select_genes`.
    genes
        Names; None chooses.
    config
        Settings.
    method
        As in `sigel.tl.domains`: only the mixture makes use of more than one choice of genes.
    weight
        Of the genes named, `(n_used, n_choices)`; None: one choice, all alike.
    """
    streams(seed)  # refuses what is no seed before the work begins
    check_counts(section.counts)
    tissue = tissue_of(section, labels)
    warn_of_empty(section.counts)
    if genes is not None:
        names = named_genes(genes, section)
        weight = np.ones((len(names), 1)) if weight is None else weight
    else:
        many = len(tissue.section) > config.max_spots
        tables = _choices(
            section,
            tissue,
            images,
            share=config.share,
            balance=config.balance,
            n_choices=config.choices if method == "mixture" and not many else 1,
            target_sum=config.target_sum,
            known=known,
            seed=seed,
            device=device,
            progress=progress,
        )
        weight = np.column_stack([table["weight"] for table in tables])
        used = weight.any(axis=1)
        names, weight = tables[0].index.to_numpy(dtype=object)[used], weight[used]
    return describe(section, tissue, names, weight, config, np.random.default_rng(seed), progress)


def find_domains(
    described: Described,
    n_domains: int | None,
    *,
    method: str | Clusterer = "mixture",
    model_name: str = "EEE",
    refine: bool = False,
    config: DomainConfig,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Domains:
    """Cluster described spots; see `sigel.tl.domains`.

    Parameters
    ----------
    described
        From `describe_section`.
    n_domains, method, model_name, refine, seed, device
        As in `sigel.tl.domains`.
    config
        Settings.
    progress
        Called as `progress(stage, step, total, text)`, or None.
    """
    check_method(method)
    check_number(n_domains, len(described.features))
    where = resolve_device(device)
    number = None
    if n_domains is None:
        number = domain_numbers(described, seed, config, where)
        n_domains = best_number(number)
        warn_of_bounds(number)
    found = cluster(
        described,
        int(n_domains),
        method,
        model_name=model_name,
        seed=seed,
        config=config,
        device=where,
        progress=progress,
    )
    label, n_changed = np.unique(found.label, return_inverse=True)[1], 0
    prob = np.asarray(found.prob, dtype=np.float64)
    if refine:
        before = label
        label, n_changed = majority(label, described.tissue)
        prob = np.where(label == before, prob, np.nan)
    return Domains(
        in_order(label),
        prob,
        described.features.astype(np.float32),
        described.genes,
        described.weight,
        described.window,
        n_changed,
        number,
    )


def check_number(n_domains: object, n_spots: int) -> None:
    """Refuse what is no number of domains.

    Parameters
    ----------
    n_domains
        What a caller gave; None is lawful.
    n_spots
        Of the section.

    Raises
    ------
    InputError
        When it is not a whole number from 2 to a tenth of the spots.
    """
    if n_spots < LEAST_SPOTS:
        found, fix = f"{n_spots} spots", "Domains are parts of a larger tissue."
        raise InputError("adata", found, f"{LEAST_SPOTS} or more", fix)
    whole = isinstance(n_domains, int | np.integer) and not isinstance(n_domains, bool)
    if n_domains is not None and not (whole and 2 <= n_domains <= n_spots // 10):  # type: ignore[operator]
        most = n_spots // 10
        wanted = f"a whole number from 2 to {most}, a tenth of the spots, or None"
        fix = f"Use n_domains={min(7, most)}, or None to have it chosen."
        raise InputError("n_domains", repr(n_domains), wanted, fix)
