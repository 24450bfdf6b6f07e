"""Similar genes: planted partners, what random genes reach, both doors, wrong input."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import sigel
from sigel import bridge
from sigel.errors import InputError, unknown_name
from sigel.tasks import similar_genes as similar
from sigel.tasks.similar_genes import N_MATCHED, expression_level, similar_genes

COLUMNS = ["query", "gene", "rank", "similarity", "random_mean", "random_95", "pval"]


@pytest.fixture(scope="module")
def fitted():
    """A simulated section embedded by eigenimages alone."""
    adata = sigel.datasets.simulated_section(
        24, 24, n_programmes=4, genes_per_programme=20, n_background_genes=400, fold=(4.0, 8.0)
    )
    sigel.tl.embed(adata, preset="fast", n_groups=5, progress=False)
    return adata


def vectors(n: int, d: int = 6, seed: int = 0) -> tuple[np.ndarray, list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), [f"g{i}" for i in range(n)], rng.normal(size=n)


def by_hand(z, level, rows, found):
    """One row of the table with plain loops: the definition, nothing clever."""
    unit = z - z.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    query = unit[rows].mean(axis=0)
    similarity = unit @ query / np.linalg.norm(query)
    others = [g for g in range(len(z)) if g != found and g not in rows]
    matched = sorted(others, key=lambda g: abs(level[g] - level[found]))[:N_MATCHED]
    reached = similarity[matched]
    pval = (1 + (reached >= similarity[found]).sum()) / (1 + len(matched))
    return similarity[found], reached.mean(), np.quantile(reached, 0.95), pval


# --- the numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_genes", [30, 700])
def test_every_number_is_that_of_the_definition(n_genes):
    z, names, level = vectors(n_genes)
    table = similar_genes(z, names, level, ["g3", "g8"], n=9)
    for row in table.itertuples():
        wanted = by_hand(z, level, [3, 8], names.index(row.gene))
        assert np.allclose([row.similarity, row.random_mean, row.random_95, row.pval], wanted)
    assert list(table.columns) == COLUMNS
    assert table["rank"].tolist() == list(range(1, 10))
    assert (table["query"] == "g3, g8").all()
    assert table.attrs["queries"] == ["g3", "g8"]


@settings(max_examples=30, deadline=None)
@given(
    n_genes=st.integers(4, 40),
    n_queries=st.integers(1, 3),
    n=st.integers(1, 50),
    combine=st.sampled_from(["mean", "each"]),
    seed=st.integers(0, 5),
)
def test_nearest_come_first_and_queries_are_left_out(n_genes, n_queries, n, combine, seed):
    z, names, level = vectors(n_genes, seed=seed)
    asked = names[:n_queries]
    table = similar_genes(z, names, level, asked, n=n, combine=combine)
    tables = [part for _, part in table.groupby("query", sort=False)]
    own = [set(asked)] if combine == "mean" else [{one} for one in asked]
    assert len(tables) == len(own)
    for part, left_out in zip(tables, own, strict=True):
        assert len(part) == min(n, n_genes - len(left_out))
        assert part["similarity"].is_monotonic_decreasing
        assert part["gene"].is_unique
        assert not left_out & set(part["gene"])
        assert part["similarity"].between(-1 - 1e-9, 1 + 1e-9).all()
        assert part["pval"].between(0, 1, inclusive="right").all()


def test_each_gives_the_tables_of_each_alone(monkeypatch):
    """Also over the borders of the blocks that bound memory."""
    z, names, level = vectors(300)
    asked = names[10:17]
    monkeypatch.setattr(similar, "_QUERIES", 3)
    monkeypatch.setattr(similar, "_FOUND", 7)
    together = similar_genes(z, names, level, asked, n=5, combine="each")
    apart = pd.concat([similar_genes(z, names, level, one, n=5) for one in asked], ignore_index=True)
    pd.testing.assert_frame_equal(together, apart)


def test_turning_scaling_and_reordering_change_nothing():
    z, names, level = vectors(60)
    table = similar_genes(z, names, level, "g5", n=10)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    turned = similar_genes(3 * z @ turn + 7, names, level + 2, "g5", n=10)
    pd.testing.assert_frame_equal(table, turned)
    order = np.random.default_rng(2).permutation(60)
    mixed = similar_genes(z[order], np.array(names)[order], level[order], "g5", n=10)
    pd.testing.assert_frame_equal(table, mixed)


def test_a_gene_without_representation_is_neither_found_nor_matched():
    z, names, level = vectors(30)
    z[4] = np.nan
    table = similar_genes(z, names, level, "g1", n=100)
    assert "g4" not in set(table["gene"])
    kept = np.delete(np.arange(30), 4)
    without = similar_genes(z[kept], np.array(names)[kept], level[kept], "g1", n=100)
    pd.testing.assert_frame_equal(table, without)
    with pytest.raises(InputError, match="'g4', which was not embedded"):
        similar_genes(z, names, level, "g4")


def test_random_genes_reach_more_where_the_expression_is_low():
    """Weak genes look alike here; only a match by level says that 0.9 means little among them."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(1000, 10))
    weak = np.arange(1000) < 500
    z[weak] = 4 * np.eye(10)[0] + 0.3 * rng.normal(size=(500, 10))
    level = np.where(weak, -3.0, 3.0) + 0.1 * rng.normal(size=1000)
    names = [f"g{i}" for i in range(1000)]
    table = similar_genes(z, names, level, "g0", n=300)
    assert set(table["gene"]) <= set(np.array(names)[weak])
    assert (table["similarity"] > table["random_95"]).mean() < 0.2
    strong = similar_genes(z, names, level, "g900", n=5)
    assert (strong["similarity"] > strong["random_95"]).all()


def test_without_any_alike_p_values_of_all_genes_are_uniform():
    z, names, level = vectors(400, d=30)
    table = similar_genes(z, names, level, "g0", n=399)
    assert abs(table["pval"].mean() - 0.5) < 0.03
    assert abs((table["pval"] <= 0.1).mean() - 0.1) < 0.03


def test_equal_levels_are_matched_by_the_seed_alone():
    z, names, _ = vectors(600)
    level = np.zeros(600)
    first = similar_genes(z, names, level, "g0", n=5, seed=1)
    pd.testing.assert_frame_equal(first, similar_genes(z, names, level, "g0", n=5, seed=1))
    other = similar_genes(z, names, level, "g0", n=5, seed=2)
    assert first["gene"].tolist() == other["gene"].tolist()
    assert not np.allclose(first["random_mean"], other["random_mean"])


def test_two_genes_have_nobody_to_be_compared_with():
    z, names, level = vectors(2)
    row = similar_genes(z, names, level, "g0").iloc[0]
    assert row["gene"] == "g1"
    assert np.isnan(row["random_95"])
    assert row["pval"] == 1


def test_the_level_is_the_log_of_the_mean_count():
    counts = np.array([[1.0, 0, 5], [3, 0, 5]])
    level = expression_level(sparse.csr_matrix(counts))
    assert np.allclose(level[[0, 2]], np.log([2, 5]))
    assert np.isfinite(level[1])
    assert level[1] < -100
    assert np.allclose(expression_level(counts - 3), [-1, -3, 2])


# --- the door --------------------------------------------------------------------------------------------


def test_planted_partners_come_first(fitted):
    names, programme = fitted.var_names, fitted.var["programme"]
    before = fitted.copy()
    for one in programme.cat.categories.drop("background"):
        genes = names[programme == one]
        table = sigel.tl.similar_genes(fitted, list(genes[:3]), n=12)
        assert (programme[table["gene"]] == one).mean() > 0.9
        assert (table["similarity"] > table["random_95"]).mean() > 0.9
        group = fitted.var["sigel_group"]
        assert table["group"].tolist() == group[table["gene"]].tolist()
    assert list(fitted.var) == list(before.var)
    assert sorted(fitted.uns) == sorted(before.uns)


def test_genes_without_pattern_stay_with_random_ones(fitted):
    background = fitted.var_names[fitted.var["programme"] == "background"][:20]
    table = sigel.tl.similar_genes(fitted, background, n=100, combine="each")
    assert (table["similarity"] > table["random_95"]).mean() < 0.3


def test_the_level_comes_from_the_layer_of_the_fit(fitted):
    adata = fitted.copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = sparse.csr_matrix(np.random.default_rng(0).poisson(3.0, adata.shape).astype(np.float32))
    gene = adata.var_names[0]
    wanted = sigel.tl.similar_genes(fitted, gene)
    pd.testing.assert_frame_equal(sigel.tl.similar_genes(adata, gene, layer="counts"), wanted)
    adata.uns["sigel"] = {**adata.uns["sigel"], "layer": "counts"}
    pd.testing.assert_frame_equal(sigel.tl.similar_genes(adata, gene), wanted)


def test_counts_on_disk_give_the_same(fitted, tmp_path):
    fitted.write_h5ad(tmp_path / "section.h5ad")
    backed = anndata.read_h5ad(tmp_path / "section.h5ad", backed="r")
    wanted = sigel.tl.similar_genes(fitted, "Gene0001")
    pd.testing.assert_frame_equal(sigel.tl.similar_genes(backed, "Gene0001"), wanted)
    backed.file.close()


def test_both_doors_give_the_same(fitted):
    genes = list(fitted.var_names[[5, 9]])
    wanted = sigel.tl.similar_genes(fitted, genes, n=7, combine="each")
    level = np.log(np.asarray(fitted.X.sum(axis=0, dtype=float)).ravel() / fitted.n_obs)
    group = fitted.var["sigel_group"].astype(object).fillna("").tolist()
    z = fitted.varm["X_sigel"].astype(float)
    known = {"representations": z, "genes": list(fitted.var_names), "level": level, "n": 7.0, "seed": 0.0}
    found = bridge.similar_genes(**known, queries=genes, combine="each", groups=group)
    del found["record"]
    pd.testing.assert_frame_equal(pd.DataFrame(found), wanted, check_dtype=False)
    one = bridge.similar_genes(**known, queries=genes[0], combine="mean")
    assert one["gene"] == wanted["gene"].tolist()[:7]
    assert "group" not in one


@pytest.mark.parametrize(
    ("genes", "arguments", "words"),
    [
        ("gene0001", {}, "`genes`.*'gene0001', unknown here.*nearest: 'Gene0001'"),
        (["Gene0001", "Xyz"], {}, "'Xyz', unknown here;"),
        ("mt-Nd1", {}, "'mt-Nd1', which was not embedded: excluded"),
        ([], {}, "`genes`.*no name"),
        (None, {}, "`genes`.*no name"),
        ([True, False], {}, "`genes`.*mask"),
        ("Gene0001", {"n": 0}, "`n`"),
        ("Gene0001", {"n": 2.5}, "`n`.*2.5"),
        ("Gene0001", {"combine": "all"}, "`combine`.*'all'"),
        ("Gene0001", {"key": "other"}, "`key`.*'other'.*embed"),
        ("Gene0001", {"layer": "raw"}, "`layer`.*'raw'"),
    ],
)
def test_bad_input_is_named(fitted, genes, arguments, words):
    with pytest.raises(InputError, match=words):
        sigel.tl.similar_genes(fitted, genes, **arguments)


def test_asking_about_all_genes_leaves_none_to_be_found():
    z, names, level = vectors(5)
    with pytest.raises(InputError, match="5 genes of 5"):
        similar_genes(z, names, level, names)
    assert len(similar_genes(z, names, level, names, combine="each")) == 20


def test_unknown_names_come_with_spellings_that_differ_little():
    known = ["Slc17a7", "Slc17a6", "Mbp", "Plp1"]
    assert "nearest: 'Slc17a7', 'Slc17a6'" in unknown_name("SLC17A7", known)
    assert unknown_name("zzzz", known) == "'zzzz', unknown here"
    assert "nearest" not in unknown_name(3, [])


@pytest.mark.parametrize(
    ("name", "query", "partners"),
    [
        ("dlpfc_151510.h5ad", "MBP", ["PLP1", "MOBP", "CNP", "MAG"]),
        pytest.param("starmap_v1_BY3_1k.h5ad", "Mbp", ["Mobp", "Plp1", "Mal"], marks=pytest.mark.nightly),
    ],
)
def test_myelin_genes_find_each_other_in_real_sections(real_section, name, query, partners):
    adata = real_section(name)
    sigel.tl.embed(adata, preset="fast", n_groups=8, device="cpu", progress=False)
    table = sigel.tl.similar_genes(adata, query, n=10).set_index("gene")
    assert set(partners) <= set(table.index)
    assert (table["similarity"] > table["random_95"])[partners].all()
