"""Gene groups: described, made anew at another number, their gene sets, their stability."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.config import SIGELConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.keys import Keys, column_names
from sigel.runtime.progress import shown
from sigel.tasks.gene_groups.enrichment import group_enrichment as enrichment
from sigel.tasks.gene_groups.gene_sets import GeneSets
from sigel.tasks.gene_groups.grouping import PresentGroups, describe_groups, regroup
from sigel.tasks.gene_groups.stability import group_stability as stability
from sigel.tl._fits import as_fitted, groups_under
from sigel.tl._repeatable import repeatable
from sigel.tl._views import make_own

if TYPE_CHECKING:
    import torch
    from anndata import AnnData


@repeatable
def gene_groups(
    adata: AnnData,
    *,
    n_groups: int | None = None,
    resolution: float | None = None,
    key: str = "sigel",
    key_added: str | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> pd.DataFrame:
    """Describe the gene groups, or make more or fewer of them from the same representations.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`.
    n_groups
        Group again into that many; at most one a gene.
    resolution
        Or: into this times as many as are chosen for the representations. 1 is that choice, 2 about twice
        as many groups, 0.25 the programmes that they make up. Where the fit chose no number it is chosen here
        by BIC, which says one of most panels: images, which choose theirs in a fit, are not looked at. With
        neither, the present groups are described and nothing is written.
    key
        `key_added` of `sigel.tl.embed`.
    key_added
        Base of the keys that are written; default: `key`, in place of the present groups. Another name
        keeps both, and takes along what other functions need to be called with `key=key_added`.
    seed
        Same seed and device give the same groups.
    device
        `"auto"`: a CUDA device if there is one, else the CPU.

    Returns
    -------
    pandas.DataFrame
        A row for each group that has genes, from many genes to few: `group`, `n_genes`, `medoid` (the gene
        nearest to the mean of the group's representations), `mean_prob` (mean posterior of its genes),
        `cohesion` (mean cosine of its genes to their mean, of representations centred on the mean of all
        genes; 1: all alike; below about 0.5 the mean image is that of few of them), `typical` (the five genes
        nearest to the mean, comma-joined).

        With `n_groups` or `resolution` also writes `var["sigel_group"]`, `var["sigel_group_prob"]`,
        `varm["sigel_posterior"]` (float32 genes x groups, NaN rows where not embedded), the call into
        `uns["sigel_calls"]`, and `uns["sigel"]["groups"]`: how they were made, BIC by number of groups, and
        the `tree` of groups of groups: `joined`, the two groups that join at each step, those of step s being
        group K + s from then on, and `height`, how unlike they are. Genes without a pattern are the group
        `"no pattern"`, the last of the table and of the posterior's columns, and none of the number.

    Raises
    ------
    InputError
        When there are no results under `key`, or a number is out of range; nothing is written.

    Notes
    -----
    Fewer groups than at present are unions of those, along their tree (Ward 1963), with the sums of their
    posteriors: "5 programmes" and "30 modules" are two cuts of one result. More are a Student t mixture of
    that number, begun at k-means or reached by mergers from above (Figueiredo and Jain 2002), whichever is
    likelier. Genes without a pattern keep that group and its posterior. Finer groups that coarser ones have
    taken the place of are not remembered: keep both, under names of their own (`key_added`). The network is
    not touched, so that the representations stay what they are.

    With u the representation of a gene less the mean of all, at length 1, and m the mean of u over its group,
    its cosine is `u . m / |m|`.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> table = sigel.tl.gene_groups(adata, n_groups=3)
    >>> list(table["group"])
    ['1', '2', '3', 'no pattern']
    """
    keys, z = groups_under(adata, key)
    if n_groups is None and resolution is None:
        if key_added is not None:
            found, fix = f"{key_added!r}, but no new groups", "Give n_groups or resolution too."
            raise InputError("key_added", found, "a name for new groups", fix)
        prob = adata.var.get(keys.group_prob)
        return describe_groups(z, adata.var_names, adata.var[keys.group].astype(object), prob)
    key_added = key if key_added is None else key_added
    if not isinstance(key_added, str) or not key_added or "/" in key_added:
        raise InputError("key_added", repr(key_added), "a name without slashes", "Leave key_added out.")
    info = adata.uns.get(keys.info, {})
    config = SIGELConfig.from_dict(json.loads(info["params"])) if "params" in info else SIGELConfig()
    present = _present(adata, keys)
    chosen = _chosen(info, present, config)
    made = regroup(
        z,
        config,
        n_groups=n_groups,
        resolution=resolution,
        present=present,
        chosen=chosen,
        seed=seed,
        device=device,
    )
    table = describe_groups(z, adata.var_names, made.group, made.group_prob)

    new = Keys(key_added)
    about: dict[str, Any] = {"n_groups": made.n_groups, "seed": int(seed)}
    about |= {} if resolution is None else {"resolution": float(resolution)}
    about |= {} if made.chosen is None else {"chosen": int(made.chosen)}
    about["tree"] = {"joined": made.tree.joined, "height": made.tree.height}
    about["bic"] = {str(k): value for k, value in made.bic.items()}
    # What was found about the groups before is not about these.
    info = {name: value for name, value in info.items() if name != "stability"}
    group = pd.Categorical(made.group, categories=made.names).remove_unused_categories()
    make_own(adata)
    if new.base != keys.base:
        adata.varm[new.representation] = adata.varm[keys.representation].copy()
        if keys.status in adata.var:
            adata.var[new.status] = adata.var[keys.status]
    adata.var[new.group] = pd.Series(group, index=adata.var_names)
    adata.var[new.group_prob] = made.group_prob
    adata.varm[new.posterior] = made.posterior
    adata.uns[new.info] = {**info, "group_names": made.names.astype(str), "groups": about}
    return table


def _present(adata: AnnData, keys: Keys) -> PresentGroups | None:
    """The groups under a key; None where there are no posteriors."""
    if keys.posterior not in adata.varm:
        return None
    posterior, group = np.asarray(adata.varm[keys.posterior]), adata.var[keys.group].astype(object)
    names = [str(name) for name in adata.uns.get(keys.info, {}).get("group_names", ())]
    if len(names) != posterior.shape[1]:  # of 0.6.0
        names = column_names(posterior.shape[1], group)
    return PresentGroups(group.fillna("").to_numpy(dtype=object), posterior, names)


def _chosen(info: dict[str, Any], present: PresentGroups | None, config: SIGELConfig) -> int | None:
    """The number of groups that was chosen for these representations, if one was."""
    made = info.get("groups")
    if made is not None:
        return int(made["chosen"]) if "chosen" in made else None
    return present.n_groups if config.n_groups == "auto" and present is not None else None


@repeatable
def group_enrichment(
    adata: AnnData,
    gene_sets: GeneSets,
    *,
    key: str = "sigel",
    min_size: int = 5,
    max_size: int = 500,
) -> pd.DataFrame:
    """Which gene sets the gene groups are rich in, with the embedded genes as background.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`; only read.
    gene_sets
        Path of a GMT file (`.gmt`, `.gmt.gz`), or a dict of names of genes by name of the set.
    key
        `key_added` of `sigel.tl.embed` or `sigel.tl.gene_groups`.
    min_size, max_size
        Sets with fewer or more embedded genes are left out. 5 and 500: smaller sets cannot reach
        significance among many, larger ones say little.

    Returns
    -------
    pandas.DataFrame
        A row for each pair of group and set that share a gene, smallest p-value first: `group`, `term`,
        `overlap`, `term_size` and `group_size` (embedded genes), `expected` (overlap by chance),
        `odds_ratio`, `pval` (hypergeometric, one-sided), `qval` (Benjamini-Hochberg over all pairs),
        `genes` (comma-joined). `attrs["n_background"]`, `attrs["n_terms"]`.

    Raises
    ------
    InputError
        When the sets cannot be read, or none of their genes is measured (with both spellings).

    Notes
    -----
    Of N embedded genes, K are in the set and n in the group, k of them in both:

        pval = sum over i from k to min(K, n) of C(K, i) C(N - K, n - i) / C(N, n),    expected = n K / N,

    Fisher's exact test, one-sided (Rivals et al. 2007, Bioinformatics 23:401); q-values after Benjamini and
    Hochberg 1995.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> ring = list(adata.var_names[adata.var["programme"] == "ring"])
    >>> table = sigel.tl.group_enrichment(adata, {"ring": ring})
    >>> table["term"][0]
    'ring'
    """
    keys, _ = groups_under(adata, key)
    group = adata.var[keys.group].astype(object).to_numpy()
    return enrichment(adata.var_names, group, gene_sets, min_size=min_size, max_size=max_size)


@repeatable
def group_stability(
    adata: AnnData,
    *,
    n_seeds: int = 5,
    layer: str | None = None,
    spatial_key: str | None = None,
    key: str = "sigel",
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """How much of each gene group comes back when the section is fitted again at other seeds.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`, and its counts and coordinates.
    n_seeds
        Fits, with the stored settings and the present number of groups; each takes as long as the first.
    layer, spatial_key
        Layer with raw counts and key in `obsm` of the coordinates; default: those of the fit under `key`.
    key
        `key_added` of `sigel.tl.embed` or `sigel.tl.gene_groups`. Groups that the latter made are compared
        with groups made likewise.
    seed
        The fits use this seed and the following, without that of the first fit.
    device
        As in `sigel.tl.embed`.
    progress
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row for each group: `group`, `n_genes`, `stability` (mean over fits of the Jaccard index with the
        most similar group, 0 to 1), `lowest` (its minimum). `attrs["ari"]`: mean adjusted Rand index over
        all genes; `attrs["ari_by_seed"]`, `attrs["seeds"]`.

        Also writes `uns["sigel"]["stability"]`: these columns as arrays, `ari` and `seeds`; and the call into
        `uns["sigel_calls"]`.

    Raises
    ------
    InputError
        When there are no results under `key`, or the counts cannot be used; nothing is written.

    Notes
    -----
    The stability of a group A is the mean over fits of the largest `|A and B| / |A or B|` over their groups
    B, after Hennig 2007 (Computational Statistics and Data Analysis 52:258): below 0.5 a group is dissolved,
    from about 0.75 it is found again.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> table = sigel.tl.group_stability(adata, n_seeds=2, progress=False)
    >>> bool(table["stability"].between(0, 1).all())
    True
    """
    keys, _ = groups_under(adata, key)
    info = adata.uns.get(keys.info, {})
    if "params" not in info:
        found = f"{key!r}, which has no settings"
        fix = f'Call sigel.tl.embed(adata, key_added="{key}") again.'
        raise InputError("key", found, "results of sigel.tl.embed", fix)
    config = SIGELConfig.from_dict(json.loads(info["params"]))
    given = as_fitted(info, layer, spatial_key) | {"section_key": info.get("section_key") or None}
    images = GeneImages.from_anndata(adata, config.image, **given)
    group = adata.var[keys.group].astype(object).to_numpy()[adata.var_names.get_indexer(images.genes)]
    with shown(progress) as report:
        table = stability(
            images,
            config,
            group,
            n_seeds=n_seeds,
            seed=seed,
            fit_seed=info.get("provenance", {}).get("seed"),
            made_anew="groups" in info,
            device=device,
            progress=report,
        )
    kept: dict[str, Any] = {name: table[name].to_numpy() for name in table.columns}
    kept["group"] = kept["group"].astype(str)
    kept |= {"ari": table.attrs["ari"], "seeds": np.array(table.attrs["seeds"])}
    make_own(adata)
    adata.uns[keys.info] = {**info, "stability": kept}
    return table
