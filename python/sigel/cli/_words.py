"""What the engine says, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Collection

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
# What functions call that which stands on the command line without an option.
_INPUTS = ("path", "adata", "sections", "target", "counts", "coordinates", "genes", "INPUT")


def in_words_of_command_line(text: str, options: Collection[str]) -> str:
    """An error or a warning with options in place of arguments, and verbs in place of functions.

    Parameters
    ----------
    text
        As the engine words it.
    options
        Names of the options of the verb, as functions spell them.

    Examples
    --------
    >>> in_words_of_command_line("`n_dims`: found 0; wanted a number. Use n_dims=32.", ["n_dims"])
    '--n-dims: found 0; wanted a number. Use --n-dims 32.'
    >>> in_words_of_command_line('Call sigel.tl.embed(adata, key_added="mine") first.', [])
    'Call sigel embed INPUT -o OUTPUT.h5ad --key-added mine first.'
    """
    text = re.sub(r"sigel\.tl\.(\w+)\(([^()]*)\)", _call, text)
    text = re.sub(r"sigel\.tl\.(\w+)", lambda found: f"sigel {VERBS.get(found[1], found[1])}", text)
    text = re.sub(r"(?<![\w.'\"])config=(\{(?:[^{}]|\{[^{}]*\})*\})", r"--config '\1'", text)
    text = re.sub(r"\bor None\b(?! of)", "or nothing", text)
    names = sorted(options, key=len, reverse=True)
    if names:
        given = re.compile(rf"(?<![\w.])({'|'.join(names)})=(\"[^\"]*\"|'[^']*'|[\w.+-]*[\w+-])")
        text = given.sub(lambda found: _option(found[1], found[2]), text)
    for name in names:
        text = text.replace(f"`{name}`", f"--{dashed(name)}")
    return re.sub(rf"`(?:{'|'.join(_INPUTS)})(?:\[(\d+)\])?`", _input, text)


def dashed(name: str) -> str:
    """An argument as an option.

    Parameters
    ----------
    name
        For example `"n_groups"`.
    """
    return name.replace("_", "-")


def _call(found: re.Match[str]) -> str:
    options = re.findall(r"(\w+)=(\"[^\"]*\"|[^,]+)", found[2])
    words = " ".join(_option(name, value) for name, value in options)
    ending = ".h5ad" if found[1] in ("embed", "impute") else ""
    return f"sigel {VERBS.get(found[1], found[1])} INPUT -o OUTPUT{ending} {words}".rstrip()


def _option(name: str, value: str) -> str:
    if value == "None":
        return f"no --{dashed(name)}"
    if value in ("True", "False"):
        return f"--{dashed(name)}" if value == "True" else f"--no-{dashed(name)}"
    return f"--{dashed(name)} {value.strip(chr(34) + chr(39))}"


def _input(found: re.Match[str]) -> str:
    return "INPUT" if found[1] is None else f"INPUT {int(found[1]) + 1}"
