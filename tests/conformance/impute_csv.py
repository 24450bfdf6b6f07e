"""The Python door's answers to impute.json, as CSV files: values, bounds and tables.

Usage: python impute_csv.py impute.json folder
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

import sigel


def main(settings_file: str, folder: str) -> None:
    case = json.loads(Path(settings_file).read_text())
    target, reference, _ = sigel.datasets.simulated_panel(**case["simulation"], seed=case["simulation_seed"])

    def impute(**settings: object) -> AnnData:
        config = {**case["config"], **settings}
        common = {"seed": case["seed"], "device": "cpu", "progress": False}
        return sigel.tl.impute(target, reference, config=config, **common)

    def save(name: str, table: pd.DataFrame) -> None:
        table.to_csv(Path(folder) / f"{name}.csv", float_format="%.9g", index_label="gene")

    def wide(adata: AnnData, values: np.ndarray | sparse.csr_matrix) -> pd.DataFrame:
        dense = values.toarray() if sparse.issparse(values) else np.asarray(values)
        return pd.DataFrame(dense.T, index=adata.var_names, columns=adata.obs_names)

    together, sequential = impute(), impute(**case["sequential"])
    save("values", wide(together, together.X))
    save("lower", wide(together, together.layers["lower"]))
    save("upper", wide(together, together.layers["upper"]))
    save("genes", together.var)
    save("shared", together.uns["sigel_imputation"]["shared"])
    save("sequential", wide(sequential, sequential.X))
    save("sequential_genes", sequential.var)
    for name in ("weights", "coverage"):
        together.uns["sigel_imputation"][name].to_csv(
            Path(folder) / f"{name}.csv", float_format="%.9g", index=False
        )
    together.uns["sigel_imputation"]["left_out"].to_csv(Path(folder) / "left_out.csv", index_label="gene")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
