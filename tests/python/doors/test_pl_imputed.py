"""Pictures of imputed genes show what was imputed, beside what was measured, and how far to trust it."""

from __future__ import annotations

import json

import matplotlib as mpl

mpl.use("Agg")

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import EllipseCollection, PathCollection
from scipy import sparse
from scipy.stats import spearmanr

import sigel
from sigel import pl
from sigel.config.imputation import ImputeConfig
from sigel.errors import InputError

SMALL = {"n_rows": 16, "n_cols": 16, "n_programmes": 3, "genes_per_programme": 12, "n_background_genes": 24}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def views():
    """Target, reference, hidden."""
    return sigel.datasets.simulated_panel(24, **SMALL, seed=1)


@pytest.fixture
def imputed(views):
    """A result as `sigel.tl.impute` writes it, of the planted programmes themselves."""
    target, _, hidden = views
    rng = np.random.default_rng(0)
    names = list(hidden.uns["simulation"]["programmes"])
    shapes = np.column_stack([hidden.obsm["programmes"], np.zeros(hidden.n_obs)])
    of = [names.index(one) if one in names else len(names) for one in hidden.var["programme"]]
    mean = hidden.var["level"].to_numpy() * (1 + (hidden.var["fold"].to_numpy() - 1) * shapes[:, of])
    values = np.log1p(mean * rng.uniform(0.9, 1.1, mean.shape)).astype(np.float32)
    expected = np.clip(values.std(axis=0) + rng.normal(0, 0.05, hidden.n_vars), -0.1, 1)
    expected[:3] = 0.4, 0.05, 0.3
    var = pd.DataFrame({"expected_pcc": expected, "trusted": expected >= 0.1}, index=hidden.var_names)
    achieved = rng.uniform(0, 0.6, target.n_vars)
    shared = pd.DataFrame({"achieved_pcc": achieved, "expected_pcc": achieved[::-1]}, index=target.var_names)
    told = {
        "shared": shared,
        "spearman": 0.61,
        "target_sum": float(np.median(np.asarray(target.X.sum(axis=1)))),
        "left_out": pd.DataFrame({"status": ["excluded by name"]}, index=["mt-Nd1"]),
        "params": json.dumps(ImputeConfig(coverage=0.8).to_dict()),
    }
    return anndata.AnnData(
        values,
        obs=target.obs.copy(),
        var=var,
        obsm={"spatial": target.obsm["spatial"].copy()},
        layers={"lower": values * 0.5, "upper": values * 1.5 + 0.2},
        uns={"sigel_imputation": told},
    )


def panels(figure):
    """What is drawn, by row: a dict from the title of a panel to its cells."""
    rows = []
    for row in figure.subfigs:
        cells = {}
        for ax in row.axes:
            drawn = [one for one in ax.collections if isinstance(one, EllipseCollection)]
            if ax.get_title():
                cells[ax.get_title()] = drawn[0] if drawn else None
        rows.append(cells)
    return rows


def headings(figure):
    return [row.get_suptitle() for row in figure.subfigs]


def dots(figure):
    """Points of each kind of gene by the first words of their label."""
    found = [one for one in figure.axes[0].collections if isinstance(one, PathCollection)]
    return {one.get_label().split(":")[0]: np.asarray(one.get_offsets()) for one in found}


def log_counts(counts, library, total):
    return np.log1p(counts / library[:, None] * total)


# --- genes on the tissue ----------------------------------------------------------------------------------


def test_a_row_shows_a_gene_as_measured_as_imputed_and_its_interval(imputed, views):
    genes = [imputed.var_names[2], imputed.var_names[0]]
    rows = panels(pl.imputed_genes(imputed, genes, measured=views[2]))
    counts = views[2].X.toarray()
    library = counts.sum(axis=1)
    measured = log_counts(counts, library, np.median(library))
    for row, gene in zip(rows, (2, 0), strict=True):
        assert list(row) == ["measured", "imputed", "width of 80% interval"]
        seen, made, width = row.values()
        assert np.allclose(seen.get_array(), measured[:, gene], atol=1e-5)
        assert (made.get_array() == imputed.X[:, gene]).all()
        assert np.allclose(width.get_array(), imputed.X[:, gene] + 0.2, atol=1e-5)


def test_without_measurement_or_intervals_their_panels_are_left_out(imputed):
    gene = imputed.var_names[0]
    figure = pl.imputed_genes(imputed, gene)
    assert [list(row) for row in panels(figure)] == [["imputed", "width of 80% interval"]]
    assert "achieved" not in headings(figure)[0]
    del imputed.layers["upper"]
    assert [list(row) for row in panels(pl.imputed_genes(imputed, gene))] == [["imputed"]]


def test_the_heading_tells_what_is_expected_what_was_achieved_and_what_not_to_trust(imputed, views):
    genes = list(imputed.var_names[:2])
    figure = pl.imputed_genes(imputed, genes, measured=views[2])
    for at, (told, row) in enumerate(zip(headings(figure), panels(figure), strict=True)):
        achieved = np.corrcoef(row["measured"].get_array(), row["imputed"].get_array())[0, 1]
        assert told.startswith(f"{genes[at]}: expected PCC {imputed.var['expected_pcc'].iloc[at]:.2f}, ")
        assert f"achieved {achieved:.2f}" in told
        assert told.endswith(", not trusted") == (at == 1)
    first, second = (row._suptitle.get_color() for row in figure.subfigs)
    assert first == "black"
    assert second != "black"


def test_cells_lie_where_they_are_y_down_and_neighbours_touch(imputed):
    row, col = (a.ravel() for a in np.mgrid[:16, :16])
    places = np.column_stack([2 * col + row % 2, row * np.sqrt(3)])[: imputed.n_obs] * 50.0
    imputed.obsm["other"] = places
    cells = panels(pl.imputed_genes(imputed, imputed.var_names[0], spatial_key="other"))[0]["imputed"]
    assert (cells.get_offsets() == places).all()
    assert np.allclose(cells.get_widths(), 100)
    bottom, top = cells.axes.get_ylim()
    assert bottom > places[:, 1].max()
    assert top < places[:, 1].min()
    assert cells.axes.get_aspect() == 1
    assert cells.get_rasterized()


def test_measured_cells_and_genes_are_found_by_name(imputed, views):
    rng = np.random.default_rng(0)
    genes = list(imputed.var_names[:2])
    hidden = views[2]
    mixed = hidden[rng.permutation(hidden.n_obs), rng.permutation(hidden.n_vars)].copy()
    more = anndata.concat([mixed, mixed[:5].copy()], index_unique=None)
    more.obs_names = [*mixed.obs_names, *"abcde"]
    expected = panels(pl.imputed_genes(imputed, genes, measured=hidden))
    for row, same in zip(panels(pl.imputed_genes(imputed, genes, measured=more)), expected, strict=True):
        seen = row["measured"].get_array(), same["measured"].get_array()
        # The five extra cells shift the median library, and with it all values together.
        assert np.corrcoef(*seen)[0, 1] > 0.999
        assert np.abs(seen[0] - seen[1]).max() < 0.05


def test_with_the_panel_among_the_measured_genes_values_are_those_of_the_target(imputed, views):
    target, _, hidden = views
    complete = anndata.concat([hidden, target], axis=1, merge="same")
    shown = panels(pl.imputed_genes(imputed, imputed.var_names[0], measured=complete))[0]["measured"]
    library = np.asarray(target.X.sum(axis=1)).ravel()
    expected = log_counts(hidden.X.toarray(), library, np.median(library))[:, 0]
    assert np.allclose(shown.get_array(), expected, atol=1e-5)


def test_few_counts_stay_unscaled_and_normalised_values_as_they_are(imputed, views):
    gene = imputed.var_names[0]
    few = views[2][:, :3].copy()
    shown = panels(pl.imputed_genes(imputed, gene, measured=few))[0]["measured"].get_array()
    assert np.allclose(shown, np.log1p(few.X.toarray()[:, 0]))
    ready = views[2].copy()
    ready.X = ready.X * np.float32(0.37)
    shown = panels(pl.imputed_genes(imputed, gene, measured=ready))[0]["measured"].get_array()
    assert np.allclose(shown, ready.X.toarray()[:, 0])
    dense = views[2].copy()
    dense.X = dense.X.toarray()
    both = [
        panels(pl.imputed_genes(imputed, gene, measured=one))[0]["measured"].get_array()
        for one in (dense, views[2])
    ]
    assert np.allclose(*both)


def test_a_gene_that_was_not_measured_says_so_and_one_that_does_not_vary_achieves_nothing(imputed, views):
    genes = list(imputed.var_names[:3])
    hidden = views[2][:, 1:].copy()
    hidden.X[:, [1]] = 0
    figure = pl.imputed_genes(imputed, genes, measured=hidden)
    assert list(panels(figure)[0]) == ["not measured", "imputed", "width of 80% interval"]
    assert ["achieved" in told for told in headings(figure)] == [False, True, False]
    figure.canvas.draw()


def test_a_gene_seen_in_one_cell_is_seen_in_the_picture(imputed, views):
    hidden = views[2].copy()
    rare = sparse.lil_matrix((hidden.n_obs, 1), dtype=np.float32)
    rare[7] = 3
    hidden.X = sparse.hstack([rare, hidden.X[:, 1:]], format="csr")
    cells = panels(pl.imputed_genes(imputed, imputed.var_names[0], measured=hidden))[0]["measured"]
    low, high = cells.get_clim()
    assert low == 0
    assert high == pytest.approx(cells.get_array()[7])


def test_zeros_kept_as_a_sparse_matrix_and_a_file_read_again_look_the_same(imputed, tmp_path):
    gene = imputed.var_names[0]
    wanted = panels(pl.imputed_genes(imputed, gene))[0]["imputed"].get_array()
    imputed.X = sparse.csr_matrix(imputed.X)
    imputed.write_h5ad(tmp_path / "imputed.h5ad")
    for one in (imputed, anndata.read_h5ad(tmp_path / "imputed.h5ad")):
        assert (panels(pl.imputed_genes(one, gene))[0]["imputed"].get_array() == wanted).all()
        assert len(dots(pl.imputation_accuracy(one))) == 1


def test_names_with_signs_can_be_drawn(imputed):
    imputed.var_names = ["A_b-1$x$", *imputed.var_names[1:]]
    figure = pl.imputed_genes(imputed, ["A_b-1$x$"])
    assert headings(figure)[0].startswith("A_b-1$x$")
    figure.canvas.draw()


# --- expected and achieved correlation --------------------------------------------------------------------


def test_shared_genes_stand_at_their_expected_and_achieved_correlation(imputed):
    figure = pl.imputation_accuracy(imputed)
    shared = imputed.uns["sigel_imputation"]["shared"]
    assert list(dots(figure)) == ["shared genes, cross-validated"]
    places = dots(figure)["shared genes, cross-validated"]
    assert (places == shared[["expected_pcc", "achieved_pcc"]].to_numpy()).all()
    assert "0.61 over 24 shared genes" in figure.axes[0].get_title()


def test_imputed_genes_join_them_where_they_were_measured(imputed, views):
    hidden = views[2]
    figure = pl.imputation_accuracy(imputed, measured=hidden[:, ::-1].copy())
    counts = hidden.X.toarray()
    library = counts.sum(axis=1)
    seen = log_counts(counts, library, np.median(library))
    achieved = [np.corrcoef(imputed.X[:, g], seen[:, g])[0, 1] for g in range(imputed.n_vars)]
    assert np.allclose(dots(figure)["imputed genes"][:, 0], imputed.var["expected_pcc"])
    assert np.allclose(dots(figure)["imputed genes"][:, 1], achieved, atol=1e-4)
    rank = spearmanr(imputed.var["expected_pcc"], achieved).statistic
    assert f"{rank:.2f} over {imputed.n_vars} imputed genes" in figure.axes[0].get_title()


def test_batches_of_genes_change_nothing(imputed, views, monkeypatch):
    from sigel.tasks.imputation import achieved_accuracy

    whole = dots(pl.imputation_accuracy(imputed, measured=views[2]))["imputed genes"]
    monkeypatch.setattr(achieved_accuracy, "BATCH", 7)
    assert np.allclose(dots(pl.imputation_accuracy(imputed, measured=views[2]))["imputed genes"], whole)


def test_genes_that_do_not_vary_or_were_not_measured_are_left_out(imputed, views):
    hidden = views[2][:, 4:].copy()
    hidden.X[:, [0, 2]] = 0
    found = dots(pl.imputation_accuracy(imputed, measured=hidden))["imputed genes"]
    assert (found[:, 0] == np.delete(imputed.var["expected_pcc"].to_numpy()[4:], [0, 2])).all()


def test_identity_and_the_least_that_is_trusted_are_drawn(imputed):
    told = imputed.uns["sigel_imputation"]
    told["params"] = json.dumps(ImputeConfig(min_pcc=0.23).to_dict())
    ax = pl.imputation_accuracy(imputed).axes[0]
    identity, least = (line.get_xydata() for line in ax.lines)
    assert (identity[:, 0] == identity[:, 1]).all()
    assert (least[:, 0] == 0.23).all()
    assert "trusted from 0.23" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert ax.get_xlim() == ax.get_ylim()
    points = ax.collections[0].get_offsets()
    assert points.min() > ax.get_xlim()[0]
    assert points.max() < ax.get_xlim()[1]


# --- both -------------------------------------------------------------------------------------------------


def test_pictures_only_read(imputed, views, tmp_path):
    hidden = views[2]
    before, seen = imputed.copy(), hidden.copy()
    pl.imputed_genes(imputed, imputed.var_names[:2], measured=hidden).savefig(tmp_path / "genes.png")
    pl.imputation_accuracy(imputed, measured=hidden).savefig(tmp_path / "accuracy.png")
    assert min((tmp_path / name).stat().st_size for name in ("genes.png", "accuracy.png")) > 5000
    assert (imputed.X == before.X).all()
    assert imputed.var.equals(before.var)
    assert set(imputed.uns["sigel_imputation"]) == set(before.uns["sigel_imputation"])
    assert (hidden.X != seen.X).nnz == 0
    assert hidden.var.equals(seen.var)


def test_what_sigel_imputes_can_be_drawn(views):
    target, reference, hidden = views
    genes = list(hidden.var_names[:3])
    imputed = sigel.tl.impute(target, reference, genes=genes, progress=False)
    figure = pl.imputed_genes(imputed, genes, measured=hidden)
    assert [list(row) for row in panels(figure)] == [["measured", "imputed", "width of 90% interval"]] * 3
    found = dots(pl.imputation_accuracy(imputed, measured=hidden))
    assert {name: len(points) for name, points in found.items()} == {
        "imputed genes": 3,
        "shared genes, cross-validated": 24,
    }


@pytest.mark.parametrize(
    ("genes", "message"),
    [
        ("Gene00x", "unknown here"),
        ("mt-Nd1", "excluded by name"),
        ([], "names of imputed genes"),
        (None, "names of imputed genes"),
        (5, "names of imputed genes"),
        ([f"Gene{g}" for g in range(40)], "at most 30"),
    ],
)
def test_genes_that_cannot_be_drawn_are_named(imputed, genes, message):
    with pytest.raises(InputError, match=f"`genes`.*{message}"):
        pl.imputed_genes(imputed, genes)


def test_another_object_is_refused(imputed, views):
    for wrong in (views[0], [1], None):
        with pytest.raises(InputError, match=r"`imputed`.*sigel\.tl\.impute"):
            pl.imputed_genes(wrong, "Gene0001")
        with pytest.raises(InputError, match=r"`imputed`.*sigel\.tl\.impute"):
            pl.imputation_accuracy(wrong)
    with pytest.raises(InputError, match=r"`spatial_key`.*'spatial'"):
        pl.imputed_genes(imputed, imputed.var_names[0], spatial_key="X_umap")


def test_measurements_that_do_not_fit_are_refused(imputed, views):
    gene, hidden = imputed.var_names[0], views[2]
    twice = hidden.copy()
    twice.obs_names = ["a", *hidden.obs_names[1:-1], "a"]
    silent = hidden.copy()
    silent.X = silent.X * 0
    for wrong, message in (
        (hidden[1:].copy(), rf"{hidden.n_obs - 1} of the {hidden.n_obs} imputed cells"),
        (views[0], "none of the genes"),
        (hidden.to_df(), "an object of class DataFrame"),
        (twice, "twice"),
    ):
        with pytest.raises(InputError, match=f"`measured`.*{message}"):
            pl.imputed_genes(imputed, gene, measured=wrong)
        with pytest.raises(InputError, match=f"`measured`.*{message}"):
            pl.imputation_accuracy(imputed, measured=wrong)
    with pytest.raises(InputError, match=r"`measured`.*do not vary"):
        pl.imputation_accuracy(imputed, measured=silent)
