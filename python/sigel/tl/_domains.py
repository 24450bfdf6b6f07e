"""Spatial domains: the door."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from sigel.config.domains import DomainConfig
from sigel.images.within_tissue import for_all
from sigel.keys import Keys
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import shown
from sigel.runtime.provenance import provenance
from sigel.tasks.domains.find import Domains, find_domains
from sigel.tasks.domains.labelled import Labelled
from sigel.tasks.domains.recipe import Clusterer, Recipe
from sigel.tl._fits import checked_key, info_under, section_as_fitted
from sigel.tl._repeatable import repeatable
from sigel.tl._views import check_not_part_of_file, make_own

if TYPE_CHECKING:
    from anndata import AnnData


@repeatable
def domains(
    adata: AnnData,
    n_domains: int | None = None,
    *,
    method: str | Clusterer = "mixture",
    model_name: str = "EEE",
    genes: Sequence[str] | None = None,
    refine: bool = False,
    layer: str | None = None,
    spatial_key: str | None = None,
    section_key: str | None = None,
    key: str = "sigel",
    key_added: str | None = None,
    config: DomainConfig | dict[str, Any] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> None:
    """Find the domains of a tissue.

    Parameters
    ----------
    adata
        Spots x genes, raw counts. Labels in `obs` are never read; spots beside the tissue, where
        `obs["in_tissue"]` is 0, take no part and get no domain.
    n_domains
        How many. Default None: the largest number up to 15 of which every domain is found again in an
        independent half of the counts; the table is kept, BIC beside it, and a warning tells where none is
        found again, or the last number tried is. It takes some ten times as long.
    method
        `"mixture"` (default): Gaussian mixtures with one covariance, in which neighbours have a say; those of
        many windows, numbers of components and starts that agree with the others vote. `"leiden"`:
        communities, at the resolution that gives the number (`pip install "sigel[leiden]"`). `"mclust"`: R's
        package (R, and `pip install "sigel[mclust]"`). `"spagcn"`: the method of the paper, for one section
        (`pip install "sigel[spagcn]"`). Or a function of the features `(n_spots, n_components)` and the
        number that returns a label for each spot.
    model_name
        Of mclust: `"EEE"` (default, one covariance for all), `"VVV"` and the others that it knows.
    genes
        Genes to describe spots by, for example those of `sigel.tl.select_genes`,
        `adata.var_names[adata.var["sigel_selected"]]`. Default: all that every section has counts of, so that
        genes which a section did not measure tell no sections apart.
    refine
        Give a spot to the domain that more than half of its nearest six are in. Default False: the mixture
        has its neighbours already.
    layer, spatial_key
        As in `sigel.tl.embed`; default: those of the fit under `key`, else `X` and `"spatial"`.
    section_key
        Column of `obs` that tells several sections apart, by default that of the fit under `key`: one
        model for all, windows within each; what sets a section apart as a whole, beyond the domains that
        it holds, is taken out (`DomainConfig.section_offsets`).
    key
        `key_added` of `sigel.tl.embed`, whose layer and coordinates are taken up where it was called.
    key_added
        Base of the keys that are written; default: `key`.
    config
        Further settings, a `DomainConfig` or a dict of some.
    seed
        Same seed, device and order of the spots give the same domains.
    device
        Where mixtures are fitted. `"auto"`: a CUDA device if there is one, else the CPU.
    progress
        Show a progress bar.

    Returns
    -------
    None
        Writes, only after everything succeeded:

        - `obs["sigel_domain"]`: text, `"1"` for the largest
        - `obs["sigel_domain_prob"]`: share of all partitions that agree (mixture; of more spots than
          `DomainConfig.max_spots` of those that vote), posterior (mclust), else NaN; NaN for spots that
          `refine` moved
        - `obsm["X_sigel_domain"]`: what other methods than the mixture cluster spots by, float32
          `(n_obs, n_components)`
        - `uns["sigel"]["domains"]`: `method`, `n_domains`, `window` (spots that describe a spot there),
          `genes`, `refined`, `n_changed`, `number` (with `n_domains=None`), settings, provenance
        - `uns["sigel_calls"]`: the call, as in `sigel.tl.embed`

    Raises
    ------
    InputError
        When counts, coordinates or an argument cannot be used, or a method is not installed; nothing is
        written.

    Notes
    -----
    A spot is described by the mean of a window, the log-normalised counts x of the n nearest spots j of its
    section, itself included, gene by gene; windows do not cross to islands, parts that lie farther from the
    rest than three times what their spots lie from one another::

        m_ig = sum_j x_jg / n

    and by the first d principal components z_i of these means. Smoothing before clustering is what works best
    among simple ways (NichePCA; Schaub et al. 2025), but which n and d suit differs between tissues, and no
    likelihood tells: mixtures of every n of `DomainConfig.windows` and d of `DomainConfig.components` are
    fitted, from several starts each.

    A mixture of K Gaussians with one covariance S leans towards the components of the neighbours j (Celeux,
    Forbes and Peyrard 2003), means and covariance fitted along::

        p_ik ~ pi_k exp(-(z_i - mu_k)' S^-1 (z_i - mu_k) / 2 + prior * mean_j p_jk)

    Of all these partitions the one with the highest mean adjusted Rand index with the others, and the fifth
    that is most like it, vote: their components are matched (Kuhn 1955), and a spot takes the domain that
    most of them put it in (Dudoit and Fridlyand 2003). `sigel_domain_prob` is the share of all partitions
    that do.

    Without `n_domains`, counts are dealt out to two halves, which are independent experiments on the same
    tissue, and domains are found in each by mixtures, whatever the method. K is the largest number of
    which each domain of one half has a Jaccard index of 0.75 at least with one of the other half, the
    bound of a stable cluster (Hennig 2007). Beside it stands the BIC (Fraley and Raftery 2002) of
    mixtures without neighbours of the features, with L the mean log-likelihood of a spot and N the number
    of spots over that of a window; it takes more domains than annotators do::

        BIC = 2 N L - (K - 1 + K d + d (d + 1) / 2) log N

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 4, 40, 100)
    >>> sigel.tl.domains(adata, 4, progress=False)
    >>> list(adata.obs["sigel_domain"].cat.categories)
    ['1', '2', '3', '4']
    """
    began = time.perf_counter()
    key_added = checked_key(key, key_added)
    check_not_part_of_file(adata)
    info_under(adata, key_added)  # refuses what is in the way before the work begins
    info = info_under(adata, key)
    settings = DomainConfig.given(config)
    recipe = Recipe(
        method=method, model_name=model_name, refine=refine, config=settings, seed=seed, device=device
    )
    section, where = section_as_fitted(adata, info, layer, spatial_key, section_key)
    with shown(progress) as report:
        found = find_domains(
            section,
            n_domains,
            recipe,
            genes=genes,
            progress=report,
        )
    about = _about(found, recipe) | where
    about["provenance"] = provenance(seed, resolve_device(device), "", time.perf_counter() - began)
    write_domains(adata, Keys(key_added), categories(found.label), found, about, section.within)


def categories(label: np.ndarray) -> pd.Categorical:
    """Domains as categories in the order of their numbers.

    Parameters
    ----------
    label
        Text, `"1"`, `"2"`, ...
    """
    return pd.Categorical(label, categories=sorted(set(label), key=int))


def _about(found: Domains, recipe: Recipe) -> dict[str, Any]:
    """What is kept of how domains were made."""
    by_name = isinstance(recipe.method, str)
    about: dict[str, Any] = {
        "method": recipe.method if by_name else "function",
        "function": "" if by_name else getattr(recipe.method, "__name__", ""),
        "model_name": recipe.model_name if recipe.method == "mclust" else "",
        "n_domains": len(set(found.label)),
        "window": found.window,
        "genes": found.genes.astype(str),
        "refined": bool(recipe.refine),
        "n_changed": found.n_changed,
        "seed": int(recipe.seed),
        "params": json.dumps(recipe.config.to_dict()),
    }
    if found.number is not None:
        about["number"] = {name: found.number[name].to_numpy() for name in found.number.columns}
    return about


def write_domains(
    adata: AnnData,
    keys: Keys,
    label: pd.Categorical,
    found: Domains | Labelled,
    about: dict[str, Any],
    within: np.ndarray | None = None,
) -> None:
    """All that domains leave; the stability of domains that were there before goes.

    Parameters
    ----------
    adata, keys
        Where to.
    label
        Domain of each spot.
    found
        Has `prob` and `features` of each spot.
    about
        How they were found.
    within
        Spots that these are of, `Section.within`.
    """
    if within is not None:
        codes = np.full(len(within), -1)
        codes[within] = label.codes
        label = pd.Categorical.from_codes(codes, dtype=label.dtype)
    make_own(adata)
    adata.obs[keys.domain] = label
    adata.obs[keys.domain_prob] = for_all(found.prob, within)
    adata.obs = adata.obs.drop(columns=[c for c in [keys.domain_stability] if c in adata.obs])
    adata.obsm[keys.domain_features] = for_all(found.features, within)
    adata.uns[keys.info] = {**adata.uns.get(keys.info, {}), "domains": about}
