"""The scanpy-style door: an AnnData goes in, keys are written; nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from sigel.config import SIGELConfig
from sigel.errors import InputError
from sigel.keys import Keys, check_key
from sigel.runtime.progress import shown
from sigel.tasks.embedding import Embedding, embed_section
from sigel.tl._repeatable import repeatable
from sigel.tl._sections import given_sections
from sigel.tl._views import make_own

if TYPE_CHECKING:
    from anndata import AnnData


@repeatable
def embed(
    adata: AnnData | Sequence[AnnData],
    *,
    n_dims: int | None = None,
    n_groups: int | str | None = None,
    layer: str | None = None,
    spatial_key: str = "spatial",
    section_key: str | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    key_added: str = "sigel",
    config: SIGELConfig | dict[str, Any] | None = None,
    progress: bool = True,
    save: str | Path | None = None,
    preset: str = "default",
    checkpoint: str | Path | None = None,
) -> None:
    """Embed the genes of a section, or of several in one space, by their spatial pictures.

    Parameters
    ----------
    adata
        Spots x genes, raw counts in `X` or `layer`; coordinates in `obsm[spatial_key]`; array positions
        in `obs["array_row"]`, `obs["array_col"]` where the platform has them. Spots beside the tissue, where
        `obs["in_tissue"]` is 0, take no part. Counts on disk, as those of a backed object, are read some
        spots at a time; results are written to the object in memory. Or a list of such, each one section:
        genes are matched by name and need not be in all. A list of one is the same as its object.
    n_dims
        Length of a representation; default 32, as in the paper.
    n_groups
        Number of gene groups, that of genes without a pattern not counted; default `"auto"`: the best by the
        likelihood less a cost for each parameter; of a panel of up to 300 genes, the fewest by which genes
        of a group foretell values of each other about as well as by any number.
    layer
        Layer with raw counts; default `X`.
    spatial_key
        Key in `obsm` of the coordinates.
    section_key
        Column of `obs` that tells several sections apart: a gene gets one representation over all of them,
        and one for each section in the same space. In a list, each object has one section, and the column
        holds its name; default there: `"1"`, `"2"`, ... in the order of the list.
    seed
        Same seed and device give the same numbers.
    device
        `"auto"`: a CUDA device if there is one, else the CPU.
    key_added
        Base of the keys that are written.
    config
        Further settings: a `SIGELConfig`, or a nested dict such as
        `{"train": {"pretrain_epochs": 20}}`. What is given both here and as an argument must agree.
    progress
        Show a progress bar.
    save
        Folder for the fitted model (`SIGEL.load` reads it).
    preset
        `"fast"`: eigenimages and groups, nothing is trained. `"default"`. `"thorough"`: more epochs and
        eigenimages. `"paper"`: the published settings as far as they are known, for comparison; hours
        without a GPU. Its 500 groups are a third of the genes where that is fewer. What `config` says goes
        before the preset.
    checkpoint
        Folder that keeps the state after every epoch; the same call goes on from there after an
        interruption, to the same numbers. With `preset="fast"` there is nothing to keep.

    Returns
    -------
    None
        Writes, only after everything succeeded:

        - `varm["X_sigel"]`: representations, float32 `(n_vars, n_dims)`, NaN rows for genes not embedded
        - `varm["sigel_posterior"]`: posterior of each group, float32 `(n_vars, n_groups)`, NaN rows alike
        - `obsm["X_sigel"]`: spot embedding, float32 `(n_obs, n_dims)`, NaN rows for spots beside the tissue
        - `var["sigel_group"]`, `var["sigel_group_prob"]`, `var["sigel_status"]`
        - `uns["sigel"]`: `params`, `layer` (empty: `X`), `spatial_key`, `section_key` (empty: one section),
          `provenance`, `history`, `raster`, `bic`,
          `group_names` (of the columns of the posterior)
        - `uns["sigel_calls"]`: a line of JSON for the last call of each verb and key, to make it again

        Of several sections also, for a section called A:

        - `varm["X_sigel_A"]`: what A alone says of the genes, in the space of `varm["X_sigel"]`: the same
          axes and length. NaN rows for genes without an image in A. Of a list, each object gets its own.
        - `uns["sigel"]["sections"]`: the names of all sections; of a list also `"section"`, the object's own

    Raises
    ------
    InputError
        When counts, names, coordinates or an argument cannot be used, or when several sections have fewer
        than 20 genes in common; nothing is written.

    Notes
    -----
    Three modules as in Genome Biology 2025, 26:287, in this package's form. D is `n_dims`, x a gene's image
    (`sigel.GeneImages`), s^2 the variance of its noise.

    I. With B the eigenimages of all genes over a prior that images are smooth, lambda the variance of the
    signal along them, both without what the gene itself contributes, a the size of its image before scaling,
    A the D leading directions, f the projection of a masked autoencoder (He et al. 2022), ::

        w = lambda / (lambda + s^2) * B'x,    v = (a w, pole) / |(a w, pole)|,
        z = sqrt(D) u / |u|,    u = A'v + f(x).

    f begins at 0 and learns to predict the hidden patches of one half of the counts from the visible ones of
    the other, by the squared error. It is kept where it predicts genes better that it did not learn from;
    where it does not, as on most sections, f stays 0. `preset="fast"` is without f.

    II. Genes are a mixture of Student t distributions (Peel and McLachlan 2000), fitted by EM to the mode of
    the posterior under the priors of Fraley and Raftery 2007:

        p(z) = sum over k of pi_k t(z; mu_k, Sigma_k, nu_k),    q_k = pi_k t(z; mu_k, Sigma_k, nu_k) / p(z).

    It is fitted to the z seen through a lens, so that a strong and a weak gene of one pattern are near each
    other, with one more component of fixed form for genes whose images are no smoother than noise; the q_k
    that are reported are of the density to a power that makes them mean what they say. `n_groups="auto"`
    compares `-2 log L` and a cost for each parameter along mergers of components (Figueiredo and Jain 2002);
    of up to 300 genes it compares how well one half of the counts, grouped, foretells the other (of values
    that are no counts, one half of the tissue's patches the other), and EM ends after three steps. A gene's
    group is that of the largest q_k.

    III. After some steps of EM in each epoch, encoder and mixture learn sharper assignments, which are held
    constant for the epoch (Xie et al. 2016):

        p_k = (q_k^2 / f_k) / sum over j of (q_j^2 / f_j),    f_k the sum of q_k over genes.

    The loss is the sum, weighted as in `TrainConfig`, of `KL(p || q)`, the error of hidden patches,
    `-log p(z) / D`, the unevenness `log K + sum of m_k log m_k` of the mean m of q, and, fading with the
    epochs, `z . (z - sum of a_j z_j) / D` over the genes j that were mutual nearest neighbours before the
    first epoch, a the weights of their normalised graph. An epoch is kept where the genes nearest to one half
    of the counts of a gene held out foretell its other half better than before, by two standard errors;
    otherwise representations and groups stay as they were. What Modules I and III find is seldom more than
    the eigenimages know: on real sections they take about a fifth of the time, and change little.

    Several sections: the images of a gene in all of them are one image, each normalised and scaled on its
    own, so that what differs in level or depth between sections is no pattern. Genes that all sections have
    make the eigenimages. A gene that some lack is read by the exact posterior of the pixels that it has, its
    own contribution to the eigenimages left out, and so is every gene by one section alone. Nothing is
    aligned: what places of two sections have in common is what the other genes do there.

    A spot lies at the mean of the z of its genes, weighted by `log(1 + counts)` at the median library, less
    the mean of all spots.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> quick = {"train": {"pretrain_epochs": 1, "refine_epochs": 1}}
    >>> sigel.tl.embed(adata, config=quick, progress=False)
    >>> adata.varm["X_sigel"].shape[1]
    32
    """
    check_key(key_added, "key_added")
    asked = n_groups is not None or not isinstance(config, dict | None) or "n_groups" in (config or {})
    config = _settled(config, preset, n_dims=n_dims, n_groups=n_groups)
    sections = given_sections(adata, layer, spatial_key, section_key, Keys(key_added))
    with shown(progress) as report:
        result = embed_section(
            sections.images(config.image),
            sections.counts(),
            config,
            seed=seed,
            device=device,
            progress=report,
            save=save,
            checkpoint=checkpoint,
            groups_asked=asked,
        )
    where = {"layer": layer or "", "spatial_key": spatial_key, "section_key": section_key or ""}
    for one, part, own in sections.shares(result):
        _write(one, Keys(key_added), part, where | own)


def _write(adata: AnnData, keys: Keys, result: Embedding, where: dict[str, Any]) -> None:
    """All that `embed` leaves, and where counts and coordinates lay."""
    group = pd.Categorical(result.group, categories=result.model.group_names).remove_unused_categories()
    info = adata.uns.get(keys.info, {})
    make_own(adata)
    for name in info.get("sections", []):  # of an earlier fit
        adata.varm.pop(keys.section(str(name)), None)
    adata.varm[keys.representation] = result.representations
    for name, own in result.sections.items():
        adata.varm[keys.section(name)] = own
    adata.varm[keys.posterior] = result.posterior
    adata.obsm[keys.representation] = result.spots
    adata.var[keys.group] = pd.Series(group, index=adata.var_names)
    adata.var[keys.group_prob] = result.group_prob
    adata.var[keys.status] = pd.Categorical(result.status)
    raster = result.model.raster
    # Domains have counts, genes and settings of their own; all else came from an earlier fit.
    kept = {name: value for name, value in info.items() if name == "domains"}
    adata.uns[keys.info] = kept | {
        "params": result.params,
        **where,
        "provenance": result.model.provenance,
        "history": result.history,
        "bic": result.bic,
        "group_names": np.array(result.model.group_names, dtype=str),
        "raster": {"shape": list(raster.shape), "kind": raster.kind, "affine": raster.affine},
    }


def _settled(config: SIGELConfig | dict[str, Any] | None, preset: str, **given: Any) -> SIGELConfig:
    """Settings of the preset, of `config` and of the call in one; None is not given."""
    if preset != "default" and isinstance(config, SIGELConfig):
        found, fix = f"{preset!r} beside a SIGELConfig", "Pass config=SIGELConfig.preset(...) alone."
        raise InputError("preset", found, "one of the two", fix)
    if not isinstance(config, SIGELConfig | dict | None):
        fix = 'For example config={"train": {"pretrain_epochs": 20}}.'
        raise InputError("config", repr(config), "a SIGELConfig or a nested dict", fix)
    settings = config.to_dict() if isinstance(config, SIGELConfig) else dict(config or {})
    if preset != "default" and settings.get("preset", preset) != preset:
        found = f"{preset!r}, and {settings['preset']!r} in config"
        raise InputError("preset", found, "one of the two", "Give preset once.")
    for name, value in given.items():
        if value is None:
            continue
        said = settings.get(name, value)
        # A SIGELConfig has a value for every setting; one that differs from the default was meant.
        meant = said != getattr(SIGELConfig, name) or not isinstance(config, SIGELConfig)
        if meant and said != value:
            fix = f"Give {name} once."
            raise InputError(name, f"{value!r}, and {said!r} in config", "one of the two", fix)
        settings[name] = value
    return SIGELConfig.from_dict({"preset": preset, **settings})
