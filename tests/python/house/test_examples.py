"""Every example in the docstrings of public things runs and gives what it says."""

from __future__ import annotations

import doctest

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pytest
from test_structure import PUBLIC

pytestmark = pytest.mark.usefixtures("all_trees")

FOUND = {
    test.name: test
    for name, thing in PUBLIC.items()
    for test in doctest.DocTestFinder(recurse=False).find(thing, name, globs={})
    if test.examples
}


def test_the_main_doors_have_examples():
    assert {"sigel.tl.embed", "sigel.SIGEL", "sigel.GeneImages", "sigel.pl.gene_map"} <= set(FOUND)


# Each seconds long, of verbs whose numbers have tests by day: by night.
LONG = (
    "sigel.io.read_imputed",
    "sigel.pl.disease_calibration",
    "sigel.pl.domain_confusion",
    "sigel.pl.domain_stability",
    "sigel.pl.gene_changes",
    "sigel.pl.group_stability",
    "sigel.pl.imputation_accuracy",
    "sigel.pl.imputed_genes",
    "sigel.tl.compare_imputed",
    "sigel.tl.domain_stability",
    "sigel.tl.impute",
    "sigel.tl.label_domains",
)


def test_the_long_ones_are_examples():
    assert set(LONG) <= set(FOUND)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly) if name in LONG else name for name in FOUND]
)
def test_example(name):
    said: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(FOUND[name], out=said.append)
    plt.close("all")
    assert result.failed == 0, "".join(said)
