"""What is said beside the results, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sigel.cli._options import Telling


def shows_progress(telling: Telling) -> bool:
    """Whether a person looks at a terminal.

    Parameters
    ----------
    telling
        What was asked for.
    """
    return not telling.quiet and sys.stderr.isatty()


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
