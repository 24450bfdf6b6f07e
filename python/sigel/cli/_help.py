"""What `--help` says of a verb, from its docstring."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

from sigel.cli._options import Reading, Telling, Writing


def help_of(verb: Callable[..., None]) -> str:
    """Description and examples.

    Parameters
    ----------
    verb
        Its function.
    """
    text = inspect.cleandoc(verb.__doc__ or "")
    about = text.partition("\nParameters\n")[0].strip()
    examples = text.partition("Examples\n--------\n")[2]
    paragraphs = [" ".join(one.split()) for one in about.split("\n\n")]
    lines = [f"  $ {line.strip()}" for line in examples.strip().splitlines()]
    return "\n\n".join([*paragraphs, "Examples", "\n".join(lines)])


def options_of(verb: Callable[..., None]) -> list[str]:
    """Names of the options of a verb, as functions spell them.

    Parameters
    ----------
    verb
        Its function.
    """
    shared: dict[str, type] = {"read": Reading, "write": Writing, "tell": Telling}
    names: list[str] = []
    for name in inspect.signature(verb).parameters:
        names += [one.name for one in dataclasses.fields(shared[name])] if name in shared else [name]
    return [name for name in names if name not in ("input", "inputs")]
