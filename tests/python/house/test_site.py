"""The sites have every public function and every topic of R, and their pages lead somewhere."""

from __future__ import annotations

import re

import pytest

from tests.python.house.test_structure import PUBLIC, ROOT

yaml = pytest.importorskip("yaml")
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def pkgdown(part):
    return yaml.safe_load((ROOT / "_pkgdown.yml").read_text(encoding="utf-8"))[part]


def listed(part):
    return [name for section in pkgdown(part) for name in section["contents"]]


def test_every_public_thing_has_its_help_on_the_site():
    there = re.findall(
        r"^   ([\w.]+)$", (DOCS / "api" / "index.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(there) == len(set(there))
    assert {name.removeprefix("sigel.") for name in PUBLIC} <= set(there)


def test_the_site_of_r_has_every_topic_once():
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "man").glob("*.Rd")}
    aliases = {
        alias: page for page, text in pages.items() for alias in re.findall(r"\\alias\{([\w.-]+)\}", text)
    }
    topics = [aliases[name] for name in listed("reference")]
    assert sorted(topics) == sorted(pages)
    exported = re.findall(r"^export\((\w+)\)$", (ROOT / "NAMESPACE").read_text(), flags=re.MULTILINE)
    assert {aliases[name] for name in exported} <= set(topics)


def test_the_site_of_r_has_every_vignette_once():
    assert sorted(listed("articles")) == sorted(path.stem for path in (ROOT / "vignettes").glob("*.Rmd"))


def test_every_page_and_notebook_is_in_the_contents():
    home = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = "\n".join(re.findall(r"```\{toctree\}\n(.*?)```", home, flags=re.DOTALL)).split()
    pages = {page.stem for page in PAGES if page.stem not in ("index", "gallery")}
    notebooks = {f"notebooks/{path.stem}" for path in (DOCS / "notebooks").glob("*.ipynb")}
    assert pages | notebooks | {"gallery", "api/index"} <= set(trees)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_sources_of_figures_and_links_of_pages_exist(page):
    text = page.read_text(encoding="utf-8")
    assert all((ROOT / named).is_file() for named in re.findall(r"`(benchmarks/[\w/]+\.md)`", text))
    links = {link for link in re.findall(r"\]\(([^):#]+)\)", text) if not link.startswith("http")}
    written = {"gallery.md"}
    assert all((DOCS / link).is_file() for link in links - written), links
