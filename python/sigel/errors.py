"""What can go wrong. Every message names the argument, what was found, what was wanted and the fix."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).parent) + os.sep


class SIGELError(Exception):
    """Base of all errors that this package raises on purpose."""


class InputError(SIGELError, ValueError):
    """An argument or an input object can't be used as it is.

    Parameters
    ----------
    argument
        Its name, as the caller knows it.
    found, wanted
        What it is, and what it should have been, in a few words each.
    fix
        The call, or the sentence, that mends it.
    """

    def __init__(self, argument: str, found: str, wanted: str, fix: str) -> None:
        self.argument, self.found, self.wanted, self.fix = argument, found, wanted, fix
        super().__init__(argument, found, wanted, fix)  # as they came, so that a copy is made of the same

    def __str__(self) -> str:
        return f"`{self.argument}`: found {self.found}; wanted {self.wanted}. {self.fix}".rstrip()


class MissingPackageError(InputError, ImportError):
    """What was asked for needs a package that cannot be imported; `wanted` is its name."""


class OutOfMemoryError(InputError, MemoryError):
    """The system gave no more memory.

    Parameters
    ----------
    said
        What it said.
    """

    def __init__(self, said: str = "") -> None:
        found = "too little memory" + (f" ({said})" if said else "")
        fix = "Free memory, give fewer genes or spots, or use a machine with more."
        super().__init__("memory", found, "enough for this call", fix)
        self.args = (said,)  # so that a copy is made of the same


class ConfigError(SIGELError, ValueError):
    """A setting is unknown or out of range.

    Parameters
    ----------
    setting
        Its name.
    found, wanted
        What it is, and what it should have been, in a few words each.
    fix
        The sentence that mends it, where the rest does not say it.
    """

    def __init__(self, setting: str, found: str, wanted: str, fix: str = "") -> None:
        self.setting, self.found, self.wanted, self.fix = setting, found, wanted, fix
        super().__init__(setting, found, wanted, fix)

    def __str__(self) -> str:
        return f"setting `{self.setting}`: found {self.found}; wanted {self.wanted}. {self.fix}".rstrip()


class NotFittedError(SIGELError, RuntimeError):
    """A model was asked for results before it was fitted or loaded."""


class ModelFormatError(SIGELError, ValueError):
    """A saved model folder is incomplete, damaged, or of another version."""


class TrainingError(SIGELError, RuntimeError):
    """Training could not go on, for example because the loss is no longer finite."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the caller, whatever of this package lies between.

    Parameters
    ----------
    message
        What the caller should know, and what to do.
    category
        Class of the warning.
    """
    # The caller is whoever called the outermost of the package's frames: other libraries may lie between.
    level = outermost = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        level += 1
        if frame.f_code.co_filename.startswith(_PACKAGE):
            outermost = level
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=outermost + 2)


def span(least: int, most: int, words: str = "") -> str:
    """Words for a range of whole numbers; of a range of one, the number.

    Parameters
    ----------
    least, most
        Its ends.
    words
        What stands before a range, but not before a single number.

    Examples
    --------
    >>> span(2, 9), span(2, 2), span(2, 9, "a whole number from ")
    ('2 to 9', '2', 'a whole number from 2 to 9')
    """
    return f"{words}{least} to {most}" if least < most else str(least)


def near_names(name: object, known: Iterable[object], n: int = 3) -> list[str]:
    """The names that are spelt most like one that is not there.

    Parameters
    ----------
    name
        The name that was given.
    known
        Those that there are.
    n
        At most so many.

    Examples
    --------
    >>> near_names("SLC17A7", ["Slc17a7", "Slc17a6", "Mbp"])
    ['Slc17a7', 'Slc17a6']
    """
    # Capitals tell species apart, so they must not make names look different.
    spelt = {str(one).casefold(): str(one) for one in reversed(list(known))}
    return [spelt[one] for one in difflib.get_close_matches(str(name).casefold(), spelt, n=n, cutoff=0.7)]


def number_of(n: int, one: str, several: str = "") -> str:
    """Words for a number of things.

    Parameters
    ----------
    n
        How many.
    one
        The word for one of them.
    several
        That for several; default: with an s.

    Examples
    --------
    >>> number_of(1, "gene"), number_of(1200, "gene"), number_of(2, "index", "indices")
    ('1 gene', '1200 genes', '2 indices')
    """
    return f"{n} {one if n == 1 else several or one + 's'}"


def in_bytes(n: int) -> str:
    """Words for an amount of memory.

    Parameters
    ----------
    n
        Bytes.

    Examples
    --------
    >>> in_bytes(256_000_000), in_bytes(3_200_000_000)
    ('256 MB', '3.2 GB')
    """
    return f"{n / 1e9:.1f} GB" if n >= 999.5e6 else f"{n / 1e6:.0f} MB"


def alternatives(words: Iterable[str]) -> str:
    """Words of which one is meant, in a sentence.

    Parameters
    ----------
    words
        At least one.

    Examples
    --------
    >>> alternatives([".h5ad"]), alternatives([".tsv", ".csv", ".json"])
    ('.h5ad', '.tsv, .csv or .json')
    """
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def one_of(choices: Iterable[object]) -> str:
    """Words for a choice.

    Parameters
    ----------
    choices
        What there is.

    Examples
    --------
    >>> one_of(["mean", "each"])
    "one of 'mean', 'each'"
    """
    return f"one of {', '.join(map(repr, choices))}"


def unknown_name(name: object, known: Iterable[object], n: int = 3) -> str:
    """Words for a name that is not there, with the nearest spellings of those that are.

    Parameters
    ----------
    name
        The name that was given.
    known
        Those that there are.
    n
        Spellings named at most.

    Examples
    --------
    >>> unknown_name("SLC17A7", ["Slc17a7", "Slc17a6", "Mbp"])
    "'SLC17A7', unknown here (nearest: 'Slc17a7', 'Slc17a6')"
    """
    hint = ", ".join(map(repr, near_names(name, known, n)))
    return f"{name!r}, unknown here" + (f" (nearest: {hint})" if hint else "")
