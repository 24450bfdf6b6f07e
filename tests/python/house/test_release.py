"""What a release says of itself agrees with the package: citation, recipe, registry, workflows, licences."""

import re
from itertools import chain

import pytest
import tomllib

from sigel._version import __version__
from tests.python.house.test_structure import ROOT

yaml = pytest.importorskip("yaml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Names of the recipe's channel where they are others.
CALLED = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
WANTED_BY_RECIPE = ("cli", "plot", "report", "leiden", "progress", "read")


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0]


def imports_of_r():
    description = text("DESCRIPTION")
    fields = re.findall(r"^(?:Imports|Suggests):\n((?: +.*\n)+)", description, flags=re.MULTILINE)
    return {name_of(line.strip()) for field in fields for line in field.splitlines()}


def recipe():
    plain = re.sub(r"^\{%.*%\}\n", "", text("conda/meta.yaml"), flags=re.MULTILINE)
    return yaml.safe_load(plain.replace("{{ version }}", __version__))


def test_versions_are_those_of_the_package():
    assert yaml.safe_load(text("CITATION.cff"))["version"] == __version__
    assert f'set version = "{__version__}"' in text("conda/meta.yaml")
    assert yaml.safe_load(text("conda/scverse.yaml"))["version"] == f"v{__version__}"


def test_the_paper_is_cited_by_one_doi():
    doi = yaml.safe_load(text("CITATION.cff"))["preferred-citation"]["doi"]
    assert doi in text("inst/CITATION")
    assert doi in text("README.md")


def test_the_recipe_asks_for_what_the_package_asks_for():
    theirs = {}
    for line in recipe()["outputs"][0]["requirements"]["run"]:
        name, _, bounds = line.partition(" ")
        theirs[CALLED.get(name, name)] = bounds
    extras = PROJECT["optional-dependencies"]
    ours = [*PROJECT["dependencies"], *(one for extra in WANTED_BY_RECIPE for one in extras[extra])]
    assert theirs.pop("python") == PROJECT["requires-python"]
    assert theirs == {name_of(one): one[len(name_of(one)) :] for one in ours}


def test_the_recipe_of_r_asks_for_what_the_package_imports():
    run = {name_of(line).removeprefix("r-") for line in recipe()["outputs"][1]["requirements"]["run"]}
    imports = re.search(r"^Imports:\n((?: +.*\n)+)", text("DESCRIPTION"), flags=re.MULTILINE)[1]
    wanted = {name_of(line.strip()).lower() for line in imports.splitlines()}
    assert wanted - {"grdevices", "grid", "methods", "stats", "tools", "utils"} <= run


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_workflows_and_forms_are_read_and_call_targets_that_there_are(path):
    assert yaml.safe_load(path.read_text(encoding="utf-8"))
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.MULTILINE))
    assert set(re.findall(r"run: make ([a-z-]+)", path.read_text(encoding="utf-8"))) <= targets


def test_every_dependency_is_in_the_list_of_licences():
    listed = text("docs/licences.md")
    python = [*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())]
    for name in {name_of(one) for one in python} | imports_of_r():
        assert re.search(rf"\b{re.escape(name)}\b", listed, flags=re.IGNORECASE), name
