"""What words on the command line stand for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sigel.errors import InputError


def settings_in(text: str | None) -> dict[str, Any] | None:
    """Settings from a file of JSON, or from JSON itself; None stays None.

    Parameters
    ----------
    text
        A path, or what begins with `{`.

    Raises
    ------
    InputError
        When it is no object of JSON.

    Examples
    --------
    >>> settings_in('{"train": {"pretrain_epochs": 20}}')
    {'train': {'pretrain_epochs': 20}}
    """
    if text is None:
        return None
    wanted = "a file of JSON, or settings in JSON"
    fix = """For example --config '{"max_side": 64}'."""
    try:
        inside = text if text.lstrip().startswith("{") else Path(text).expanduser().read_text("utf-8")
        settings = json.loads(inside)
    except (OSError, UnicodeError) as error:
        raise InputError("config", f"{text!r}, which cannot be read ({error})", wanted, fix) from error
    except json.JSONDecodeError as error:
        raise InputError("config", f"{text[:60]!r}, which is no JSON ({error})", wanted, fix) from error
    if not isinstance(settings, dict):
        raise InputError("config", f"a {type(settings).__name__} in {text[:60]!r}", wanted, fix)
    return settings


def names_in(words: Sequence[str], option: str) -> list[str] | None:
    """Names, commas between or not, and those in files, a name a line, that words like @genes.txt speak of.

    A name that has a comma comes by a file.

    Parameters
    ----------
    words
        As given; without any, None.
    option
        By which.

    Raises
    ------
    InputError
        When a file cannot be read or has no names.
    """
    names: list[str] = []
    for word in words:
        if not word.startswith("@"):
            split = [name.strip() for name in word.split(",") if name.strip()]
            if not split:
                fix = f"Give --{option} one or more."
                raise InputError(option, f"{word!r}, without a name", "names", fix)
            names += split
            continue
        fix = f"Write a name a line, and give --{option} @FILE."
        try:
            lines = Path(word[1:]).expanduser().read_text("utf-8").splitlines()
        except (OSError, UnicodeError) as error:
            found = f"{word!r}, which cannot be read ({error})"
            raise InputError(option, found, "a file of names", fix) from error
        inside = [line.strip() for line in lines if line.strip()]
        if not inside:
            raise InputError(option, f"{word!r}, without a name", "a file of names", fix)
        names += inside
    return names or None


def levels_in(words: Sequence[str]) -> dict[str, float] | None:
    """Levels of regions.

    Parameters
    ----------
    words
        As REGION=LEVEL; without any, None.

    Raises
    ------
    InputError
        When one is something else.

    Examples
    --------
    >>> levels_in(["L4=0.9", "L5=0.5"])
    {'L4': 0.9, 'L5': 0.5}
    """
    levels: dict[str, float] = {}
    for word in words:
        region, _, level = word.rpartition("=")
        try:
            levels[region] = float(level)
        except ValueError:
            region = ""
        if not region:
            fix = "For example --levels ring=0.9 layer=0.5."
            raise InputError("levels", repr(word), "a region and its level", fix)
    return levels or None
