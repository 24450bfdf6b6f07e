"""Shared fixtures: threads, real sections, tiny settings; skips that CI does not accept become failures."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import jaxtyping
import numpy as np
import pytest
import torch
from scipy import sparse

import checked_shapes

# Shapes in signatures are checked in tests alone.
checked_shapes.install()

import sigel  # noqa: E402
from sigel import errors  # noqa: E402
from sigel.tasks.imputation import expected_accuracy  # noqa: E402

# What checks them stands between the package and its caller.
errors._PACKAGE = (errors._PACKAGE, str(Path(jaxtyping.__file__).parent), checked_shapes.__file__)

torch.set_num_threads(1)

# Most of the time of a small imputation is a forest that foresees its accuracy. Where a test is not of how
# well it does, few trees do; `all_trees` gives a test the whole forest.
FEW_TREES, ALL_TREES = 20, expected_accuracy._TREES
expected_accuracy._TREES = FEW_TREES

# Fixtures of the command line are of all folders: a second conftest would be taken for this one.
pytest_plugins = ["command_line", "writers"]

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SIGEL_SHARED", ROOT.parent / "shared"))
REQUIRE_ALL = os.environ.get("SIGEL_REQUIRE_ALL") == "1"

# Nothing is held out, so that what training does is kept, whether it helps or not.
QUICK = {
    "train": {"pretrain_epochs": 2, "refine_epochs": 2, "holdout": 0.0},
    "encoder": {"depth": 1, "dim": 16},
}


def images_of(section, **image):
    """Gene images of what `toy` makes, weak genes kept."""
    counts, genes, coordinates, _ = section
    config = sigel.ImageConfig(min_spots=1, **image)
    return sigel.GeneImages.from_arrays(counts, genes, coordinates, None, config)


def pytest_runtest_setup():
    """Shapes are checked in every test anew."""
    checked_shapes.calls.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where everything must be present, a skip is a failure that says what is missing."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where SIGEL_REQUIRE_ALL=1: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def real_section():
    """Reader of a real section by file name, or a skip with the reason."""
    anndata = pytest.importorskip("anndata")
    if os.environ.get("SIGEL_REAL_SECTIONS") == "0":
        pytest.skip("SIGEL_REAL_SECTIONS=0 leaves out real sections")

    def read(name: str):
        path = SHARED / "data" / name
        if not path.is_file():
            pytest.skip(f"{name} is not in the shared data folder")
        return anndata.read_h5ad(path)

    return read


@pytest.fixture
def all_trees():
    """The whole forest that foresees the accuracy of imputed genes."""
    expected_accuracy._TREES = ALL_TREES
    yield
    expected_accuracy._TREES = FEW_TREES


@pytest.fixture(scope="session")
def toy():
    """Factory of small sections as plain arrays: two planted patterns and noise genes on a jagged grid."""

    def make(n_genes: int = 40, height: int = 12, width: int = 10, seed: int = 0):
        rng = np.random.default_rng(seed)
        row, col = (a.ravel() for a in np.mgrid[:height, :width])
        keep = rng.random(len(row)) < 0.95
        keep[:9] = True
        row, col = row[keep], col[keep]
        patterns = np.stack([row < height / 2, col < width / 2, np.ones(len(row))])
        which = np.arange(n_genes) % 3
        rate = rng.uniform(1, 4, n_genes)[:, None] * (0.2 + 2 * patterns[which])
        counts = rng.poisson(rate.T).astype(np.float32)
        genes = [f"G{i}" for i in range(n_genes)]
        coordinates = np.column_stack([col, row]).astype(float)
        return sparse.csr_matrix(counts), genes, coordinates, which

    return make
