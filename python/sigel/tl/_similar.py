"""Similar genes: the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sigel.images.section import values_of
from sigel.tasks.similar_genes import Combine, check_queries, expression_level
from sigel.tasks.similar_genes import similar_genes as nearest
from sigel.tl._fits import as_fitted, groups_under, info_under
from sigel.tl._repeatable import repeatable

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


@repeatable
def similar_genes(
    adata: AnnData,
    genes: Sequence[str] | str,
    *,
    n: int = 20,
    combine: Combine = "mean",
    layer: str | None = None,
    key: str = "sigel",
    seed: int = 0,
) -> pd.DataFrame:
    """Genes whose images mean most nearly the same as those of some genes.

    Parameters
    ----------
    adata
        Spots x genes with the results of `sigel.tl.embed`; only read.
    genes
        Name of an embedded gene, or several.
    n
        Genes found for each query; 20 by default.
    combine
        `"mean"` (default): the genes nearest to the mean of those given, for a set that belongs together.
        `"each"`: those nearest to each.
    layer
        Layer with raw counts, for the expression level; default: that of the fit under `key`.
    key
        `key_added` of `sigel.tl.embed`.
    seed
        Decides between genes of equal expression.

    Returns
    -------
    pandas.DataFrame
        A row for each found gene, nearest first: `query`, `gene`, `rank`; `similarity`, the cosine of
        representations centred on the mean of all genes, -1 to 1; `random_mean` and `random_95`, mean and
        95 % quantile of the similarity that 200 other genes of the same mean expression reach; `pval`, the
        share of those that are at least as similar (the found gene counted, so never 0); `group`, where
        there are groups. `attrs["queries"]` holds the genes asked about, which are left out.

    Raises
    ------
    InputError
        When a gene is unknown (with the nearest spellings) or was not embedded (with the reason), or
        there are no results under `key`.

    Notes
    -----
    With u_g the representation of gene g less the mean of all, at length 1, and m the mean of u over the
    genes asked about, the similarity of g is `u_g . m / |m|`. If b of M genes of the same expression are at
    least as similar as the one that was found, `pval = (b + 1) / (M + 1)` (Phipson and Smyth 2010). It is
    about one query: of any, one gene in twenty has a `pval` of 0.05 or less, whether they belong together or
    not. `sigel.tl.gene_interactions(partners_of=...)` holds each pair against all pairs of genes alike in
    level and pattern strength.

    Nearest representations as in Genome Biology 2025, 26:287; the centre and the comparison with genes of the
    same expression are this package's.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> table = sigel.tl.similar_genes(adata, "Gene0001", n=5)
    >>> len(table)
    5
    """
    keys, z = groups_under(adata, key, groups=False)
    embedded = np.isfinite(z).all(axis=1)
    names = adata.var_names.to_numpy(dtype=object)
    status = adata.var[keys.status].astype(object).to_numpy() if keys.status in adata.var else None
    asked = check_queries(genes, names, names[embedded], status)
    layer = as_fitted(info_under(adata, key), layer, None)["layer"]
    groups = adata.var[keys.group].astype(object).to_numpy() if keys.group in adata.var else None
    level = expression_level(values_of(adata, layer))
    return nearest(z, names, level, asked, n=n, combine=combine, groups=groups, seed=seed)
