"""What the functions behind the verbs say of their arguments, read from their files without loading them."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

_LIBRARY = Path(__file__).parents[1]


def told_by(door: str) -> dict[str, str]:
    """What each argument of a function means, one paragraph each, in the words of the command line.

    Parameters
    ----------
    door
        For example `"tl.embed"`.

    Examples
    --------
    >>> told_by("tl.embed")["seed"]
    'Same seed and device give the same numbers.'
    """
    return {name: _own_words(text, name) for name, text in parameters_in(_docstring(door)).items()}


def parameters_in(docstring: str) -> dict[str, str]:
    """Text of each name in the section Parameters of a docstring.

    Parameters
    ----------
    docstring
        In numpy's form; names that share a text stand on one line, with commas.
    """
    section = inspect.cleandoc(docstring).partition("Parameters\n----------\n")[2]
    section = re.split(r"\n\n\w+\n-{3,}\n", section)[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
        elif line.strip():
            found |= {name: f"{found.get(name, '')} {line.strip()}".strip() for name in names}
    return found


def _own_words(text: str, name: str) -> str:
    """Without the marks of code, and with what it refers to."""
    other = re.match(r"As in `sigel\.(\w+\.\w+)`([.;,:])", text)
    if other:
        there = parameters_in(_docstring(other.group(1))).get(name, "")
        rest = text[other.end() :].strip()
        text = f"{there.rstrip('.')}; {rest}" if other.group(2) != "." else f"{there} {rest}"
    text = re.sub(r'`"([\w ]+)"`', r"\1", text)
    text = re.sub(r"`sigel\.tl\.(\w+)`", lambda found: f"`sigel {VERBS.get(found[1], found[1])}`", text)
    return re.sub(r"`([^`]*)`", r"\1", text).strip()


# Verbs of the command line by the function that they call.
VERBS = {
    "embed": "embed",
    "spatial_genes": "genes",
    "gene_groups": "groups",
    "similar_genes": "similar",
    "pattern_genes": "pattern",
    "impute": "impute",
    "domains": "domains",
    "disease_genes": "compare",
    "gene_interactions": "interactions",
}


@cache
def _docstring(door: str) -> str:
    room, _, function = door.partition(".")
    stub = (_LIBRARY / room / "__init__.pyi").read_text(encoding="utf-8")
    module = re.search(rf"^from \.(\w+) import {function} as", stub, flags=re.MULTILINE)
    assert module, door
    tree = ast.parse((_LIBRARY / room / f"{module.group(1)}.py").read_text(encoding="utf-8"))
    (node,) = (one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == function)
    return ast.get_docstring(node) or ""
