"""One prediction out of many: whatever the order of the products, the weighted mean of the predictors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sigel.tasks.imputation.ensemble import Ensemble
from sigel.tasks.imputation.predictors import Predictor

GENES = np.array([f"g{n}" for n in range(9)], dtype=object)


def averages(rng, n_cells, near):
    index = np.array([rng.choice(n_cells, near, replace=False) for _ in range(n_cells)])
    return sparse.csr_matrix(
        (np.full(index.size, 1 / near), index.ravel(), np.arange(0, index.size + 1, near)), (n_cells, n_cells)
    )


def predictor(rng, name, genes, cells, asked):
    """Of a reference with some genes: factors of cells, and random factors of genes."""
    row = {gene: n for n, gene in enumerate(genes)}
    known = rng.standard_normal((cells.shape[1], len(genes)))

    def of_genes(rows):
        asked.append(len(rows))
        return known[:, rows]

    reference = SimpleNamespace(row=row, rows=lambda names: np.array([row[name] for name in names]))
    return Predictor(name, cells, of_genes, reference), known


@given(
    seed=st.integers(0, 999),
    near=st.integers(1, 6),
    # Few spots of which many are averaged make the product of both narrow; many spots make it wide.
    spots=st.sampled_from([3, 40]),
    some=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_predictions_are_the_weighted_means_of_dense_products(seed, near, spots, some):
    rng, asked = np.random.default_rng(seed), []
    n = 12
    smoothers = {1: averages(rng, n, 1), 7: averages(rng, n, near)}
    sparse_cells = sparse.random(n, spots, 0.3, "csr", random_state=seed)
    given_ = [
        predictor(rng, "narrow", GENES[:6], rng.standard_normal((n, 2)), asked),
        predictor(rng, "wide", GENES[:6], sparse_cells, asked),
        predictor(rng, "wide", GENES[2:], sparse_cells, asked),
    ]
    weights = rng.random((2, 2))
    ensemble = Ensemble(("narrow", "wide"), (1, 7), weights)
    cells = np.sort(rng.choice(n, 5, replace=False)) if some else None
    genes = GENES[2:6]
    at = np.arange(n) if cells is None else cells
    near = {scale: matrix[at] for scale, matrix in smoothers.items()}
    found = ensemble.predict([one for one, _ in given_], near, genes)

    expected = np.zeros((len(at), len(genes)))
    for k, name in enumerate(ensemble.names):
        mixed = sum(
            weight * matrix.toarray()[at]
            for weight, matrix in zip(weights[k], smoothers.values(), strict=True)
        )
        parts = [
            mixed @ sparse.csr_matrix(one.cells).toarray() @ known[:, one.reference.rows(genes)]
            for one, known in given_
            if one.name == name
        ]
        expected += np.mean(parts, axis=0)
    expected -= expected.mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))


def test_a_gene_that_one_reference_lacks_is_the_others_alone_and_factors_are_asked_for_once():
    rng, asked = np.random.default_rng(0), []
    cells = rng.standard_normal((8, 3))
    first, known = predictor(rng, "a", GENES[:4], cells, asked)
    second, _ = predictor(rng, "a", GENES[2:], cells, asked)
    twin = Predictor("b", cells, first.genes, first.reference)
    smoothers = {1: sparse.identity(8, format="csr")}
    ensemble = Ensemble(("a", "b"), (1,), np.array([[1.0], [0.0]]))
    alone = ensemble.predict([first, second, twin], smoothers, GENES[:1])
    expected = cells @ known[:, :1]
    np.testing.assert_allclose(alone, expected - expected.mean(axis=0), atol=1e-5)

    asked.clear()
    both = Ensemble(("a", "b"), (1,), np.array([[0.5], [0.5]])).bound([first, second, twin], smoothers)
    one = both(GENES[:4])
    assert sorted(asked) == [2, 4]  # the twin's are the first's
    np.testing.assert_array_equal(both(GENES[:4]), one)


def test_names_without_weight_are_never_worked_out():
    def refuse(rows):
        pytest.fail("asked for genes of a predictor without weight")

    one = Predictor("a", np.ones((4, 1)), refuse, SimpleNamespace(row={}, rows=list))
    found = Ensemble(("a",), (1,), np.zeros((1, 1))).predict(
        [one], {1: sparse.identity(4, format="csr")}, GENES[:2]
    )
    assert found.shape == (4, 2)
    assert not found.any()
