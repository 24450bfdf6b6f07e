"""Packages that impute genes, at fixed numbers of epochs; and this one."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import anndata
import numpy as np

from benchmarks.harness.numerics import library, log_normalised
from benchmarks.imputation.folds import Fold, Predicted

TANGRAM_EPOCHS = 300
GIMVI_EPOCHS = 100
# What keeps the package's own rows alive within seconds.
QUICK = {"folds": 2, "gan": {"epochs": 10}}
# What the package says of a gene before anybody has measured it.
EXPECTED = ["expected_pcc", "trusted", "similarity", "level", "spatial", "spread"]


def _one_reference(fold: Fold) -> anndata.AnnData:
    """The spots of all references over panel and genes held out, `obs["section"]` the reference's number."""
    genes = [*fold.panel, *fold.held]
    parts = [anndata.AnnData(r.X, obs=r.obs[[]], var=r.var[[]])[:, genes] for r in fold.references]
    return anndata.concat(parts, label="section", index_unique="-")


def tangram(fold: Fold) -> Predicted:
    """Tangram (Biancalani et al. 2021): spots mapped to cells on the shared genes, on the CPU.

    Both sides log-normalised, the cells' density by their counts.

    Parameters
    ----------
    fold
        The fold.
    """
    import tangram as tg

    source, space = _one_reference(fold), fold.target[:, fold.panel].copy()
    source.X = np.concatenate(fold.known([*fold.panel, *fold.held])).astype(np.float32)
    space.X = log_normalised(space.X, library(space)).astype(np.float32)
    # Cells without any count have no density, and no answer.
    seen = library(space) > 0
    space = space[seen].copy()
    for side in (source, space):  # it looks genes up in lower case
        side.var_names = side.var_names.str.lower()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tg.pp_adatas(source, space)
        mapped = tg.map_cells_to_space(
            source,
            space,
            mode="cells",
            density_prior="rna_count_based",
            num_epochs=TANGRAM_EPOCHS,
            device="cpu",
            random_state=fold.seed,
            verbose=False,
        )
        made = tg.project_genes(mapped, source)
    values = np.full((len(seen), len(fold.held)), np.nan)
    values[seen] = made[:, [gene.lower() for gene in fold.held]].X
    return Predicted(values)


def gimvi(fold: Fold) -> Predicted:
    """The gimVI of scvi-tools (Lopez et al. 2019): one latent space of both, on the CPU.

    Parameters
    ----------
    fold
        The fold.
    """
    import scvi
    from scvi.external import GIMVI

    scvi.settings.seed = fold.seed
    source, space = _one_reference(fold), fold.target[:, fold.panel].copy()
    source = source[library(source) > 0].copy()
    seen = library(space) > 0
    space = space[seen].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        GIMVI.setup_anndata(source, batch_key="section")
        GIMVI.setup_anndata(space)
        model = GIMVI(source, space)
        model.train(max_epochs=GIMVI_EPOCHS, accelerator="cpu", enable_progress_bar=False)
        rates = model.get_imputed_values(normalized=True)[1]
    values = np.full((len(seen), len(fold.held)), np.nan)
    columns = source.var_names.get_indexer(fold.held)
    values[seen] = np.log1p(rates[:, columns] * np.median(library(fold.target)))
    return Predicted(values)


def ours(method: str) -> Callable[[Fold], Predicted]:
    """The package itself, at its defaults.

    Parameters
    ----------
    method
        As `sigel.tl.impute` takes it.
    """

    def call(fold: Fold) -> Predicted:
        import sigel

        made = sigel.tl.impute(
            fold.target,
            fold.references,
            genes=fold.held,
            method=method,
            config=QUICK if fold.quick else None,
            seed=fold.seed,
            progress=False,
        )
        # Genes that it leaves out stay without an answer.
        column = made.var_names.get_indexer(fold.held)

        def complete(x: np.ndarray) -> np.ndarray:
            x = np.asarray(x.toarray() if hasattr(x, "toarray") else x)
            return np.where(column >= 0, x[:, column], np.nan)

        about = made.uns["sigel_imputation"]
        return Predicted(
            complete(made.X),
            complete(made.layers["lower"]),
            complete(made.layers["upper"]),
            made.var[EXPECTED].astype(float).reindex(fold.held),
            {name: float(about[name]) for name in ("target_sum", "spearman", "converged")},
        )

    return call
