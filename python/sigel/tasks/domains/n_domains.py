"""How many domains: as many as are found again in an independent half of the counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from sigel.config.domains import DomainConfig
from sigel.errors import warn
from sigel.images.section import Section
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.stats.consensus import agreeing
from sigel.stats.partitions import jaccard
from sigel.stats.thinning import thinned_halves
from sigel.tasks.domains.inputs import Described, describe, values_of
from sigel.tasks.domains.mixture import partitions, vote
from sigel.tasks.domains.mixture_starts import fitted_to

# Jaccard index from which a part of a partition is found again: "a valid, stable cluster" (Hennig 2007).
FOUND_AGAIN = 0.75
# Mixtures of each window: many numbers are tried, in two halves. With a quarter of these mixtures, what is
# found again hung on the seed.
STARTS = 4
# With more components the border between two planted domains was found again, too, as a domain of its own.
COMPONENTS = (8, 20)
BIC_STARTS = 8


def domain_numbers(
    section: Section,
    described: Described,
    seed: int,
    config: DomainConfig,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """What speaks for 1, 2, 3, ... domains.

    Parameters
    ----------
    section
        Raw counts, in memory.
    described
        Its spots.
    seed
        Of halves and starts.
    config
        `max_domains` is the last number.
    device
        Where mixtures are fitted.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Returns
    -------
    pandas.DataFrame
        `n_domains`; `found_again`, the least Jaccard index of a domain in one half of the counts with that of
        the other half which is most like it; `agreement`, the adjusted Rand index of the two halves; `bic`
        (higher is better, as in mclust).

    Notes
    -----
    Each count goes to one of two halves at random, which are independent experiments on the same tissue where
    counts are Poisson. Domains of each half are found as in `mixture`. What is found again: Hennig 2007
    (Computational Statistics and Data Analysis 52:258), with halves of the counts in place of the bootstrap.
    BIC after Fraley and Raftery 2002; windows overlap, so spots count as many as there are windows side by
    side.
    """
    from sklearn.metrics import adjusted_rand_score

    n_spots = len(described.features)
    most = max(2, min(config.max_domains, n_spots // 10))
    if (section.counts.data % 1 != 0).any():
        warn(
            "Halves of the counts are independent of each other only where these are raw counts: of "
            "normalised values any number of domains is found again. Pass the layer of raw counts, or give "
            "`n_domains`."
        )
    few, rng = _fewer(config, described), stream(seed, "number of domains")
    halves = [
        # The same start for both: where many spots are judged on some, on the same.
        describe(
            values_of(replace(section, counts=half), described.genes, few),
            described.genes,
            described.tissue,
            few,
            stream(seed, "windows"),
        )
        for half in thinned_halves(section.counts, rng)
    ]
    bic = _bic(described, most, rng, config, device)
    rows = [(1, 1.0, 1.0, bic[0])]
    for k in range(2, most + 1):
        one, other = (_agreed(half, k, seed, few, device) for half in halves)
        least = float(jaccard(one, other).max(axis=1).min())
        rows.append((k, least, float(adjusted_rand_score(one, other)), bic[k - 1]))
        if progress is not None:
            tried = f"{k} domains tried, {least:.0%} of the least certain found again"
            progress("number of domains", k - 1, most - 1, tried)
    return pd.DataFrame(rows, columns=["n_domains", "found_again", "agreement", "bic"])


def best_number(table: pd.DataFrame) -> int:
    """The largest number of domains of which each is found again, at least 2.

    Parameters
    ----------
    table
        From `domain_numbers`.
    """
    found = table.loc[table["found_again"] >= FOUND_AGAIN, "n_domains"]
    return max(2, int(found.max())) if len(found) else 2


def warn_of_bounds(table: pd.DataFrame) -> None:
    """Warn where no number is found again, or where the largest that was tried is.

    Parameters
    ----------
    table
        From `domain_numbers`.
    """
    best = best_number(table)
    if (table.loc[table["n_domains"] > 1, "found_again"] < FOUND_AGAIN).all():
        said = (
            "No number of domains is found again in an independent half of the counts: 2 are returned, and "
            "nothing says that there are two."
        )
    elif best == int(table["n_domains"].max()):
        said = (
            f"{best} domains, the largest number tried (`max_domains`, and at most a tenth of the spots), "
            "are all found again in an independent half of the counts: there may be more."
        )
    else:
        return
    fix = "The table is kept with the domains. Give `n_domains` if you know how many there are."
    warn(f"{said} {fix}")


def _fewer(config: DomainConfig, described: Described) -> DomainConfig:
    """Fewer mixtures, of fewer components."""
    return replace(
        config,
        windows=tuple(sorted({min(window, described.tissue.widest) for window in config.windows})),
        components=tuple(n for n in COMPONENTS if n <= max(config.components)) or config.components[:1],
        starts=min(STARTS, config.starts),
        window=described.window,
    )


def _agreed(
    described: Described, n_domains: int, seed: int, config: DomainConfig, device: torch.device | str
) -> np.ndarray:
    """Domains of the judged spots that the mixtures agree on, numbers that all occur."""
    label = partitions(described, n_domains, seed, config, device).label
    found = vote(label, agreeing(label, n_domains, config.agreeing), n_domains).label
    return np.unique(found, return_inverse=True)[1]


def _bic(
    described: Described,
    most: int,
    rng: np.random.Generator,
    config: DomainConfig,
    device: torch.device | str,
) -> list[float]:
    """BIC of 1, 2, ... components in the window of the features."""
    x = np.asarray(described.features, dtype=np.float64)
    n_spots, n_dims = x.shape
    n_windows = n_spots / described.window
    values = []
    for k in range(1, most + 1):
        fitted = fitted_to(x, k, 1 if k == 1 else BIC_STARTS, rng, config, device)
        parameters = k - 1 + k * n_dims + n_dims * (n_dims + 1) / 2
        likelihood = float(fitted.log_likelihood.max())
        values.append(2 * n_windows * likelihood - parameters * np.log(n_windows))
    return values
