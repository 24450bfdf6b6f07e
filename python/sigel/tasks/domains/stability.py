"""Domains held against those of other seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from sigel.config.domains import DomainConfig
from sigel.errors import ConfigError, InputError
from sigel.images.section import Section
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import other_seeds
from sigel.stats.partitions import jaccard, stability_table
from sigel.tasks.domains.find import describe_section, domains_of
from sigel.tasks.domains.recipe import Recipe


def settings_again(params: str) -> DomainConfig:
    """Settings of domains that were found before, perhaps by another version.

    Parameters
    ----------
    params
        As they were kept, JSON.

    Raises
    ------
    InputError
        When there are some among them that this version does not know.
    """
    try:
        return DomainConfig.from_dict(json.loads(params))
    except ConfigError as error:
        found = f"domains of another version, whose setting {error.setting!r} has no meaning now"
        fix = "Call sigel.tl.domains(adata, n_domains) again."
        raise InputError("key", found, "domains whose settings this version knows", fix) from error


def domain_stability(
    section: Section,
    domain: Sequence[str] | np.ndarray,
    recipe: Recipe,
    *,
    genes: Sequence[str],
    n_seeds: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Domains against those of other seeds; see `sigel.tl.domain_stability`.

    Parameters
    ----------
    section
        What the present domains are of, as in `describe_section`.
    domain
        Present domain of each spot, text, `(n_spots,)`.
    recipe
        How the present domains were made; spots are described at its seed again, which is none of the others.
    genes
        Names of those of the present domains.
    n_seeds, seed
        As in `sigel.tl.domain_stability`.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    table, kept
        One row a domain; share of the seeds in which each spot keeps its domain, `(n_spots,)`.
    """
    from sklearn.metrics import adjusted_rand_score

    seeds = other_seeds(n_seeds, seed, recipe.seed)
    described = describe_section(section, recipe, genes=genes)
    names = np.array(sorted(set(domain), key=lambda name: (len(name), name)), dtype=object)
    codes = pd.Index(names).get_indexer(np.asarray(domain, dtype=object))
    best, rand, kept = [], [], np.zeros(len(codes))
    for step, other in enumerate(seeds):
        if progress is not None:
            progress("other seeds", step, n_seeds, f"seed {other}")
        again = pd.factorize(domains_of(described, len(names), replace(recipe, seed=other)).label)[0]
        overlap = jaccard(codes, again)  # (n_domains, n_domains of the other seed)
        best.append(overlap.max(axis=1))
        kept += again == overlap.argmax(axis=1)[codes]
        rand.append(float(adjusted_rand_score(codes, again)))
    if progress is not None:
        progress("other seeds", n_seeds, n_seeds, "done")
    sizes = np.bincount(codes)
    table = stability_table("domain", names, sizes, np.stack(best), rand, seeds, size_column="n_spots")
    return table, kept / n_seeds
