"""The vignettes mention every R verb, lead to each other, and name sources that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "vignettes").glob("*.Rmd"))}

# Verbs that no page needs, each with its reason.
UNMENTIONED: dict[str, str] = {}

SETUP = re.compile(r"```\{r setup, include = FALSE\}\n(.*?)```", re.DOTALL)


@pytest.fixture(params=PAGES)
def page(request):
    return PAGES[request.param]


def test_there_are_vignettes():
    assert {"get-started", "method"} <= set(PAGES)


def test_every_exported_verb_is_mentioned():
    exported = re.findall(
        r"^export\((\w+)\)$", (ROOT / "NAMESPACE").read_text(encoding="utf-8"), re.MULTILINE
    )
    text = "\n".join(PAGES.values())
    missing = {verb for verb in exported if not re.search(rf"\b{verb}\(", text)}
    assert missing == set(UNMENTIONED)


def test_the_title_is_the_entry_of_the_index(page):
    title = re.search(r'^title: "(.*)"$', page, re.MULTILINE)
    assert title
    assert f"%\\VignetteIndexEntry{{{title[1]}}}" in page


def test_nothing_runs_where_the_engine_is_missing(page):
    setup = SETUP.search(page)
    assert setup
    assert setup[1] == SETUP.search(PAGES["get-started"])[1]
    assert "sigel_available()" in setup[1]
    assert "`r if (!ready)" in page
    assert not re.search(r"eval ?= ?T(RUE)?\b", page)


def test_it_opens_with_a_question_and_ends_with_where_to_go(page):
    body = page.split("```\n\n", 1)[1]
    assert re.search(r"^\*\*The question\.\*\*", body, re.MULTILINE)
    assert re.search(r"^## When (not to trust it|numbers differ)$", body, re.MULTILINE)
    assert "\n## Where to go next\n" in body


def test_links_between_pages_lead_somewhere(page):
    linked = re.findall(r"\]\(([^):]+)\)", page)
    assert linked
    assert {link.split("#")[0].removesuffix(".html") for link in linked} <= set(PAGES)


def test_sources_of_figures_exist(page):
    named = set(re.findall(r"`(benchmarks/[\w/]+\.md)`", page))
    assert all((ROOT / name).is_file() for name in named), named


def test_footnotes_are_used_and_explained(page):
    used = re.findall(r"\[\^(\w+)\](?!:)", page)
    explained = re.findall(r"^\[\^(\w+)\]:", page, re.MULTILINE)
    assert sorted(set(used)) == sorted(explained)
