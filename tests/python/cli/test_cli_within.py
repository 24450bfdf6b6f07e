"""The command line within another program."""

from __future__ import annotations

import sys

import anndata
import pytest

pytest.importorskip("cyclopts")

from sigel.cli import answer
from sigel.runtime.progress import is_shown_by_another


def test_answer_returns_what_a_terminal_would_show(files, run, capsys):
    words = ["genes", str(files / "section.h5ad"), "-o", "-", "--no-score"]
    said = run(*words)
    assert answer(words) == {"code": said.code, "out": said.out, "said": said.err, "warnings": []}
    assert capsys.readouterr() == ("", "")


def test_errors_are_returned_not_raised(tmp_path):
    told = answer(["genes", str(tmp_path / "none.h5ad"), "-o", "-"])
    assert told["code"] == 1
    assert "none.h5ad" in told["said"]
    assert answer(["genez"])["code"] == 2


def test_warnings_are_apart_from_what_is_said(files, tmp_path):
    few = anndata.read_h5ad(files / "section.h5ad")[:, :4]
    few.write_h5ad(tmp_path / "few.h5ad")
    words = ["embed", str(tmp_path / "few.h5ad"), "-o", str(tmp_path / "out.h5ad"), "--n-groups", "1"]
    told = answer(words)
    assert (told["code"], told["said"]) == (0, "")
    (warning,) = told["warnings"]
    assert "fewer than 20" in warning
    assert answer([*words, "--force", "--quiet"])["warnings"] == []


def test_progress_goes_to_the_program_that_asks(files, tmp_path):
    steps = []

    def progress(stage, step, total, text):
        steps.append((stage, step, total))

    words = ["genes", str(files / "section.h5ad"), "-o", str(tmp_path / "genes.tsv")]
    assert answer(words, progress) == {"code": 0, "out": "", "said": "", "warnings": []}
    assert "test" in {stage for stage, *_ in steps}
    assert all(0 <= step <= total for _, step, total in steps)
    assert not is_shown_by_another()
    # Who asks for quiet gets it.
    steps.clear()
    assert answer([*words, "--force", "--quiet"], progress)["code"] == 0
    assert not steps


def test_an_interrupt_of_the_program_is_an_exit_code(files):
    def progress(*_):
        raise KeyboardInterrupt

    told = answer(["genes", str(files / "section.h5ad"), "-o", "-"], progress)
    assert (told["code"], told["out"]) == (130, "")


def test_a_file_remembers_the_words_that_made_it(files, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["other", "program"])
    out = tmp_path / "of a name.h5ad"
    assert answer(["genes", str(files / "section.h5ad"), "-o", str(out), "--no-score"])["code"] == 0
    (line,) = anndata.read_h5ad(out).uns["sigel_commands"]
    assert f"sigel genes {files / 'section.h5ad'} -o '{out}' --no-score" in line
