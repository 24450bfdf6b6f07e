"""The genes that tell domains apart: the most spatial of every group, so that none drowns the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError, span, unknown_name
from sigel.images.section import Section
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import check_seed
from sigel.stats.standardised import column_moments
from sigel.tasks.domains.gene_facts import gene_facts
from sigel.tasks.domains.inputs import (
    counted,
    normalised,
    tissue_of,
)

# Never fewer genes than this, or all: a short panel was chosen by hand already.
LEAST_GENES = 100


class Known(NamedTuple):
    """What is known of the genes from earlier calls; None is computed."""

    group: np.ndarray | None = None  # (n_genes,) text, "": none
    rank: np.ndarray | None = None  # (n_genes,) by spatial pattern, NaN: not tested
    effect: np.ndarray | None = None  # (n_genes,)


def choose_genes(
    facts: pd.DataFrame,
    variance: np.ndarray,
    *,
    share: float = 0.25,
    n_genes: int | None = None,
    balance: float = 0.0,
) -> pd.DataFrame:
    """Take the top of every group by spatial rank, and weigh them.

    Parameters
    ----------
    facts
        From `gene_facts`.
    variance
        Of each gene's log-normalised counts, `(n_genes,)`.
    share
        Share of every group, rounded up.
    n_genes
        That many instead, the same share of every group as nearly as can be.
    balance
        0: chosen genes weigh alike. 1: the genes of every group have the same spatial variance together.

    Returns
    -------
    pandas.DataFrame
        Index: genes. `group`, `group_rank` (1 is the most spatial of its group), `rank`, `effect`,
        `selected`, `weight` (mean 1 over those selected, 0 for the others).

    Notes
    -----
    Spatial variance is variance times effect. Weights are its sum over a group to the power of
    `-balance / 2`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> facts = pd.DataFrame({"group": ["1"] * 300 + ["2"] * 100, "rank": np.arange(400.0) + 1,
    ...                       "effect": 0.5}, index=[f"g{n}" for n in range(400)])
    >>> chosen = choose_genes(facts, np.ones(400))
    >>> chosen.groupby("group")["selected"].sum().tolist()
    [75, 25]
    """
    check_choice(share, n_genes, balance, len(facts))
    table = facts.copy()
    able = np.isfinite(table["rank"].to_numpy(float)) & (table["group"].to_numpy() != "")
    able &= np.nan_to_num(table["effect"].to_numpy(float)) > 0
    if not able.any():
        fix = "Look at the status of sigel.tl.spatial_genes(adata)."
        raise InputError("adata", "no gene with a spatial pattern and a group", "some", fix)
    ranked = table["rank"].where(able).groupby(table["group"]).rank(method="first")
    size = ranked.groupby(table["group"]).transform("count")
    table.insert(1, "group_rank", ranked.where(able))
    quota = np.ceil(share * size)
    selected = able & (ranked <= quota).to_numpy()
    wanted = n_genes or max(LEAST_GENES, int(selected.sum()))
    if wanted != selected.sum():
        # As far down every group as the number takes one, but no group is left out and no quota cut.
        before = able & (ranked == 1).to_numpy() if n_genes else selected
        place = ((ranked - 0.5) / size).to_numpy()
        order = np.lexsort((table["rank"].to_numpy(float), place, ~before, ~able))
        selected = np.zeros(len(table), bool)
        selected[order[: min(wanted, int(able.sum()))]] = True
    weight = _weights(table, selected, variance, balance)
    table["selected"] = selected & (weight > 0)
    table["weight"] = weight
    return table


def _weights(facts: pd.DataFrame, selected: np.ndarray, variance: np.ndarray, balance: float) -> np.ndarray:
    """Weights of the genes by the spatial variance of their groups, mean 1 over those that have one."""
    signal = np.where(selected, variance * np.nan_to_num(facts["effect"].to_numpy(float)), 0.0)
    total = pd.Series(signal, index=facts.index).groupby(facts["group"]).transform("sum").to_numpy()
    weight = np.where(selected & (total > 0), np.maximum(total, 1e-300) ** (-balance / 2), 0.0)
    return weight / weight[weight > 0].mean() if (weight > 0).any() else weight


def gene_variance(section: Section) -> np.ndarray:
    """Variance of each gene's log-normalised counts over the spots, `(n_genes,)`.

    Parameters
    ----------
    section
        Raw counts.
    """
    return column_moments(normalised(section.counts, None))[1]


def check_choice(share: float, n_genes: int | None, balance: float, n: int) -> None:
    """Refuse what is no share, number or balance.

    Parameters
    ----------
    share, n_genes, balance
        As in `choose_genes`.
    n
        Genes of the section.

    Raises
    ------
    InputError
        When one is out of range.
    """
    if not (_is_number(share) and 0 < share <= 1):
        raise InputError("share", repr(share), "a number above 0, up to 1", "Use share=0.25.")
    if not (_is_number(balance) and 0 <= balance <= 1):
        raise InputError("balance", repr(balance), "a number from 0 to 1", "Use balance=0.")
    whole = isinstance(n_genes, int | np.integer) and not isinstance(n_genes, bool)
    if n_genes is not None and not (whole and 1 <= n_genes <= n):
        fix = "Leave it out for a share of every group."
        raise InputError("n_genes", repr(n_genes), span(1, n, "a whole number from "), fix)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def named_genes(genes: Sequence[str], section: Section) -> np.ndarray:
    """Genes that a caller names, each once and in the section.

    Parameters
    ----------
    genes
        Names.
    section
        Counts.

    Raises
    ------
    InputError
        When a name is unknown, or there are none.
    """
    if not isinstance(genes, Iterable):
        fix = "Or genes=None for all."
        raise InputError("genes", repr(genes)[:60], "names of genes", fix)
    if isinstance(genes, str):
        found, fix = f"the text {genes!r}", "Pass a list, or genes=None for all."
        raise InputError("genes", found, "names of genes, 2 or more", fix)
    listed = list(genes)
    if any(isinstance(name, bool | np.bool_) for name in listed):
        raise InputError("genes", "a mask", "names of genes", "Use adata.var_names[mask].")
    names = list(dict.fromkeys(map(str, listed)))
    known = set(map(str, section.genes))
    for name in names:
        if name not in known:
            raise InputError("genes", unknown_name(name, known), "genes of the section", "See var_names.")
    if len(names) < 2:
        found = f"{len(names)} gene{'s' * (len(names) != 1)}"
        raise InputError("genes", found, "2 or more", "Use genes=None for all.")
    return np.array(names, dtype=object)


def select_genes(
    section: Section,
    images: ImageConfig,
    *,
    share: float = 0.25,
    n_genes: int | None = None,
    balance: float = 0.0,
    known: Known | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Choose the genes that tell domains apart; see `sigel.tl.select_genes`.

    Parameters
    ----------
    section
        Raw counts and places.
    images
        How images are made.
    share, n_genes, balance
        As in `choose_genes`.
    known
        What earlier calls found.
    seed, device, progress
        As in `sigel.tl.select_genes`.
    """
    check_seed(seed)
    check_choice(share, n_genes, balance, len(section.genes))
    section = counted(section)
    facts = gene_facts(
        section,
        tissue_of(section),
        images,
        **(known or Known())._asdict(),
        seed=seed,
        device=device,
        progress=progress,
    )
    return choose_genes(facts, gene_variance(section), share=share, n_genes=n_genes, balance=balance)
