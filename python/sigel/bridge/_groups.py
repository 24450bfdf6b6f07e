"""Gene groups, their gene sets and their stability, for R."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sigel.bridge._pieces import (
    columns,
    names_of,
    section_of,
    whole,
    whole_numbers,
    whole_or_none,
)
from sigel.bridge._recorded import recorded
from sigel.config import SIGELConfig
from sigel.images import GeneImages
from sigel.runtime.progress import Progress
from sigel.tasks.gene_groups import enrichment, stability
from sigel.tasks.gene_groups import grouping as groups
from sigel.tasks.gene_groups.grouping import PresentGroups
from sigel.tasks.gene_groups.top_terms import top_terms


@recorded("representations", "genes")
def gene_groups(
    *,
    representations: Any,
    genes: Sequence[str],
    settings: dict[str, Any] | str,
    n_groups: float | None = None,
    resolution: float | None = None,
    group: Sequence[str] | None = None,
    group_prob: Any = None,
    posterior: Any = None,
    names: Sequence[str] | None = None,
    chosen: float | None = None,
    of_fit: bool = False,
    seed: float = 0,
    device: str = "auto",
) -> dict[str, Any]:
    """Groups described, or made anew; see `sigel.tl.gene_groups`.

    Parameters
    ----------
    representations
        `(n_genes, n_dims)`; rows of NaN for genes that were not embedded.
    genes
        Their names.
    settings
        Nested settings of `SIGELConfig`, or their JSON as `embed` returned it in `params`.
    n_groups, resolution, seed, device
        As in `sigel.tl.gene_groups`.
    group, group_prob
        The present groups as text (`""`: none) and their posterior.
    posterior, names
        Posterior of all present groups and the names of its columns; fewer groups are unions of these.
    chosen
        The number that `resolution=1` stands for, where it is known.
    of_fit
        The present groups are those of the fit, so that their number is what it chose, if it did.

    Returns
    -------
    dict
        `table` (its columns as lists), `group` (text, `""`: none), `group_prob`, `posterior`
        `(n_genes, n_columns)`, `names` of its columns, `n_groups`, `chosen`, `tree`, `bic`. Of groups that
        are only described, `table` alone.
    """
    z = np.asarray(representations, dtype=np.float64)
    gene_names = names_of(genes)
    if n_groups is None and resolution is None:
        prob = None if group_prob is None else np.asarray(group_prob, dtype=np.float64).reshape(-1)
        return {"table": columns(groups.describe_groups(z, gene_names, names_of(group or []), prob))}
    present = None
    if posterior is not None:
        labels = np.array(names_of(group or []), dtype=object)
        present = PresentGroups(labels, np.asarray(posterior, dtype=np.float64), names_of(names or []))
    known = whole_or_none(chosen, "chosen")
    config = config_of(settings)
    if of_fit and present is not None and config.n_groups == "auto":
        known = present.n_groups
    made = groups.regroup(
        z,
        config,
        n_groups=whole_or_none(n_groups, "n_groups"),
        resolution=resolution,
        present=present,
        chosen=known,
        seed=whole(seed),
        device=device,
    )
    return {
        "table": columns(groups.describe_groups(z, gene_names, made.group, made.group_prob)),
        "group": made.group.tolist(),
        "group_prob": made.group_prob.astype(np.float64),
        "posterior": made.posterior.astype(np.float64),
        "names": made.names.tolist(),
        "n_groups": made.n_groups,
        "chosen": made.chosen,
        "tree": {"joined": made.tree.joined.astype(np.float64), "height": made.tree.height},
        "bic": {str(k): value for k, value in made.bic.items()},
    }


def config_of(settings: dict[str, Any] | str) -> SIGELConfig:
    """Settings from a nested list of R, or from the JSON of an earlier fit."""
    if isinstance(settings, str):
        return SIGELConfig.from_dict(json.loads(settings))
    return SIGELConfig.from_dict(whole_numbers(settings))


@recorded("genes", "group")
def group_enrichment(
    *,
    genes: Sequence[str],
    group: Sequence[str],
    gene_sets: dict[str, Any] | str,
    min_size: float,
    max_size: float,
) -> dict[str, Any]:
    """Gene sets in groups; see `sigel.tl.group_enrichment`.

    Parameters
    ----------
    genes
        Names.
    group
        Group of each as text; `""`: none.
    gene_sets
        Path of a GMT file, or names of genes by name of the set.
    min_size, max_size
        As in `sigel.tl.group_enrichment`.

    Returns
    -------
    dict
        `table`: its columns as lists; `called`: what groups are called after, by group.
    """
    if isinstance(gene_sets, dict):
        gene_sets = {name: names_of(one) for name, one in gene_sets.items()}
    table = enrichment.group_enrichment(
        names_of(genes),
        names_of(group),
        gene_sets,
        min_size=whole(min_size, "min_size"),
        max_size=whole(max_size, "max_size"),
    )
    return {"table": columns(table), "called": top_terms(table)}


@recorded("section")
def group_stability(
    *,
    section: Mapping[str, Any],
    settings: dict[str, Any] | str,
    group: Sequence[str],
    n_seeds: float,
    seed: float,
    device: str,
    fit_seed: float | None = None,
    made_anew: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Groups against those of fits at other seeds; see `sigel.tl.group_stability`.

    Parameters
    ----------
    section
        Its pieces.
    settings
        Nested settings of `SIGELConfig`, or their JSON as `embed` returned it in `params`.
    group
        Group of each gene of the section as text; `""`: none.
    n_seeds, seed, device, progress
        As in `sigel.tl.group_stability`.
    fit_seed
        Seed of the fit that made the groups, which is not used again.
    made_anew
        Whether `gene_groups` made them.

    Returns
    -------
    dict
        The columns of the table as lists, `ari`, `ari_by_seed` and `seeds`.
    """
    config, seen = config_of(settings), section_of(section)
    images = GeneImages.from_section(seen, config.image)
    label = dict(zip(seen.genes, names_of(group), strict=True))
    table = stability.group_stability(
        images,
        config,
        [label[gene] for gene in images.genes],
        n_seeds=whole(n_seeds, "n_seeds"),
        seed=whole(seed),
        fit_seed=whole_or_none(fit_seed, "fit_seed"),
        made_anew=made_anew,
        device=device,
        progress=progress,
    )
    return {**columns(table), **table.attrs}
