"""Pictures of a cohort: a gene in every section, genes that have moved, how far to trust the labels."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from scipy import sparse

import sigel
from sigel import pl
from sigel.errors import InputError

SIZE = {"n_changed": 8, "n_rows": 12, "n_cols": 12, "n_programmes": 3, "genes_per_programme": 20}
SIZE |= {"n_background_genes": 30}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def cohort():
    return sigel.datasets.simulated_cohort((3, 3), seed=1, **SIZE)


@pytest.fixture(scope="module")
def table(cohort):
    return sigel.tl.disease_genes(cohort, "condition", donor="donor", progress=False, device="cpu")


@pytest.fixture(scope="module")
def one_frame():
    """Four sections in one frame; in the cases a gene has the pattern of another, doubled."""
    tissue = sigel.datasets.simulated_section(18, 18, 3, 12, 40, seed=1)
    rng, made = np.random.default_rng(0), []
    for case in (False, False, True, True):
        counts = rng.binomial(tissue.X.toarray().astype(int), 0.5).astype(np.float32)
        if case:
            counts[:, 0] = 2 * counts[:, 1] + 1
        section = tissue[:, :].copy()
        section.X = sparse.csr_matrix(counts)
        section.obsm["spatial"] = tissue.obsm["spatial"] + rng.uniform(-30, 30, 2)
        made.append(section[rng.uniform(size=section.n_obs) < 0.95].copy())
    return made


def images(figure):
    """Pixels of each panel; colour bars have one polygon."""
    return [c for c in figure.findobj(PolyCollection) if len(c.get_paths()) > 9]


def values(figure):
    return [np.asarray(c.get_array()) for c in images(figure)]


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


# --- a gene in every section -------------------------------------------------------------------------------


def test_every_section_has_a_panel_and_all_share_one_scale(cohort):
    figure = pl.disease_gene(cohort, "Gene0001", "condition", donor="donor")
    drawn = images(figure)
    assert len(drawn) == 6
    assert len({c.get_clim() for c in drawn}) == 1
    every = np.concatenate(values(figure))
    assert drawn[0].get_clim() == pytest.approx(tuple(np.quantile(every, [0.01, 0.99])))
    assert all(c.axes.get_aspect() == 1 for c in drawn)
    assert titles(figure) == [f"D{k}, {k}" for k in range(1, 7)]
    told = texts(figure)
    assert "control  (3 sections, 3 donors)" in told
    assert "case  (3 sections, 3 donors)" in told


def test_sections_are_ordered_by_donor_and_rows_are_wrapped(cohort):
    donors = ["P10", "P9", "P10", "Q", "Q", "R"]
    named = dict(zip("abcdef", cohort, strict=True))
    figure = pl.disease_gene(named, "Gene0001", "condition", donor=donors, ncols=2)
    assert titles(figure) == ["P9, b", "P10, a", "P10, c", "Q, d", "Q, e", "R, f"]
    assert "case  (3 sections, 2 donors)" in texts(figure)
    bounds = {ax.get_title(): ax.get_subplotspec().colspan.start for ax in figure.axes if ax.get_title()}
    assert set(bounds.values()) == {0, 1}


def test_depth_of_a_section_is_taken_out(cohort):
    deep = cohort[0].copy()
    deep.X = deep.X * 4
    figure = pl.disease_gene([cohort[0], deep, *cohort[1:]], "Gene0001", ["a", "a", "a", "a", "b", "b", "b"])
    first, second = values(figure)[:2]
    np.testing.assert_allclose(first, second)


def test_a_section_without_the_gene_says_so(cohort):
    lacking = [cohort[0][:, 1:].copy(), *cohort[1:]]
    figure = pl.disease_gene(lacking, cohort[0].var_names[0], "condition", donor="donor")
    assert texts(figure).count("not measured") == 1
    assert titles(figure)[0] == "D1, 1"


def test_spots_beside_the_tissue_are_left_out(cohort):
    part = cohort[0].copy()
    part.obs["in_tissue"] = (np.arange(part.n_obs) % 2).astype(int)
    with pytest.warns(UserWarning, match="beside the tissue"):
        figure = pl.disease_gene([part, *cohort[1:]], "Gene0001", "condition")
    whole = pl.disease_gene(cohort, "Gene0001", "condition")
    assert len(values(figure)[0]) < len(values(whole)[0])


def test_sections_of_a_quantity_stand_in_its_order(cohort):
    figure = pl.disease_gene(cohort, "Gene0001", [60.5, 50, 40, 30, 20, 10], donor="donor")
    assert titles(figure)[0] == "10: D6, 6"
    assert titles(figure)[-1] == "60.5: D1, 1"


def test_one_object_with_a_column_of_sections_is_the_same_picture(cohort):
    joined = anndata.concat(cohort, index_unique="_")
    one = pl.disease_gene(joined, "Gene0001", "condition", donor="donor", section_key="donor")
    several = pl.disease_gene(cohort, "Gene0001", "condition", donor="donor")
    assert titles(one) == [f"D{k}" for k in range(1, 7)]
    for a, b in zip(values(one), values(several), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_nothing_of_the_sections_is_changed(cohort):
    before = [section.copy() for section in cohort]
    pl.disease_gene(cohort, "Gene0001", "condition", donor="donor")
    for one, other in zip(before, cohort, strict=True):
        assert (one.X != other.X).nnz == 0
        pd.testing.assert_frame_equal(one.obs, other.obs)
        assert set(one.uns) == set(other.uns)


@pytest.mark.parametrize(
    ("given", "argument", "text"),
    [
        ({"gene": "GENE0001"}, "gene", "nearest: 'Gene0001'"),
        ({"condition": "conditoin"}, "condition", "nearest: 'condition'"),
        ({"condition": ["a", None, "a", "b", "b", "b"]}, "condition", "no value for the section '2'"),
        ({"frame": "mine"}, "frame", "'own' or 'shared'"),
        ({"ncols": 0}, "ncols", "whole number"),
        ({"cmap": "virids"}, "cmap", "nearest: 'viridis'"),
        ({"frame": "shared"}, "frame", "the section '"),
        ({"domain_key": "regoin"}, "domain_key", "nearest: 'region'"),
        ({"domain_key": "region", "frame": "shared"}, "domain_key", "one kind of picture"),
        ({"frame": "shared", "condition": [1, 2, 3, 4, 5, 6]}, "condition", "a quantity"),
        ({"domain_key": "donor"}, "domain_key", "no label that all"),
    ],
)
def test_what_cannot_be_drawn_is_refused(cohort, given, argument, text):
    usual = {"gene": "Gene0001", "condition": "condition", "donor": "donor"}
    with pytest.raises(InputError, match=text) as refused:
        pl.disease_gene(cohort, **{**usual, **given})
    assert refused.value.argument == argument


# --- means of conditions -----------------------------------------------------------------------------------


def test_on_one_frame_means_and_their_difference_are_drawn(one_frame):
    gene = one_frame[0].var_names[0]
    figure = pl.disease_gene(one_frame, gene, ["x", "x", "y", "y"], frame="shared")
    assert titles(figure) == ["x\nmean of 2 donors", "y\nmean of 2 donors", "y\nminus x"]
    one, other, change = images(figure)
    np.testing.assert_allclose(change.get_array(), other.get_array() - one.get_array())
    assert one.get_clim() == other.get_clim()
    low, high = change.get_clim()
    assert low == -high
    assert change.get_array().mean() > 0  # the level has risen
    assert np.isfinite(one.get_array()).all()


def test_sections_of_a_donor_count_once_in_a_mean(one_frame):
    gene = one_frame[0].var_names[0]
    donor = ["A", "A", "B", "C"]
    figure = pl.disease_gene(one_frame, gene, ["x", "x", "y", "y"], donor=donor, frame="shared")
    assert titles(figure)[:2] == ["x\nmean of 1 donor", "y\nmean of 2 donors"]


def test_domains_have_a_dot_for_each_donor(cohort):
    figure = pl.disease_gene(cohort, "Gene0001", "condition", donor="donor", domain_key="region")
    ax = figure.axes[0]
    dots = [c for c in ax.collections if isinstance(c, mpl.collections.PathCollection)]
    assert [c.get_label() for c in dots] == ["control", "case"]
    domains = [text.get_text() for text in ax.get_xticklabels()]
    shared = set.intersection(*(set(one.obs["region"].astype(str)) for one in cohort))
    assert shared <= set(domains)
    assert sum(len(c.get_offsets()) for c in dots) >= 6 * len(shared)


# --- the map -----------------------------------------------------------------------------------------------


def arrows(ax):
    return [one for one in ax.texts if not one.get_text() and one.arrow_patch is not None]


@pytest.mark.nightly
def test_arrows_lead_called_genes_and_no_others(table):
    ax = pl.gene_changes(table).axes[0]
    called = table.index[table["qval"] < 0.05]
    drawn = arrows(ax)
    assert len(drawn) == len(called) > 0
    places = pd.DataFrame(table.attrs["map"]).set_index("gene").loc[called]
    np.testing.assert_allclose([one.xy for one in drawn], places[["to_x", "to_y"]])
    np.testing.assert_allclose([one.xyann for one in drawn], places[["from_x", "from_y"]])
    n = len(table.attrs["map"]["gene"])
    assert f"{len(called)} of {n} genes called" in ax.get_title()
    assert "from control to case" in ax.get_title()
    named = [text.get_text() for text in ax.texts if text.get_text()]
    assert set(named) == set(called[:15])
    assert [len(c.get_offsets()) for c in ax.collections] == [n - len(called), len(called)]


def test_a_part_of_the_table_in_any_order_can_be_drawn(table):
    some = table.iloc[::-1][["qval"]].iloc[-20:]
    ax = pl.gene_changes(some, n_labels=2).axes[0]
    assert len(arrows(ax)) == int((some["qval"] < 0.05).sum())
    named = {text.get_text() for text in ax.texts if text.get_text()}
    assert named == set(some.index[some["qval"] < 0.05][:2])


def test_genes_that_move_most_on_the_map_are_those_that_changed(cohort, table):
    places = pd.DataFrame(table.attrs["map"]).set_index("gene")
    moved = np.hypot(places["to_x"] - places["from_x"], places["to_y"] - places["from_y"])
    change = cohort[0].var["change"].reindex(moved.index)
    assert moved[change == "pattern"].median() > 5 * moved[change == "none"].median()


def test_without_called_genes_there_is_no_arrow(table):
    none = table.assign(qval=np.nan)
    none.attrs = table.attrs
    ax = pl.gene_changes(none).axes[0]
    assert not arrows(ax)
    assert "not tested" in ax.get_title()
    few = table.assign(qval=0.5)
    few.attrs = table.attrs
    assert pl.gene_changes(few).axes[0].get_title().startswith("0 of ")


# --- calibration -------------------------------------------------------------------------------------------


def test_the_given_labels_are_marked_among_the_others(table):
    figure = pl.disease_calibration(table)
    found = pd.DataFrame(table.attrs["calibration"])
    n = int(found["n_called"].iloc[0])
    as_many = int((found["n_called"].iloc[1:] >= n).sum())
    told = f"Labels as given call {n} genes; {as_many or 'none'} of {len(found) - 1} other labellings as many"
    assert told in texts(figure)
    for ax, column in zip(figure.axes, ("n_called", "ks"), strict=True):
        others, given = (c.get_offsets() for c in ax.collections if len(c.get_offsets()))
        np.testing.assert_allclose(np.sort(others[:, 0]), np.sort(found[column].iloc[1:]))
        assert given[0, 0] == pytest.approx(found[column].iloc[0])


@pytest.mark.parametrize("draw", [pl.gene_changes, pl.disease_calibration])
def test_what_is_no_table_of_disease_genes_is_refused(draw, table):
    with pytest.raises(InputError, match="DataFrame without its") as refused:
        draw(pd.DataFrame({"qval": [0.1]}))
    assert refused.value.argument == "table"
    with pytest.raises(InputError, match="a list"):
        draw([1])


def test_a_table_without_p_values_has_no_calibration(table):
    bare = table.copy()
    bare.attrs = {**table.attrs, "calibration": {}}
    with pytest.raises(InputError, match="NaN"):
        pl.disease_calibration(bare)


def test_changes_without_a_place_and_labels_that_are_no_number_are_refused(table):
    for wrong in (-1, 2.5, True, "all"):
        with pytest.raises(InputError, match=r"`n_labels`.*whole number >= 0"):
            pl.gene_changes(table, n_labels=wrong)
    with pytest.raises(InputError, match=r"`table`.*no gene that has a place.*status"):
        pl.gene_changes(table.iloc[:0])
