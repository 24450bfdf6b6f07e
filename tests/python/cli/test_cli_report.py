"""`sigel report`: options of the function, the file, refusals."""

from __future__ import annotations

import inspect

import pytest

pytest.importorskip("cyclopts")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

import sigel
from sigel.cli import _main
from sigel.cli._doors import parameters_in
from sigel.cli._help import options_of
from sigel.cli._report import changes_at
from sigel.errors import InputError


def test_options_are_those_of_the_function():
    theirs = inspect.signature(sigel.report.write_report).parameters
    own = inspect.signature(_main._VERBS["report"]).parameters
    assert set(theirs) - {"adata", "path", "overwrite"} <= set(options_of(_main._VERBS["report"]))
    for name in set(theirs) & set(own):
        assert own[name].default == theirs[name].default, name
    told = parameters_in(_main._VERBS["report"].__doc__)
    assert all(told.get(name) for name in own if name not in ("read", "write", "tell"))


def test_a_page_in_words_of_the_command_line(run, files, tmp_path):
    to = tmp_path / "report.html"
    words = ("report", files / "embedded.h5ad", "-o", to, "--method", "pca", "--title", "Mine")
    done = run(*words)
    assert (done.code, done.out, done.err) == (0, "", "")
    page = to.read_text("utf-8")
    assert "<h1>Mine</h1>" in page
    assert "sigel genes INPUT -o OUTPUT.h5ad" in page
    assert "Commands that led to this file" in page
    again = run(*words)
    assert again.code == 1
    assert "replace it by --force" in again.err
    assert run(*words, "--force", "--config", '{"max_mb": 1}').code == 0


@pytest.mark.nightly
def test_genes_that_change_as_compare_wrote_them(run, files, tmp_path):
    table = tmp_path / "changes.json"
    words = ("--samples", files / "samples.csv", "--donor", "donor", "--control", "control", "--quiet")
    assert run("compare", "-o", table, *words).code == 0
    to = tmp_path / "report.html"
    words = ("report", files / "embedded.h5ad", "-o", to, "--method", "pca", "--disease-genes")
    done = run(*words, table)
    assert done.code == 0, done.err
    page = to.read_text("utf-8")
    assert changes_at(table).index[0] in page
    assert "beside other labellings" in page
    (tmp_path / "other.tsv").write_text("a\tb\n1\t2\n")
    said = run(*words, tmp_path / "other.tsv", "--force")
    assert said.code == 1
    assert "--disease-genes: found" in said.err


@pytest.mark.parametrize("text", ["{", '{"rows": 3}', "[1]"])
def test_what_is_no_table_of_compare_is_refused(tmp_path, text):
    (tmp_path / "changes.json").write_text(text)
    with pytest.raises(InputError, match="disease_genes"):
        changes_at(tmp_path / "changes.json")


def test_what_cannot_be_is_refused_in_words_of_the_command_line(run, files, tmp_path):
    said = run("report", files / "section.h5ad", "-o", tmp_path / "a.html")
    assert said.code == 1
    assert "Call sigel embed INPUT -o OUTPUT.h5ad" in said.err
    said = run("report", files / "embedded.h5ad", "-o", tmp_path / "a.txt")
    assert "ends in .html" in said.err
    assert not list(tmp_path.iterdir())
