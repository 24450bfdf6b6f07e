"""Spatially variable genes: the door."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError, unknown_name
from sigel.images import GeneImages
from sigel.keys import Keys, check_key
from sigel.model import SIGEL
from sigel.runtime.progress import shown
from sigel.stats.null_images import Null
from sigel.tasks.spatial_genes.several_sections import spatial_genes_of_sections
from sigel.tl._fits import image_config, info_under, model_of, section_as_fitted
from sigel.tl._repeatable import repeatable
from sigel.tl._views import make_own

if TYPE_CHECKING:
    from anndata import AnnData

WRITTEN = ("score", "effect", "pval", "log_pval", "qval", "rank", "status")


@repeatable
def spatial_genes(
    adata: AnnData,
    *,
    layer: str | None = None,
    spatial_key: str | None = None,
    covariates: str | Sequence[str] | None = None,
    section_key: str | None = None,
    null: Null = "permute",
    n_nulls: int = 1,
    score: bool = True,
    model: SIGEL | str | Path | None = None,
    key: str = "sigel",
    config: ImageConfig | dict[str, Any] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """Find the genes whose expression has a spatial pattern.

    Parameters
    ----------
    adata
        Spots x genes, raw counts; `sigel.tl.embed` need not have run. Spots beside the tissue, where
        `obs["in_tissue"]` is 0, take no part.
    layer, spatial_key
        As in `sigel.tl.embed`; default: those of the fit under `key`, else `X` and `"spatial"`.
    covariates
        Columns of `obs`, numbers or text such as a cell type: a gene that they explain has no pattern left
        in the test; the score does not know them.
    section_key
        Column of `obs` that tells several sections apart, by default that of the fit under `key`: each is
        tested alone, and the answers are combined.
    null
        What the score is held against. `"permute"` (default: it needs no model of the counts): pixels in
        a new order. `"nb"`, `"zinb"`: counts drawn at the pixels' depth with the gene's own mean and
        dispersion.
    n_nulls
        Null images of each gene; genes of the same level share theirs, so that one is enough.
    score
        False leaves out the SIGEL score, and most of the time.
    model
        A fitted `SIGEL` or the folder of one for the score. Default: eigenimages made of half of the genes
        judge the other half, so that genes without a pattern score about 0; a model that has seen a gene's
        noise scores it higher.
    key
        `key_added` of `sigel.tl.embed`, and base of the keys that are written.
    config
        How images are made, an `ImageConfig` or a dict; default: as in the fit under `key`.
        `{"normalize": "none"}` takes counts as they are, for small panels in which the sum over all genes
        follows a few genes rather than how much was captured.
    seed
        Same seed and device give the same numbers.
    device
        `"auto"`: a CUDA device if there is one, else the CPU.
    progress
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row for each of `var_names`, in their order:

        - `score`: distance of the gene's representation from those of null images of genes of its level, as
          a z-score; `score_pval`: its empirical p-value, never below some `2 / (n_genes * n_nulls)`, which
          more `n_nulls` lower in a panel; NaN with a `model`, which has seen the noise of the genes but not
          that of null images. NaN in panels of fewer than some 25 genes
        - `statistic`: standardised quadratic form of a kernel with several length scales; `pval` from its
          permutation moments, `log_pval` its natural logarithm, also where the p-value itself is below what
          numbers can hold and 0, `qval` (Benjamini-Hochberg), `rank` by the statistic
        - `effect`: share of the variance that neighbouring pixels have in common, 0 to 1
        - `length_scale`: the scale at which the pattern is clearest, in the units of the coordinates
        - `status`: `"tested"`, or why there is no answer (NaN in the other columns)

        Written into the object, too: `var["sigel_spatial_score"]`, `..._effect`, `..._pval`,
        `..._log_pval`, `..._qval`, `..._rank`, `..._status`; and the call into `uns["sigel_calls"]`.

    Raises
    ------
    InputError
        When counts, coordinates or an argument cannot be used; nothing is written.

    Notes
    -----
    Test: counts become residuals of equal variance given the library sizes (Anscombe 1948), which are cleared
    of what depth and covariates explain and scaled to mean 0 and variance 1: z. With W the means of a pixel's
    neighbours, made symmetric, and d_ij the distance of two pixels,

        Q = z'Kz,    K = w_0 (I + W) + sum over s of w_s G_s,    G_s[i, j] = exp(-d_ij^2 / (2 l_s^2)),

    for l_s of 2, 4, 8, ... distances of neighbours, each part centred and weighted so that all vary alike by
    chance. `statistic` is Q less its mean, over its standard deviation, when pixels change places, and `pval`
    the tail of a gamma distribution of the same three moments (Kazi-Aoual et al. 1995). A positive definite
    kernel has power against every pattern (Su et al., arXiv 2602.02825). `effect` is
    `z'Wz / n + 1 / (n - 1)`, Moran's I less its mean by chance, held between 0 and 1.

    Score: with z the gene's representation and c the mean of those of null images of 200 genes of its level,
    `(|z - c| - m) / s`, m and s mean and standard deviation of these genes' null images' distances. Distance
    from null images as in Genome Biology 2025, 26:287; that it is put on a scale is this package's.

    Over k sections p-values are combined by Fisher's method, `-2 sum of log p` against chi-squared with 2k
    degrees of freedom, scores and statistics by Stouffer's, `sum / sqrt(k)`; effects are averaged by pixels.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(n_rows=20, n_cols=20, genes_per_programme=20)
    >>> table = sigel.tl.spatial_genes(adata, progress=False)
    >>> adata.var.loc[table["rank"].idxmin(), "programme"] != "background"
    True
    """
    check_key(key, "key")
    info = info_under(adata, key)
    columns = _covariates(adata, covariates)
    fitted = model_of(model, device)
    settings = image_config(config, info, fitted)
    section, _ = section_as_fitted(adata, info, layer, spatial_key, section_key)
    obs = adata.obs if section.within is None else adata.obs[section.within]

    def make(spots: np.ndarray | slice) -> tuple[GeneImages, dict[str, np.ndarray]]:
        images = GeneImages.from_section(section.take(spots), settings)
        return images, {name: _values(obs[name][spots]) for name in columns}

    with shown(progress) as report:
        table = spatial_genes_of_sections(
            ((name, partial(make, spots)) for name, spots in section.parts()),
            null=null,
            n_nulls=n_nulls,
            score=score,
            model=fitted,
            seed=seed,
            device=device,
            progress=report,
        )
    make_own(adata)
    for column in WRITTEN:
        values = table[column].to_numpy()
        adata.var[Keys(key).spatial(column)] = pd.Categorical(values) if column == "status" else values
    return table


def _covariates(adata: AnnData, covariates: str | Sequence[str] | None) -> list[str]:
    if not isinstance(covariates, str | Iterable | None):
        fix = 'For example covariates=["cell_type"].'
        raise InputError("covariates", repr(covariates)[:60], "names of columns of adata.obs", fix)
    names = [covariates] if isinstance(covariates, str) else list(covariates or ())
    for name in names:
        if name not in adata.obs:
            found = unknown_name(name, adata.obs)
            raise InputError("covariates", found, "columns of adata.obs", "See adata.obs.columns.")
    return names


def _values(column: pd.Series) -> np.ndarray:
    """Numbers, or text: categories are names, also where they look like numbers."""
    named = isinstance(column.dtype, pd.CategoricalDtype)
    return (column.astype(object).where(column.isna(), column.astype(str)) if named else column).to_numpy()
