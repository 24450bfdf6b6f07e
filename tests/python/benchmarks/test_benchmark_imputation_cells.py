"""The benchmark of imputation from dissociated cells: no method sees a place of theirs, goals are as said."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import sigel

SIZE = {"n_rows": 16, "n_cols": 16, "n_programmes": 4, "genes_per_programme": 20, "n_background_genes": 30}


@pytest.fixture(scope="module")
def split():
    from benchmarks.imputation.splits import split_of

    target, reference, _ = sigel.datasets.simulated_panel(60, seed=1, **SIZE)
    return split_of("simulated", target, [reference], 0)


def test_what_is_handed_over_without_places_has_none(split, tmp_path):
    from benchmarks.imputation.cells import without_places
    from benchmarks.imputation.stages import hand_over

    bare = [without_places(reference) for reference in split.references]
    hand_over(tmp_path, split.target, bare, split.folds[:1], 0)
    reference = anndata.read_h5ad(tmp_path / "reference0.h5ad")
    assert not len(reference.obsm)
    assert list(reference.obs) == list(reference.var) == []
    assert (reference.X != split.references[0].X).nnz == 0
    assert list(anndata.read_h5ad(tmp_path / "target.h5ad").obsm) == ["spatial"]


def test_the_order_of_dissociated_cells_tells_baselines_nothing(split):
    from benchmarks.imputation.cells import ROWS, without_places
    from benchmarks.imputation.folds import fold_of
    from benchmarks.imputation.stages import BASELINES, METHODS

    bare = without_places(split.references[0])
    mixed = bare[np.random.default_rng(0).permutation(bare.n_obs)].copy()
    for method, shown in ROWS.values():
        if method in BASELINES:
            assert not shown
            first, second = (
                METHODS[method].call(fold_of(split.target, [cells], split.folds[0])).values
                for cells in (bare, mixed)
            )
            assert np.allclose(first, second, atol=1e-5), method


def test_neighbours_without_places_are_those_with_places(split):
    from benchmarks.imputation.baselines import spot_neighbours
    from benchmarks.imputation.cells import without_places
    from benchmarks.imputation.folds import fold_of

    references = split.references[0], without_places(split.references[0])
    first, second = (spot_neighbours(fold_of(split.target, [r], split.folds[0])).values for r in references)
    assert np.array_equal(first, second)


def test_halves_are_apart_and_together_the_whole(tmp_path, monkeypatch):
    from benchmarks.harness import sections
    from benchmarks.imputation.cells import part

    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    made = AnnData(sparse.csr_matrix(rng.poisson(2, (31, 8)).astype(np.float32) + 1))
    made.obsm["spatial"] = rng.uniform(size=(31, 2))
    made.write_h5ad(tmp_path / "data" / "one.h5ad")
    monkeypatch.setattr(sections, "SHARED", tmp_path)
    left, right = part("one:left"), part("one:right")
    assert sorted([*left.obs_names, *right.obs_names]) == sorted(made.obs_names)
    assert left.obsm["spatial"][:, 0].max() < right.obsm["spatial"][:, 0].min()
    assert left.n_obs - right.n_obs == 1
    assert part("one").n_obs == 31


def test_pairs_that_are_judged_on_alone_share_no_pair_with_those_looked_at():
    from benchmarks.imputation.cells import PAIRS

    looked_at = {(pair.target, pair.reference) for pair in PAIRS.values() if pair.looked_at}
    alone = {(pair.target, pair.reference) for pair in PAIRS.values() if not pair.looked_at}
    assert len(alone) >= 2
    assert len(alone) + len(looked_at) == len(PAIRS)
    assert all(pair.target != pair.reference for pair in PAIRS.values())


def test_the_row_with_places_is_never_the_best():
    from benchmarks.imputation.cells import CELLS, PLACES, goal_row
    from benchmarks.imputation.stages import TANGRAM

    rows = [
        {"method": "mean image", "score": 0.4, "PCC": 0.10},
        {"method": TANGRAM, "score": 0.6, "PCC": 0.20},
        {"method": CELLS, "score": 1.0, "PCC": 0.25},
        {"method": PLACES, "score": None, "PCC": 0.40},
    ]
    row = goal_row("s", rows, looked_at=False)
    assert row["judged"] == "on alone"
    assert row["% above Tangram"] == pytest.approx(25)
    assert row["above Tangram"] == pytest.approx(0.05)
    assert row["best score"] == CELLS
    assert row["best other"] == TANGRAM
    assert row["best score of others"] == 0.6
    assert row["PCC with places"] == 0.4
    alone = goal_row("s", [row for row in rows if row["method"] != TANGRAM], looked_at=True)
    assert alone["Tangram"] is alone["% above Tangram"] is None
    assert alone["judged"] == "looked at"


def test_fifths_of_hardly_anything_but_zeros_are_not_judged():
    from benchmarks.imputation.cells import coverage_goal
    from benchmarks.imputation.trust import STRATA

    def rows(covered, zeros):
        shares = {"covered": covered, "zeros": zeros, "width": [1.0] * 5}
        return [
            {"share": what, "all": float(np.mean(each)), **dict(zip(STRATA, each, strict=True))}
            for what, each in shares.items()
        ]

    genes = pd.DataFrame(index=range(50))
    found = coverage_goal("s", genes, rows([0.97, 0.93, 0.9, 0.88, 0.87], [0.95, 0.8, 0.7, 0.6, 0.5]))
    assert found["fifths judged"] == "4 of 5"
    assert (found["least"], found["largest"]) == (0.87, 0.93)
    assert found["goal"] == found["goal of fifths"] == "met"
    found = coverage_goal("s", genes, rows([0.97, 0.95, 0.9, 0.85, 0.8], [0.8] * 5))
    assert found["goal"] == "met"
    assert found["goal of fifths"] == "missed in 4"


@pytest.mark.nightly
def test_a_quick_call_makes_every_table(tmp_path):
    from benchmarks.harness.job import Job
    from benchmarks.imputation.cells import CELLS, PLACES, ROWS
    from benchmarks.run import run

    run(["imputation_cells"], Job(quick=True), tmp_path)
    tables = json.loads((tmp_path / "imputation_cells-quick.json").read_text())["tables"]
    assert len(tables) == 5
    for table in tables:
        assert len({tuple(row) for row in table["rows"]}) == 1  # the same columns in every row
    goals, methods, held, coverage, trust = (table["rows"] for table in tables)
    named = {row["method"]: row for row in methods}
    assert len(named) == len(ROWS)
    assert goals[0]["PCC"] == named[CELLS]["PCC"] > named["mean image"]["PCC"]
    assert goals[0]["PCC with places"] == named[PLACES]["PCC"] != named[CELLS]["PCC"]
    assert named[PLACES]["score"] is None
    assert named[CELLS]["score"] > named["mean image"]["score"]
    assert any("Tangram" in name and "quick" in name for name in named)
    assert len(coverage) == 3
    assert 0.5 < held[0]["covered"] <= 1
    assert len(trust) == 1


@pytest.mark.nightly
def test_a_large_reference_goes_to_a_file_and_is_held_against_reading_it():
    from benchmarks.harness.job import Job
    from benchmarks.imputation.scale import imputation_scale

    (table,) = imputation_scale(Job(quick=True))
    (row,) = table["rows"]
    assert (row["reference cells"], row["genes"], row["target cells"]) == (400, 120, 300)
    assert 40 <= row["genes imputed"] <= 80
    assert row["seconds, SIGEL"] > row["seconds, reading"]
    assert row["peak GB, SIGEL"] > 0.5 * row["peak GB, reading"]


def test_cells_of_the_scale_table_have_the_depth_and_the_panel_asked_for(tmp_path):
    from benchmarks.imputation.scale import made

    reference, target = (anndata.read_h5ad(file) for file in made(tmp_path, 200, 100, 150, 20, seed=1))
    assert reference.shape == (200, 100)
    assert target.shape == (150, 20)
    assert set(target.var_names) < set(reference.var_names)
    assert abs(reference.X.sum() / 200 - 3000) < 30
    assert np.array_equal(reference.X.data, np.round(reference.X.data))
