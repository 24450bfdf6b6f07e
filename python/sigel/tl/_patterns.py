"""Genes that follow a designated pattern: the door."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images.section import check_section
from sigel.images.within_tissue import spots_within
from sigel.model import SIGEL
from sigel.runtime.progress import shown
from sigel.tasks.pattern_genes.null_patterns import Null
from sigel.tasks.pattern_genes.rates import Unit
from sigel.tasks.pattern_genes.search import Similarity
from sigel.tasks.pattern_genes.search import pattern_genes as rank_genes
from sigel.tl._fits import images_as_fitted, model_of
from sigel.tl._repeatable import repeatable

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


@repeatable
def pattern_genes(
    adata: AnnData,
    region_key: str,
    levels: Mapping[Any, float] | None = None,
    *,
    unit: Unit = "quantile",
    background: float | None = None,
    n_draws: int = 10,
    null: Null = "regions",
    n_null: int = 200,
    similarity: Similarity = "cosine",
    model: SIGEL | str | Path | None = None,
    layer: str | None = None,
    spatial_key: str | None = None,
    key: str = "sigel",
    config: ImageConfig | dict[str, Any] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """Genes that are high where you say and low where you say, those that follow the pattern best first.

    Genes with the pattern are drawn, with the counting noise, the scatter and the library sizes of the
    section; they become images and representations as its own genes do; and the genes are ranked by how
    near they lie.

    Parameters
    ----------
    adata
        Spots x genes with raw counts and coordinates; only read. Spots beside the tissue, where
        `obs["in_tissue"]` is 0, take no part.
    region_key
        Column of `obs`. Text or categories: the regions that `levels` speaks of. Numbers (a gradient, a
        score, a hand-drawn mask of 0 and 1, True and False): the pattern itself. They are scaled linearly:
        the lowest value stands for the background, the highest for the 0.9 quantile of the mean rates of
        all genes.
    levels
        Region to level, for example `{"L4": 0.9}`; None for a column of numbers.
    unit
        `"quantile"` (default): levels from 0 to 1, the expression that a gene at this quantile of all
        genes has in the region; 0.9 is as high as the top tenth. `"multiple"`: levels are multiples > 0 of
        the expression of the section's median gene, so that 5 over a background of 1 is a fold change of 5.
    background
        Level of the regions that are not listed and of the spots without a region (NaN), in the same unit.
        Default: quantile 0.1, which finds the markers of layers best in real sections, or multiple 1.
    n_draws
        Genes drawn with the pattern; their mean is looked for. 10 leave little of the noise of one.
    null
        What the p-value compares with. `"regions"` (default): random patterns of the same areas and levels,
        with regions about as smooth as in this one and as much mixed with each other, as cell types are, so
        that a gene must follow this pattern rather than any. A section has room for few different patterns
        of large regions: there even the best marker's p stays near the share of random patterns that lie in
        the same place.
        `"spots"`: the pattern shuffled over the spots, so that any gene with regions may be called.
    n_null
        Random patterns; 200 take seconds and are counted together over genes of like strength, which lets
        p go down to 5e-5 in a panel of hundreds and 5e-6 in 10,000 genes. 0 leaves p-values out.
    similarity
        `"cosine"` (default): of representations centred on the mean of all genes, -1 to 1: the same
        pattern, whatever its strength. `"euclidean"`: minus the distance of representations; asks for the
        strength of the drawn genes too.
    model
        A fitted `SIGEL` or the folder of a saved one; default: the section's eigenimages, made in seconds.
    layer, spatial_key
        Layer with raw counts and key in `obsm` of the coordinates; default: those of the fit under `key`,
        else `X` and `"spatial"`.
    key
        `key_added` of an earlier `sigel.tl.embed`, whose settings are taken up.
    config
        How images are made; default: as in the model, else as in the fit under `key`.
    seed
        Same seed and device give the same numbers.
    device
        `"auto"`: a CUDA device if there is one, else the CPU.
    progress
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row a gene, in the order of `var_names`: `similarity`, `rank` (1 follows the pattern best),
        `pval`, `qval` (Benjamini-Hochberg), `status` (`"tested"`, or why there is no answer; the other
        columns are NaN then). `attrs` holds what `sigel.pl.pattern_genes` draws: `image` (mean image of the
        drawn genes, a list of `n_pixels`), `region_key`, `levels` (with that of the background) and `unit`.

    Raises
    ------
    InputError
        When the column or a region is unknown (names the nearest), a level is out of range, all spots have
        one level, levels are missing or beside numbers, or the model was fitted to other genes.

    Notes
    -----
    Designated spatial patterns of Genome Biology 2025, 26:287. In a pixel of library d and rate r, which is
    that of `levels` there, a drawn gene has a count of mean `r d` and variance `r d + phi (r d)^2`, negative
    binomial, phi the dispersion of the section's genes of that mean. With z_g the representation of a gene, q
    the mean over the drawn genes and c that over all genes of the section, its similarity is
    `(z_g - c) . (q - c) / (|z_g - c| |q - c|)`, or `-|z_g - q|`.

    Similarities to the random patterns are put on one scale, Fisher's z less the gene's mean over its
    standard deviation. If b of the m among genes of like strength are at least as large as the gene's own,
    `pval = (b + 1) / (m + 1)` (Phipson and Smyth 2010). The tests are this package's.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 3, 20, 60)
    >>> table = sigel.tl.pattern_genes(adata, "region", {"ring": 0.9}, progress=False)
    >>> best = table["rank"].idxmin()
    >>> str(adata.var.loc[best, "programme"])
    'ring'
    """
    check_section(adata)
    regions = _regions(adata, region_key, levels)
    fitted = model_of(model, device)
    within = spots_within(adata, told=False)
    images = images_as_fitted(
        adata, key=key, layer=layer, spatial_key=spatial_key, config=config, model=fitted
    )
    with shown(progress) as report:
        result = rank_genes(
            images,
            regions if within is None else regions[within],
            levels,
            unit=unit,
            background=background,
            n_draws=n_draws,
            null=null,
            n_null=n_null,
            similarity=similarity,
            model=fitted,
            seed=seed,
            device=device,
            progress=report,
        )
    table = result.table
    table.attrs = {
        "image": np.asarray(result.image, dtype=float).tolist(),
        "region_key": region_key,
        "levels": result.levels,
        "unit": unit,
    }
    return table


def _regions(adata: AnnData, region_key: str, levels: Mapping[Any, float] | None) -> Any:
    """Region of every spot, or its number, an array `(n_obs,)`."""
    if not isinstance(region_key, str):
        raise InputError("region_key", repr(region_key)[:60], "the name of one column", "Name one column.")
    if region_key not in adata.obs:
        known = ", ".join(map(str, adata.obs.columns)) or "none"
        found = unknown_name(region_key, adata.obs.columns)
        raise InputError("region_key", found, "a column of adata.obs", f"There are: {known}.")
    column = adata.obs[region_key]
    if column.dtype.kind == "b" and levels is not None:
        column = column.astype(str)
    numbers = column.dtype.kind in "fiub"  # pandas' own types with gaps among them
    return column.to_numpy(dtype=float, na_value=np.nan) if numbers else column.astype(object).to_numpy()
