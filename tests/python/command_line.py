"""Files for the command line, made once, and its function with what it said."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import sigel


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    """Run a command: its exit code, and what it said."""

    pytest.importorskip("cyclopts")
    from sigel.cli import main

    def command(*words: object) -> Said:
        code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return command


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with small sections: raw, embedded, a panel and its reference, a cohort and its table."""
    pytest.importorskip("cyclopts")
    from sigel.cli import main

    folder = tmp_path_factory.mktemp("command_line")
    section = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    section.layers["counts"] = section.X.copy()
    section.write_h5ad(folder / "section.h5ad")
    sigel.datasets.simulated_section(14, 14, 4, 10, 20, seed=1).write_h5ad(folder / "second.h5ad")
    assert main(["embed", str(folder / "section.h5ad"), "-o", str(folder / "embedded.h5ad"), *QUICK]) == 0
    target, reference, _ = sigel.datasets.simulated_panel(
        40, n_rows=14, n_cols=14, n_programmes=4, genes_per_programme=20, n_background_genes=20
    )
    target.write_h5ad(folder / "panel.h5ad")
    reference.write_h5ad(folder / "reference.h5ad")
    rows = ["path,condition,donor"]
    cohort = sigel.datasets.simulated_cohort(
        (2, 2), n_rows=14, n_cols=14, n_programmes=4, genes_per_programme=20, n_background_genes=20
    )
    for k, one in enumerate(cohort):
        one.write_h5ad(folder / f"donor{k}.h5ad")
        rows.append(f"donor{k}.h5ad,{one.obs['condition'].iloc[0]},{one.obs['donor'].iloc[0]}")
    (folder / "samples.csv").write_text("\n".join(rows) + "\n")
    return folder


QUICK = ("--preset", "fast", "--n-groups", "4", "--n-dims", "8")
