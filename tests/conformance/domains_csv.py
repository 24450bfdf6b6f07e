"""The Python door's answers to domains.json, as CSV files: domains, chosen genes, numbers, stability.

Usage: python domains_csv.py domains.json folder
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
    adata.obs["half"] = (adata.obs["array_col"] > adata.obs["array_col"].median()).map(
        {True: "b", False: "a"}
    )
    common = {"seed": case["seed"], "device": "cpu", "progress": False}

    def save(name: str, table: pd.DataFrame, label: str = "name") -> None:
        table.to_csv(Path(folder) / f"{name}.csv", float_format="%.9g", index_label=label)

    def domains(name: str, n_domains: int | None, **settings: object) -> None:
        sigel.tl.domains(adata, n_domains, config=case["config"], **settings, **common)
        save(name, adata.obs[["sigel_domain", "sigel_domain_prob"]])

    save(
        "selection",
        sigel.tl.select_genes(adata, n_genes=case["n_genes"], config=case["image"], **common),
        "gene",
    )
    domains("halves", case["n_domains"], section_key="half", refine=True)
    domains("by_bic", None)
    save("number", pd.DataFrame(adata.uns["sigel"]["domains"]["number"]))
    domains("domains", case["n_domains"])
    features = adata.obsm["X_sigel_domain"]
    save("features", pd.DataFrame(features, index=adata.obs_names))
    table = sigel.tl.domain_stability(
        adata, n_seeds=case["n_seeds"], seed=case["seed"], device="cpu", progress=False
    )
    save("stability", table.assign(ari=table.attrs["ari"]))
    save("kept", adata.obs[["sigel_domain_stability"]])
    odd = (adata.obs["array_row"] % 2 == 1).to_numpy()
    new, reference = adata[odd].copy(), adata[~odd].copy()
    sigel.tl.label_domains(new, reference, config=case["config"], **common)
    save("labelled", new.obs[["sigel_domain", "sigel_domain_prob"]])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
