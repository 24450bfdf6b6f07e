import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sigel.stats import products
from sigel.stats.products import sparse_product


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@settings(deadline=None, max_examples=40)
@given(
    n_rows=st.integers(1, 30),
    n_columns=st.integers(1, 5),
    n_threads=st.integers(1, 4),
    density=st.sampled_from([0.0, 0.1, 0.9]),
    kinds=st.tuples(*[st.sampled_from([np.float32, np.float64])] * 2),
    seed=st.integers(0, 99),
)
def test_it_is_the_plain_product_to_the_last_bit(n_rows, n_columns, n_threads, density, kinds, seed):
    rng = np.random.default_rng(seed)
    left = sparse.random(n_rows, 12, density, format="csr", dtype=kinds[0], rng=rng)
    right = rng.standard_normal((12, n_columns)).astype(kinds[1])
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "LEAST_WORK", 1)
        torch.set_num_threads(n_threads)
        try:
            found = sparse_product(left, right)
        finally:
            torch.set_num_threads(before)
    np.testing.assert_array_equal(found, left @ right)
    assert found.dtype == (left @ right).dtype


def test_a_column_does_not_hang_on_the_others(threads):
    threads(2)
    rng = np.random.default_rng(0)
    left = sparse.random(4000, 500, 0.1, format="csr", rng=rng)
    right = rng.standard_normal((500, 201))
    whole = sparse_product(left, right)
    np.testing.assert_array_equal(whole[:, 7:8], sparse_product(left, right[:, 7:8]))


def test_a_matrix_stored_by_columns_has_the_same_product(threads, monkeypatch):
    threads(2)
    monkeypatch.setattr(products, "LEAST_WORK", 1)
    rng = np.random.default_rng(0)
    left, right = sparse.random(40, 9, 0.3, format="csc", rng=rng), rng.standard_normal((9, 3))
    np.testing.assert_allclose(sparse_product(left, right), left @ right, rtol=1e-12)


def test_what_is_wrong_in_a_thread_is_raised(threads, monkeypatch):
    threads(2)
    monkeypatch.setattr(products, "LEAST_WORK", 1)
    with pytest.raises(ValueError, match="mismatch"):
        sparse_product(sparse.csr_matrix(np.eye(6)), np.ones((5, 4)))
