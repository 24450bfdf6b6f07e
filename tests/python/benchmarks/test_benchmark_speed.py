"""The benchmarks of time: imports in fresh interpreters, paired runs against another checkout."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conftest import ROOT


def test_an_import_is_timed_in_an_interpreter_that_has_loaded_nothing():
    from benchmarks.speed.imports import in_fresh_interpreter

    found = in_fresh_interpreter("import json")
    assert 0 <= found["seconds"] < 1
    assert found["loaded"] == []  # although they are loaded here
    slow = in_fresh_interpreter("time.sleep(0.2); sys.modules['torch'] = sys.modules['matplotlib'] = None")
    assert slow["seconds"] >= 0.2
    assert slow["loaded"] == ["torch", "matplotlib"]


def test_imports_are_compared_turn_by_turn():
    """The machine is twice as slow in the second turn: the ratio does not know."""
    from benchmarks.speed.imports import STATEMENTS, import_rows

    factor = dict(zip(STATEMENTS, (1.0, 1.2, 3.0), strict=True))
    found = {
        statement: [{"seconds": factor[statement] * slow, "loaded": ["torch"]} for slow in (0.4, 0.8, 0.4)]
        for statement in STATEMENTS
    }
    rows = import_rows(found)
    assert [row["over import anndata"] for row in rows] == pytest.approx([1.0, 1.2, 3.0])
    assert [row["seconds"] for row in rows] == pytest.approx([0.4, 0.48, 1.2])
    assert rows[1]["loads"] == "torch"


def test_every_turn_of_imports_counts_but_the_first(monkeypatch):
    from benchmarks.speed import imports

    seen = []

    def run(statement):
        seen.append(statement)
        return {"seconds": 100.0 if len(seen) <= 3 else 1.0, "loaded": []}

    monkeypatch.setattr(imports, "in_fresh_interpreter", run)
    table = imports.import_table(2)
    assert seen == list(imports.STATEMENTS) * 3
    assert [row["seconds"] for row in table["rows"]] == [1.0, 1.0, 1.0]


def fake_runs(monkeypatch, cost):
    """Runs that take what `cost` says of the engine's folder; returns the folders, run by run."""
    from benchmarks.speed import against

    order = []

    def measure(stage, environment, name, **settings):
        engine = environment["PYTHONPATH"]
        order.append(engine)
        seconds = cost(engine, len(order))
        marks = {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_gb": 1.0}
        return marks | {"engine": f"{engine}/sigel/__init__.py"}

    monkeypatch.setattr(against, "measure", measure)
    return order


def test_pairs_take_turns_and_ratios_are_those_of_pairs(monkeypatch, tmp_path):
    from benchmarks.speed.against import compare

    here, there = str(ROOT / "python"), str(tmp_path / "python")
    # Each pair on a machine twice as slow as the one before it.
    order = fake_runs(monkeypatch, lambda engine, n: (3.0 if engine == here else 2.0) * 2 ** ((n - 1) // 2))
    table = compare(tmp_path, ["embed", "domains"], 3, path="section.h5ad", n_domains=3, seed=0)
    assert order[:6] == [here, there, there, here, here, there]
    assert [row["measure"] for row in table] == ["seconds", "CPU seconds", "peak GB"] * 2
    seconds = table[0]
    assert (seconds["here"], seconds["other"]) == (6.0, 4.0)
    assert [seconds[f"ratio {of}"] for of in ("min", "median", "max")] == [1.5] * 3
    assert table[2]["ratio max"] == 1.0


def test_a_run_by_another_engine_than_the_one_asked_for_is_refused(monkeypatch, tmp_path):
    from benchmarks.speed import against

    fake_runs(monkeypatch, lambda engine, n: 1.0)
    fake = against.measure
    monkeypatch.setattr(against, "measure", lambda *a, **k: fake(*a, **k) | {"engine": "/elsewhere/sigel.py"})
    with pytest.raises(RuntimeError, match="elsewhere"):
        list(against.paired(tmp_path, "embed", 1))


@pytest.mark.nightly
def test_a_verb_runs_by_the_engine_of_the_checkout_and_leaves_nothing_in_it(tmp_path):
    """Another checkout: this engine's files under another folder."""
    from benchmarks.harness.large_sections import write_section
    from benchmarks.harness.sigel_rows import QUICK_SECTION
    from benchmarks.speed.against import once

    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sigel").symlink_to(ROOT / "python" / "sigel")
    write_section(tmp_path / "section.h5ad", 0, **QUICK_SECTION)
    before = sorted(tmp_path.rglob("*"))
    found = once(tmp_path, "spatial_genes", path=str(tmp_path / "section.h5ad"), n_domains=3, seed=0)
    assert found["engine"] == str(tmp_path / "python" / "sigel" / "__init__.py")
    assert found["seconds"] > 0
    assert found["cpu_seconds"] > 0
    assert found["peak_gb"] >= found["before_gb"] > 0.05
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.nightly
def test_a_folder_without_an_engine_is_refused(tmp_path):
    command = [sys.executable, "-m", "benchmarks.speed.against", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no python/sigel in" in done.stderr
