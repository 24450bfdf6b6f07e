"""The door that R uses for domains: plain pieces give what the Python door gives."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import sigel
from planted_tissue import planted_domains
from r_pieces import pieces
from sigel import bridge
from sigel.config.domains import DomainConfig
from sigel.errors import ConfigError, InputError

FEW = {"starts": 2.0, "windows": [1.0, 7.0], "components": 20.0}
SAME = {"starts": 2, "windows": (1, 7), "components": (20,)}


@pytest.fixture(scope="module")
def tissue():
    """With groups and ranks of genes, so that nothing but domains is computed."""
    adata = planted_domains(20, 20, 3, per_domain=40, n_background=40)
    rng = np.random.default_rng(0)
    marker = adata.var["marker"].to_numpy()
    adata.var["sigel_group"] = pd.Categorical([str(k + 1) if k >= 0 else None for k in marker])
    adata.var["sigel_spatial_rank"] = np.where(marker >= 0, rng.permutation(len(marker)) + 1.0, np.nan)
    adata.var["sigel_spatial_effect"] = rng.uniform(0.1, 0.9, len(marker))
    return adata


def known(adata):
    return {
        "group": ["" if one is np.nan else one for one in adata.var["sigel_group"].astype(object)],
        "rank": adata.var["sigel_spatial_rank"].to_numpy(),
        "effect": adata.var["sigel_spatial_effect"].to_numpy(),
    }


def domains(adata, *, labels=None, **arguments):
    """The call of R with what R would give by default."""
    usual = {
        "settings": FEW,
        "n_domains": 3.0,
        "method": "mixture",
        "model_name": "EEE",
        "genes": None,
        "refine": False,
        "seed": 2.0,
        "device": "cpu",
        "progress": None,
    }
    return bridge.domains(section=pieces(adata, labels=labels), **{**usual, **arguments})


def stability(adata, answer, **arguments):
    usual = {
        "params": answer["params"],
        "domain": answer["domain"],
        "method": "mixture",
        "model_name": "EEE",
        "genes": answer["genes"],
        "refine": False,
        "n_seeds": 2.0,
        "fit_seed": 2.0,
        "seed": 0.0,
        "device": "cpu",
        "progress": None,
    }
    return bridge.domain_stability(section=pieces(adata), **{**usual, **arguments})


def by_python(adata, n_domains=3, **arguments):
    adata = adata.copy()
    sigel.tl.domains(adata, n_domains, seed=2, config=SAME, device="cpu", progress=False, **arguments)
    return adata


@pytest.fixture(scope="module")
def answer(tissue):
    return domains(tissue)


@pytest.fixture(scope="module")
def peer(tissue):
    return by_python(tissue)


def same(answer, peer):
    about = peer.uns["sigel"]["domains"]
    assert answer["domain"] == peer.obs["sigel_domain"].tolist()
    np.testing.assert_array_equal(answer["prob"], peer.obs["sigel_domain_prob"])
    np.testing.assert_array_equal(answer["features"].astype(np.float32), peer.obsm["X_sigel_domain"])
    assert answer["genes"] == about["genes"].tolist()
    for name in ("window", "n_changed", "n_domains"):
        assert answer[name] == about[name]
    assert json.loads(answer["params"]) == json.loads(about["params"])


def test_both_doors_give_the_same(answer, peer):
    same(answer, peer)
    assert answer["number"] is None
    assert answer["genes"] == peer.var_names.tolist()


def test_both_doors_give_the_same_for_named_genes_sections_and_refinement(tissue):
    some = list(tissue.var_names[:60])
    slide = np.where(np.arange(tissue.n_obs) % 2, "odd", "even")
    marked = tissue.copy()
    marked.obs["slide"] = slide
    made = by_python(marked, genes=some, section_key="slide", refine=True)
    same(domains(tissue, genes=some, labels=slide, refine=True), made)


@pytest.mark.nightly
def test_the_number_comes_with_its_table(tissue):
    settings = {**FEW, "max_domains": 4.0}
    found = domains(tissue, n_domains=None, settings=settings)
    config = {**SAME, "max_domains": 4}
    adata = tissue.copy()
    sigel.tl.domains(adata, config=config, seed=2, device="cpu", progress=False)
    expected = adata.uns["sigel"]["domains"]["number"]
    assert set(found["number"]) == set(expected)
    for name, column in expected.items():
        assert isinstance(found["number"][name], list)
        np.testing.assert_array_equal(found["number"][name], column)
    assert found["n_domains"] == adata.uns["sigel"]["domains"]["n_domains"]
    assert found["domain"] == adata.obs["sigel_domain"].tolist()


def test_the_answer_is_plain(tissue, answer):
    named = "domain prob features genes window n_domains n_changed number params record"
    assert set(answer) == set(named.split())
    assert all(type(one) is str for one in answer["domain"] + answer["genes"])
    assert answer["features"].shape == (tissue.n_obs, 20)
    for name in ("prob", "features"):
        assert answer[name].dtype == np.float64
    for name in ("window", "n_domains", "n_changed"):
        assert type(answer[name]) is int
    assert json.loads(answer["params"])["windows"] == [1, 7]


def test_what_r_makes_of_settings_is_understood(tissue):
    # A vector of one number comes as that number.
    found = domains(tissue, settings={"windows": 1.0, "starts": 2.0, "window": 4.0, "target_sum": 500.0})
    assert found["window"] == 4
    params = json.loads(found["params"])
    assert params["windows"] == [1]
    assert params["components"] == [12, 16, 20, 30]
    assert params["target_sum"] == 500
    assert DomainConfig.from_dict(params).starts == 2
    with pytest.raises(ConfigError, match="start"):
        domains(tissue, settings={"start": 3.0})
    with pytest.raises(ConfigError, match="agreeing"):
        domains(tissue, settings={"agreeing": 3.0})


def test_a_function_of_r_may_cluster(tissue):
    seen = []

    def of_r(features, n_domains):
        """What reticulate makes of a vector: a list, or an array with a dimension too many."""
        seen.append((features.shape, n_domains))
        half = features[:, 0] > 0
        return [[int(one) + 1] for one in half]

    found = domains(tissue, method=of_r)
    assert seen == [((tissue.n_obs, 20), 3)]
    assert set(found["domain"]) == {"1", "2"}
    assert found["n_domains"] == 2
    assert np.isnan(found["prob"]).all()
    text = domains(tissue, method=lambda features, n: ["a" if one > 0 else "b" for one in features[:, 0]])
    assert text["domain"] == found["domain"]


def test_the_choice_of_genes_is_that_of_python(tissue):
    found = bridge.select_genes(
        section=pieces(tissue),
        settings={},
        share=0.25,
        n_genes=60.0,
        known=known(tissue),
        seed=2.0,
        device="cpu",
        progress=None,
        balance=0.5,
    )
    table = sigel.tl.select_genes(
        tissue.copy(), n_genes=60, balance=0.5, seed=2, device="cpu", progress=False
    )
    assert found["gene"] == list(tissue.var_names)
    assert set(found) == {"gene", *table.columns, "record"}
    assert all(isinstance(found[name], list) for name in table.columns)
    for name in table.columns:
        expected = table[name].tolist()
        assert found[name] == pytest.approx(expected, nan_ok=True) if name != "group" else expected
    assert sum(found["selected"]) == 60
    assert {one for one, taken in zip(found["group"], found["selected"], strict=True) if taken} == {
        "1",
        "2",
        "3",
    }


def test_progress_goes_from_windows_to_domains(tissue):
    seen = []
    domains(tissue, progress=lambda *report: seen.append(report))
    stages = [report[0] for report in seen]
    assert stages == ["windows"] * 2 + ["domains"] * 2
    assert [report[1:3] for report in seen] == [(1, 2), (2, 2), (1, 2), (2, 2)]
    # The window of what is kept is none of the others: one more is made.
    seen.clear()
    settings = {**FEW, "window": 4.0}
    domains(tissue, settings=settings, progress=lambda *report: seen.append(report))
    assert [report[1:3] for report in seen][:3] == [(1, 3), (2, 3), (3, 3)]


def test_stability_is_that_of_python(tissue, answer, peer):
    adata = peer.copy()
    table = sigel.tl.domain_stability(adata, n_seeds=2, device="cpu", progress=False)
    seen = []
    found = stability(tissue, answer, progress=lambda *report: seen.append(report))
    for name in table.columns:
        assert found[name] == table[name].tolist()
    assert found["ari"] == table.attrs["ari"]
    assert found["ari_by_seed"] == table.attrs["ari_by_seed"]
    assert found["seeds"] == table.attrs["seeds"] == [0, 1]
    np.testing.assert_array_equal(found["spots"], adata.obs["sigel_domain_stability"])
    assert seen[-1][:3] == ("other seeds", 2, 2)


def by_reference(adata, reference, **arguments):
    usual = {
        "reference": pieces(reference),
        "known": ["" if one == "band 2" else one for one in reference.obs["region"]],
        "settings": FEW,
        "seed": 2.0,
        "device": "cpu",
        "progress": None,
    }
    return bridge.label_domains(section=pieces(adata), **{**usual, **arguments})


def test_labels_by_a_reference_are_those_of_python(tissue):
    odd = np.arange(tissue.n_obs) % 2 == 1
    adata, reference = tissue[odd].copy(), tissue[~odd].copy()
    seen = []
    found = by_reference(adata, reference, progress=lambda *report: seen.append(report))
    reference.obs["told"] = reference.obs["region"].astype(str).replace("band 2", "")
    sigel.tl.label_domains(adata, reference, column="told", config=SAME, seed=2, device="cpu", progress=False)
    about = adata.uns["sigel"]["domains"]
    assert found["domain"] == adata.obs["sigel_domain"].tolist()
    np.testing.assert_array_equal(found["prob"], adata.obs["sigel_domain_prob"])
    np.testing.assert_array_equal(found["features"].astype(np.float32), adata.obsm["X_sigel_domain"])
    assert found["genes"] == about["genes"].tolist()
    for name in ("window", "n_labelled", "n_domains"):
        assert found[name] == about[name]
    assert [report[0] for report in seen] == ["windows"] * 2 + ["labels"] * 2
    with pytest.raises(InputError, match="`reference`: found 0 labels"):
        by_reference(adata, reference, known=[""] * reference.n_obs)
    with pytest.raises(InputError, match="seed"):
        by_reference(adata, reference, seed=1.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_domains": 2.5}, "n_domains"),
        ({"n_domains": 1.0}, "n_domains"),
        ({"n_domains": 1e4}, "n_domains"),
        ({"seed": 1.5}, "seed"),
        ({"seed": -1.0, "genes": ["G1", "G2"]}, "seed"),
        ({"method": "kmeans"}, "method"),
        ({"genes": "G1"}, "genes"),
        ({"genes": ["G1", "Gx"]}, "Gx"),
        ({"labels": ["few"] * 5 + ["many"] * 10**6}, "section"),
        ({"method": lambda features, n: [1]}, "method"),
    ],
)
def test_what_cannot_be_used_is_refused(tissue, arguments, words):
    if "labels" in arguments:
        arguments = {"labels": arguments["labels"][: tissue.n_obs]}
    with pytest.raises(InputError, match=words):
        domains(tissue, **arguments)


def test_domains_of_another_version_are_to_be_found_again(tissue, answer):
    params = json.dumps({"share": 0.25, "rings": [1, 7, 19, 37], "starts": 32})
    with pytest.raises(
        InputError, match=r"`key`.*another version.*'rings'.*domains\(adata, n_domains\) again"
    ):
        stability(tissue, answer, params=params)


def test_numbers_of_seeds_and_genes_that_are_not_whole_are_refused(tissue, answer):
    with pytest.raises(InputError, match="n_seeds"):
        stability(tissue, answer, n_seeds=1.5)
    with pytest.raises(InputError, match="n_seeds"):
        stability(tissue, answer, n_seeds=0.0)
    with pytest.raises(InputError, match="n_genes"):
        bridge.select_genes(
            section=pieces(tissue),
            settings={},
            share=0.25,
            balance=0.0,
            n_genes=2.5,
            known=known(tissue),
            seed=0.0,
            device="cpu",
        )
