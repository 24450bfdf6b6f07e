"""Judges of domains: settings chosen elsewhere, planted borders, sections laid over each other."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse

import sigel

KINDS = {"a1": "a", "a2": "a", "b": "b", "c": "c"}


def scores(**medians):
    """Of two settings on the sections of KINDS, at three seeds."""
    return {
        name: {setting: np.array([value - 0.1, value, value + 0.1]) for setting, value in of.items()}
        for name, of in medians.items()
    }


def test_a_setting_is_chosen_without_the_tissue_that_it_is_judged_on():
    from benchmarks.domains.left_out import best_over, mean_over

    # Setting x is best on a alone, by far; y everywhere else.
    of = scores(
        a1={"x": 0.9, "y": 0.1}, a2={"x": 0.9, "y": 0.1}, b={"x": 0.3, "y": 0.4}, c={"x": 0.3, "y": 0.4}
    )
    assert best_over(of, KINDS, without=None) == "x"
    assert best_over(of, KINDS, without="a") == "y"  # both sections of a are left out
    assert best_over(of, KINDS, without="b") == "x"
    # A tissue counts once, however many sections it has.
    assert mean_over(of, KINDS, "x", without=None) == pytest.approx((0.9 + 0.3 + 0.3) / 3)
    assert mean_over(of, KINDS, "x", without="c") == pytest.approx((0.9 + 0.3) / 2)


def test_what_is_judged_is_the_chosen_setting_on_the_tissue_left_out():
    from benchmarks.domains.left_out import tables_of

    own = scores(
        a1={"x": 0.9, "y": 0.1}, a2={"x": 0.8, "y": 0.2}, b={"x": 0.3, "y": 0.4}, c={"x": 0.3, "y": 0.4}
    )
    from benchmarks.domains.candidates import SHIPPED

    for of in own.values():
        of[SHIPPED] = of["y"]
    judged, chosen = tables_of({"SIGEL": own, "plain windows": own}, KINDS)
    rows = {row["tissue"]: row for row in judged["rows"]}
    assert rows["a1"]["SIGEL, judged, median"] == pytest.approx(0.1)
    assert rows["b"]["SIGEL, judged, median"] == pytest.approx(0.3)
    assert rows["a1"]["SIGEL, shipped, median"] == pytest.approx(0.1)
    assert rows["mean of 3 tissues"]["SIGEL, judged, median"] == pytest.approx((0.15 + 0.3 + 0.3) / 3)
    of_a = [row for row in chosen["rows"] if row["tissue"] == "a1"]
    assert {row["chosen"] for row in of_a} <= {"y", SHIPPED}
    assert of_a[0]["mean where chosen"] == pytest.approx(0.4)


@pytest.mark.nightly
def test_every_candidate_of_the_package_answers_as_the_package_does():
    from benchmarks.domains.candidates import OWN, SHIPPED, own_answers
    from benchmarks.domains.inputs import Given
    from benchmarks.domains.stages import bare

    adata = bare(sigel.datasets.simulated_section(16, 16, 4, 20, 30, seed=2))
    found = own_answers(Given(adata, 4))(0)
    assert set(found) == set(OWN)
    assert all(len(np.unique(labels)) == 4 for labels in found.values())
    # The shipped setting is among them. Its starts are others, as the pool has one window more.
    sigel.tl.domains(adata, 4, progress=False)
    from sklearn.metrics import adjusted_rand_score

    assert adjusted_rand_score(adata.obs["sigel_domain"], found[SHIPPED]) > 0.7


@pytest.fixture(scope="module")
def source():
    return sigel.datasets.simulated_section(24, 24, 5, 30, 60, seed=1)


def test_planted_borders_are_found_by_place_and_their_counts_are_the_sections(source):
    from benchmarks.domains.dealt import N_DOMAINS, SHAPES, dealt

    for shape in SHAPES:
        made = dealt(source, "s", shape, 1.0, 0)
        assert set(made.labels) == {str(k) for k in range(N_DOMAINS)}
        assert made.adata.X.max() <= source.X.max()
        assert made.adata.X.sum() == pytest.approx(source.X.sum() / 2, rel=0.1)
    less = dealt(source, "s", "layers", 0.25, 0)
    assert less.adata.X.sum() == pytest.approx(source.X.sum() / 8, rel=0.1)
    again = dealt(source, "s", "layers", 0.25, 0)
    assert (again.adata.X != less.adata.X).nnz == 0


def test_one_spot_in_ten_is_from_another_class():
    """Two genes for each of five classes: a spot's counts tell the class that they are from."""
    from benchmarks.domains.dealt import N_DOMAINS, dealt

    rng = np.random.default_rng(0)
    kind = rng.integers(N_DOMAINS, size=900)
    rate = np.where(np.repeat(np.arange(N_DOMAINS), 2) == kind[:, None], 40.0, 0.5)
    source = AnnData(sparse.csr_matrix(rng.poisson(rate).astype(np.float32)))
    source.obsm["spatial"] = np.stack(np.divmod(np.arange(900.0), 30), axis=1)
    made = dealt(source, "s", "mosaic", 1.0, 0)
    told = made.adata.X.toarray().argmax(axis=1) // 2
    # Classes have other numbers than kinds: the most frequent kind of each domain is its own.
    own = np.array([np.bincount(told[made.labels == str(k)]).argmax() for k in range(N_DOMAINS)])
    foreign = told != own[made.labels.astype(int)]
    assert foreign.mean() == pytest.approx(0.1, abs=0.035)


@pytest.mark.parametrize(("angle", "mirror"), [(0, 1), (70, 1), (160, -1)])
def test_a_section_is_laid_over_its_own_turned_and_mirrored_half(source, angle, mirror):
    from benchmarks.domains.adjacent import matched
    from sigel.stats.thinning import thinned_halves

    one, other = (
        AnnData(half, var=source.var[[]], obsm={"spatial": np.array(source.obsm["spatial"], dtype=float)})
        for half in thinned_halves(sparse.csr_matrix(source.X), np.random.default_rng(0))
    )
    turn = np.deg2rad(angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    other.obsm["spatial"] = 3.0 * (other.obsm["spatial"] * [mirror, 1]) @ rotation.T + [50.0, -20.0]
    ((inside, near),) = matched([one, other])
    assert len(inside) > 0.8 * one.n_obs
    assert np.mean(inside == near) > 0.8


def test_agreement_of_adjacent_sections_is_that_of_spots_over_each_other():
    from benchmarks.domains.adjacent import agreement_of_adjacent

    labels = [np.array([0, 0, 1, 1, 2]), np.array([5, 5, 4, 4]), np.array([1, 0, 1, 0])]
    over = [(np.arange(4), np.arange(4)), (np.arange(4), np.arange(4))]
    first = agreement_of_adjacent(labels[:2], over[:1])
    assert first == pytest.approx(1)
    assert agreement_of_adjacent(labels, over) < 0.7


@pytest.mark.nightly
def test_a_quick_call_makes_every_table(tmp_path):
    from benchmarks.domains.judges import domain_judges
    from benchmarks.domains.left_out import left_out
    from benchmarks.harness.job import Job
    from benchmarks.harness.report import write

    made = [*domain_judges(Job(quick=True)), *left_out(Job(quick=True))]
    write("domain_judges", made, tmp_path)
    assert len(made) == 6
    tables = {table["title"]: table["rows"] for table in made}
    for rows in tables.values():
        assert len({tuple(row) for row in rows}) == 1
    several = tables["several sections by one model"]
    assert all(row["one model"] > row["alone"] - 0.2 for row in several)
    assert tables["calibration"][0]["0.9 to 1.0"] > 0.7
