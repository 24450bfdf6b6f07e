"""The door that R uses for cohorts: plain pieces give what the Python door gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sigel
from r_pieces import pieces
from sigel import bridge
from sigel.errors import InputError

SIZE = {"n_changed": 8, "n_rows": 16, "n_cols": 16, "n_programmes": 3, "genes_per_programme": 20}
SIZE |= {"n_background_genes": 30}
CONDITION = ["control", "control", "case", "case"]


@pytest.fixture(scope="module")
def cohort():
    return sigel.datasets.simulated_cohort((2, 2), seed=1, **SIZE)


def found(sections, **arguments):
    """The call of R with what R would give by default."""
    usual = {
        "names": [f"D{k + 1}" for k in range(len(sections))],
        "joined": False,
        "condition": {"values": CONDITION, "levels": ["control", "case"]},
        "paired": False,
        "settings": {},
        "seed": 2.0,
        "device": "cpu",
    }
    made = [pieces(section, lattice=False) | {"lattice": None} for section in sections]
    return bridge.disease_genes(sections=made, **{**usual, **arguments})


def test_both_doors_find_the_same(cohort):
    answer = found(cohort, covariates={"age": {"values": np.array([31.0, 42.0, 35.0, 40.0])}})
    names = {f"D{k + 1}": section for k, section in enumerate(cohort)}
    table = sigel.tl.disease_genes(
        names,
        pd.Categorical(CONDITION, ["control", "case"]),
        covariates={"age": [31, 42, 35, 40]},
        seed=2,
        device="cpu",
        progress=False,
    )
    assert answer["table"]["gene"] == table.index.to_list()
    for name in ("effect", "pval", "level_effect"):
        np.testing.assert_allclose(answer["table"][name], table[name], rtol=1e-6, err_msg=name)
    assert answer["table"]["gained"] == table["gained"].fillna("").to_list()
    assert answer["levels"] == ["control", "case"]
    for name in ("n_labellings", "least_pval", "inflation"):
        assert answer[name] == pytest.approx(table.attrs[name])
    assert answer["calibration"]["ks"] == pytest.approx(table.attrs["calibration"]["ks"])


def test_a_labelling_that_follows_from_a_covariate_is_left_out(cohort):
    batch = {"values": ["x", "y", "x", "y"]}
    calibration = found(cohort, covariates={"batch": batch})["calibration"]
    assert calibration["labelling"] == ["as given", "labelling 1"]  # of two others one is the batches
    assert np.isfinite(calibration["ks"]).all()


@pytest.mark.parametrize(
    ("arguments", "argument", "text"),
    [
        ({"condition": {"values": ["", "a", "b", "b"]}}, "condition", "no value for the section 'D1'"),
        ({"condition": {"values": np.array([0.0, 0, 0, 0])}}, "condition", "one condition, '0'"),
        ({"condition": {"values": np.array([0, np.nan, 1, 1])}}, "condition", "'D2'"),
        ({"donor": {"values": ["a", "b", "a", "b"]}}, "donor", "in 2 conditions"),
        ({"covariates": {"side": {"values": CONDITION}}}, "covariates", "'side'"),
        ({"names": ["a", "a", "b", "c"]}, "section_key", "for two sections"),
    ],
)
def test_what_cannot_be_used_is_refused(cohort, arguments, argument, text):
    with pytest.raises(InputError, match=text) as refused:
        found(cohort, **arguments)
    assert refused.value.argument == argument


def test_a_section_that_cannot_be_read_is_named(cohort):
    broken = cohort[1].copy()
    broken.X = -broken.X
    with pytest.raises(InputError, match=r"negative values.*'D2'"):
        found([cohort[0], broken, *cohort[2:]])


def test_simulated_donors_cross_with_their_truth():
    settings = {name: float(value) for name, value in SIZE.items()} | {"n_donors": [1.0, 2.0]}
    made = bridge.simulate_cohort(settings=settings, seed=1.0)
    assert [one["obs"]["condition"][0] for one in made] == ["control", "case", "case"]
    assert made[0]["change"].count("pattern") == 8
