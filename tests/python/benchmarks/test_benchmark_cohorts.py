"""Cohorts with planted changes: what is planted is what is said, and the tables hold what was found."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
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


def parts(section, domain, n_genes=3):
    from benchmarks.cohorts.cohort import Parts

    return Parts(np.ones((len(section), n_genes)), np.array(section), np.array(domain))


def test_the_design_of_the_interaction_has_full_rank_whatever_domains_are_missing():
    from benchmarks.cohorts.cohort import interaction_design

    section, domain = np.divmod(np.arange(12), 3)
    condition = np.array([0, 1, 0, 1])
    whole, tested = interaction_design(parts(section, domain), condition)
    assert whole.shape == (12, 4 + 2 + 2)
    assert np.linalg.matrix_rank(whole) == whole.shape[1]
    assert tested.tolist() == [6, 7]
    assert set(whole[:, 6]) == {0, 1}
    np.testing.assert_array_equal(whole[:, 6], (domain == 1) & (section % 2 == 1))

    # Domain 2 is in no section of the first condition: nothing tells it from its interaction.
    there = ~((domain == 2) & (section % 2 == 0))
    fewer, tested = interaction_design(parts(section[there], domain[there]), condition)
    assert fewer.shape == (10, 4 + 2 + 1)
    assert np.linalg.matrix_rank(fewer) == fewer.shape[1]
    assert tested.tolist() == [6]

    # One domain in each section: nothing to test.
    alone, tested = interaction_design(parts([0, 1, 2, 3], [0, 1, 2, 0]), condition)
    assert np.linalg.matrix_rank(alone) == alone.shape[1]
    assert not len(tested)


def test_parts_are_sums_over_domains_and_empty_ones_are_left_out():
    from benchmarks.cohorts.cohort import parts_of

    counts = np.arange(12).reshape(6, 2)
    counts[4] = 0
    section, domain = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 0, 0, 2, 0])
    made = parts_of(sparse.csr_matrix(counts), section, domain)
    assert made.section.tolist() == [0, 0, 1]
    assert made.domain.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(made.counts, [[4, 6], [2, 3], [16, 18]])


@pytest.fixture
def levels():
    """Four sections against four; the first five of sixty genes have a quarter of the level."""
    from benchmarks.cohorts.cohort import Cohort

    rng = np.random.default_rng(0)
    condition = np.arange(8) % 2
    mean = np.where((np.arange(60) < 5) & (condition[:, None] == 1), 2.0, 8.0)
    places = np.stack(np.divmod(np.arange(100.0), 10), axis=1)
    sections = []
    for expected in mean:
        counts = sparse.csr_matrix(rng.poisson(expected, size=(100, 60)).astype(np.float32))
        names = pd.DataFrame(index=[f"gene{k}" for k in range(60)])
        sections.append(AnnData(counts, var=names, obsm={"spatial": places}))
    return Cohort(sections, 0), condition


def without_packages(monkeypatch, found):
    from benchmarks.harness import job

    monkeypatch.setattr(job, "python_with", lambda package: found)


def test_a_peer_that_is_not_there_gets_a_row_that_says_so(given, levels, monkeypatch):
    from benchmarks.cohorts.cohort import Cohort
    from benchmarks.cohorts.rows import WAYS, Peer
    from benchmarks.cohorts.tables import judged, nothing_found
    from benchmarks.harness.job import Job

    without_packages(monkeypatch, None)
    peers = [name for name, way in WAYS.items() if isinstance(way, Peer)]
    assert len(peers) == 2
    there, called_there = judged(given, Cohort(given.sections, 0), "pseudobulk", Job())
    for name in peers:
        row, called = judged(given, Cohort(given.sections, 0), name, Job())
        assert row["method"] == f"{name} (not installed)"
        assert row["AUROC, full"] is None
        assert list(row) == list(there)
        assert list(called[0]) == list(called_there[0])
        row = nothing_found("none", levels[0], [levels[1]], name, Job())
        assert row["method"] == f"{name} (not installed)"
        assert list(row) == list(nothing_found("none", levels[0], [levels[1]], "pseudobulk", Job()))


STAND_IN = """
import json, sys
from pathlib import Path

import numpy as np

name, out, file = sys.argv[-3:]
given = np.load(file)
pval = np.full(given["counts"].shape[1], 0.5)
pval[0], pval[1] = 1e-9, np.nan
np.savez(Path(out) / "answer.npz", score=-np.log10(pval), pval=pval)
(Path(__file__).parent / "given.json").write_text(json.dumps({k: given[k].tolist() for k in given.files}))
print(json.dumps({"seconds": 2.0}))
"""


@pytest.mark.nightly
def test_a_peer_gets_the_pseudobulks_and_what_it_leaves_untested_has_p_one(levels, monkeypatch, tmp_path):
    from benchmarks.cohorts.rows import answered
    from benchmarks.harness.job import Job

    (tmp_path / "stand_in.py").write_text(STAND_IN)
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/stand_in.py" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    without_packages(monkeypatch, str(tmp_path / "python"))
    cohort, condition = levels
    found = answered("pseudobulk, PyDESeq2", cohort, condition, Job())
    assert found.pval[:3].tolist() == [1e-9, 1.0, 0.5]
    assert found.score[0] == pytest.approx(9)
    assert found.score[1] == 0
    assert found.seconds == 2.0
    got = json.loads((tmp_path / "given.json").read_text())
    assert got["condition"] == condition.tolist()
    np.testing.assert_array_equal(got["counts"], [one.X.sum(axis=0).A1 for one in cohort.sections])

    found = answered("pseudobulk by domain, edgepython", cohort, condition, Job())
    assert found.seconds == pytest.approx(2.0 + cohort.parts.seconds)
    got = json.loads((tmp_path / "given.json").read_text())
    assert len(got["counts"]) == len(got["design"]) == len(cohort.parts.section)


def test_a_change_of_level_is_found_by_pydeseq2_where_it_is_installed(levels):
    from benchmarks.cohorts.rows import answered
    from benchmarks.harness.job import Job

    found = answered("pseudobulk, PyDESeq2", *levels, Job())
    if isinstance(found, str):  # no reason to fail: its absence is what the row then says
        assert found == "not installed"
        return
    assert found.pval[:5].max() < 1e-6
    assert found.score[:5].min() > found.score[5:].max()


def test_nothing_is_tested_where_domains_leave_no_interaction():
    from benchmarks.cohorts.peers import edger

    score, pval = edger(np.ones((4, 7)), np.eye(4), np.array([], dtype=int))
    assert np.isnan(score).all()
    assert np.isnan(pval).all()
    assert np.isnan(edger(np.ones((4, 7)), np.eye(4), np.array([3]))[1]).all()


@pytest.mark.nightly
def test_the_quick_tables_have_a_row_for_every_way(tmp_path):
    from benchmarks.cohorts.interactions import interactions
    from benchmarks.cohorts.rows import WAYS, Peer
    from benchmarks.cohorts.tables import cohorts
    from benchmarks.harness.job import Job
    from benchmarks.harness.report import write

    found, called = cohorts(Job(quick=True))
    said = {
        name: f"{name} (not in a quick call)" if isinstance(way, Peer) else name for name, way in WAYS.items()
    }
    assert [row["method"] for row in found["rows"]] == list(said.values())
    assert all(0 <= row["AUROC, full"] <= 1 for row in found["rows"] if row["method"] in WAYS)
    assert {row["method"] for row in called["rows"]} < set(said.values())
    (pairs,) = interactions(Job(quick=True))
    write("cohorts", [found, called, pairs], tmp_path)
    of = {row["method"]: row["AUROC"] for row in pairs["rows"]}
    assert of["SIGEL"] > 0.7
    assert of["SIGEL"] > of["level"]


@pytest.mark.nightly
def test_what_many_sections_take_is_held_against_reading_them():
    from benchmarks.cohorts.scale import cohort_scale
    from benchmarks.harness.job import Job

    (table,) = cohort_scale(Job(quick=True))
    (row,) = table["rows"]
    assert row["sections"] == 4
    assert row["times reading"] > 1
    assert row["peak GB, SIGEL"] >= 0.5 * row["peak GB, reading"]
