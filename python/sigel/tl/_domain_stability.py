"""How much of each domain comes back at other seeds: the door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from sigel.errors import InputError, number_of
from sigel.images.within_tissue import for_all
from sigel.keys import Keys
from sigel.runtime.progress import shown
from sigel.tasks.domains import stability
from sigel.tasks.domains.recipe import Clusterer, Recipe
from sigel.tl._fits import info_under, section_as_fitted
from sigel.tl._repeatable import repeatable
from sigel.tl._views import check_not_part_of_file, make_own

if TYPE_CHECKING:
    from anndata import AnnData


@repeatable
def domain_stability(
    adata: AnnData,
    *,
    n_seeds: int = 10,
    method: Clusterer | None = None,
    key: str = "sigel",
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """How much of each domain comes back at other seeds.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.domains`, and its counts and coordinates.
    n_seeds
        Calls at other seeds, with the stored genes, settings and number of domains.
    method
        The function, where domains were made by one; names are remembered, functions are not.
    key
        `key_added` of `sigel.tl.domains`.
    seed
        This seed and the following are used, without that of the present domains.
    device
        As in `sigel.tl.domains`.
    progress
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row for each domain: `domain`, `n_spots`, `stability` (mean over seeds of the Jaccard index with
        the most similar domain, 0 to 1), `lowest` (its minimum). `attrs["ari"]`: mean adjusted Rand index
        with the present domains; `attrs["ari_by_seed"]`, `attrs["seeds"]`.

        Also writes `uns["sigel"]["domains"]["stability"]` (these as arrays) and
        `obs["sigel_domain_stability"]`: the share of seeds in which a spot keeps its domain; and the call
        into `uns["sigel_calls"]`.

    Raises
    ------
    InputError
        When there are no domains under `key`, labels by a reference, or another version found them; nothing
        is written.

    Notes
    -----
    With B the domains of another seed, that of a domain A is the largest Jaccard index (after Hennig 2007)::

        max_B |A and B| / |A or B|

    of spots in both over spots in either: below 0.5 a domain is dissolved, from about 0.75 it is found again.
    A spot keeps its domain where it is in that B. All seeds are given what described the spots for the
    present domains: the same genes, windows and components.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 4, 40, 100)
    >>> sigel.tl.domains(adata, 4, progress=False)
    >>> table = sigel.tl.domain_stability(adata, n_seeds=2, progress=False)
    >>> bool(table["stability"].between(0, 1).all())
    True
    """
    check_not_part_of_file(adata)
    keys = Keys(key)
    about = _about_under(adata, key)
    recipe = _recipe_again(about, method, device)
    # As they were then, whatever a later fit under the key was made from.
    given = {name: str(about[name]) or None for name in ("layer", "spatial_key", "section_key")}
    section, _ = section_as_fitted(adata, {}, **given, told=False)
    domain = _present_domain(adata, key, about, section.within)
    with shown(progress) as report:
        table, kept = stability.domain_stability(
            section,
            domain,
            recipe,
            genes=[str(gene) for gene in about["genes"]],
            n_seeds=n_seeds,
            seed=seed,
            progress=report,
        )
    stored: dict[str, Any] = {name: table[name].to_numpy() for name in table.columns}
    stored["domain"] = stored["domain"].astype(str)
    stored |= {name: np.asarray(value) for name, value in table.attrs.items()}
    make_own(adata)
    adata.obs[keys.domain_stability] = for_all(kept, section.within)
    adata.uns[keys.info] = {**adata.uns[keys.info], "domains": {**about, "stability": stored}}
    return table


def _about_under(adata: AnnData, key: str) -> dict[str, Any]:
    """What `domains` left under a key."""
    about = info_under(adata, key).get("domains")
    if about is None or Keys(key).domain not in adata.obs:
        fix = f'Call sigel.tl.domains(adata, key_added="{key}") first.'
        raise InputError(
            "key", f"{key!r}, under which there are no domains", "results of sigel.tl.domains", fix
        )
    if str(about["method"]) == "reference":
        found = f"labels by a reference under {key!r}, which no seed would change"
        fix = "Ask for the stability of the reference's domains: sigel.tl.domain_stability(reference)."
        raise InputError("key", found, "results of sigel.tl.domains", fix)
    return about


def _present_domain(adata: AnnData, key: str, about: dict[str, Any], within: np.ndarray | None) -> np.ndarray:
    """Domain of every spot as text, where there are several and the genes that they were found by."""
    domain = adata.obs[Keys(key).domain]
    domain = domain if within is None else domain[within]
    if domain.isna().any():
        found = f"{number_of(int(domain.isna().sum()), 'spot')} without a domain under {key!r}"
        raise InputError("key", found, "a domain for every spot", "Call sigel.tl.domains(adata) again.")
    if domain.nunique() < 2:
        found, fix = f"a single domain under {key!r}", "Call sigel.tl.domains(adata, n_domains) again."
        raise InputError("key", found, "two domains or more", fix)
    lost = ~np.isin(about["genes"], adata.var_names.to_numpy(str))
    if lost.any():
        found = f"no {int(lost.sum())} of the {number_of(len(lost), 'gene')} that the domains were found by"
        raise InputError("adata", found, "all of them", "Use the whole object, or find the domains again.")
    return domain.astype(str).to_numpy()


def _recipe_again(about: dict[str, Any], method: Clusterer | None, device: str | torch.device) -> Recipe:
    """How domains were made, on another device perhaps."""
    return Recipe(
        method=_method_again(method, about),
        model_name=str(about["model_name"]) or "EEE",
        refine=bool(about["refined"]),
        config=stability.settings_again(str(about["params"])),
        seed=int(about["seed"]),
        device=device,
    )


def _method_again(method: Clusterer | None, about: dict[str, Any]) -> str | Clusterer:
    """The method that made the domains; a function must be given again, for it is not kept."""
    stored = str(about["method"])
    if stored != "function":
        if method is not None:
            found, fix = f"{method!r} for domains made by {stored!r}", "Leave it out."
            raise InputError("method", found, "None: the stored method is used", fix)
        return stored
    if not callable(method):
        name = str(about["function"]) or "a function"
        found = f"{method!r} for domains made by {name}"
        raise InputError("method", found, "that function", f"Give it again: method={name}.")
    return method
