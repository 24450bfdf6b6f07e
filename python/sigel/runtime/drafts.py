"""Files and folders that are whole or not there."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A file or folder beside another, moved to its place once it is whole, and gone where something fails.

    Parameters
    ----------
    path
        The place; what is there is replaced at the end.
    """
    if path.is_dir():  # behind a link, that is: the link stays
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
