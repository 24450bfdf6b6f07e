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


@pytest.mark.nightly
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
        ({"names": ["a", "a", "b", "c"]}, "sections", "for two sections"),
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


def seen(sections, **arguments):
    """The picture of one gene as R asks for it by default."""
    usual = {
        "names": [f"D{k + 1}" for k in range(len(sections))],
        "joined": False,
        "gene": "Gene0001",
        "condition": {"values": CONDITION, "levels": ["control", "case"]},
        "settings": {},
    }
    made = [pieces(section, lattice=False) | {"lattice": None} for section in sections]
    return bridge.disease_gene(sections=made, **{**usual, **arguments})


def test_panels_of_a_gene_cross_by_condition_and_donor(cohort):
    lacking = [*cohort[:3], cohort[3][:, 1:].copy()]
    donor = {"values": ["P2", "P1", "Q", "Q"]}
    answer = seen(lacking, donor=donor, gene=cohort[0].var_names[0])
    assert [one["title"] for one in answer["panels"]] == ["P1, D2", "P2, D1", "Q, D3", "Q, D4"]
    assert answer["panels"][2]["heading"] == "case  (2 sections, 1 donor)"
    assert answer["panels"][3]["values"] is None
    for one in answer["panels"][:3]:
        assert len(one["values"]) == len(one["row"]) == len(one["col"]) == len(one["x"]) == len(one["y"])
    every = np.concatenate([one["values"] for one in answer["panels"][:3]])
    assert answer["limits"] == pytest.approx(tuple(np.quantile(every, [0.01, 0.99])))


def test_means_on_one_frame_and_levels_in_domains_cross(cohort):
    flat = []
    for k, section in enumerate(cohort):
        one = section.copy()
        one.obsm["spatial"] = np.random.default_rng(k).uniform(0, 100, (one.n_obs, 2))
        flat.append(one)
    answer = seen(flat, frame="shared")
    assert [one["title"] for one in answer["panels"]] == ["control", "case"]
    first, second = (one["values"] for one in answer["panels"])
    assert [one["title"] for one in answer["differences"]] == ["case minus control"]
    np.testing.assert_allclose(answer["differences"][0]["values"], second - first)
    labels = [["a", "b", ""] * section.n_obs for section in cohort]
    domains = [
        {"values": own[: len(section)], "levels": ["b", "a"]}
        for own, section in zip(labels, cohort, strict=True)
    ]
    table = seen(cohort, domains=domains)
    assert table["domains"] == ["b", "a"]
    assert table["conditions"] == ["control", "case"]
    assert sorted(table["table"]) == ["condition", "domain", "donor", "level"]
    assert len(table["table"]["level"]) == 8


def test_a_gene_that_no_section_has_is_refused_with_the_nearest(cohort):
    with pytest.raises(InputError, match="nearest: 'Gene0001'") as refused:
        seen(cohort, gene="gene0001")
    assert refused.value.argument == "gene"


PAIRS = [("Gene0001", "Gene0002"), ("Gene0003", "Gene0031"), ("Gene0040", "Gene0005"), ("Gene0001", "Absent")]


def scored(sections, **arguments):
    """The same for pairs of genes."""
    usual = {"names": [f"D{k + 1}" for k in range(len(sections))], "joined": False, "n": 20.0}
    usual |= {"settings": {}, "seed": 2.0, "device": "cpu"}
    made = [pieces(section, lattice=False) | {"lattice": None} for section in sections]
    return bridge.gene_interactions(sections=made, **{**usual, **arguments})


def of_columns(pairs):
    first, second = zip(*pairs, strict=True)
    return {"gene_a": list(first), "gene_b": list(second)}


THREE = ["Gene0001", "Gene0002", "Gene0044"]


@pytest.mark.parametrize(
    ("n_sections", "asked", "options"),
    [
        (1, {"pairs": of_columns(PAIRS)}, {"pairs": PAIRS}),
        pytest.param(2, {"genes": [*THREE]}, {"genes": THREE}, marks=pytest.mark.nightly),
        (2, {"partners_of": "Gene0001", "n": 4.0}, {"partners_of": "Gene0001", "n": 4}),
    ],
)
def test_both_doors_score_pairs_alike(cohort, n_sections, asked, options):
    answer = scored(cohort[:n_sections], **asked)
    table = sigel.tl.gene_interactions(cohort[:n_sections], **options, seed=2, device="cpu", progress=False)
    pd.testing.assert_frame_equal(pd.DataFrame(answer["table"]), table, rtol=1e-6)
    # The call is the door's own.
    for name in table.attrs.keys() - {"provenance"}:
        assert answer[name] == pytest.approx(table.attrs[name]), name


def test_both_doors_learn_the_same_from_labelled_pairs(cohort):
    programme = cohort[0].var["programme"]
    shaped = [programme.index[programme == one][:12] for one in ("layer", "blob", "ring")]
    known = [(one, other) for own in shaped for one in own for other in own if one < other]
    others = list(zip(np.repeat(shaped[0], 12), np.tile(shaped[1], 12), strict=True))
    label = np.repeat([1.0, 0.0], [len(known), len(others)])
    answer = scored(cohort[:2], known=of_columns(known + others) | {"label": label})
    table = pd.DataFrame(known + others, columns=["gene_a", "gene_b"]).assign(label=label)
    found = sigel.tl.gene_interactions(cohort[:2], known=table, seed=2, device="cpu", progress=False)
    np.testing.assert_allclose(answer["table"]["prob"], found["prob"], rtol=1e-5)
    assert answer["auroc"] == pytest.approx(found.attrs["auroc"])
    assert (answer["n_known"], answer["n_positive"]) == (len(label), len(known))


@pytest.mark.parametrize(
    ("arguments", "argument", "text"),
    [
        ({}, "pairs", "nothing"),
        ({"genes": "Gene0001"}, "genes", "1 name;"),
        ({"partners_of": ["Gene0001", "Gne0002"]}, "partners_of", "Gene0002"),
        ({"known": of_columns(PAIRS) | {"label": np.array([1.0, 0, 2, 1])}}, "known", "other values"),
        ({"known": of_columns(PAIRS)}, "known", "50 or more"),
        ({"genes": ["Gene0001", "Gene0002"], "n": 2.5}, "n", "a whole number"),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(cohort, arguments, argument, text):
    with pytest.raises(InputError, match=text) as refused:
        scored(cohort[:1], **arguments)
    assert refused.value.argument == argument
