"""The door that R uses to impute: plain pieces give what the Python door gives."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import sigel
from r_pieces import pieces
from sigel import bridge
from sigel.errors import ConfigError, InputError
from sigel.tasks.imputation import compared

SMALL = {
    "n_panel": 40,
    "n_rows": 14,
    "n_cols": 14,
    "n_programmes": 3,
    "genes_per_programme": 20,
    "n_background_genes": 20,
}
TABLES = ("shared", "weights", "coverage", "left_out")


@pytest.fixture(scope="module")
def panel():
    return sigel.datasets.simulated_panel(**SMALL, seed=2)


def impute(target, references, **arguments):
    """The call of R with what R would give by default."""
    usual = {
        "genes": None,
        "method": "auto",
        "model": None,
        "orthologs": None,
        "intervals": True,
        "settings": {},
        "seed": 3.0,
        "device": "cpu",
        "progress": None,
    }
    sections = [pieces(one) for one in references]
    section = pieces(target, lattice=False)
    return bridge.impute(section=section, references=sections, **{**usual, **arguments})


@pytest.fixture(scope="module")
def answer(panel):
    target, reference, _ = panel
    return impute(target, [reference])


@pytest.fixture(scope="module")
def peer(panel):
    target, reference, _ = panel
    return sigel.tl.impute(target, reference, seed=3, device="cpu", progress=False)


def test_both_doors_give_the_same(answer, peer):
    assert answer["genes"] == list(peer.var_names)
    assert np.array_equal(answer["values"], peer.X.T)
    for bound in ("lower", "upper"):
        assert np.array_equal(answer[bound], peer.layers[bound].T)
    table = pd.DataFrame(answer["table"]).set_index("gene")
    pd.testing.assert_frame_equal(table, peer.var, check_names=False, check_dtype=False)
    known = peer.uns["sigel_imputation"]
    for name in TABLES:
        index = "gene" in answer[name]
        expected = known[name].rename_axis("gene").reset_index() if index else known[name]
        pd.testing.assert_frame_equal(
            pd.DataFrame(answer[name]), expected, check_dtype=False, check_index_type=False
        )
    for name in ("method", "n_shared", "target_sum", "spearman", "converged"):
        assert answer["report"][name] == known[name]
    assert json.loads(answer["report"]["params"]) == json.loads(known["params"])


def test_the_answer_is_plain_and_lies_as_r_keeps_it(answer):
    n_genes = len(answer["genes"])
    for name in ("values", "lower", "upper"):
        assert answer[name].shape[0] == n_genes
        assert answer[name].flags.f_contiguous
    for name in ("table", *TABLES):
        assert all(isinstance(column, list) for column in answer[name].values())
    assert answer["history"] is None
    for name, value in answer["report"].items():
        assert isinstance(value, str | int | float | bool), name
    assert json.loads(answer["report"]["provenance"])["data_hash"]
    assert answer["report"]["min_pcc"] == sigel.config.imputation.ImputeConfig().min_pcc


def test_values_with_zeros_are_the_slots_of_a_sparse_matrix(panel, answer):
    target, reference, _ = panel
    some = answer["genes"][:5]
    found = impute(target, [reference], genes=some, settings={"zeros": "rate"}, intervals=False)
    slots = found["values"]
    matrix = sparse.csc_matrix((slots["x"], slots["i"], slots["p"]), shape=slots["dim"]).toarray()
    assert matrix.shape == (5, target.n_obs)
    assert (matrix == 0).any()
    kept = matrix != 0
    assert np.array_equal(matrix[kept], answer["values"][:5][kept])
    for first, last in zip(slots["p"][:-1], slots["p"][1:], strict=True):
        assert (np.diff(slots["i"][first:last]) > 0).all()
    assert found["lower"] is None
    assert found["upper"] is None


def test_values_go_to_a_file_and_come_from_it(panel, answer, tmp_path):
    target, reference, _ = panel
    out = str(tmp_path / "imputed.h5ad")
    found = impute(target, [reference], out=out, cell_names=list(target.obs_names))
    assert found["values"] is found["lower"] is found["upper"] is None
    pd.testing.assert_frame_equal(pd.DataFrame(found["table"]), pd.DataFrame(answer["table"]), rtol=1e-5)
    genes = [answer["genes"][3], answer["genes"][0]]
    read = bridge.read_imputed(path=out, genes=genes, intervals=True)
    assert read["genes"] == genes
    assert read["cells"] == list(target.obs_names)
    for name in ("values", "lower", "upper"):
        np.testing.assert_allclose(read[name], answer[name][[3, 0]], rtol=1e-5, atol=1e-6)
    whole = sigel.io.read_imputed(out)
    assert list(whole.var_names) == answer["genes"]
    np.testing.assert_allclose(whole.obsm["spatial"], target.obsm["spatial"])
    one = bridge.read_imputed(path=out, genes=genes[0], intervals=False)
    assert one["lower"] is None
    assert np.array_equal(one["values"], read["values"][:1])


def compared_table(**asked):
    """What the bridge answers, without how it was made."""
    answer = bridge.compare_imputed(**asked)
    return pd.DataFrame({name: answer[name] for name in answer if name != "record"}).set_index("gene")


def test_groups_are_compared_as_the_python_door_does(panel, answer, peer, tmp_path, monkeypatch):
    target, reference, _ = panel
    labels = target.obs["region"].astype(str)
    first, second = labels.value_counts().index[:2]
    genes = answer["genes"][:9]
    asked = {
        "genes": genes,
        "cell_names": list(target.obs_names),
        "labels": labels.tolist(),
        "first": [first],
        "second": second,
        "expected_pcc": answer["table"]["expected_pcc"][:9],
        "params": answer["report"]["params"],
        "n_draws": 20.0,
        "seed": 0.0,
    }
    parts = {name: answer[name][:9] for name in ("values", "lower", "upper")}
    found = compared_table(**asked, **parts)
    known = sigel.tl.compare_imputed(peer, "region", first=first, second=second, genes=genes)
    pd.testing.assert_frame_equal(found, known[found.columns], check_names=False)
    # In parts of the same size, which all cells decide, and of sparse matrices alike.
    monkeypatch.setattr(compared, "_VALUES", 1)
    monkeypatch.setattr(compared, "LEAST_GENES", 4)
    known = sigel.tl.compare_imputed(peer, "region", first=first, second=second, genes=genes)
    assert not np.allclose(found["pval"], known["pval"], rtol=1e-3)
    slots = {}
    for name, part in parts.items():
        matrix = sparse.csc_matrix(part)
        slots[name] = {"i": matrix.indices, "p": matrix.indptr, "x": matrix.data, "dim": list(matrix.shape)}
    for pieces_of in (parts, slots):
        found = compared_table(**asked, **pieces_of, n_cells=196.0)
        pd.testing.assert_frame_equal(found, known[found.columns], check_names=False)
    out = str(tmp_path / "imputed.h5ad")
    impute(target, [reference], genes=genes, out=out, cell_names=list(target.obs_names))
    whole = compared_table(**asked, path=out)
    pd.testing.assert_frame_equal(whole, found, rtol=1e-3)
    # The labels come in any order, and of some cells alone.
    asked |= {"cell_names": asked["cell_names"][:0:-1], "labels": asked["labels"][:0:-1]}
    read = compared_table(**asked, path=out)
    assert (np.abs(read["difference"] - known["difference"]) < known["se"]).all()
    asked |= {"cell_names": ["new", *asked["cell_names"][1:]]}
    with pytest.raises(InputError, match=r"found 1 cell without intervals: \"new\".*renamed or added since"):
        bridge.compare_imputed(**asked, path=out)


def test_what_r_makes_of_settings_is_understood(panel, answer):
    target, reference, _ = panel
    # A vector of one number comes as that number, whole numbers as doubles, one name as text.
    settings = {"scales": 1.0, "penalties": [3.0, 10.0], "folds": 3.0, "target_sum": None, "gan": {}}
    found = impute(target, [reference], genes=answer["genes"][0], method="ridge", settings=settings)
    params = json.loads(found["report"]["params"])
    assert params["scales"] == [1]
    assert params["penalties"] == [3, 10]
    assert params["folds"] == 3
    assert found["genes"] == answer["genes"][:1]
    with pytest.raises(ConfigError, match="folds"):
        impute(target, [reference], settings={"fold": 3.0})
    with pytest.raises(ConfigError, match="scales"):
        impute(target, [reference], settings={"scales": "wide"})


def test_orthologs_come_as_two_lists(panel, answer):
    target, reference, _ = panel
    human = reference.copy()
    human.var_names = [name.replace("Gene", "HUMAN") for name in reference.var_names]
    pairs = [list(reference.var_names), list(human.var_names)]
    found = impute(target, [human], orthologs=pairs, genes=answer["genes"][:3])
    assert found["genes"] == answer["genes"][:3]
    np.testing.assert_allclose(found["values"], answer["values"][:3], rtol=1e-6)


def test_references_are_several_and_models_one_for_each(panel, answer, tmp_path):
    target, reference, _ = panel
    some = answer["genes"][:3]
    both = impute(target, [reference, reference[::2]], genes=some)
    assert both["genes"] == some
    assert not np.allclose(both["values"], answer["values"][:3], atol=1e-5)
    adata = reference.copy()
    sigel.tl.embed(adata, n_dims=8, n_groups=3, preset="fast", device="cpu", progress=False, save=tmp_path)
    seen = []
    fitted = impute(
        target,
        [reference],
        genes=some,
        model=[str(tmp_path)],
        progress=lambda *report: seen.append(report),
    )
    assert not np.allclose(fitted["values"], answer["values"][:3], atol=1e-5)
    assert {report[0] for report in seen} >= {"impute"}
    with pytest.raises(InputError, match="1 for 2 references"):
        impute(target, [reference, reference], model=[str(tmp_path)])


def test_a_seed_that_is_no_whole_number_is_refused(panel):
    target, reference, _ = panel
    with pytest.raises(InputError, match="seed"):
        impute(target, [reference], seed=1.5)


def test_simulated_panels_come_as_pieces(panel):
    made = bridge.simulate_panel(settings={name: float(value) for name, value in SMALL.items()}, seed=2.0)
    assert list(made) == ["target", "reference", "hidden"]
    for found, adata in zip(made.values(), panel, strict=True):
        matrix = sparse.csc_matrix((found["x"], found["i"], found["p"]), shape=found["dim"])
        assert (matrix.T != adata.X).nnz == 0
        assert found["genes"] == list(adata.var_names)
        assert found["programme"] == adata.var["programme"].tolist()
    assert made["target"]["lattice"] is None
