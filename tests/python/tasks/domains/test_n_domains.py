"""The number of domains: what is found again in an independent half of the counts."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from planted_tissue import find, planted_domains
from sigel.tasks.domains.n_domains import best_number, warn_of_bounds

FEW = {"windows": (1, 7), "components": (8,), "starts": 2, "max_domains": 4}


def table(*found_again):
    """Of 1, 2, ... domains."""
    n = np.arange(1, len(found_again) + 1)
    return pd.DataFrame({"n_domains": n, "found_again": found_again, "agreement": 1.0, "bic": 0.0})


def test_the_largest_number_whose_domains_are_all_found_again_is_chosen():
    assert best_number(table(1.0, 0.9, 0.3, 0.8, 0.74)) == 4
    assert best_number(table(1.0, 0.1, 0.2)) == 2
    assert best_number(table(1.0, 0.9, 0.9)) == 3


def test_bounds_are_told():
    with pytest.warns(UserWarning, match="No number of domains is found again.*Give `n_domains`"):
        warn_of_bounds(table(1.0, 0.1, 0.2))
    with pytest.warns(UserWarning, match="3 domains, the largest number tried"):
        warn_of_bounds(table(1.0, 0.9, 0.9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_bounds(table(1.0, 0.9, 0.9, 0.2))


@pytest.fixture(scope="module")
def three():
    return planted_domains(30, 30, 3)


def test_the_planted_number_is_found_and_its_table_kept(three):
    adata = find(three.copy(), None, config={"max_domains": 6})
    about = adata.uns["sigel"]["domains"]
    number = pd.DataFrame(about["number"])
    assert list(number) == ["n_domains", "found_again", "agreement", "bic"]
    assert number["n_domains"].tolist() == [1, 2, 3, 4, 5, 6]
    assert number["found_again"].between(0, 1).all()
    assert number["agreement"].between(-0.1, 1 + 1e-9).all()
    assert about["n_domains"] == best_number(number) == 3
    assert adata.obs["sigel_domain"].nunique() == 3
    assert number["found_again"][2] > 0.9


def test_the_table_does_not_hang_on_what_clusters(three):
    numbers = [
        find(three.copy(), None, config=FEW, method=method).uns["sigel"]["domains"]["number"]
        for method in ("mixture", lambda features, n: np.arange(len(features)) % n)
    ]
    for name in numbers[0]:
        np.testing.assert_array_equal(numbers[0][name], numbers[1][name])


def test_of_noise_no_number_is_found_again():
    rng = np.random.default_rng(0)
    adata = AnnData(sparse.csr_matrix(rng.poisson(1.0, (400, 60)).astype(np.float32)))
    adata.obsm["spatial"] = np.column_stack(np.divmod(np.arange(400), 20)).astype(float)
    with pytest.warns(UserWarning, match="nothing says that there are two"):
        find(adata, None, config=FEW)
    assert adata.uns["sigel"]["domains"]["n_domains"] == 2


def test_a_small_section_is_no_obstacle(three):
    few = three[:30].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        find(few, None)
    number = few.uns["sigel"]["domains"]["number"]
    assert number["n_domains"].tolist() == [1, 2, 3]  # up to a tenth of the spots


@pytest.mark.nightly
def test_many_spots_are_judged_on_the_same_some(three):
    adata = find(three.copy(), None, config={"starts": 4, "max_domains": 4, "max_spots": 500})
    assert adata.uns["sigel"]["domains"]["n_domains"] == 3
