"""The Python door's answers to cohort.json, as CSV files: genes that change, and pairs of genes.

Usage: python cohort_csv.py cohort.json folder
"""

from __future__ import annotations

import json
import sys
from itertools import combinations
from pathlib import Path

import anndata
import pandas as pd

import sigel


def main(settings_file: str, folder: str) -> None:
    case = json.loads(Path(settings_file).read_text())
    sections = sigel.datasets.simulated_cohort(**case["simulation"], seed=case["simulation_seed"])
    common = {"seed": case["seed"], "device": "cpu", "progress": False}

    def save(name: str, table: pd.DataFrame) -> None:
        table.to_csv(Path(folder) / f"{name}.csv", float_format="%.12g", index_label="name")

    of_donor = [section.obs["condition"].iloc[0] for section in sections]
    condition = pd.Categorical(of_donor, case["levels"])
    table = sigel.tl.disease_genes(sections, condition, covariates={"batch": case["batch"]}, **common)
    save("list", table)
    save("calibration", pd.DataFrame(table.attrs["calibration"]))
    joined = anndata.concat(sections, index_unique="_")
    joined.obs["condition"] = pd.Categorical(joined.obs["condition"].astype(str), case["levels"])
    programme = sections[0].var["programme"]
    genes = [programme.index[programme == one] for one in case["programmes"]]
    known = pd.DataFrame([pair for own in genes for pair in combinations(own, 2)])
    questions = {
        "partners": (sections, {"partners_of": case["partners_of"], "n": case["n"]}),
        "pairs_joined": (joined, {"genes": case["genes"], "section_key": "donor"}),
        "pairs_one": (sections[0], {"genes": case["genes"]}),
        "known": (sections, {"pairs": known[:9], "known": known}),
    }
    for name, (given, options) in questions.items():
        found = sigel.tl.gene_interactions(given, **options, **common)
        save(name, found.rename_axis("row"))
        # The call is that of its door.
        about = {key: value for key, value in found.attrs.items() if key != "provenance"}
        save(f"{name}_attrs", pd.DataFrame([about]))
    save("joined", sigel.tl.disease_genes(joined, "condition", section_key="donor", **common))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
