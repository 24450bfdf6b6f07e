"""Several sections in one object, on top of each other, are taken for one by no verb without a word."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from anndata import concat
from matplotlib import pyplot as plt

import sigel
from sigel import datasets
from sigel.errors import InputError
from sigel.images.several_sections import tell_of_sections

ONE = datasets.simulated_section(14, 14, 3, 15, 15, seed=0)
ONE.obs["region"] = ONE.obs["region"].astype(str)
PANEL = ONE[:, :30].copy()
QUICK = {"method": "neighbors", "intervals": False, "progress": False}

VERBS = {
    "embed": lambda adata: sigel.tl.embed(adata, preset="fast", progress=False),
    "spatial_genes": lambda adata: sigel.tl.spatial_genes(adata, score=False, progress=False),
    "pattern_genes": lambda adata: sigel.tl.pattern_genes(
        adata, "region", {"ring": 0.9}, n_null=0, progress=False
    ),
    "select_genes": lambda adata: sigel.tl.select_genes(adata, n_genes=20, progress=False),
    "domains": lambda adata: sigel.tl.domains(
        adata, 3, config={"windows": (1, 7), "starts": 1}, progress=False
    ),
    "gene_interactions": lambda adata: sigel.tl.gene_interactions(
        adata, partners_of="Gene0001", progress=False
    ),
    "impute, target": lambda adata: sigel.tl.impute(adata[:, :30].copy(), ONE, **QUICK),
    "impute, reference": lambda adata: sigel.tl.impute(PANEL, adata, **QUICK),
    "gene_images": lambda adata: sigel.pl.gene_images(adata, ["Gene0001"]),
    "gene_pair": lambda adata: sigel.pl.gene_pair(adata, "Gene0001", "Gene0002"),
}


def on_top(*, lattice, column="library_id", shift=30.0):
    """Two sections in one object, as they come out of `anndata.concat`."""
    other = ONE.copy()
    other.obsm["spatial"] = other.obsm["spatial"] + shift
    both = concat([ONE, other], label=column, keys=["a", "b"], index_unique="-")
    if not lattice:
        both.obs = both.obs.drop(columns=["array_row", "array_col"])
    return both


@pytest.mark.parametrize("verb", list(VERBS))
def test_array_positions_that_occur_twice_are_refused(verb):
    with pytest.raises(InputError, match=r"found several sections on top of each other.*section_key="):
        VERBS[verb](on_top(lattice=True))


@pytest.mark.parametrize("verb", list(VERBS))
def test_a_column_that_names_sections_is_warned_of(verb):
    adata = on_top(lattice=False)
    with pytest.warns(UserWarning, match=r"obs\['library_id'\] names 2 sections, which lie on top") as told:
        VERBS[verb](adata)
    assert sum("names 2 sections" in str(one.message) for one in told) == 1
    plt.close("all")


def test_sections_that_are_told_apart_or_alone_are_told_of_by_no_one():
    both = on_top(lattice=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sigel.tl.embed(both, section_key="library_id", preset="fast", progress=False)
        sigel.tl.spatial_genes(both, section_key="library_id", score=False, progress=False)
        sigel.pl.gene_images(both, ["Gene0001"])
        VERBS["spatial_genes"](both[both.obs["library_id"] == "a"].copy())
        VERBS["spatial_genes"](on_top(lattice=False, column="donor"))
        VERBS["spatial_genes"](on_top(lattice=False, shift=3000.0))
    plt.close("all")


def test_slices_at_an_angle_share_a_corner_of_their_boxes_and_columns_may_hold_gaps():
    both = on_top(lattice=False)
    size = np.ptp(ONE.obsm["spatial"], axis=0)
    for share, warned in ((0.8, True), (0.6, False)):
        both.obsm["spatial"][ONE.n_obs :] = ONE.obsm["spatial"] + size * (1 - share)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            tell_of_sections(both, None, both.obsm["spatial"])
        assert len(told) == warned
    both.obs["Sample_ID"] = both.obs.pop("library_id").astype(object).where(np.arange(both.n_obs) % 2 == 0)
    both.obsm["spatial"][ONE.n_obs :] = ONE.obsm["spatial"]
    with pytest.warns(UserWarning, match="Sample_ID"):
        tell_of_sections(both, None, both.obsm["spatial"])
