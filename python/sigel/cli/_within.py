"""The command line within another program, such as R."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from sigel.cli._main import main
from sigel.cli._talk import WARNINGS
from sigel.runtime.progress import Progress, shown_by


def answer(words: Sequence[str], progress: Progress | None = None) -> dict[str, Any]:
    """Run one command, and return what it would print.

    Parameters
    ----------
    words
        Without the program's name.
    progress
        Called as `progress(stage, step, total, text)` in place of a bar; None: no progress is shown.

    Returns
    -------
    dict
        `code`, as of `sigel.cli.main`; `out` and `said`, what went to standard output and standard error;
        `warnings`, a list.
    """
    out, said = io.StringIO(), io.StringIO()
    warnings: list[str] = []
    before = WARNINGS.set(warnings)
    try:
        with shown_by(progress), contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = main(list(words))
    finally:
        WARNINGS.reset(before)
    return {"code": code, "out": out.getvalue(), "said": said.getvalue(), "warnings": warnings}
