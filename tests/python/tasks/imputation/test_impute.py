"""Imputation as its users meet it: planted and real sections, trust, rounds, zeros, wrong input."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.stats import spearmanr

import sigel
from sigel.config.imputation import GANConfig, ImputeConfig
from sigel.errors import ConfigError, InputError
from sigel.images.section import Section
from sigel.tasks.imputation.ensemble import cross_validate
from sigel.tasks.imputation.predictors import METHODS, predictors
from sigel.tasks.imputation.target_reference import Reference, Target

SMALL = {
    "n_rows": 24,
    "n_cols": 24,
    "n_programmes": 5,
    "genes_per_programme": 40,
    "n_background_genes": 100,
}
GAN = {"epochs": 30, "n_hidden": 32, "n_memory": 16, "members": 1}


@pytest.fixture(scope="module")
def panel():
    """Target, reference and what the panel missed."""
    return sigel.datasets.simulated_panel(60, **SMALL, seed=3)


@pytest.fixture(scope="module")
def imputed(panel):
    target, reference, _ = panel
    return sigel.tl.impute(target, reference, progress=False)


def truth_of(imputed, hidden):
    """Normalised values that the panel missed, `(n_cells, n_genes)`."""
    counts = hidden[:, imputed.var_names].X.toarray()
    library = np.maximum(hidden.X.sum(axis=1), 1)
    return np.log1p(counts / np.asarray(library).reshape(-1, 1) * 1000)


def correlations(values, truth):
    values = values.toarray() if sparse.issparse(values) else np.asarray(values)
    a, b = values - values.mean(axis=0), truth - truth.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), size, out=np.zeros(a.shape[1]), where=size > 0)


def content(adata):
    return (
        adata.X.toarray().tobytes(),
        tuple(adata.var_names),
        tuple(adata.obs.columns),
        tuple(adata.var.columns),
        tuple(adata.uns),
        tuple(adata.obsm),
        tuple(adata.layers),
    )


# --- what comes out ----------------------------------------------------------------------------------------


def test_genes_with_a_programme_are_recovered_and_believed_more_than_the_others(panel, imputed):
    hidden = panel[2]
    achieved = correlations(imputed.X, truth_of(imputed, hidden))
    planted = (hidden.var.loc[imputed.var_names, "programme"] != "background").to_numpy()
    assert achieved[planted].mean() > 0.35
    assert abs(achieved[~planted].mean()) < 0.1
    expected = imputed.var["expected_pcc"].to_numpy()
    assert spearmanr(expected, achieved)[0] > 0.8
    assert imputed.var["trusted"][planted].mean() > 0.9
    assert imputed.var["trusted"][~planted].mean() < 0.75


def test_the_blend_beats_the_nearest_panel_gene_and_each_of_its_parts_nearly(panel, imputed):
    target, reference, hidden = panel
    planted = hidden.var.index[hidden.var["programme"] != "background"]
    genes = [gene for gene in imputed.var_names if gene in set(planted)]
    truth = truth_of(imputed[:, genes], hidden)
    blend = correlations(imputed[:, genes].X, truth).mean()
    copied = target[:, imputed.var.loc[genes, "nearest_gene"]].X.toarray()
    assert blend > correlations(np.log1p(copied), truth).mean() + 0.05
    for method in ("representation", "ridge", "neighbors"):
        part = sigel.tl.impute(target, reference, genes=genes, method=method, intervals=False, progress=False)
        assert blend > correlations(part.X, truth).mean() - 0.02, method


def test_the_result_is_a_section_of_its_own(panel, imputed):
    target, reference, _ = panel
    assert list(imputed.obs_names) == list(target.obs_names)
    assert not set(imputed.var_names) & set(target.var_names)
    np.testing.assert_array_equal(imputed.obsm["spatial"], target.obsm["spatial"])
    assert imputed.X.dtype == np.float32
    assert (imputed.X >= 0).all()
    assert (imputed.layers["lower"] <= imputed.X).all()
    assert (imputed.layers["upper"] >= imputed.X).all()
    report = imputed.uns["sigel_imputation"]
    assert report["n_shared"] == len(report["shared"]) == 60
    assert report["method"] == "ensemble"
    assert report["converged"]
    assert set(report["left_out"].index) == {g for g in reference.var_names if g.startswith(("mt-", "ERCC"))}
    assert (report["weights"]["weight"] > 0).all()


def test_intervals_hold_what_they_promise(panel, imputed):
    """Genes that the panel missed, on the scale of the panel: 90 % of their values on average."""
    target, _, hidden = panel
    report = imputed.uns["sigel_imputation"]
    library = np.maximum(np.asarray(target.X.sum(axis=1)).reshape(-1, 1), 1)
    seen = np.log1p(hidden[:, imputed.var_names].X.toarray() / library * report["target_sum"])
    inside = (seen >= imputed.layers["lower"]) & (seen <= imputed.layers["upper"])
    assert 0.86 < inside.mean() < 0.96
    width = imputed.layers["upper"] - imputed.layers["lower"]
    assert width.mean() < 0.8 * seen.max()
    told = report["coverage"]
    assert told["n"].sum() == 60
    assert np.average(told["coverage"], weights=told["n"]) == pytest.approx(0.9, abs=0.04)


def test_the_result_can_be_written_and_read(imputed, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imputed.write_h5ad(tmp_path / "imputed.h5ad")
    back = ad.read_h5ad(tmp_path / "imputed.h5ad")
    np.testing.assert_array_equal(back.X, imputed.X)
    kept = back.uns["sigel_imputation"]
    pd.testing.assert_frame_equal(
        kept["shared"], imputed.uns["sigel_imputation"]["shared"], check_index_type=False, check_names=False
    )


def test_nothing_of_the_caller_is_touched(panel):
    target, reference, _ = (one.copy() for one in panel)
    before = content(target), content(reference)
    sigel.tl.impute(target, reference, genes=["Gene0001", "Gene0002"], progress=False)
    assert (content(target), content(reference)) == before


# --- invariance --------------------------------------------------------------------------------------------


def test_the_order_of_genes_and_the_units_of_places_do_not_matter(panel, imputed):
    target, reference, _ = (one.copy() for one in panel)
    rng = np.random.default_rng(0)
    target.obsm["spatial"] = target.obsm["spatial"] * 0.37 + 12
    shuffled = reference[:, rng.permutation(reference.n_vars)].copy()
    again = sigel.tl.impute(target, shuffled, progress=False)
    both = again[:, imputed.var_names]
    # Eigenimages are computed in another order of summation.
    close = correlations(both.X, imputed.X)
    assert (close[imputed.var["trusted"]] > 0.999).all()


def test_the_same_seed_gives_the_same_numbers(panel, imputed):
    target, reference, _ = panel
    again = sigel.tl.impute(target, reference, progress=False)
    np.testing.assert_array_equal(again.X, imputed.X)
    np.testing.assert_array_equal(again.layers["upper"], imputed.layers["upper"])


def test_genes_come_in_the_order_asked_and_as_when_all_are_imputed(panel, imputed):
    target, reference, _ = panel
    genes = [str(imputed.var_names[at]) for at in (40, 3, 17)]
    few = sigel.tl.impute(target, reference, genes=genes, progress=False)
    assert list(few.var_names) == genes
    np.testing.assert_allclose(few.X, imputed[:, genes].X, atol=1e-4)


def test_batches_of_genes_change_nothing(panel, imputed):
    target, reference, _ = panel
    small = sigel.tl.impute(target, reference, config={"batch_genes": 7}, progress=False)
    np.testing.assert_allclose(small.X, imputed.X, atol=1e-4)


def test_a_shared_gene_is_predicted_as_if_it_had_not_been_measured(panel):
    """Whatever the target shows of a gene, its own cross-validated prediction does not know."""
    target, reference, _ = panel
    scales, config, rng = (1, 7, 19), ImputeConfig(), np.random.default_rng
    names = reference.var_names.to_numpy(dtype=object)
    section = Section(reference.X, names, reference.obsm["spatial"])
    known = Reference.prepare(
        section, names, scales, model=None, max_spots=20000, rng=rng(0), seed=0, device="cpu"
    )
    shared = target.var_names.to_numpy(dtype=object)

    def held(counts):
        side = Target(Section(counts, shared, target.obsm["spatial"]), scales, 100.0)

        def make(panel_of_fold, cells):
            kinds = METHODS["ensemble"]
            return predictors(panel_of_fold, [known], side.smoothers, kinds, config, None, "cpu", cells=cells)

        found = cross_validate(side, shared, make, n_folds=5, max_cells=5000, rng=rng(0))
        return (*found, side.smoothers)

    blend, before, near = held(target.X)
    hidden = np.flatnonzero(before.fold == 0)
    counts = target.X.toarray()
    counts[:, hidden[0]] = rng(1).poisson(50, len(counts))
    _, after, _ = held(sparse.csr_matrix(counts))
    assert (before.fold == after.fold).all()
    one, other = (blend.predict(each.predictors, near, shared[hidden]) for each in (before, after))
    np.testing.assert_allclose(other, one, atol=1e-5)
    elsewhere = before.fold != 0
    assert np.abs(after.predicted[:, elsewhere] - before.predicted[:, elsewhere]).max() > 0.01


@pytest.mark.parametrize("kinds", [METHODS["ensemble"], METHODS["gan"]])
def test_some_cells_are_predicted_as_among_all(panel, kinds):
    target, reference, _ = panel
    scales, rng = (1, 7, 19), np.random.default_rng(0)
    names, shared = (one.var_names.to_numpy(dtype=object) for one in (reference, target))
    section = Section(reference.X, names, reference.obsm["spatial"])
    known = Reference.prepare(
        section, names, scales, model=None, max_spots=20000, rng=rng, seed=0, device="cpu"
    )
    side = Target(Section(target.X, shared, target.obsm["spatial"]), scales, 100.0)
    config, some = ImputeConfig(gan=GANConfig(epochs=2, members=1)), np.array([3, 4, 40, 41, 90])
    every, few = (
        predictors(
            side.panel(shared),
            [known],
            side.smoothers,
            kinds,
            config,
            torch.Generator().manual_seed(0),
            torch.device("cpu"),
            cells=cells,
        )
        for cells in (None, some)
    )
    assert [one.name for one in every] == [one.name for one in few]
    for one, other in zip(every, few, strict=True):
        whole, part = (sparse.csr_matrix(each.cells).toarray() for each in (one, other))
        assert whole.shape[0] == target.n_obs
        np.testing.assert_allclose(part, whole[some], atol=1e-5)


def test_cells_without_counts_teach_nothing(panel, imputed):
    target, reference, _ = panel
    more = ad.concat([target, target[:8].copy()])
    more.obs_names_make_unique()
    counts = more.X.toarray()
    counts[-8:] = 0
    more.X = sparse.csr_matrix(counts)
    with pytest.warns(UserWarning, match="8 cells of the target have no counts"):
        made = sigel.tl.impute(more, reference, progress=False)
    np.testing.assert_allclose(made.X[:-8], imputed.X, atol=1e-5)
    np.testing.assert_allclose(made.X[-1], imputed.X.mean(axis=0), atol=1e-4)
    assert (made.layers["lower"][-1] <= imputed.layers["lower"]).all()
    np.testing.assert_allclose(made.var["expected_pcc"], imputed.var["expected_pcc"], atol=1e-6)


# --- rounds, zeros, GAN, several references ----------------------------------------------------------------


def test_rounds_take_the_most_predictable_genes_first_and_each_once(panel, imputed):
    target, reference, _ = panel
    config = {"rounds": 3, "round_size": 20}
    made = sigel.tl.impute(target, reference, config=config, progress=False)
    assert made.n_vars == 60
    assert made.var_names.is_unique
    assert made.var["round"].value_counts().to_dict() == {1: 20, 2: 20, 3: 20}
    assert made.var["expected_pcc"].is_monotonic_decreasing
    best = imputed.var["expected_pcc"].sort_values(ascending=False).index[:20]
    assert set(made.var_names[:20]) == set(best)
    # The name is that of the gene: its values are those of one pass.
    close = correlations(made.X, imputed[:, made.var_names].X)
    assert (close > 0.9).all()
    left = made.uns["sigel_imputation"]["left_out"]["status"]
    assert (left == "not among the most predictable genes of the rounds asked for").sum() == (
        imputed.n_vars - 60
    )


def test_zeros_at_the_rate_of_the_target(panel):
    target, reference, hidden = panel
    made = sigel.tl.impute(target, reference, config={"zeros": "rate"}, progress=False)
    assert sparse.issparse(made.X)
    share = 1 - made.X.getnnz(axis=0) / made.n_obs
    truth = hidden[:, made.var_names].X
    true = 1 - truth.getnnz(axis=0) / made.n_obs
    assert abs(np.median(share - true)) < 0.15
    assert spearmanr(share, true)[0] > 0.6
    zero = made.X.toarray() == 0
    assert (made.layers["lower"][zero] == 0).all()


def test_zeros_where_the_panel_shows_no_similar_gene(panel):
    target, reference, _ = panel
    silenced = target.copy()
    corner = silenced.obsm["spatial"][:, 0] < np.quantile(silenced.obsm["spatial"][:, 0], 0.2)
    programme = silenced.var["programme"].iloc[0]
    mine = (silenced.var["programme"] == programme).to_numpy()
    counts = silenced.X.toarray()
    counts[np.ix_(corner, mine)] = 0
    silenced.X = sparse.csr_matrix(counts)
    made = sigel.tl.impute(silenced, reference, config={"zeros": "panel"}, progress=False)
    witnessed = made.var["nearest_gene"].isin(silenced.var_names[mine]).to_numpy()
    share = np.asarray((made.X[corner] == 0).mean(axis=0)).ravel()
    assert share[witnessed].mean() > share[~witnessed].mean()


def test_the_gan_learns_and_says_how(panel):
    target, reference, hidden = panel
    made = sigel.tl.impute(
        target, reference, method="gan", intervals=False, config={"gan": GAN}, progress=False
    )
    planted = (hidden.var.loc[made.var_names, "programme"] != "background").to_numpy()
    assert correlations(made.X, truth_of(made, hidden))[planted].mean() > 0.3
    history = made.uns["sigel_imputation"]["history"]
    assert len(history)
    assert np.isfinite(history["loss"]).all()
    assert not made.layers


@pytest.mark.nightly
def test_a_second_section_helps_and_brings_its_own_genes(panel):
    target, reference, hidden = panel
    _, second, _ = sigel.datasets.simulated_panel(60, **SMALL, seed=3)
    rng = np.random.default_rng(1)
    counts = second.X.copy()
    counts.data = rng.binomial(counts.data.astype(int), 0.5).astype(np.float32)
    second.X = counts
    *only, both = (str(gene) for gene in hidden.var_names[:6])
    one = reference[:, ~reference.var_names.isin(only)].copy()
    made = sigel.tl.impute(target, [one, second], genes=[*only, both], progress=False)
    alone = sigel.tl.impute(target, second, genes=[*only, both], progress=False)
    shared = [each.uns["sigel_imputation"]["shared"]["achieved_pcc"].mean() for each in (made, alone)]
    assert shared[0] > shared[1] - 0.01
    assert list(made.var_names) == [*only, both]
    assert np.isfinite(made.X).all()
    with pytest.raises(InputError, match="unknown here"):
        sigel.tl.impute(target, one, genes=only, progress=False)


def test_orthologs_pair_genes_of_other_names(panel, imputed):
    target, reference, _ = (one.copy() for one in panel)
    reference.var_names = [name.upper() for name in reference.var_names]
    table = pd.DataFrame({"target": target.var_names, "reference": target.var_names.str.upper()})
    made = sigel.tl.impute(target, reference, orthologs=table, progress=False)
    assert made.uns["sigel_imputation"]["n_shared"] == 60
    assert {name.upper() for name in imputed.var_names} == set(made.var_names)
    with pytest.raises(InputError, match="capital"):
        sigel.tl.impute(target, reference, progress=False)


# --- real sections -----------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_adjacent_sections_of_mouse_brain(real_section):
    reference, target = real_section("st_mousebrain_hippo1.h5ad"), real_section("st_mousebrain_hippo2.h5ad")
    names = reference.var_names.intersection(target.var_names)
    frequent = np.asarray((target[:, names].X > 0).mean(axis=0)).ravel()
    chosen = names[np.argsort(-frequent, kind="stable")[:250]]
    chosen = chosen[~chosen.str.startswith("mt-")]
    hidden = list(chosen[::5])
    panel = target[:, ~target.var_names.isin(hidden) & target.var_names.isin(chosen)].copy()
    made = sigel.tl.impute(panel, reference, genes=hidden, progress=False)
    counts = target[:, hidden].X.toarray()
    library = np.asarray(target.X.sum(axis=1)).reshape(-1, 1)
    truth = np.log1p(counts / library * np.median(library))
    achieved = correlations(made.X, truth)
    assert achieved.mean() > 0.32
    assert spearmanr(made.var["expected_pcc"], achieved)[0] > 0.6
    assert achieved[made.var_names.get_loc(made.var["expected_pcc"].idxmax())] > 0.5


# --- wrong input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "magic"}, "method"),
        ({"genes": "Gene9999"}, "unknown here"),
        ({"genes": []}, "genes"),
        ({"genes": ["Gene0001", "Gene0001"]}, "genes"),
        ({"genes": ["mt-Nd1"]}, "excluded by name"),
        ({"layer": "counts"}, "layer"),
        ({"reference_layer": "counts"}, "reference_layer"),
        ({"spatial_key": "elsewhere"}, "places of its cells"),
        ({"model": 3}, "model"),
        ({"seed": -1}, "seed"),
        ({"device": "tpu"}, "device"),
        ({"config": 3}, "config"),
        ({"model": ["a", "b"]}, "model"),
    ],
)
def test_wrong_arguments_are_named(panel, change, words):
    target, reference, hidden = panel
    arguments = {"genes": [str(hidden.var_names[0])], "progress": False} | change
    with pytest.raises(InputError, match=words):
        sigel.tl.impute(target, reference, **arguments)


def test_values_that_are_no_counts_are_told_of(panel):
    target, reference, hidden = panel
    logged = target.copy()
    logged.X = logged.X.log1p()
    gene = [str(hidden.var_names[0])]
    with pytest.warns(UserWarning, match="of the target are not whole numbers"):
        sigel.tl.impute(logged, reference, genes=gene, intervals=False, progress=False)


def test_unknown_settings_are_errors(panel):
    target, reference, _ = panel
    with pytest.raises(ConfigError, match="neighbours"):
        sigel.tl.impute(target, reference, config={"neighbours": 3}, progress=False)


def test_a_gene_that_the_panel_measured_is_refused(panel):
    target, reference, _ = panel
    with pytest.raises(InputError, match="already"):
        sigel.tl.impute(target, reference, genes=[str(target.var_names[0])], progress=False)


def test_sections_that_cannot_be_used_are_refused(panel):
    target, reference, _ = panel
    strangers = reference.copy()
    strangers.var_names = [f"x{name}" for name in strangers.var_names]
    with pytest.raises(InputError, match="10"):
        sigel.tl.impute(target, strangers, progress=False)
    twice = target.copy()
    twice.var_names = [twice.var_names[0], *twice.var_names[:-1]]
    with pytest.raises(InputError, match="duplicated"):
        sigel.tl.impute(twice, reference, progress=False)
    with pytest.raises(InputError, match="at least one"):
        sigel.tl.impute(target[:0].copy(), reference, progress=False)
    dark = target.copy()
    dark.X = sparse.csr_matrix(dark.shape, dtype=np.float32)
    with pytest.raises(InputError, match="0 cells with counts"):
        sigel.tl.impute(dark, reference, progress=False)
    with pytest.raises(InputError, match="20 or more"):
        sigel.tl.impute(target[:5].copy(), reference, progress=False)
    with pytest.raises(InputError, match="`reference`: found a section without usable images") as refused:
        sigel.tl.impute(target, reference[:5].copy(), progress=False)
    cause = refused.value.__cause__
    assert (refused.value.wanted, refused.value.fix) == (
        cause.wanted,
        cause.fix,
    )  # what the images' refusal says
    negative = reference.copy()
    negative.X = -negative.X
    with pytest.raises(InputError, match="raw counts"):
        sigel.tl.impute(target, negative, progress=False)
    flat = target.copy()
    flat.obsm["spatial"] = flat.obsm["spatial"] * 0
    with pytest.raises(InputError, match="at one place"):
        sigel.tl.impute(flat, reference, progress=False)
    lost = target.copy()
    lost.obsm["spatial"][3] = np.nan
    with pytest.raises(InputError, match="1 cells whose coordinates"):
        sigel.tl.impute(lost, reference, progress=False)
    weak = reference.copy()
    weak.X = sparse.csr_matrix(weak.X.toarray() * ~weak.var_names.isin(target.var_names))
    with pytest.raises(InputError, match="reference 2 of 2"):
        sigel.tl.impute(target, [reference, weak], progress=False)
    for nothing in ([], "reference.h5ad", 3):
        with pytest.raises(InputError, match="reference"):
            sigel.tl.impute(target, nothing, progress=False)


@pytest.fixture(scope="module")
def odd_names(panel):
    """A reference that spells two genes of the panel otherwise, and a third nearly as one of these."""
    target, reference, _ = panel
    target = target.copy()
    target.var_names = ["A_1", "A-b", *target.var_names[2:]]
    lacking = [name for name in reference.var_names if name not in panel[0].var_names]
    own = dict(zip(panel[0].var_names[:2], ["A-1", "A_B"], strict=True)) | {lacking[-1]: "a-B"}
    reference = reference.copy()
    reference.var_names = [own.get(name, name) for name in reference.var_names]
    return target, reference, lacking


def test_genes_set_aside_are_left_out_with_why(odd_names):
    target, reference, _ = odd_names
    with pytest.warns(UserWarning, match="not used"):
        made = sigel.tl.impute(target, reference, intervals=False, progress=False, device="cpu")
    status = made.uns["sigel_imputation"]["left_out"]["status"]
    assert (
        status[["A_B", "a-B"]].tolist()
        == ["not used: nearly the name of 'A-b', which the target measured"] * 2
    )
    assert status.index.is_unique
    assert not set(status.index) & set(made.var_names)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_genes_are_asked_for_as_the_target_spells_them(odd_names):
    target, reference, lacking = odd_names
    for asked, words in (
        ("A-1", "'A-1', which the target already holds as 'A_1'"),
        ("A_1", "'A_1', which the target already holds"),
        (["a-B"], "'a-B', not used: nearly the name of 'A-b'.*orthologs="),
    ):
        with pytest.raises(InputError, match=f"`genes`.*{words}"):
            sigel.tl.impute(target, reference, genes=asked, progress=False)
    table = {"Other": lacking[0]}
    with pytest.raises(InputError, match=rf"{lacking[0]!r}, which is 'Other' there.*Use 'Other'"):
        sigel.tl.impute(target, reference, genes=lacking[0], orthologs=table, progress=False)
    made = sigel.tl.impute(
        target, reference, genes="Other", orthologs=table, intervals=False, progress=False, device="cpu"
    )
    assert made.var_names.tolist() == ["Other"]
    assert made.uns["sigel_imputation"]["left_out"].empty
