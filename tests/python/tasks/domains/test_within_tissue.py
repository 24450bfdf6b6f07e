"""Spots beside the tissue, islands and single spots."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, concat
from sklearn.metrics import adjusted_rand_score

import sigel
from planted_tissue import find, planted_domains
from sigel.tasks.domains.windows import Tissue, islands


@pytest.fixture(scope="module")
def slide():
    """A capture area: a tissue of three domains, and spots with a few stray counts beside it."""
    tissue = planted_domains(24, 24, 3)
    rng = np.random.default_rng(0)
    low, high = tissue.obsm["spatial"].min(axis=0), tissue.obsm["spatial"].max(axis=0)
    beside = AnnData(rng.poisson(0.02, (80, tissue.n_vars)).astype(np.float32))
    beside.var_names = tissue.var_names
    beside.obsm["spatial"] = np.column_stack(
        [rng.uniform(low[0], high[0], 80), high[1] + 5 + 30 * rng.random(80)]
    )
    tissue.obs["in_tissue"], beside.obs["in_tissue"] = 1, 0
    made = concat([tissue, beside], index_unique="-", label="part")
    return made[rng.permutation(made.n_obs)].copy()


def test_spots_beside_the_tissue_take_no_part_and_get_no_domain(slide):
    adata = slide.copy()
    with pytest.warns(UserWarning, match="80 of .* spots lie beside the tissue"):
        find(adata, 3)
    within = adata.obs["in_tissue"] == 1
    assert adata.obs["sigel_domain"].isna().equals(~within)
    assert adata.obs["sigel_domain_prob"].isna().equals(~within)
    assert np.isnan(adata.obsm["X_sigel_domain"][~within]).all()
    assert np.isfinite(adata.obsm["X_sigel_domain"][within]).all()
    alone = find(slide[within].copy(), 3)
    assert (
        alone.obs["sigel_domain"].astype(str).tolist()
        == adata.obs["sigel_domain"][within].astype(str).tolist()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = sigel.tl.domain_stability(adata, n_seeds=1, progress=False)
        sigel.pl.domains(adata)
    assert table["n_spots"].sum() == within.sum()
    assert adata.obs["sigel_domain_stability"].isna().equals(~within)


@pytest.mark.parametrize("kind", [str, bool, "category", float])
def test_the_column_may_be_of_any_type(slide, kind):
    adata = slide.copy()
    adata.obs["in_tissue"] = adata.obs["in_tissue"].astype(kind)
    with pytest.warns(UserWarning, match="80 of"):
        find(adata, 3)
    assert adata.obs["sigel_domain"].isna().sum() == 80


@pytest.mark.parametrize("value", [0, 1])
def test_a_column_that_tells_no_spots_apart_says_nothing(slide, value):
    adata = slide[slide.obs["part"] == "0"].copy()
    adata.obs["in_tissue"] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find(adata, 3)
    assert adata.obs["sigel_domain"].notna().all()


def test_new_spots_beside_the_tissue_get_no_label(slide):
    reference, new = slide.copy(), slide.copy()
    with pytest.warns(UserWarning, match="beside the tissue"):
        find(reference, 3)
    with pytest.warns(UserWarning, match="80 of"):
        sigel.tl.label_domains(new, reference, progress=False)
    assert new.obs["sigel_domain"].isna().equals(new.obs["in_tissue"] == 0)
    known = new.obs["sigel_domain"].notna()
    assert adjusted_rand_score(new.obs["sigel_domain"][known], reference.obs["sigel_domain"][known]) > 0.9


def test_an_island_of_another_domain_than_the_shore_is_not_drowned():
    """Twelve spots of the band that is farthest from the shore they lie before."""
    mainland = planted_domains(30, 30, 3, per_domain=30)
    bands = mainland.obs["region"].cat.categories
    far = np.flatnonzero(mainland.obs["region"] == bands[0])[:12]
    island = mainland[far].copy()
    high = mainland.obsm["spatial"].max(axis=0)
    step = np.stack(np.divmod(np.arange(12.0), 4), axis=1) * 2
    island.obsm["spatial"] = np.array([high[0] / 2, high[1] + 12.0]) + step
    for adata in (mainland, island):
        adata.obs = adata.obs.drop(columns=["array_row", "array_col"])
    both = concat([mainland, island], index_unique="-", label="part")
    find(both, 3, config={})
    of_band = pd.crosstab(both.obs["region"], both.obs["sigel_domain"])
    own = both.obs["sigel_domain"][both.obs["part"] == "1"]
    assert (own == of_band.loc[bands[0]].idxmax()).mean() > 0.9


def test_how_densely_cells_lie_is_no_border():
    """A dense square, and beside it one of a fiftieth of the density; each has full windows."""
    rng = np.random.default_rng(0)
    dense, sparse_ = rng.uniform(0, 10, (1600, 2)), rng.uniform(0, 30, (300, 2)) + [10.5, 0]
    places = np.vstack([dense, sparse_])
    assert islands(places)[:1600].max() == 0
    tissue = Tissue(places, np.zeros(1900, int))
    seen = np.diff(tissue.means(19).indptr)
    assert np.median(seen[1600:]) >= 19
    assert (seen >= 19).mean() > 0.99


def test_islands_are_what_lies_apart_and_single_spots_are_none():
    mainland = np.stack(np.divmod(np.arange(400.0), 20), axis=1)
    island = np.stack(np.divmod(np.arange(12.0), 4), axis=1) + [40.0, 0]
    alone = np.array([[0.0, 60.0]])
    found = islands(np.vstack([mainland, island, alone]))
    assert len(set(found[:400])) == len(set(found[400:412])) == 1
    assert found[0] != found[400]
    assert found[412] == found[0]
    tissue = Tissue(np.vstack([mainland, island, alone]), np.zeros(413, int))
    means = tissue.means(19)
    assert set(means[405].indices) == set(range(400, 412))
    np.testing.assert_allclose(np.asarray(means.sum(axis=1)).ravel(), 1, rtol=1e-5)
    some = np.array([411, 3, 412, 200, 400])
    assert abs(Tissue(tissue.coordinates, tissue.section).means(19, some) - means[some]).max() == 0


@pytest.mark.parametrize("text", [("True", "False"), ("true", "false"), ("1", "0"), ("TRUE", "FALSE")])
def test_text_says_what_is_tissue(slide, text):
    adata = slide.copy()
    adata.obs["in_tissue"] = np.where(adata.obs["in_tissue"] == 1, *text)
    with pytest.warns(UserWarning, match="80 of"):
        find(adata, 3)


def test_a_column_that_is_neither_is_refused(slide):
    adata = slide.copy()
    adata.obs["in_tissue"] = np.where(adata.obs["in_tissue"] == 1, "tissue", "glass")
    with pytest.raises(sigel.errors.InputError, match=r"`adata`.*in_tissue.*'(glass|tissue)'"):
        find(adata, 3)


def test_refusals_name_what_the_caller_gave(slide):
    adata = slide.copy()
    adata.X = adata.X.toarray()
    adata.X[0, 0] = -2
    with pytest.warns(UserWarning, match="80 of"), pytest.raises(sigel.errors.InputError, match="`layer`"):
        find(adata, 3)
