"""Files and folders that are whole or not there."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sigel.errors import InputError, SIGELError


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


# What libraries say where a system refuses, as text of an error of their own.
_REFUSED = re.compile(r"\(os error \d+\)|errno = \d+|File operation error|No space left")


class NotWrittenError(InputError):
    """A disk did not take what was to be written.

    Parameters
    ----------
    argument
        What the caller calls the place.
    path
        The place.
    why
        What the system said.
    """

    def __init__(self, argument: str, path: str, why: str) -> None:
        found = f"{path!r}, which cannot be written ({why})"
        super().__init__(argument, found, "a place with room for a file", "Choose another.")
        self.why = why
        self.args = (argument, path, why)  # so that a copy is made of the same


@contextmanager
def writing(path: Path, argument: str) -> Iterator[None]:
    """A disk that does not take what is written is told of in words of the caller.

    Parameters
    ----------
    path
        The place.
    argument
        What the caller calls it.

    Raises
    ------
    NotWrittenError
        In place of what was raised within.
    """
    try:
        yield
    except NotWrittenError as error:  # of a draft of this place
        raise NotWrittenError(argument, str(path), error.why) from error
    except Exception as error:
        if isinstance(error, SIGELError) or not (isinstance(error, OSError) or _REFUSED.search(str(error))):
            raise
        if not _may_be_of(error, path):
            raise
        number = getattr(error, "errno", None)
        # Libraries add where in the file it was.
        why = os.strerror(number) if number else (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise NotWrittenError(argument, str(path), why) from error


def _may_be_of(error: Exception, path: Path) -> bool:
    """Whether an error is about a place or its draft, as far as it says: an input may be read on the way."""
    named = getattr(error, "filename", None)
    if not isinstance(named, str | bytes):
        return True
    place, about = path.absolute(), Path(os.fsdecode(named)).absolute()
    return _MARK in str(about) or about == place or place in about.parents or about in place.parents


# In the name of every draft, so that no file of a user's is taken for one.
_MARK = "sigel-draft"
# What a killed process left is taken for dead after a day without a change: others may write beside it.
_DEAD_AFTER = 24 * 3600.0


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A file or folder beside another, moved to its place once it is whole, and gone where something fails.

    Parameters
    ----------
    path
        The place; what is there is replaced at the end, in one step where the system has one for folders
        (Linux, macOS). A draft is its own draft: who made it moves it.

    Notes
    -----
    What is killed cannot clean up behind itself: its draft stays, under a name that begins with a dot, until
    a day later something is written to the same place.
    """
    if f".{_MARK}-" in path.name:
        yield path
        return
    if path.is_dir() or path.is_symlink():  # a link stays
        path = path.resolve()
    # Never a longer name than a system takes, where that of the place is none.
    draft = path.with_name(f".{path.stem[:50]}.{_MARK}-{secrets.token_hex(8)}{path.suffix}")
    try:
        yield draft
        if not draft.is_dir():
            _kept_by_the_disk(draft)
        _move(draft, path)
        remove_dead_drafts(path)
    finally:
        _remove(draft)


def _move(draft: Path, path: Path) -> None:
    if draft.is_dir() and path.is_dir():
        _swap(draft, path)
    else:
        draft.replace(path)


def _kept_by_the_disk(file: Path) -> None:
    """Else a power cut may keep the new name and lose what it names."""
    with file.open("r+b") as written:
        os.fsync(written.fileno())


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        draft.unlink(missing_ok=True)


def remove_dead_drafts(path: Path) -> None:
    """Remove drafts of a place that were left a day ago or earlier, as far as the system lets us.

    Parameters
    ----------
    path
        The place.
    """
    begin = rf"\.{re.escape(path.stem[:50])}\.{_MARK}-[0-9a-f]{{16}}"
    ours = re.compile(rf"{begin}{re.escape(path.suffix)}(\.earlier)?")
    with contextlib.suppress(OSError):
        for one in path.parent.iterdir():
            if ours.fullmatch(one.name) and _newest_change(one) < time.time() - _DEAD_AFTER:
                _remove(one)


def _newest_change(place: Path) -> float:
    """When a file, or anything in a folder, was last written to, in seconds since 1970."""
    within = place.rglob("*") if place.is_dir() and not place.is_symlink() else ()
    return max(one.lstat().st_mtime for one in (place, *within))


def _swap(draft: Path, path: Path) -> None:
    """Put a folder in the place of an earlier one."""
    if _exchanged(draft, path):  # the earlier one is the draft now
        return
    earlier = draft.with_name(f"{draft.name}.earlier")
    path.replace(earlier)
    os.utime(earlier)  # nobody takes it for dead
    try:
        draft.replace(path)
    except OSError:
        earlier.replace(path)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders trade names in one step; False where the system, or the disk, has none for it."""
    here, exchange = -100, 2  # AT_FDCWD; RENAME_EXCHANGE, and RENAME_SWAP of macOS
    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, exchange) == 0)
        return bool(library.renameat2(here, names[0], here, names[1], exchange) == 0)
    except (AttributeError, OSError, TypeError):
        return False
