"""Cohorts with planted changes: what is planted is what is said, and the tables hold what was found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import sigel


@pytest.fixture(scope="module")
def given():
    from benchmarks.cohorts.planted import planted

    size = {"n_rows": 16, "n_cols": 16, "n_programmes": 4, "genes_per_programme": 40, "median_counts": 3000}
    donors = sigel.datasets.simulated_cohort((2, 2), n_changed=0, n_background_genes=60, **size)
    return planted("simulated", donors, np.random.default_rng(0), of_a_kind=6)


def shares(given, kind):
    genes = given.kind == kind
    counts = [np.asarray(sparse.csr_matrix(one.X).toarray())[:, genes] for one in given.sections]
    return np.array([one.sum(axis=0) for one in counts])


def test_changes_of_pattern_leave_the_level_and_changes_of_level_halve_it(given):
    from benchmarks.cohorts.planted import FULL, HALF, INSIDE, LEVEL_ALONE, NOTHING, SHARE

    for kind in (*FULL, *HALF, INSIDE, LEVEL_ALONE, SHARE):
        assert (given.kind == kind).sum() >= 6

    def fold(kind):
        level = np.log2(shares(given, kind) + 0.5)
        change = level[given.condition == 1].mean(axis=0) - level[given.condition == 0].mean(axis=0)
        return np.median(change)

    assert fold(NOTHING) == pytest.approx(0, abs=0.15)
    assert fold(LEVEL_ALONE) == pytest.approx(-1, abs=0.5)
    assert fold(SHARE) == pytest.approx(-1, abs=0.5)
    assert set(given.kind[~given.changed]) == {NOTHING, LEVEL_ALONE, SHARE}


def test_an_abolished_gene_lies_everywhere(given):
    """Its counts follow the library of spots and nothing else."""
    genes = np.flatnonzero(given.kind == "abolished, full")
    for adata, case in zip(given.sections, given.condition, strict=True):
        counts = np.asarray(sparse.csr_matrix(adata.X).toarray())
        size = counts.sum(axis=1)
        expected = counts[:, genes].sum(axis=0) * size[:, None] / size.sum()
        enough = expected.mean(axis=0) > 0.5
        far = (np.square(counts[:, genes] - expected) / np.maximum(expected, 1e-9)).mean(axis=0)[enough]
        if case:
            assert np.median(far) < 1.5
    assert enough.any()


def test_an_interaction_of_condition_and_domain_is_found():
    from benchmarks.cohorts.rows import _nested_f

    rng = np.random.default_rng(0)
    section, domain = np.divmod(np.arange(24), 4)
    case = section % 2
    without = np.hstack([np.eye(6)[section], np.eye(4)[domain][:, 1:]])
    whole = np.hstack([without, np.eye(4)[domain][:, 1:] * case[:, None]])
    y = rng.normal(size=(24, 400)) + 3.0 * section[:, None]
    y[:, 0] += 10.0 * case * (domain == 2)
    found = _nested_f(y, without, whole)
    assert found.pval[0] < 1e-4
    assert np.mean(found.pval[1:] < 0.05) == pytest.approx(0.05, abs=0.04)


def test_the_quick_tables_have_a_row_for_every_way():
    from benchmarks.cohorts.interactions import interactions
    from benchmarks.cohorts.rows import WAYS
    from benchmarks.cohorts.tables import cohorts
    from benchmarks.harness.job import Job

    found, called = cohorts(Job(quick=True))
    assert [row["method"] for row in found["rows"]] == list(WAYS)
    assert all(0 <= row["AUROC, full"] <= 1 for row in found["rows"])
    assert {row["method"] for row in called["rows"]} < set(WAYS)
    (pairs,) = interactions(Job(quick=True))
    of = {row["method"]: row["AUROC"] for row in pairs["rows"]}
    assert of["SIGEL"] > 0.7
    assert of["SIGEL"] > of["level"]


def test_what_many_sections_take_is_held_against_reading_them():
    from benchmarks.cohorts.scale import cohort_scale
    from benchmarks.harness.job import Job

    (table,) = cohort_scale(Job(quick=True))
    (row,) = table["rows"]
    assert row["sections"] == 4
    assert row["times reading"] > 1
    assert row["peak GB, SIGEL"] >= 0.5 * row["peak GB, reading"]
