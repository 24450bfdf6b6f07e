"""Pairs of genes over sections, from the counts to the table."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

import sigel
from sigel.errors import InputError


@pytest.fixture(scope="module")
def sections() -> list[anndata.AnnData]:
    size = {"n_rows": 16, "n_cols": 16, "n_programmes": 4, "genes_per_programme": 40}
    return sigel.datasets.simulated_cohort((2, 2), n_changed=0, n_background_genes=60, **size)


@pytest.fixture(scope="module")
def programme(sections: list[anndata.AnnData]) -> pd.Series:
    return sections[0].var["programme"].astype(str)


def ask(sections: object, *given: object, **options: object) -> pd.DataFrame:
    return sigel.tl.gene_interactions(sections, *given, device="cpu", progress=False, **options)  # type: ignore[arg-type]


def test_partners_are_genes_of_the_same_programme(
    sections: list[anndata.AnnData], programme: pd.Series
) -> None:
    asked = [programme.index[programme == one][3] for one in programme.unique() if one != "background"]
    table = ask(sections, partners_of=asked, n=5)
    assert table["gene_a"].tolist() == np.repeat(asked, 5).tolist()
    same = programme[table["gene_a"]].to_numpy() == programme[table["gene_b"]].to_numpy()
    assert same.mean() > 0.9
    assert (table["n_sections"] == 4).all()
    # Of all genes, not of those that are shown.
    assert table.attrs["n_tested"] > 0.9 * len(asked) * sections[0].n_vars


def test_pairs_of_a_programme_are_more_alike_as_a_set(
    sections: list[anndata.AnnData], programme: pd.Series
) -> None:
    rng = np.random.default_rng(0)
    names = programme.index[programme == "ring"]
    own = pd.DataFrame({"ligand": names[:-1], "receptor": names[1:]})
    found = ask(sections, own)
    assert found.attrs["set_low"] > 0.6
    assert found.attrs["set_low"] < found.attrs["set_auroc"] < found.attrs["set_high"]
    shuffled = rng.permutation(programme.index)
    other = ask(sections, pd.DataFrame({"a": shuffled[:-1], "b": shuffled[1:]}))
    assert other.attrs["set_low"] < 0.5 < other.attrs["set_high"]
    assert not (other["qval"] < 0.05).any()


def test_known_pairs_teach_a_score(sections: list[anndata.AnnData], programme: pd.Series) -> None:
    rng = np.random.default_rng(0)
    shaped = programme[programme != "background"]
    first, second = rng.choice(shaped.index, (2, 3000))
    kept = (first != second) & (shaped[first].to_numpy() == shaped[second].to_numpy())
    known = pd.DataFrame({"gene_a": first[kept], "gene_b": second[kept]})
    asked = [(shaped.index[0], one) for one in shaped.index[1:200]]
    found = ask(sections, asked, known=known)
    assert found.attrs["auroc"] > 0.75
    assert found.attrs["auroc"] > found.attrs["auroc_level"] + 0.1
    same = shaped[found["gene_b"]].to_numpy() == shaped.iloc[0]
    assert found["prob"][same].mean() > found["prob"][~same].mean() + 0.2
    assert ((found["prob"] > 0) & (found["prob"] < 1)).all()


def test_nothing_is_lost_and_nothing_of_the_callers_changes(sections: list[anndata.AnnData]) -> None:
    few = [sections[0].copy(), sections[1][:, 5:].copy()]
    before = [one.copy() for one in few]
    gone, there = sections[0].var_names[0], sections[0].var_names[20]
    found = ask(few, [(gone, there), ("Nothing", there), (there, there)]).set_index("gene_a")
    assert found.loc[gone, "n_sections"] == 1
    assert found.loc[gone, "status"] == "tested"
    assert found.loc["Nothing", "status"] == "Nothing is not in the sections"
    assert found.loc[there, "status"] == "one gene"
    for one, old in zip(few, before, strict=True):
        assert list(one.var.columns) == list(old.var.columns)
        assert not one.varm.keys()
        assert (one.X != old.X).sum() == 0


@pytest.mark.nightly
def test_one_section_one_object_of_several_and_the_same_twice(sections: list[anndata.AnnData]) -> None:
    pairs = [(sections[0].var_names[1], sections[0].var_names[k]) for k in range(2, 30)]
    one = ask(sections[0], pairs)
    pd.testing.assert_frame_equal(one, ask([sections[0]], pairs))
    pd.testing.assert_frame_equal(one, ask(sections[0], pairs, section_key="donor"))
    joined = anndata.concat(sections[:2], index_unique="_")
    together = ask(joined, pairs, section_key="donor")
    apart = ask(sections[:2], pairs)
    pd.testing.assert_frame_equal(together, apart)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({}, "pairs"),
        ({"genes": ["Gene0001", "Gene0002"], "partners_of": "Gene0001"}, "partners_of"),
        ({"partners_of": "Gen0001"}, "partners_of"),
        ({"partners_of": "Gene0001", "n": 0}, "n"),
        ({"pairs": [("Gene0001", "Gene0002")], "known": [("Gene0001", "Gene0002")]}, "known"),
    ],
)
def test_wrong_questions_are_refused(
    sections: list[anndata.AnnData], options: dict[str, object], argument: str
) -> None:
    with pytest.raises(InputError) as error:
        ask(sections[:1], **options)
    assert error.value.argument == argument


def test_too_few_known_pairs_are_refused_before_anything_is_fitted(
    sections: list[anndata.AnnData], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a model was fitted")

    monkeypatch.setattr("sigel.tasks.interactions.find.section_model", never)
    with pytest.raises(InputError, match="50 or more of each"):
        ask(sections, None, known=[("Gene0001", "Gene0002")])
