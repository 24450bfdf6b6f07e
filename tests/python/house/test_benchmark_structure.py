"""House rules of the benchmarks: a call asks the tasks, the tasks ask the harness, nothing looks back."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BENCHMARKS = ROOT / "benchmarks"
HARNESS, RUN = "benchmarks.harness", "benchmarks.run"


def name_of(path: Path) -> str:
    """Dotted name, `benchmarks.domains.tables` for example; of a package that of its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(BENCHMARKS.rglob("*.py"))}


def imported(path: Path, known: set[str]) -> set[str]:
    """Full names of what a file imports, inside functions too; a module that is known by its own name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {name if name in known else str(node.module) for name in full}
    return names


NEEDS = {
    module: {name for name in imported(path, set(MODULES)) if name.split(".")[0] == "benchmarks"} - {module}
    for module, path in MODULES.items()
}


def folder_of(module: str) -> str:
    """`benchmarks.domains` for its modules and for itself; `benchmarks.run` is by itself."""
    return ".".join(module.split(".")[:2])


def test_the_modules_are_found():
    assert {RUN, f"{HARNESS}.job", "benchmarks.domains.tables"} <= set(MODULES)
    assert f"{HARNESS}.job" in NEEDS[RUN]
    # Imports inside functions count.
    assert f"{HARNESS}.pixels" in NEEDS["benchmarks.speed.stages"]


@pytest.mark.parametrize("module", [module for module in MODULES if module != RUN])
def test_a_task_imports_only_its_own_folder_and_the_harness(module):
    """No task's folder asks another's: what two of them need belongs to the harness."""
    lawful = {folder_of(module), HARNESS}
    assert {folder_of(name) for name in NEEDS[module]} <= lawful


def test_the_harness_knows_no_task():
    inside = [module for module in MODULES if folder_of(module) == HARNESS]
    assert {folder_of(name) for module in inside for name in NEEDS[module]} == {HARNESS}


def test_nothing_imports_the_run():
    assert not [module for module, needs in NEEDS.items() if RUN in needs]


def test_imports_have_no_circle():
    TopologicalSorter(NEEDS).prepare()  # raises where there is one, and says which


def test_every_import_of_the_benchmarks_exists():
    assert {name for needs in NEEDS.values() for name in needs} <= set(MODULES)


def test_no_file_is_long():
    long = {name: n for name, path in MODULES.items() if (n := len(path.read_text().splitlines())) > 600}
    assert not long


def test_every_task_has_tables_and_says_what_it_is_about():
    folders = [path for path in BENCHMARKS.iterdir() if any(path.glob("*.py"))]
    assert len(folders) > 5
    for folder in folders:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder
        assert folder.name == "harness" or (folder / "tables.py").is_file(), folder


def test_the_library_never_imports_the_benchmarks():
    for path in (ROOT / "python").rglob("*.py"):
        assert not [name for name in imported(path, set()) if name.split(".")[0] == "benchmarks"], path
