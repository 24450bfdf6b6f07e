"""A progress bar for people at a terminal or in a notebook."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# stage, step, number of steps, what to show
Progress = Callable[[str, int, int, str], None]


@contextmanager
def shown(enabled: bool) -> Iterator[Progress | None]:  # noqa: FBT001
    """A progress callback that draws one bar per stage, or None.

    Parameters
    ----------
    enabled
        Whether to draw; nothing is drawn where rich (the extra `progress`) is not installed.
    """
    if not enabled or importlib.util.find_spec("rich") is None:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"),
    )
    # Not on standard output, which may be a table on its way to another program.
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def report(stage: str, step: int, total: int, text: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, text="")
            bars.update(tasks[stage], completed=step, text=text)  # type: ignore[arg-type]

        yield report
