"""A SpatialData in memory where an AnnData is wanted: every door says the line that makes one; it runs."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import sigel
from sigel.errors import InputError

# What some verbs ask for beside the object; none of it is looked at before that.
BESIDE = {"genes": ["Gene0001"], "condition": "kind", "region_key": "kind"}
VERBS = [name for name in sigel.tl.__all__ if name != "compare_imputed"]  # which takes what `impute` returned


class SpatialData:
    """As far as its tables go."""

    def __init__(self, **tables):
        self.tables = tables


@pytest.fixture
def section():
    return sigel.datasets.simulated_section(12, 12, 2, 6, 8, seed=0)


def refused(call):
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_says_the_line_that_runs(section, name):
    verb = getattr(sigel.tl, name)
    _, *others = inspect.signature(verb).parameters.values()
    needed = {one.name: BESIDE.get(one.name, section) for one in others if one.default is one.empty}
    sdata = SpatialData(cells=section)
    says = refused(lambda: verb(sdata, **needed))
    line = re.search(r"adata = sigel\.io\.read\(sdata, table='cells'\)", says)
    assert line is not None, says
    made = {"sigel": sigel, "sdata": sdata}
    exec(line[0], made)
    np.testing.assert_array_equal(made["adata"].obsm["spatial"], section.obsm["spatial"])


def test_one_as_a_reference_or_among_sections_is_told_of_too(section):
    sdata = SpatialData(bins=section, table=section)
    for call in (
        lambda: sigel.tl.impute(section, sdata),
        lambda: sigel.tl.impute(section, [sdata]),
        lambda: sigel.tl.label_domains(section, sdata),
        lambda: sigel.tl.gene_interactions({"a": section, "b": sdata}),
        lambda: sigel.pl.domains(sdata, color="kind"),
        lambda: sigel.GeneImages.from_anndata(sdata),
    ):
        assert "sigel.io.read(sdata, table='table'). There are 'bins', 'table'." in refused(call)


def test_places_are_found_where_a_table_has_them_under_other_names(section):
    section.obsm["X_spatial"] = section.obsm.pop("spatial")
    read = sigel.io.read(SpatialData(table=section))
    np.testing.assert_array_equal(read.obsm["spatial"], section.obsm["X_spatial"])
    del section.obsm["X_spatial"]
    assert 'obsm["spatial"] of the table' in refused(lambda: sigel.io.read(SpatialData(table=section)))
