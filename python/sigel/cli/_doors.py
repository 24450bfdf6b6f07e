"""What the functions behind the verbs say of their arguments, read from their files without loading them."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

from sigel.cli._words import in_words_of_command_line

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
    texts = parameters_in(_docstring(door))
    return {name: _own_words(_whole(text, name), list(texts)) for name, text in texts.items()}


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


def _whole(text: str, name: str) -> str:
    """With what is said of the argument where the text refers to."""
    other = re.match(r"As in `sigel\.(\w+\.\w+)`([.;])", text)
    if not other:
        return text
    there = _whole(parameters_in(_docstring(other[1])).get(name, ""), name)
    rest = text[other.end() :].strip()
    return f"{there.rstrip('.')}; {rest}" if other[2] == ";" else f"{there} {rest}".strip()


def _own_words(text: str, options: list[str]) -> str:
    """Options for arguments, and without the marks of code."""
    text = re.sub(r'`"([\w ]+)"`', r"\1", in_words_of_command_line(text, options))
    return re.sub(r"`([^`]*)`", r"\1", text)


@cache
def _docstring(door: str) -> str:
    room, _, function = door.partition(".")
    stub = (_LIBRARY / room / "__init__.pyi").read_text(encoding="utf-8")
    module = re.search(rf"^from \.(\w+) import {function} as", stub, flags=re.MULTILINE)
    assert module, door
    tree = ast.parse((_LIBRARY / room / f"{module.group(1)}.py").read_text(encoding="utf-8"))
    (node,) = (one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == function)
    return ast.get_docstring(node) or ""
