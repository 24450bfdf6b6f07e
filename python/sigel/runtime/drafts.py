"""Files and folders that are whole or not there."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sigel.errors import InputError


def check_place(path: Path, argument: str, fix: str, *, folder: bool = False) -> None:
    """Refuse a place where no file, or folder, can be made, while nothing is lost.

    Parameters
    ----------
    path
        The place.
    argument
        What the caller calls it.
    fix
        What to do where a folder of this name is in the way.
    folder
        Whether one may be there.
    """
    if not path.parent.is_dir():
        found = f"{str(path)!r}, in a folder that is not there"
        raise InputError(argument, found, "a file in a folder that is there", "Make the folder first.")
    if path.is_dir() and not folder:
        raise InputError(argument, f"{str(path)!r}, a folder", "a file", fix)
    if not os.access(path.parent, os.W_OK):
        found = f"{str(path)!r}, in a folder that may not be written to"
        raise InputError(argument, found, "a file in a folder that may be", "Choose another folder.")


def check_absent(path: Path, argument: str, fix: str, *, what: str = "there already") -> None:
    """Refuse a place that something is at.

    Parameters
    ----------
    path, argument
        As in `check_place`.
    fix
        How else, or how it is replaced.
    what
        Words for what is there.
    """
    if path.exists():
        raise InputError(argument, f"{str(path)!r}, which is {what}", "a new file", fix)


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A file or folder beside another, moved to its place once it is whole, and gone where something fails.

    Parameters
    ----------
    path
        The place; what is there is replaced at the end.
    """
    if path.is_dir() or path.is_symlink():  # a link stays
        path = path.resolve()
    # Never a longer name than a system takes, where that of the place is none.
    draft = path.with_name(f".{path.stem[:50]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield draft
        if draft.is_dir() and path.is_dir():
            _swap(draft, path)
        else:
            draft.replace(path)
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _swap(draft: Path, path: Path) -> None:
    """Put a folder in the place of an earlier one, which no system does in one step."""
    earlier = draft.with_name(f"{draft.name}.earlier")
    path.replace(earlier)
    try:
        draft.replace(path)
    except OSError:
        earlier.replace(path)
        raise
    shutil.rmtree(earlier, ignore_errors=True)
