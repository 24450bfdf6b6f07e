"""The Python door's answers to groups.json, as CSV files, one for each question.

Usage: python groups_csv.py groups.json folder
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

import sigel


def main(settings_file: str, folder: str) -> None:
    case = json.loads(Path(settings_file).read_text())
    adata = sigel.datasets.simulated_section(**case["simulation"], seed=case["simulation_seed"])
    seed = {"seed": case["seed"]}
    device = {"device": "cpu"}
    sigel.tl.embed(adata, **case["settings"], **seed, **device, progress=False)
    genes, n = case["similar"]["genes"], case["similar"]["n"]
    sets = adata.var_names.to_series().groupby(adata.var["programme"].astype(str)).agg(list).to_dict()
    tables = {
        "together": sigel.tl.similar_genes(adata, genes, n=n, **seed),
        "each": sigel.tl.similar_genes(adata, genes, n=n, combine="each", **seed),
        "described": sigel.tl.gene_groups(adata),
        "enrichment": sigel.tl.group_enrichment(adata, sets, **case["enrichment"]),
        "stability": sigel.tl.group_stability(
            adata, n_seeds=case["n_seeds"], **seed, **device, progress=False
        ),
        "finer": sigel.tl.gene_groups(
            adata, resolution=case["resolution"], key_added="finer", **seed, **device
        ),
        "regrouped": sigel.tl.gene_groups(adata, n_groups=case["n_groups"], **seed, **device),
        "regrouped_stability": sigel.tl.group_stability(adata, n_seeds=1, **seed, **device, progress=False),
    }
    posterior = pd.DataFrame(adata.varm["sigel_posterior"], index=adata.var_names)
    names = [str(k + 1) for k in range(posterior.shape[1])]
    if (adata.var["sigel_group"] == "no pattern").any():
        names[-1] = "no pattern"
    posterior.columns = names
    tables["posterior"] = posterior.dropna().rename_axis("gene").reset_index()
    for name, table in tables.items():
        table.to_csv(Path(folder) / f"{name}.csv", float_format="%.9g", index=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
