"""What the Python door says of wrong input, as refusals.csv: the parts of each refusal by its case.

Usage: python refusals_csv.py refusals.json folder
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import sigel
from sigel.errors import ConfigError, InputError

QUIET = {"progress": False}


def changed(adata, change: Callable):
    """A copy in which something is wrong."""
    other = adata.copy()
    change(other)
    return other


def one_count(value: float) -> Callable:
    def change(adata) -> None:
        adata.X = adata.X.copy()
        adata.X.data[0] = value

    return change


def same_name(adata) -> None:
    adata.var_names = [adata.var_names[1], *adata.var_names[1:]]


def no_place(adata) -> None:
    del adata.obsm["spatial"]
    adata.obs = adata.obs.drop(columns=["array_row", "array_col"])


def lost_place(adata) -> None:
    adata.obsm["spatial"] = adata.obsm["spatial"].astype(float)
    adata.obsm["spatial"][2, 0] = np.nan


def renamed(adata) -> None:
    adata.var_names = [f"Other{k}" for k in range(adata.n_vars)]


def cases(adata) -> dict[str, Callable[[], object]]:
    """Calls that are refused. Their names are those of the R test."""
    tl = sigel.tl
    half = np.arange(adata.n_obs) % 2 == 0
    two = [adata[half].copy(), adata[~half].copy()]
    run = changed(adata, lambda one: tl.embed(one, n_groups=3, preset="fast", **QUIET))

    def embed(one=adata, **options):
        return tl.embed(one, **QUIET, **options)

    def spatial(one=adata, **options):
        return tl.spatial_genes(one, **QUIET, **options)

    def domains(n_domains=3, **options):
        return tl.domains(adata, n_domains, **QUIET, **options)

    def patterns(region="region", levels=None, **options):
        return tl.pattern_genes(adata, region, levels, **QUIET, **options)

    def impute(reference, **options):
        return tl.impute(adata, reference, **QUIET, **options)

    return {
        "unknown gene": lambda: tl.similar_genes(run, "GENE0001"),
        "no result yet": lambda: tl.similar_genes(adata, "Gene0001"),
        "unknown layer": lambda: embed(layer="tpm"),
        "negative counts": lambda: embed(changed(adata, one_count(-1))),
        "NaN counts": lambda: embed(changed(adata, one_count(np.nan))),
        "no coordinates": lambda: spatial(changed(adata, no_place)),
        "NaN coordinates": lambda: embed(changed(adata, lost_place)),
        "duplicated genes": lambda: embed(changed(adata, same_name)),
        "text for a number": lambda: embed(n_groups="many"),
        "half a number": lambda: embed(n_groups=2.5),
        "too many groups": lambda: embed(n_groups=1000),
        "number below its range": lambda: embed(n_dims=1),
        "negative seed": lambda: spatial(seed=-1),
        "unknown device": lambda: spatial(device="abacus"),
        "unknown preset": lambda: embed(preset="quick"),
        "unknown setting": lambda: embed(config={"train": {"epochs": 3}}),
        "setting out of range": lambda: embed(config={"train": {"pretrain_epochs": -3}}),
        "setting of another type": lambda: embed(config={"image": {"min_spots": "five"}}),
        "no spots": lambda: embed(adata[:0].copy()),
        "no genes": lambda: embed(adata[:, :0].copy()),
        "one gene": lambda: domains(genes=["Gene0001"]),
        "five spots": lambda: embed(adata[:5].copy()),
        "genes in too few spots": lambda: embed(config={"image": {"min_spots": 10000}}),
        "unknown column of sections": lambda: embed(section_key="slide"),
        "unknown covariate": lambda: spatial(covariates="depth"),
        "unknown null": lambda: spatial(null="shuffle"),
        "unknown column of regions": lambda: patterns("layers"),
        "level of no region": lambda: patterns(levels={"rind": 0.9}),
        "level that is no quantile": lambda: patterns(levels={"ring": 9}),
        "one domain": lambda: domains(1),
        "more domains than spots allow": lambda: domains(1000),
        "unknown method": lambda: domains(method="magic"),
        "no shared genes": lambda: impute(changed(adata, renamed)),
        "unknown gene to impute": lambda: impute(adata, genes=["Nothing"]),
        "one fold": lambda: impute(adata, config={"folds": 1}),
        "unknown column of donors": lambda: tl.disease_genes(
            adata, "condition", donor="donor", section_key="slide", **QUIET
        ),
        "unknown control": lambda: tl.disease_genes(two, ["ill", "well"], control="Well", **QUIET),
        "unknown group column": lambda: tl.compare_imputed(adata, "region", first="ring"),
        "share above one": lambda: tl.select_genes(adata, share=2.0, **QUIET),
        "unknown partner": lambda: tl.gene_interactions(adata, partners_of="GENE0001", **QUIET),
    }


def refused(call: Callable[[], object]) -> dict[str, str]:
    """The parts of the refusal; whatever else is raised is a fault."""
    try:
        call()
    except (InputError, ConfigError) as error:
        argument = error.argument if isinstance(error, InputError) else error.setting
        return {"argument": argument, "found": error.found, "wanted": error.wanted, "fix": error.fix}
    return {"argument": "", "found": "accepted", "wanted": "", "fix": ""}


def main(settings_file: str, folder: str) -> None:
    case = json.loads(Path(settings_file).read_text())
    adata = sigel.datasets.simulated_section(**case["simulation"], seed=case["simulation_seed"])
    rows = {}
    for name, call in cases(adata).items():
        rows[name] = refused(call)
    pd.DataFrame.from_dict(rows, orient="index").to_csv(Path(folder) / "refusals.csv", index_label="case")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
