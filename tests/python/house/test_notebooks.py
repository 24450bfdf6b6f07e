"""The notebooks ask a question, store what they show, name what exists, and run.

`make docs` runs all of them and stores what they give; here the quickest run, without a kernel.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import sigel

mpl = pytest.importorskip("matplotlib")
mpl.use("Agg")

pytestmark = pytest.mark.usefixtures("all_trees")

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "notebooks"
NOTEBOOKS = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
QUICK = ("designated-patterns",)


def cells(name, kind):
    notebook = json.loads(NOTEBOOKS[name].read_text(encoding="utf-8"))
    return [
        cell | {"text": "".join(cell["source"])} for cell in notebook["cells"] if cell["cell_type"] == kind
    ]


def text_of(name):
    return "\n\n".join(cell["text"] for cell in cells(name, "markdown"))


@pytest.fixture(params=NOTEBOOKS)
def name(request):
    return request.param


def test_there_are_notebooks():
    assert {"get-started", *QUICK} <= set(NOTEBOOKS)


def test_it_opens_with_a_question_and_ends_with_where_to_go(name):
    text = text_of(name)
    assert re.match(r"# .+\n\n\*\*The question\.\*\* ", text)
    assert "**simulated**" in text
    assert "**How to read it.**" in text
    assert re.search(r"\n## When not to trust it\n.*\n## Where to go next\n", text, re.DOTALL)


def test_every_cell_ran_in_turn_and_outputs_are_stored(name):
    code = cells(name, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"display_data", "execute_result"}
    assert sum("image/png" in output["data"] for output in outputs) >= 2
    for cell in code:
        # A picture is shown once: by the cell, not by its last value as well.
        assert cell["outputs"] or not cell["text"].rstrip().endswith(";")


def test_nothing_of_the_machine_is_stored(name):
    notebook = json.loads(NOTEBOOKS[name].read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert not any(cell["metadata"] for cell in notebook["cells"])
    assert NOTEBOOKS[name].stat().st_size < 400_000


def public_names(tree):
    """Whole chains of names that begin with `sigel`."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    chains = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and id(node) not in inner
    }
    return {chain for chain in chains if re.fullmatch(r"sigel(\.\w+)+", chain)}


def test_only_names_that_exist_are_used(name):
    code = set().union(*(public_names(ast.parse(cell["text"])) for cell in cells(name, "code")))
    told = {f"sigel.{verb}" for verb in re.findall(r"(?<!sc\.)\b((?:tl|pl|io)\.\w+)", text_of(name))}
    assert code
    for chain in code | told:
        thing = sigel
        for part in chain.split(".")[1:]:
            assert part in dir(thing), chain
            thing = getattr(thing, part)


def test_links_and_sources_of_figures_exist(name):
    text = text_of(name)
    links = set(re.findall(r"\]\(([^):#]+)\)", text))
    assert links
    assert all((FOLDER / link).is_file() for link in links), links
    assert all((ROOT / named).is_file() for named in re.findall(r"`(benchmarks/[\w/]+\.md)`", text))


BY_NIGHT = [pytest.param(name, marks=pytest.mark.nightly) for name in NOTEBOOKS if name not in QUICK]


@pytest.mark.parametrize("name", [*QUICK, *BY_NIGHT])
def test_it_runs(name):
    plt = pytest.importorskip("matplotlib.pyplot")
    known: dict[str, object] = {}
    for cell in cells(name, "code"):
        exec(compile(cell["text"], name, "exec"), known)
        plt.close("all")
