"""The lines of the page of twenty tasks run, and what it names is there."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import sigel
from tests.python.house.test_structure import ROOT

PAGE = (ROOT / "docs" / "twenty-tasks.md").read_text(encoding="utf-8")
SMALL = {"n_rows": 14, "n_cols": 14, "n_programmes": 3, "genes_per_programme": 20, "n_background_genes": 30}


def lines_of(language):
    """Task to line."""
    block = re.search(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL).group(1)
    return {int(task): line for line, task in re.findall(r"^(.*?)\s+# (\d+)\b.*$", block, flags=re.MULTILINE)}


@pytest.fixture
def names(tmp_path):
    """What a reader has before the first line."""
    section = sigel.datasets.simulated_section(seed=0, **SMALL)
    section.obs["cell_type"] = pd.Categorical(np.arange(section.n_obs) % 3)
    several = section.copy()
    several.obs["slide"] = np.where(
        several.obsm["spatial"][:, 0] < np.median(several.obsm["spatial"][:, 0]), "a", "b"
    )
    panel, reference, _ = sigel.datasets.simulated_panel(40, seed=0, **SMALL)
    cells = reference.copy()
    del cells.obsm["spatial"], cells.obs["array_row"], cells.obs["array_col"]
    cells.uns.pop("spatial", None)
    section.write_h5ad(tmp_path / "section.h5ad")
    genes = section.var_names[section.var["programme"] == "ring"]
    return {
        "folder": tmp_path / "section.h5ad",
        "several": several,
        "gene_sets": {"ring": list(genes)},
        "new": sigel.datasets.simulated_section(seed=1, **SMALL),
        "panel": panel,
        "section": reference,
        "cells": cells,
        "cohort": sigel.datasets.simulated_cohort((3, 3), n_changed=6, **SMALL),
    }


def test_every_task_has_its_row_and_its_line_in_both_languages():
    rows = [int(row) for row in re.findall(r"^\| (\d+)\. ", PAGE, flags=re.MULTILINE)]
    assert rows == list(range(1, 21))
    assert list(lines_of("python")) == list(lines_of("r")) == rows


@pytest.mark.nightly
def test_the_lines_of_python_run(names):
    """In their order, as each goes on from those before; what is slow at its defaults is asked for less."""
    names["sigel"] = sigel
    for task, line in lines_of("python").items():
        # A choice of the number tries fifteen, and a cohort's training epochs; both have tests of their own.
        line = line.replace("domains(adata)", "domains(adata, 3)").replace(
            "embed(adata)", 'embed(adata, preset="fast")'
        )
        line = line.replace('"Gene0004"', "adata.var_names[adata.var['sigel_status'] == 'embedded'][0]")
        exec(compile(line, f"task {task}", "exec"), names)
    assert names["adata"].varm["X_sigel"].shape[1] == 32
    assert {"sigel_domain", "sigel_group"} <= set(names["adata"].obs) | set(names["adata"].var)
    assert names["trust"]["expected_pcc"].notna().any()
    for name in ("groups", "near", "terms", "sure", "table", "pairs"):
        assert len(names[name])


def test_the_lines_of_r_name_what_the_package_exports():
    exported = re.findall(r"^export\((\w+)\)$", (ROOT / "NAMESPACE").read_text(), flags=re.MULTILINE)
    for task, line in lines_of("r").items():
        named = re.search(r"(\w+)\(", line).group(1)
        assert task == 2 or named in exported, line
