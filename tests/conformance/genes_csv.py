"""The Python door's answers to genes.json, as CSV files: spatial.csv and patterns.csv.

Usage: python genes_csv.py genes.json folder
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import sigel


def main(settings_file: str, folder: str) -> None:
    case = json.loads(Path(settings_file).read_text())
    adata = sigel.datasets.simulated_section(**case["simulation"], seed=case["simulation_seed"])
    config = sigel.ImageConfig(**case["config"])
    common = {"config": config, "seed": case["seed"], "device": "cpu", "progress": False}
    adata.obs["depth"] = adata.obs["array_row"].astype(float)
    spatial = sigel.tl.spatial_genes(adata, covariates=["depth"], **case["spatial"], **common)
    patterns = sigel.tl.pattern_genes(adata, "region", **case["patterns"], **common)
    spatial.to_csv(Path(folder) / "spatial.csv", float_format="%.9g", index_label="gene")
    patterns.to_csv(Path(folder) / "patterns.csv", float_format="%.9g", index_label="gene")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
