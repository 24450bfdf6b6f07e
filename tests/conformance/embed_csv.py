"""The Python door's answer to settings.json, as CSV files: genes.csv and spots.csv.

Usage: python embed_csv.py settings.json folder
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
    settings = dict(case["settings"])
    n_dims, n_groups = settings.pop("n_dims"), settings.pop("n_groups")
    sigel.tl.embed(
        adata,
        n_dims=n_dims,
        n_groups=n_groups,
        seed=case["seed"],
        device="cpu",
        config=settings,
        progress=False,
    )
    genes = pd.DataFrame(adata.varm["X_sigel"], index=adata.var_names).add_prefix("dim")
    columns = adata.var[["sigel_group", "sigel_group_prob", "sigel_status"]]
    genes = genes.join(columns.set_axis(["group", "prob", "status"], axis=1))
    spots = pd.DataFrame(adata.obsm["X_sigel"], index=adata.obs_names).add_prefix("dim")
    genes.to_csv(Path(folder) / "genes.csv", float_format="%.9g")
    spots.to_csv(Path(folder) / "spots.csv", float_format="%.9g")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
