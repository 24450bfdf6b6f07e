"""Genes as the observations of an AnnData of their own: the door to what other packages do with cells."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

from sigel.errors import InputError
from sigel.stats.scaling import centred
from sigel.tl._fits import groups_under, info_under

if TYPE_CHECKING:
    from anndata import AnnData


def genes_as_obs(adata: AnnData, *, key: str = "sigel") -> AnnData:
    """The embedded genes as observations, for neighbours, UMAP and clusters of other packages.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`; only read.
    key
        `key_added` of `sigel.tl.embed`.

    Returns
    -------
    anndata.AnnData
        Genes that have a representation x dimensions, float32. `X` holds the representations less the mean of
        all, at length 1: their Euclidean neighbours are the nearest by the similarity of
        `sigel.tl.similar_genes`. `obsm[f"X_{key}"]` holds the representations as they are,
        `obsm[f"{key}_posterior"]` the posterior of every group where there are groups, `obs` all columns of
        `adata.var`, `uns[key]` what the calls left there: parameters, provenance, history.

    Raises
    ------
    InputError
        When there are no results under `key`, or no gene has a representation.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> genes = sigel.tl.genes_as_obs(adata)
    >>> genes.n_obs, genes.n_vars
    (60, 32)

    With scanpy: `sc.pp.neighbors(genes, use_rep="X"); sc.tl.umap(genes);
    sc.pl.umap(genes, color="sigel_group")`.
    """
    import anndata
    import pandas as pd

    keys, z = groups_under(adata, key, groups=False)  # (n_genes, n_dims)
    embedded = np.isfinite(z).all(axis=1)
    if not embedded.any():
        fix = f"adata.var[{keys.status!r}] says why not."
        raise InputError("adata", "no gene with a representation", "one or more", fix)
    some = np.asarray(z[embedded], dtype=np.float32)  # (n_embedded, n_dims)
    obsm = {keys.representation: some}
    if keys.posterior in adata.varm:
        obsm[keys.posterior] = np.asarray(adata.varm[keys.posterior])[embedded]
    names = pd.Index([f"{key}_{at + 1}" for at in range(z.shape[1])])
    return anndata.AnnData(
        centred(some).astype(np.float32),
        obs=adata.var.loc[embedded].copy(),
        var=pd.DataFrame(index=names),
        obsm=obsm,
        uns={keys.info: deepcopy(dict(info_under(adata, key)))},
    )
