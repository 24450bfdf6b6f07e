"""What is said beside the results, on standard error."""

from __future__ import annotations

import contextlib
import contextvars
import sys
from collections.abc import Iterable, Iterator

from sigel.cli._options import Telling
from sigel.runtime.progress import is_shown_by_another

# Whether this command was asked to say nothing.
QUIET = contextvars.ContextVar("quiet", default=False)
# Where its warnings are gathered, in place of standard error.
WARNINGS: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("warnings", default=None)
# The words of this command, without the program's name.
WORDS: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("words", default=())


def shows_progress(telling: Telling) -> bool:
    """Whether a person looks at a terminal, or at what another program shows.

    Parameters
    ----------
    telling
        What was asked for.
    """
    return not telling.quiet and (sys.stderr.isatty() or is_shown_by_another())


def say(lines: Iterable[str], telling: Telling) -> None:
    """Lines, unless none are wanted.

    Parameters
    ----------
    lines, telling
        What, and what was asked for.
    """
    if not telling.quiet:
        for line in lines:
            sys.stderr.write(f"{line}\n")


@contextlib.contextmanager
def waiting(text: str) -> Iterator[None]:
    """A line for who waits at a terminal, gone when it is over.

    Parameters
    ----------
    text
        What is waited for.
    """
    if QUIET.get() or not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(f"{text} ...")
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
