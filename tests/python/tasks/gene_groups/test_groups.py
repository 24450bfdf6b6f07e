"""Gene groups: described, and made anew at other numbers; planted truth, both doors, wrong input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

import sigel
from conftest import QUICK
from sigel import bridge
from sigel.errors import InputError
from sigel.keys import NO_PATTERN
from sigel.tasks.gene_groups.grouping import PresentGroups, describe_groups, grouped, regroup, typical_genes

SETTINGS = {"max_groups": 12}


@pytest.fixture(scope="module")
def embedded():
    adata = sigel.datasets.simulated_section(
        24, 24, n_programmes=4, genes_per_programme=40, n_background_genes=80, fold=(4.0, 8.0)
    )
    sigel.tl.embed(adata, preset="fast", config=SETTINGS, device="cpu", progress=False)
    return adata


@pytest.fixture
def fitted(embedded):
    return embedded.copy()


def clouds(sizes, d=5, apart=12.0, seed=0):
    """Round clouds and the number of the cloud of each row, in random order."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = apart * np.linalg.qr(rng.normal(size=(max(d, len(sizes)), d)))[0][: len(sizes)]
    return centres[label] + rng.normal(size=(len(label), d)), label


# --- what embed keeps ------------------------------------------------------------------------------------


def test_embed_keeps_the_posterior_of_every_group(fitted):
    posterior = fitted.varm["sigel_posterior"]
    kept = (fitted.var["sigel_status"] == "embedded").to_numpy()
    assert posterior.dtype == np.float32
    assert np.isnan(posterior[~kept]).all()
    assert np.allclose(posterior[kept].sum(axis=1), 1, atol=1e-5)
    group = fitted.var["sigel_group"].astype(object).to_numpy()
    names = np.array(["1", "2", "3", "4", "no pattern"], dtype=object)
    assert np.array_equal(names[posterior[kept].argmax(axis=1)], group[kept])
    background = (fitted.var["programme"] == "background").to_numpy()
    assert (group[kept & background] == "no pattern").mean() > 0.9
    assert (group[kept & ~background] == "no pattern").mean() < 0.1
    assert np.allclose(posterior[kept].max(axis=1), fitted.var["sigel_group_prob"][kept])


def test_embed_gives_r_the_same_posterior(toy):
    counts, genes, coordinates, _ = toy(24)
    counts = counts.tolil()
    counts[:, 2] = 0
    counts = counts.tocsr()
    matrix = counts.T.tocsc()
    section = {
        "i": matrix.indices,
        "p": matrix.indptr,
        "x": matrix.data,
        "dim": matrix.shape,
        "genes": genes,
        "coordinates": coordinates,
        "lattice": None,
    }
    settings = {**QUICK, "n_groups": 3, "image": {"min_spots": 1}}
    found = bridge.embed(section=section, settings=settings, seed=0.0, device="cpu")
    posterior = found["posterior"]
    assert posterior.shape == (24, 3)
    assert posterior.dtype == np.float64
    assert np.isnan(posterior[2]).all()
    rest = np.delete(np.arange(24), 2)
    assert np.allclose(posterior[rest].max(axis=1), np.array(found["group_prob"])[rest])


# --- description -----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    n_without=st.integers(0, 4),
    seed=st.integers(0, 9),
)
def test_a_description_is_what_its_words_say(sizes, n_without, seed):
    z, label = clouds(sizes, apart=2.0, seed=seed)
    z = np.vstack([z, np.full((n_without, z.shape[1]), np.nan)])
    group = [*(label + 1).astype(str), *[""] * n_without]
    names = np.array([f"g{i}" for i in range(len(z))])
    prob = np.random.default_rng(seed).uniform(size=len(z))
    table = describe_groups(z, names, group, prob)
    assert table["group"].tolist() == [str(k + 1) for k in range(len(sizes))]
    assert table["n_genes"].tolist() == sizes
    unit = z - np.nanmean(z, axis=0)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    for row in table.itertuples():
        inside = np.flatnonzero(np.array(group) == row.group)
        typical = row.typical.split(",")
        assert typical[0] == row.medoid
        assert len(typical) == min(5, len(inside))
        assert set(typical) <= set(names[inside])
        assert row.mean_prob == pytest.approx(prob[inside].mean())
        middle = unit[inside].mean(axis=0)
        cosine = unit[inside] @ middle / max(np.linalg.norm(middle), 1e-12)
        nearest = cosine[list(names[inside]).index(row.medoid)]
        assert nearest == pytest.approx(cosine.max(), abs=1e-9)
        assert row.cohesion == pytest.approx(cosine.mean(), abs=1e-9)
        # Two genes may be equally near.
        named = cosine[[list(names[inside]).index(gene) for gene in typical]]
        ordered = cosine[typical_genes(unit[inside])]
        np.testing.assert_allclose(named, ordered[: len(typical)], atol=1e-9)
        assert (np.diff(ordered) < 1e-9).all()


def test_numbered_groups_come_in_the_order_of_their_numbers():
    labels = ["10", "2", "1", "rim", None, "", float("nan")]
    kept, found, code = grouped(np.zeros((7, 1)), labels)
    assert found.tolist() == ["1", "2", "10", "rim"]
    assert kept.tolist() == [0, 1, 2, 3]
    assert code.tolist() == [2, 1, 0, 3]


def test_describing_writes_nothing(fitted):
    before = fitted.copy()
    table = sigel.tl.gene_groups(fitted)
    assert table["n_genes"].sum() == (fitted.var["sigel_status"] == "embedded").sum()
    assert table["n_genes"][:-1].is_monotonic_decreasing
    assert table["group"].tolist() == ["1", "2", "3", "4", "no pattern"]
    assert "groups" not in fitted.uns["sigel"]
    pd.testing.assert_frame_equal(fitted.var, before.var)
    programme = fitted.var["programme"]
    for row in table.itertuples():
        if row.cohesion > 0.8:
            assert programme[row.typical.split(",")].nunique() == 1


# --- made anew -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"n_groups": 5}, {"resolution": 1}])
def test_planted_groups_are_found_again(how):
    z, label = clouds([60, 50, 40, 30, 20])
    made = regroup(z, sigel.SIGELConfig(max_groups=20), **how)
    assert adjusted_rand_score(label, made.group) > 0.99
    sizes = [int((made.group == str(k + 1)).sum()) for k in range(5)]
    assert sizes == sorted(sizes, reverse=True)
    assert made.posterior.shape == (200, 5)
    assert np.array_equal(made.group, (made.posterior.argmax(axis=1) + 1).astype(str))
    assert np.allclose(made.group_prob, made.posterior.max(axis=1))


@pytest.mark.nightly
def test_resolution_multiplies_the_choice_of_bic():
    z, _ = clouds([40] * 5)
    config = sigel.SIGELConfig(max_groups=8)
    numbers = {r: regroup(z, config, resolution=r).posterior.shape[1] for r in (0.01, 0.6, 1, 1.4, 2, 3)}
    assert numbers == {0.01: 1, 0.6: 3, 1: 5, 1.4: 7, 2: 10, 3: 15}


def test_coarse_and_fine_groups_are_cuts_of_one_tree():
    z, label = clouds([40] * 6, d=6)
    z += 25 * np.eye(6)[label // 2]
    fine = regroup(z, n_groups=6)
    present = {"present": PresentGroups(fine.group, fine.posterior, list(fine.names))}
    middle, coarse = regroup(z, n_groups=3, **present), regroup(z, n_groups=2, **present)
    assert adjusted_rand_score(label // 2, middle.group) == 1
    for below, above in ((fine, middle), (middle, coarse)):
        assert pd.crosstab(below.group, above.group).gt(0).sum(axis=1).eq(1).all()
    assert np.allclose(middle.posterior.sum(axis=1), 1)
    assert (np.diff(fine.tree.height) >= 0).all()
    assert fine.tree.joined.shape == (5, 2)
    assert regroup(z, resolution=0.5, chosen=6, **present).group.tolist() == middle.group.tolist()


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.nightly) for k in (1, 2))])
def test_eight_planted_programmes_are_eight_groups_though_two_are_no_better_than_one(seed):
    adata = sigel.datasets.simulated_section(36, 36, 8, 30, 100, seed=seed)
    sigel.tl.embed(adata, preset="fast", device="cpu", progress=False)
    planted = adata.var["programme"].astype(str)
    genes = (planted != "background") & (adata.var["sigel_status"] == "embedded")
    assert len(set(labels_of(adata)) - {NO_PATTERN, ""}) == 8
    assert adjusted_rand_score(planted[genes], labels_of(adata)[genes]) > 0.95


@pytest.fixture(scope="module")
def with_flat_genes():
    """Representations of a section in which most genes have no pattern, and their groups."""
    adata = sigel.datasets.simulated_section(20, 20, 4, 20, 120, seed=0)
    sigel.tl.embed(adata, preset="fast", device="cpu", progress=False)
    return adata


def labels_of(adata, key="sigel"):
    return adata.var[f"{key}_group"].astype(object).fillna("").to_numpy()


def test_cuts_are_unions_and_no_gene_gains_or_loses_its_pattern(with_flat_genes):
    adata = with_flat_genes.copy()
    before = labels_of(adata)
    assert (before == NO_PATTERN).sum() > 80
    for n_groups in (9, 30, 3, 2, 1, 5, 4):
        now = labels_of(adata)
        sigel.tl.gene_groups(adata, n_groups=n_groups, device="cpu")
        after = labels_of(adata)
        assert ((after == NO_PATTERN) == (before == NO_PATTERN)).all()
        if n_groups < len(set(now) - {NO_PATTERN, ""}):
            assert pd.crosstab(now, after).gt(0).sum(axis=1).eq(1).all()
        assert len(set(after) - {NO_PATTERN, ""}) == n_groups
        posterior = adata.varm["sigel_posterior"][before != ""]
        np.testing.assert_allclose(posterior.sum(axis=1), 1, atol=1e-5)
    n_patterned = int(((before != NO_PATTERN) & (before != "")).sum())
    with pytest.raises(InputError, match=f"1 to {n_patterned}, the number of genes with a pattern"):
        sigel.tl.gene_groups(adata, n_groups=n_patterned + 1)


def test_the_column_of_genes_without_a_pattern_is_known_when_none_is_left(with_flat_genes):
    adata = with_flat_genes[:, labels_of(with_flat_genes) != NO_PATTERN].copy()
    assert adata.uns["sigel"]["group_names"].tolist() == ["1", "2", "3", "4", NO_PATTERN]
    sigel.tl.gene_groups(adata, n_groups=3, device="cpu")
    assert set(labels_of(adata)) - {""} == {"1", "2", "3"}
    assert adata.varm["sigel_posterior"].shape[1] == 4


def test_few_groups_are_unions_of_many():
    """Of 6 clouds in 3 pairs, three groups are the pairs: no group of the fine level is torn."""
    z, label = clouds([40] * 6, d=6)
    pair = label // 2
    z += 25 * np.eye(6)[pair]
    coarse = regroup(z, sigel.SIGELConfig(max_groups=10), n_groups=3)
    fine = regroup(z, sigel.SIGELConfig(max_groups=10), n_groups=6)
    assert adjusted_rand_score(pair, coarse.group) > 0.99
    assert adjusted_rand_score(label, fine.group) > 0.99
    assert pd.crosstab(fine.group, coarse.group).gt(0).sum(axis=1).eq(1).all()


def test_the_choice_on_the_same_representations_is_that_of_embed(fitted):
    """Nothing is trained by the preset, so embed grouped the very representations that it stored."""
    sigel.tl.gene_groups(fitted, resolution=1, key_added="again", device="cpu")
    kept = fitted.var["sigel_group"].notna()
    assert adjusted_rand_score(fitted.var["sigel_group"][kept], fitted.var["again_group"][kept]) > 0.99
    assert fitted.uns["again"]["groups"]["chosen"] == 4


def test_genes_that_were_not_embedded_have_no_group():
    z, _ = clouds([20, 20])
    z[[3, 8]] = np.nan
    made = regroup(z, n_groups=2)
    assert made.group[3] == made.group[8] == ""
    assert np.isnan(made.group_prob[[3, 8]]).all()
    assert np.isnan(made.posterior[[3, 8]]).all()
    assert (np.delete(made.group, [3, 8]) != "").all()


def test_as_many_groups_as_genes_and_one_alone():
    z, _ = clouds([4, 3])
    assert regroup(z, n_groups=7).posterior.shape == (7, 7)
    one = regroup(z, n_groups=np.int64(1))
    assert set(one.group) == {"1"}
    assert np.allclose(one.posterior, 1)


def test_new_groups_take_the_place_of_the_old_and_can_be_written(fitted, tmp_path):
    info = dict(fitted.uns["sigel"])
    fitted.uns["sigel"]["stability"] = {"ari": 1.0}
    z = fitted.varm["X_sigel"].copy()
    table = sigel.tl.gene_groups(fitted, n_groups=3, device="cpu")
    assert table["group"].tolist() == ["1", "2", "3", "no pattern"]
    assert fitted.varm["sigel_posterior"].shape == (fitted.n_vars, 4)
    assert fitted.var["sigel_group"].cat.categories.tolist() == ["1", "2", "3", "no pattern"]
    assert np.array_equal(fitted.varm["X_sigel"], z, equal_nan=True)
    kept = (fitted.var["sigel_status"] == "embedded").to_numpy()
    assert fitted.var["sigel_group"].notna().to_numpy().tolist() == kept.tolist()
    assert "stability" not in fitted.uns["sigel"]  # that of other groups
    assert fitted.uns["sigel"]["params"] == info["params"]
    assert fitted.uns["sigel"]["groups"]["n_groups"] == 3
    pd.testing.assert_frame_equal(sigel.tl.gene_groups(fitted), table)
    fitted.write_h5ad(tmp_path / "section.h5ad")


def test_another_name_keeps_both_and_serves_the_other_verbs(fitted):
    old = fitted.var["sigel_group"].copy()
    sigel.tl.gene_groups(fitted, n_groups=7, key_added="fine", device="cpu")
    assert fitted.var["sigel_group"].equals(old)
    assert fitted.uns["fine"]["groups"]["n_groups"] == 7
    assert "groups" not in fitted.uns["sigel"]
    table = sigel.tl.similar_genes(fitted, "Gene0001", key="fine")
    assert table["group"].tolist() == fitted.var["fine_group"][table["gene"]].tolist()
    assert len(sigel.tl.gene_groups(fitted, key="fine")) == 8


@pytest.mark.parametrize("how", [{"n_groups": 3}, {"resolution": 0.5}])
def test_both_doors_give_the_same(fitted, how):
    z, names = fitted.varm["X_sigel"].astype(float), list(fitted.var_names)
    present = {
        "posterior": fitted.varm["sigel_posterior"].astype(float),
        "names": fitted.var["sigel_group"].cat.categories.tolist(),
        "group": fitted.var["sigel_group"].astype(object).fillna("").tolist(),
        # As R sends it.
        "of_fit": True,
    }
    wanted = sigel.tl.gene_groups(fitted, **how, seed=2, device="cpu")
    params = fitted.uns["sigel"]["params"]
    for given_settings in (params, json.loads(params)):
        numbers = {name: float(number) for name, number in how.items()}
        found = bridge.gene_groups(
            representations=z,
            genes=names,
            **numbers,
            **present,
            settings=given_settings,
            seed=2.0,
            device="cpu",
        )
        pd.testing.assert_frame_equal(pd.DataFrame(found["table"]), wanted, check_dtype=False)
    assert found["group"] == fitted.var["sigel_group"].astype(object).fillna("").tolist()
    assert np.array_equal(found["posterior"], fitted.varm["sigel_posterior"], equal_nan=True)
    assert np.array_equal(found["group_prob"], fitted.var["sigel_group_prob"], equal_nan=True)
    assert found["n_groups"] == found["posterior"].shape[1] - 1
    assert found["names"][-1] == "no pattern"
    described = bridge.gene_groups(
        representations=z,
        genes=names,
        settings={},
        group=found["group"],
        group_prob=found["group_prob"],
    )
    assert list(described) == ["table", "record"]
    pd.testing.assert_frame_equal(pd.DataFrame(described["table"]), wanted, check_dtype=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_groups": 0}, "`n_groups`.*0"),
        ({"n_groups": 2.0}, "`n_groups`.*2.0"),
        ({"n_groups": 10_000}, "`n_groups`.*genes with a pattern"),
        ({"n_groups": True}, "`n_groups`.*True"),
        ({"n_groups": 3, "resolution": 2}, "`n_groups`.*both"),
        ({"resolution": 0}, "`resolution`.*0"),
        ({"resolution": -1.0}, "`resolution`"),
        ({"resolution": float("nan")}, "`resolution`.*nan"),
        ({"resolution": float("inf")}, "`resolution`.*inf"),
        ({"resolution": "2"}, "`resolution`"),
        ({"n_groups": 3, "seed": -1}, "`seed`"),
        ({"n_groups": 3, "device": "abacus"}, "`device`"),
        ({"n_groups": 3, "key": "other"}, "`key`.*embed"),
        ({"n_groups": 3, "key_added": "a/b"}, "`key_added`"),
        ({"key_added": "more"}, "`key_added`.*no new groups"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(fitted, arguments, words):
    before = fitted.copy()
    with pytest.raises(InputError, match=words):
        sigel.tl.gene_groups(fitted, **arguments)
    pd.testing.assert_frame_equal(fitted.var, before.var)
    assert sorted(fitted.uns) == sorted(before.uns)
    assert sorted(fitted.varm) == sorted(before.varm)
    assert "groups" not in fitted.uns["sigel"]


def test_something_else_than_an_anndata_is_refused():
    with pytest.raises(InputError, match="`adata`"):
        sigel.tl.gene_groups(np.ones((3, 3)))
