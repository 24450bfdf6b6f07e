"""Imputed genes: the door."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sigel.config.imputation import ImputeConfig
from sigel.errors import InputError
from sigel.images.section import Section, fix_for_tables
from sigel.io._imputed_file import ImputedFile, checked_path
from sigel.keys import CALLS, IMPUTATION
from sigel.model import SIGEL
from sigel.runtime.progress import shown
from sigel.tasks.imputation.impute import Imputed
from sigel.tasks.imputation.impute import impute as impute_section
from sigel.tasks.imputation.inputs import REFERENCE, TARGET, Orthologs
from sigel.tasks.imputation.predictors import Method
from sigel.tl._repeatable import as_stored, record_of, repeatable

if TYPE_CHECKING:
    from anndata import AnnData


@repeatable
def impute(
    target: AnnData,
    reference: AnnData | Sequence[AnnData],
    *,
    genes: Sequence[str] | str | None = None,
    method: Method = "auto",
    model: SIGEL | str | Path | Sequence[SIGEL | str | Path] | None = None,
    orthologs: Orthologs | None = None,
    layer: str | None = None,
    reference_layer: str | None = None,
    spatial_key: str = "spatial",
    intervals: bool = True,
    config: ImputeConfig | dict[str, Any] | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> AnnData | Path:
    """Impute genes that a panel did not measure, and say how far to trust each.

    Parameters
    ----------
    target
        Cells x genes of a panel: raw counts, `obsm[spatial_key]`; only read. Spots beside the tissue, of it
        and of references, where `obs["in_tissue"]` is 0, take no part.
    reference
        Like tissue with all genes: a section (spots x genes, raw counts, coordinates) or dissociated single
        cells (the same without coordinates), or several of either kind, whose predictions are averaged; only
        read. Of a million cells on disk (`backed="r"`) only those of a sample are held. Genes are paired by
        name; names that differ by `_` and `-`, by the version of an Ensembl id or, within a species, by
        capitals are taken as one, with a warning. A section is the better reference: see Notes.
    genes
        Names to impute, as the target would spell them. Default: every gene of the reference that has an
        image there and that the target lacks.
    method
        `"auto"` (default, the same as `"ensemble"`): a blend of the others but the GAN, weighted by
        cross-validation over the shared genes. `"representation"`: ridge regression of the target's images on
        SGRs, over the genes of the panel. `"ridge"`: ridge regression over the reference's spots, from what
        the panel's SGRs say of a place. `"neighbors"`: means over the reference's spots most like a cell.
        `"gan"`: the paper's generator with a memory and a critic.
    model
        Fitted `SIGEL` of the reference, or its folder; one for each where there are several references.
        Default: the reference's eigenimages (`preset="fast"`), which take seconds.
    orthologs
        Where the species differ: a dict from the target's names to the reference's, or a table with columns
        `target` and `reference`. Genes that it lists more than once are not used. Default: same names.
    layer, reference_layer
        Layers with raw counts; default `X`.
    spatial_key
        Key in `obsm` of the coordinates. Their units don't matter: what is near is counted in cells.
    intervals
        Whether to add the layers `lower` and `upper`, each as large as the result.
    config
        Further settings: an `ImputeConfig` or a dict of its settings, such as `{"rounds": 3, "round_size":
        110}` for the paper's sequential mode, or `{"zeros": "rate"}`.
    out
        An `.h5ad` file, or a `.zarr` folder (`pip install "sigel[read]"`), that takes the result, some genes
        at a time, where memory would not hold it: all genes for 160,000 cells. It is whole or not there, and
        holds what else would be returned; `sigel.io.read_imputed` reads some of its genes. An earlier one of
        that name is replaced. Not with several rounds. Default: none.
    seed
        Decides folds, samples and the GAN.
    device
        `"auto"`, `"cpu"` or `"cuda"`.
    progress
        Show a progress bar.

    Returns
    -------
    AnnData, or pathlib.Path
        With `out` where the file is. Else the cells of the target within its tissue x imputed genes, with its
        `obs` and coordinates.

        - `X`: expected `log1p` of counts normalised to `uns["sigel_imputation"]["target_sum"]`, float32,
          dense; CSR with `zeros="rate"` or `"panel"`
        - layers `lower`, `upper`: intervals that hold 90 % of measured values on average over genes,
          calibrated by cross-validation on the shared genes, in up to five strata of genes by level
        - `var`: `expected_pcc`, the correlation to be expected with measured values, normalised by the
          panel's library as they would be (with a small panel that alone gives genes without a pattern 0.1
          to 0.2, as the library of a few genes follows their patterns); `trusted`,
          whether that is at least `min_pcc`; `similarity`, mean cosine of the SGR to those of the five
          most similar panel genes; `nearest_gene`, the most similar; `level`, log of the mean in the
          reference; `spatial`, Moran's I there, of cells without places the share of its variance along axes
          of co-expression; `spread`, standard deviation of the predicted z-scores; `beyond`, which of these
          four lies beyond what the panel's genes show, so that `expected_pcc` is a guess there; `round`
        - `uns["sigel_imputation"]`: `method`, `n_shared`, `target_sum`, `spearman` (of expected and achieved
          correlation, cross-validated), `converged`, tables `shared`, `weights`, `coverage`, `left_out`
          and `history`, `params`, `provenance`
        - `uns["sigel_calls"]`: the call, as in `sigel.tl.embed`

        Genes are in the order of `genes`, or of the reference; with rounds, the most predictable come first,
        and with `round_size` the others are in `left_out`. Cells without counts get each gene's mean and its
        widest interval, with a warning. Another says where `expected_pcc` hardly orders the panel's own genes
        (`spearman` below 0.3).

    Raises
    ------
    InputError
        When fewer than 20 genes are shared (says what might be wrong with the names), a name occurs twice, an
        asked gene is measured already, unknown, or without an image, a section is empty, the target has no
        coordinates, counts are negative, the values would not fit into memory (says what they need and what
        there is), nothing can be written to `out`, or an argument cannot be used. Neither object is ever
        written to.
    ConfigError
        When a setting of `config` is unknown or out of range (see `sigel.config.imputation.ImputeConfig`).

    Notes
    -----
    Imputation from SGRs as in Genome Biology 2025, 26:287, with cells in place of pixels. With e the SGRs of
    the panel's genes and e_g that of a gene, centred and of length 1, Y the panel's z-scores in the cells,
    and U_g those of the gene in the n spots of the reference, its z-scores in the cells are predicted by

    - representation: `Y A A' (K + penalty I)^-1 k_g`; A the leading axes of Y, `exp(2 (a . b - 1))` for SGRs
      a and b in K among the panel's genes and in k_g between these and the gene
    - ridge: `F (H'H / n + penalty I)^-1 H'U_g / n`; F and H what the panel says of a place, its values times
      e, in cells and in spots and over several scales
    - neighbors: means of U_g over the spots nearest to a cell by cosine, of the panel's values or of F
    - gan: `C G(e_g)`; C the leading components of Y, G a network with a memory

    The ensemble adds up the first three and the panel's mean level, averaged over nearest cells at several
    scales, with the weights, none negative, that come nearest to the shared genes, each predicted without
    itself (stacking, Breiman 1996). A predicted z-score z becomes the value `max(m + s z / sqrt(d), 0)`,
    d the standard deviation of z; m and s, mean and standard deviation in the target, come from regressions,
    over the shared genes, on those in the reference. Intervals add conformal quantiles of the errors of
    shared genes of like level, at values predicted about as high (Vovk, Gammerman and Shafer 2005).
    `expected_pcc` is a regression of the correlations of shared genes on `similarity`, `level`, `spatial` and
    `spread`.

    All but the representations, the network and the rounds is this package's.

    That imputed genes improve clustering, as the paper has it, was not found again. On an embryo's 7,661
    cells of 21 types (`benchmarks/results/clusters.md`) the adjusted Rand index of Leiden clusters, median of
    10 seeds, is 0.40 with the panel's 351 genes, 0.37 with 330 imputed genes added (0.39 where imputed in the
    paper's rounds), and 0.33 with all trusted ones; published are 0.36 and 0.44. Cluster the panel; use
    imputed genes to look at genes.

    What intervals are for: `sigel.tl.compare_imputed` tests imputed genes between domains by what is known of
    each value, where a plain test would take predictions for facts; see the example.

    Examples
    --------
    >>> import sigel
    >>> target, reference, hidden = sigel.datasets.simulated_panel(seed=0)
    >>> imputed = sigel.tl.impute(target, reference, progress=False)
    >>> imputed.n_obs == target.n_obs
    True
    >>> sorted(imputed.layers)
    ['lower', 'upper']

    Which imputed genes differ between two domains? Taken for facts, nearly all do, also those without a
    pattern; by their intervals hardly any of these.

    >>> from scipy import stats
    >>> plain = hidden.var_names[(hidden.var["programme"] == "background").to_numpy()]
    >>> ring, layer = ((imputed.obs["region"] == one).to_numpy() for one in ("ring", "layer"))
    >>> values = imputed[:, plain].X
    >>> naive = stats.ttest_ind(values[ring], values[layer], equal_var=False).pvalue
    >>> bool((naive < 0.05).mean() > 0.5)
    True
    >>> table = sigel.tl.compare_imputed(imputed, "region", first="ring", second="layer")
    >>> bool((table.loc[plain, "pval"] < 0.05).mean() < 0.05)
    True
    """
    began, given = time.perf_counter(), dict(locals())
    out = None if out is None else checked_path(out)
    side = Section.from_anndata(target, layer=layer, spatial_key=spatial_key, called=TARGET)
    others = [
        Section.from_anndata(
            one, layer=reference_layer, spatial_key=spatial_key, called=REFERENCE, placed=False
        )
        for one in _listed(reference)
    ]
    _check_axes(target, _listed(reference))
    _check_inputs_stay(out, [target, *_listed(reference)])
    within = slice(None) if side.within is None else side.within
    cells = _cells(target, spatial_key, within)
    file = None if out is None else ImputedFile(out, **cells)
    with shown(progress) as report, file or nullcontext():
        result = impute_section(
            side,
            others,
            genes=genes,
            method=method,
            model=model,
            orthologs=orthologs,
            intervals=intervals,
            config=ImputeConfig.given(config),
            seed=seed,
            device=device,
            progress=report,
            file=file,
        )
        about = result.known()
        if file is None:
            return _as_anndata(result, cells, about)
        made = as_stored(record_of(impute, given, began))
        file.finish(result.table, {IMPUTATION: about, CALLS: made})
    return file.path


def _listed(reference: AnnData | Sequence[AnnData]) -> Sequence[AnnData]:
    """References, one or more."""
    if hasattr(reference, "obsm"):
        return [reference]
    if isinstance(reference, str | bytes) or not isinstance(reference, Sequence) or not len(reference):
        empty = isinstance(reference, Sequence) and not len(reference)
        found = "no section" if empty else f"an object of class {type(reference).__name__}"
        fix = fix_for_tables(reference) or "Read the file first."
        raise InputError("reference", found, "an AnnData, or a list of them", fix)
    return reference


def _check_axes(target: AnnData, references: Sequence[AnnData]) -> None:
    """Refuse a reference whose cells bear the names of the target's genes."""
    measured = set(target.var_names)
    for one in references:
        n = len(measured.intersection(one.obs_names))
        if n > len(measured.intersection(one.var_names)):
            found = f"genes x cells: {n} of the target's genes are among its obs_names"
            raise InputError("reference", found, "cells x genes", "Pass reference.T.")


def _check_inputs_stay(out: Path | None, given: Sequence[AnnData]) -> None:
    """Refuse to write where an input lies."""
    for one in given:
        held = one.filename
        if out is not None and held is not None and Path(held).resolve() == out.resolve():
            found = f"{str(out)!r}, which an input is read from"
            raise InputError("out", found, "a file of its own", 'For example out="imputed.h5ad".')


def _cells(target: AnnData, spatial_key: str, within: np.ndarray | slice) -> dict[str, Any]:
    """`obs` of the cells of the target `within` its tissue, and in `obsm` their places."""
    places = target.obsm.get(spatial_key)
    obs = target.obs[within].copy()
    if places is None:
        return {"obs": obs, "obsm": {}}
    # A table keeps the names of its columns.
    kept = places.iloc[within].copy() if hasattr(places, "iloc") else np.array(places)[within]
    return {"obs": obs, "obsm": {spatial_key: kept}}


def _as_anndata(result: Imputed, cells: dict[str, Any], about: dict[str, Any]) -> AnnData:
    """Imputed genes with all that is known of them."""
    from anndata import AnnData

    made = AnnData(result.values, var=result.table, uns={IMPUTATION: about}, **cells)
    if result.lower is not None:
        made.layers["lower"], made.layers["upper"] = result.lower, result.upper
    return made
