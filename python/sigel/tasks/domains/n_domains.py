"""How many domains: as many as a mixture of independent windows is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from sigel.config.domains import DomainConfig
from sigel.errors import warn
from sigel.runtime.seeds import stream
from sigel.stats.consensus import consensus
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.mixture_starts import fitted_to

STARTS = 8


def domain_numbers(
    described: Described, seed: int, config: DomainConfig, device: torch.device | str = "cpu"
) -> pd.DataFrame:
    """BIC and agreement of starts for 1, 2, 3, ... domains.

    Parameters
    ----------
    described
        The spots.
    seed
        Of the starts.
    config
        `max_domains` is the last number.
    device
        Where mixtures are fitted.

    Returns
    -------
    pandas.DataFrame
        `n_domains`, `bic` (higher is better, as in mclust), `agreement` (mean adjusted Rand index of pairs of
        starts).

    Notes
    -----
    BIC after Fraley and Raftery 2002. Windows overlap: spots count as many as there are windows side by side,
    the number of spots over that of a window.
    """
    x = described.features
    n_spots, n_dims = x.shape
    n_windows = n_spots / described.window
    most = max(2, min(config.max_domains, int(n_windows) // 2, n_spots // 10))
    rng = stream(seed, "number of domains")
    rows = []
    for k in range(1, most + 1):
        fitted = fitted_to(x, k, 1 if k == 1 else STARTS, rng, config, device)
        parameters = k - 1 + k * n_dims + n_dims * (n_dims + 1) / 2
        likelihood = float(fitted.log_likelihood.max())
        bic = 2 * n_windows * likelihood - parameters * np.log(n_windows)
        labels = fitted.posterior(torch.from_numpy(x).to(device)).argmax(dim=2).T.cpu().numpy()
        alike = consensus(labels, k).similarity
        pairs = alike[np.triu_indices(len(alike), 1)]
        rows.append((k, bic, float(pairs.mean()) if len(pairs) else 1.0))
    return pd.DataFrame(rows, columns=["n_domains", "bic", "agreement"])


def best_number(table: pd.DataFrame) -> int:
    """The number of the highest BIC, at least 2.

    Parameters
    ----------
    table
        From `domain_numbers`.
    """
    several = table[table["n_domains"] > 1] if len(table) > 1 else table
    return int(several["n_domains"].iloc[int(np.argmax(several["bic"].to_numpy()))])


def warn_of_bounds(table: pd.DataFrame) -> None:
    """Warn where the BIC does not speak for the number that was chosen, but for more, or for one.

    Parameters
    ----------
    table
        From `domain_numbers`.
    """
    most, best = int(table["n_domains"].max()), best_number(table)
    if int(np.argmax(table["bic"].to_numpy())) == 0:
        said = f"The BIC is highest for one domain: {best} are returned, and nothing says that there are two."
    elif best == most:
        said = (
            f"The BIC is highest for {best} domains, the largest number tried (`max_domains`, and at most a "
            "tenth of the spots): it sets no bound here."
        )
    else:
        return
    fix = "The table is kept with the domains. Give `n_domains` if you know how many there are."
    warn(f"{said} {fix}")
