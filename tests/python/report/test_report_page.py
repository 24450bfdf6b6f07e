"""What a report says of an object, what it leaves out, and what it does with names that are markup."""

from __future__ import annotations

import html.parser
import re
import warnings
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

import sigel
from reported import NASTY, data_in, full_section, nasty_section, quick_section, without_date
from sigel.errors import InputError, MissingPackageError
from sigel.keys import NO_PATTERN
from sigel.report import write_report
from sigel.report._found import found_in
from sigel.report._tables import p_value

CHANGES = {"effect": [1.0], "level_effect": [0.5], "pval": [0.1], "qval": [0.1]}
CHANGES = pd.DataFrame(CHANGES, index=["Gene0001"])


class Elements(html.parser.HTMLParser):
    """Elements of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag):
        return [attrs for name, attrs in self.found if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(full_section(), path, method="pca").read_text("utf-8")


def said(page: str) -> str:
    return re.sub(r"\s+", " ", Elements(page).text)


def test_it_says_what_was_run(page):
    info, text = full_section().uns["sigel"], said(page)
    for name in ("data_hash", "sigel", "torch"):
        assert info["provenance"][name] in text
    assert "train.pretrain_epochs = 2" in text
    assert "This section is simulated" in text


def test_every_part_is_there_and_can_be_reached(page):
    elements = Elements(page)
    ids = {one["id"] for _, one in elements.found if "id" in one}
    parts = {"run", "quality", "training", "map", "groups", "spatial", "domains", "conditions"}
    assert parts <= ids
    links = {one["href"][1:] for one in elements.of("a")}
    assert parts <= links <= ids


def test_every_picture_has_words_how_to_read_it_and_when_not_to_trust_it(page):
    shown = [one for one in Elements(page).of("img") if one.get("id") != "sprite"]
    assert len(shown) == 5  # training, spatial genes, stability of groups, domains, their stability
    assert all(len(one["alt"]) > 20 for one in shown)
    # The map and the groups have them, too.
    assert page.count("How to read it.") == page.count("When not to trust it.") == len(shown) + 2
    assert all(one.get("aria-label") for one in Elements(page).of("canvas") if one.get("id") != "gene-image")


def test_nothing_is_fetched_from_elsewhere(page):
    addresses = [one.get("src") or one.get("href") for _, one in Elements(page).found]
    assert all(one.startswith(("data:", "#")) for one in addresses if one)
    assert "http" not in re.sub(r"data:image/png;base64,[\w+/=]+", "", page).replace("http-equiv", "")


def test_the_table_of_spatial_genes_is_that_of_the_object(page):
    var = full_section().var.sort_values("sigel_spatial_rank")
    rows = re.findall(r'<th scope="row">.*?>(Gene\d+)</button>.*?</th>', page)
    assert rows[:10] == var.index[:10].tolist()
    called, tested = (var["sigel_spatial_qval"] < 0.05).sum(), var["sigel_spatial_qval"].notna().sum()
    assert f"The first {min(50, tested)} of {tested} tested genes; {called} have q &lt; 0.05" in page
    assert data_in(page)["genes"]["n_tested"] == str(tested)
    assert data_in(page)["genes"]["q"][0] == p_value(
        var.loc[data_in(page)["genes"]["names"][0], "sigel_spatial_qval"]
    )


def test_genes_without_a_pattern_are_no_group(page):
    group = full_section().var["sigel_group"]
    numbered = set(group.dropna()) - {NO_PATTERN}
    n_flat = int((group == NO_PATTERN).sum())
    assert f"{len(numbered)} groups have genes; {n_flat} genes without a pattern are in none" in said(page)


def test_probabilities_of_other_methods_are_no_shares_of_partitions(page, tmp_path):
    assert "in how many partitions" in said(page)
    adata = quick_section()
    adata.uns["sigel"]["domains"]["method"] = "mclust"
    adata.obs["sigel_domain_prob"] = np.linspace(0.5, 1.0, adata.n_obs)
    other = write_report(adata, tmp_path / "a.html", method="pca").read_text("utf-8")
    assert "partitions" not in other
    assert "the probability of each spot" in other.replace("&#39;", "'")


def test_only_what_the_package_simulated_is_called_simulated(tmp_path):
    adata = quick_section()
    adata.uns["simulated"] = np.array([True, True])
    page = write_report(adata, tmp_path / "a.html", method="pca").read_text("utf-8")
    assert "simulation" in adata.uns
    assert "This section is simulated" not in page


def test_absent_results_are_named_with_the_call_that_makes_them(tmp_path):
    adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    sigel.tl.embed(adata, preset="fast", progress=False)
    text = said(write_report(adata, tmp_path / "a.html", method="pca").read_text("utf-8"))
    for call in ("spatial_genes(adata)", "domains(adata)", "group_stability(adata)"):
        assert f"sigel.tl.{call}" in text
    assert "Nothing was trained. " in text
    assert "preset" not in text.split("Training", 2)[2].split("Map of genes")[0]
    for word in ("Jaccard", "by chance alone", "not kept"):
        assert word not in text  # nothing is said of what was not done


def test_a_section_that_was_not_embedded_has_no_map(tmp_path):
    adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    sigel.tl.spatial_genes(adata, progress=False)
    page = write_report(adata, tmp_path / "a.html").read_text("utf-8")
    assert 'id="plane"' not in page
    assert "There is no map" in page
    data = data_in(page)
    assert data["genes"]["near"] is None
    assert data["genes"]["names"][0] == adata.var["sigel_spatial_rank"].idxmin()


def test_domains_alone_make_a_report(tmp_path):
    adata = full_section()
    bare = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    bare.obs["sigel_domain"] = adata.obs["sigel_domain"]
    bare.uns["sigel"] = {"domains": adata.uns["sigel"]["domains"]}
    page = write_report(bare, tmp_path / "a.html").read_text("utf-8")
    assert "The tissue with its 3 domains" in page


@pytest.fixture(scope="module")
def stacked():
    """Two sections at the same places, counts and places under other names, with domains alone."""
    parts = [sigel.datasets.simulated_section(12, 12, 4, 10, 20, seed=k) for k in (0, 1)]
    adata = anndata.concat(dict(zip("ab", parts, strict=True)), label="slice", index_unique="_")
    adata.layers["counts"] = adata.X.copy()
    adata.obsm["places"] = adata.obsm.pop("spatial")
    adata.obs = adata.obs.drop(columns=["array_row", "array_col"], errors="ignore")
    quick = {"starts": 1, "windows": [4], "components": [8]}
    where = {"layer": "counts", "spatial_key": "places", "section_key": "slice"}
    sigel.tl.domains(adata, 3, config=quick, progress=False, **where)
    adata.X = np.log1p(adata.X)
    return adata


@pytest.mark.nightly
def test_domains_of_several_sections_are_shown_as_they_were_found(stacked, tmp_path):
    made = found_in(stacked, "sigel", None, None)
    assert len(made.images.raster.parts) == 2
    assert made.layer == "counts"
    page = write_report(stacked, tmp_path / "a.html").read_text("utf-8")
    assert "2 sections" in page
    assert "An image shows" in page
    assert "in spacings of pixels; sections lie row by row in their order" in page
    assert "in units of the coordinates" not in page
    counts = stacked.copy()
    counts.X = counts.layers["counts"]
    del counts.uns["sigel"]["domains"]["layer"]
    theirs = write_report(counts, tmp_path / "b.html").read_text("utf-8")
    assert data_in(page)["genes"]["names"] == data_in(theirs)["genes"]["names"]


def test_a_column_of_sections_that_is_not_stored_is_given(stacked, tmp_path):
    adata = stacked.copy()
    del adata.uns["sigel"]
    where = {"layer": "counts", "spatial_key": "places", "section_key": "slice"}
    sigel.tl.spatial_genes(adata, score=False, progress=False, **where)
    page = write_report(adata, tmp_path / "a.html", **where).read_text("utf-8")
    assert "2 sections" in page
    with pytest.raises(InputError, match="section_key"):
        write_report(adata, tmp_path / "b.html", **where | {"section_key": 3})


def test_names_that_are_markup_stay_names(tmp_path):
    adata = nasty_section()
    path = write_report(adata, tmp_path / "a.html", method="pca", title=NASTY[0])
    page = path.read_text("utf-8")
    plain = Elements(write_report(quick_section(), tmp_path / "b.html", method="pca").read_text("utf-8"))
    elements = Elements(page)
    assert len(elements.of("script")) == len(plain.of("script")) == 2
    assert len(elements.of("img")) == len(plain.of("img"))
    assert not elements.of("b") or all(not one for one in elements.of("b"))
    assert not [one for _, one in elements.found if any(name.startswith("on") for name in one)]
    data = data_in(page)
    assert set(NASTY) <= set(data["genes"]["names"])
    assert "49" not in {name.strip() for name in data["genes"]["names"]}
    for name in NASTY[:3]:
        assert name in elements.text
    assert "\u2028" not in re.search(r'id="data">(.*?)</script>', page, flags=re.DOTALL)[1]


def test_terms_and_a_table_of_conditions_that_are_given(tmp_path):
    adata = quick_section()
    ring = adata.var_names[adata.var["programme"] == "ring"].tolist()
    sets = {f"ring {NASTY[0]}": ring}
    cohort = sigel.datasets.simulated_cohort((2, 2), 4, 10, 10, 2, 15, 20)
    table = sigel.tl.disease_genes(cohort, "condition", donor="donor", progress=False)
    path = write_report(
        adata, tmp_path / "a.html", method="pca", gene_sets=sets, disease_genes=table, config={"n_top": 7}
    )
    elements = Elements(path.read_text("utf-8"))
    text = re.sub(r"\s+", " ", elements.text)
    assert f": Ring {NASTY[0]}" in text
    assert f"The first 7 of {len(table):,} genes" in text
    assert str(table.index[0]) in text
    assert len(elements.of("img")) == 5  # spatial genes, domains, two of conditions, and that of the genes


def test_the_same_object_gives_the_same_file_and_stays_as_it_was(tmp_path):
    adata = quick_section()
    pages = [
        write_report(adata, tmp_path / name, method="tsne").read_text("utf-8")
        for name in ("a.html", "b.html")
    ]
    assert without_date(pages[0]) == without_date(pages[1])
    before = quick_section()
    assert list(adata.uns) == list(before.uns)
    assert list(adata.obsm) == list(before.obsm)
    assert adata.obs.equals(before.obs)
    assert adata.var.equals(before.var)
    assert (adata.X != before.X).nnz == 0


def test_settings_of_matplotlib_stay_as_they_were(tmp_path):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    opened = plt.get_fignums()
    with mpl.rc_context({"font.size": 3.0}):
        given = mpl.rcParams.copy()
        write_report(quick_section(), tmp_path / "a.html", method="pca")
        assert mpl.rcParams == given
    assert plt.get_fignums() == opened


def test_the_file_keeps_to_its_size_and_says_who_has_no_image(tmp_path):
    whole = write_report(quick_section(), tmp_path / "whole.html", method="pca").stat().st_size
    room = whole - 10_000
    config = {"max_mb": room / 1e6}
    path = write_report(quick_section(), tmp_path / "a.html", method="pca", config=config)
    page = path.read_text("utf-8")
    assert path.stat().st_size <= room
    n = data_in(page)["tile"]["n"]
    assert 0 < n < len(data_in(page)["genes"]["names"])
    assert f"{n} of " in said(page)
    assert "no image" in page


def test_the_picture_of_all_genes_is_no_larger_than_browsers_show(tmp_path, monkeypatch):
    monkeypatch.setattr("sigel.report._pictures._TALLEST", 40)
    monkeypatch.setattr("sigel.report._pictures._WIDEST", 400)
    page = write_report(quick_section(), tmp_path / "a.html", method="pca").read_text("utf-8")
    tile = data_in(page)["tile"]
    assert tile["first"] + tile["n"] <= tile["across"] * max(1, 40 // tile["height"])
    assert "so many have room in a picture of 16,384 pixels" in said(page)


def test_where_nothing_has_room_that_is_told(tmp_path):
    with pytest.warns(UserWarning, match="Raise max_mb"):
        path = write_report(quick_section(), tmp_path / "a.html", method="pca", config={"max_mb": 0.01})
    data = data_in(path.read_text("utf-8"))
    assert data["tile"]["n"] == 0
    assert data["genes"]["names"]


def test_of_an_h5ad_file_it_is_the_same(tmp_path):
    quick_section().write_h5ad(tmp_path / "section.h5ad")
    stored = anndata.read_h5ad(tmp_path / "section.h5ad")
    pages = [
        write_report(one, tmp_path / f"{k}.html", method="pca").read_text("utf-8")
        for k, one in enumerate((stored, quick_section()))
    ]
    assert without_date(pages[0]) == without_date(pages[1])


@pytest.mark.parametrize(
    ("given", "argument", "words"),
    [
        ({"path": "report.pdf"}, "path", "ends in .html"),
        ({"path": 3}, "path", "ends in .html"),
        ({"path": "there.html", "overwrite": "no"}, "overwrite", "True or False"),
        ({"path": "no/folder/report.html"}, "path", "a folder that is not there"),
        ({"path": "there.html"}, "path", "overwrite=True"),
        ({"key": "other"}, "key", "unknown here"),
        ({"method": "umap"}, "method", "tsne"),
        ({"title": 3}, "title", "text"),
        ({"config": 3}, "config", "ReportConfig"),
        ({"config": {"max_mb": -1}}, "max_mb", "> 0"),
        ({"disease_genes": 3}, "disease_genes", "effect, level_effect, pval and qval"),
        ({"disease_genes": CHANGES.drop(columns="level_effect")}, "disease_genes", "without its columns"),
        ({"path": "~nouser12/x.html"}, "path", "cannot be written"),
        ({"path": "a" * 300 + ".html", "overwrite": True}, "path", "cannot be written"),
        ({"path": "a\0.html"}, "path", "cannot be written"),
        ({"title": "a\ud800"}, "title", "Unicode"),
        ({"disease_genes": CHANGES.assign(qval="a")}, "disease_genes", "'qval' that is no number"),
        ({"disease_genes": pd.concat([CHANGES, CHANGES], axis=1)}, "disease_genes", "two columns"),
        ({"gene_sets": {"A": 5}}, "gene_sets", "5 for 'A'"),
        ({"gene_sets": "nothing.gmt"}, "gene_sets", "no file"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(tmp_path, monkeypatch, given, argument, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("mine")
    given = {"path": "report.html", "method": "pca"} | given
    with pytest.raises((InputError, sigel.errors.ConfigError)) as refused:
        write_report(quick_section(), **given)
    assert words in str(refused.value)
    assert argument in str(refused.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["there.html"]
    assert (tmp_path / "there.html").read_text() == "mine"


def test_an_object_without_results_is_told_what_to_call(tmp_path):
    adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    with pytest.raises(InputError, match=r"Call sigel\.tl\.embed"):
        write_report(adata, tmp_path / "a.html")
    with pytest.raises(InputError, match="adata"):
        write_report(np.ones(3), tmp_path / "a.html")


def test_names_and_columns_that_cannot_be_are_refused(tmp_path):
    adata = quick_section()
    adata.var_names = ["a\udfff", *adata.var_names[1:]]
    with pytest.raises(InputError, match=r"adata\.var_names"):
        write_report(adata, tmp_path / "a.html", method="pca")
    adata = quick_section()
    adata.var["sigel_spatial_effect"] = "much"
    with pytest.raises(InputError, match="sigel_spatial_effect"):
        write_report(adata, tmp_path / "a.html", method="pca")


def test_sets_of_genes_are_checked_where_there_are_no_groups(stacked, tmp_path):
    with pytest.raises(InputError, match="gene_sets"):
        write_report(stacked, tmp_path / "a.html", gene_sets={})


def test_predictions_are_told_from_measurements_and_odd_names_and_commands_stay(tmp_path):
    adata = full_section()
    for name in ("stability", "domains"):
        adata.uns["sigel"][name] = dict(adata.uns["sigel"][name])
    adata.uns["sigel_imputation"] = {"method": "sigel"}
    adata.var["trusted"] = np.arange(adata.n_vars) < 7
    adata.uns["sigel_commands"] = np.array(["no JSON", "3"], dtype=object)
    money = r"$\money$ "
    adata.var_names = money + adata.var_names
    adata.obs["sigel_domain"] = adata.obs["sigel_domain"].cat.rename_categories(lambda one: money + str(one))
    told = adata.uns["sigel"]["domains"]
    told["stability"] = told["stability"] | {
        "domain": np.array([money + str(one) for one in told["stability"]["domain"]])
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = said(write_report(adata, tmp_path / "a.html", method="pca").read_text("utf-8"))
    assert f"predictions of genes that were not measured: 7 of {adata.n_vars} genes are trusted" in text
    assert "no JSON" in text
    assert money + "Gene" in text


def test_a_file_is_replaced_when_asked(tmp_path):
    path = tmp_path / "a.html"
    path.write_text("mine")
    write_report(quick_section(), path, method="pca", overwrite=True)
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_script_is_small_and_builds_no_markup():
    folder = Path(sigel.__file__).parent / "report" / "templates"
    script = (folder / "report.js").read_text("utf-8")
    assert len(script.splitlines()) < 250
    for word in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttp"):
        assert word not in script
    for name in ("report.html", "macros.html"):
        assert "|safe" not in (folder / name).read_text("utf-8").replace(" ", "")


def test_without_jinja2_the_line_that_installs_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingPackageError, match=r'pip install "sigel\[report\]"'):
        write_report(quick_section(), tmp_path / "a.html")
