"""The comparison of donors on planted representations: what is called, and what the table says of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sigel.tasks.cohorts.changed_genes import changed_genes
from sigel.tasks.cohorts.design import design_of

N_DONORS, N_GENES, N_DIMS, N_MOVED = 8, 200, 6, 12
HIGHER, ABSENT, ONCE = 20, 198, 199  # numbers of a gene of another level, of one not seen, of one seen once
CASES = np.arange(N_DONORS) >= N_DONORS // 2


def made(seed=0, slope=CASES):
    """Representations and totals of sections; the first genes move along one dimension, 2 a `slope`."""
    rng = np.random.default_rng(seed)
    place = rng.normal(size=(N_GENES, N_DIMS))
    sections = place + 0.15 * rng.normal(size=(N_DONORS, N_GENES, N_DIMS))
    sections[:, :N_MOVED, 0] += 2 * np.asarray(slope, float)[:, None]
    totals = rng.poisson(rng.uniform(2e3, 2e4, N_GENES), (N_DONORS, N_GENES)).astype(float)
    totals[CASES, HIGHER] *= 4
    for values in (sections, totals):
        values[:, ABSENT] = values[1:, ONCE] = np.nan
    return np.array([f"G{k:03d}" for k in range(N_GENES)]), sections, totals


def compared(given=CASES, made=made, **options):
    names, sections, totals = made
    donors = [f"d{k}" for k in range(len(sections))]
    condition = pd.Series(np.where(given, "case", "ctrl") if given.dtype == bool else given, donors)
    if given.dtype == bool:
        condition = condition.astype(pd.CategoricalDtype(["ctrl", "case"]))
    return changed_genes(
        names, sections, totals, design_of(condition, None, None, paired=False), n_directions=4, **options
    )


@pytest.fixture(scope="module")
def found():
    return compared(made=made())


def test_moved_genes_come_first_and_all_others_are_as_by_chance(found):
    table = found.table
    moved = [f"G{k:03d}" for k in range(N_MOVED)]
    assert set(table.index[:N_MOVED]) == set(moved)
    assert (table.qval[:N_MOVED] < 1e-3).all()
    assert table.pval.dropna().is_monotonic_increasing
    others = table.drop(moved).pval.dropna()
    assert len(others) == N_GENES - N_MOVED - 2
    assert stats.kstest(others, "uniform").pvalue > 0.01
    assert found.inflation == pytest.approx(1, abs=0.4)


def test_a_level_that_rises_is_told_from_a_pattern_that_changes(found):
    assert list(found.table.index[found.table.level_qval < 0.05]) == [f"G{HIGHER:03d}"]
    gene = found.table.loc[f"G{HIGHER:03d}"]
    assert gene.level_effect == pytest.approx(2, abs=0.1)  # log2 of 4
    assert gene.qval > 0.05


def test_an_effect_is_the_length_of_the_change_over_the_usual_distance_of_two_genes(found):
    # 2 along a dimension; two genes of unit variance in 6 dimensions are sqrt(12) apart.
    moved = found.table.effect[[f"G{k:03d}" for k in range(N_MOVED)]]
    assert moved.mean() == pytest.approx(2 / np.sqrt(12), rel=0.15)
    assert found.table.effect.drop(moved.index).median() < 0.1


def test_genes_that_few_donors_have_are_said_to_be_so(found):
    table = found.table
    assert table.status[f"G{ABSENT}"] == "in no section"
    assert table.status[f"G{ONCE}"] == "in too few donors"
    assert (table.status.drop([f"G{ABSENT}", f"G{ONCE}"]) == "tested").all()
    assert table.loc[f"G{ONCE}", ["n_sections", "n_donors"]].tolist() == [1, 1]
    assert table.loc[f"G{ABSENT}", ["n_sections", "n_donors"]].tolist() == [0, 0]
    assert table.loc["G000", ["n_sections", "n_donors"]].tolist() == [N_DONORS, N_DONORS]
    assert table.loc[[f"G{ABSENT}", f"G{ONCE}"], ["pval", "qval", "level_pval"]].isna().all(axis=None)
    assert set(table.index[-2:]) == {f"G{ABSENT}", f"G{ONCE}"}


def test_the_map_has_where_genes_were_and_where_they_are(found):
    places = found.map
    assert places["gene"] == list(found.table.index[:-2])
    start, end = (np.column_stack([places[f"{side}_x"], places[f"{side}_y"]]) for side in ("from", "to"))
    step = np.linalg.norm(end - start, axis=1)
    assert step[:N_MOVED].min() > 3 * np.median(step[N_MOVED:])


def test_every_other_labelling_of_the_donors_is_tried_and_says_nothing(found):
    # 8 of which 4 are cases: 70 labellings, the half of them mirror images of the rest.
    assert found.n_labellings == 70
    assert found.least_pval == pytest.approx(2 / 70)
    table = found.calibration
    assert table.labelling.tolist() == ["as given", *(f"labelling {k}" for k in range(1, 35))]
    assert table.n_called[0] == (found.table.qval < 0.05).sum()
    assert table.n_called[1:].median() == 0
    known = found.table.pval.dropna()
    assert table.share_below_05[0] == pytest.approx((known < 0.05).mean())
    assert table.ks[0] == pytest.approx(stats.kstest(known, "uniform").statistic)


def test_conditions_of_unlike_size_have_no_mirror_images():
    names, sections, totals = made()
    few = compared(CASES[:7], (names, sections[:7], totals[:7]))
    assert few.n_labellings == 35
    assert few.least_pval == pytest.approx(1 / 35)
    assert len(few.calibration) == 35


def test_a_dose_moves_genes_as_far_as_it_goes():
    dose = np.arange(N_DONORS, dtype=float)
    found = compared(dose, made(1, dose / dose.std() / 2))
    assert set(found.table.index[:N_MOVED]) == {f"G{k:03d}" for k in range(N_MOVED)}
    # From one standard deviation below the mean dose to one above it, a step of 2; the effect is of one.
    places = found.map
    step = np.hypot(
        *(np.subtract(places[f"to_{axis}"], places[f"from_{axis}"])[:N_MOVED] for axis in ("x", "y"))
    )
    assert found.table.effect[:N_MOVED].mean() == pytest.approx(1 / np.sqrt(12), rel=0.15)
    assert (step <= 2.2).all()
    assert found.n_labellings is None
    assert found.least_pval is None


def test_one_donor_a_condition_has_effects_alone():
    names, sections, totals = made()
    with pytest.warns(UserWarning, match="2 donors leave no degree of freedom to a model of 2 coefficients"):
        found = compared(CASES[[0, 7]], (names, sections[[0, 7]], totals[[0, 7]]))
    table = found.table
    assert set(table.index[:N_MOVED]) == {f"G{k:03d}" for k in range(N_MOVED)}
    assert table[["stat", "pval", "qval", "level_pval"]].isna().all(axis=None)
    assert table.status.value_counts().to_dict() == {
        "not tested": N_GENES - 2,
        "in too few donors": 1,
        "in no section": 1,
    }
    assert found.calibration.empty


def test_what_others_see_meanwhile_is_one_call_a_labelling():
    seen = []
    compared(made=made(), progress=lambda *said: seen.append(said))
    assert [said[:3] for said in seen] == [("labellings", k, 34) for k in range(1, 35)]
    assert all(said[3].endswith(" by chance") for said in seen)
