"""Domains held against those of other seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from sigel.config.domains import DomainConfig
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import other_seeds
from sigel.stats.partitions import jaccard
from sigel.tasks.domains.find import find_domains
from sigel.tasks.domains.inputs import (
    Described,
)
from sigel.tasks.domains.methods import Clusterer


def domain_stability(
    described: Described,
    label: Sequence[str] | np.ndarray,
    *,
    method: str | Clusterer,
    model_name: str,
    refine: bool,
    config: DomainConfig,
    n_seeds: int,
    fit_seed: int,
    seed: int,
    device: str | torch.device,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Domains against those of other seeds; see `sigel.tl.domain_stability`.

    Parameters
    ----------
    described
        The spots.
    label
        Present domain of each spot.
    method, model_name, refine, config, device
        As in `find_domains`.
    n_seeds, seed
        As in `sigel.tl.domain_stability`.
    fit_seed
        Seed of the present domains, which is not used again.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    table, kept
        One row a domain; share of the seeds in which each spot keeps its domain, `(n_spots,)`.
    """
    from sklearn.metrics import adjusted_rand_score

    seeds = other_seeds(n_seeds, seed, fit_seed)
    names = np.array(sorted(set(label), key=lambda one: (len(one), one)), dtype=object)
    codes = pd.Index(names).get_indexer(np.asarray(label, dtype=object))
    best, ari, kept = [], [], np.zeros(len(codes))
    for step, one in enumerate(seeds):
        if progress is not None:
            progress("other seeds", step, n_seeds, f"seed {one}")
        made = find_domains(
            described,
            len(names),
            method=method,
            model_name=model_name,
            refine=refine,
            config=config,
            seed=one,
            device=device,
        )
        again = pd.factorize(made.label)[0]
        both = jaccard(codes, again)
        best.append(both.max(axis=1))
        kept += again == both.argmax(axis=1)[codes]
        ari.append(float(adjusted_rand_score(codes, again)))
    if progress is not None:
        progress("other seeds", n_seeds, n_seeds, "done")
    overlap = np.stack(best)  # (n_seeds, n_domains)
    table = pd.DataFrame(
        {
            "domain": names,
            "n_spots": np.bincount(codes),
            "stability": overlap.mean(axis=0),
            "lowest": overlap.min(axis=0),
        }
    )
    table.attrs = {"ari": float(np.mean(ari)), "ari_by_seed": ari, "seeds": seeds}
    return table, kept / n_seeds
