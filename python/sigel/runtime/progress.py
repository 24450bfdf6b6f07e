"""What people see of a long run: a bar at a terminal or in a notebook, a line a stage elsewhere."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# stage, step, number of steps, what to show
Progress = Callable[[str, int, int, str], None]

# What people read for a stage, through either door.
STAGES = {
    "images": "Gene images",
    "memory": "Memory",
    "eigenimages": "Module I: eigenimages",
    "pretrain": "Module I: masked autoencoder",
    "groups": "Number of groups",
    "refine": "Modules II and III: groups and refinement",
    "mixture": "Module II: final groups",
    "test": "Test of every gene",
    "null images": "Scores against null images",
    "patterns": "Random patterns",
    "stability": "Stability of groups",
    "impute": "Imputed genes",
    "gan": "Generator with a memory",
    "windows": "Spots within their windows",
    "number of domains": "Numbers of domains, in halves",
    "domains": "Domains",
    "labels": "Labels by the reference",
    "other seeds": "Domains at other seeds",
    "labellings": "Other labellings of the donors",
    "surrogates": "Surrogates of each picture",
    "pairs alike": "Pairs of genes alike",
}
# Until the first stage has made a step.
PREPARING = "Preparing"


@contextmanager
def shown(enabled: bool) -> Iterator[Progress | None]:  # noqa: FBT001
    """A progress callback that shows each stage and the time left, or None.

    Parameters
    ----------
    enabled
        Whether to show anything. At a terminal a stage is a bar (of rich, the extra `progress`, where it is
        installed), elsewhere a line when it is over. All goes to standard error.
    """
    if not enabled:
        yield None
        return
    if importlib.util.find_spec("rich") is not None:
        from rich.console import Console

        # Not on standard output, which may be a table on its way to another program.
        console = Console(stderr=True)
        if console.is_terminal or console.is_jupyter:
            with _bars(console) as report:
                yield report
            return
    lines = _Lines()
    try:
        yield lines.report
    finally:
        lines.finish()


@contextmanager
def _bars(console) -> Iterator[Progress]:  # type: ignore[no-untyped-def]
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, int] = {}
        before = bars.add_task(PREPARING, total=None, text="")

        def report(stage: str, step: int, total: int, text: str) -> None:
            bars.update(before, visible=False)
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total, text="")
            bars.update(tasks[stage], completed=step, text=text)  # type: ignore[arg-type]

        yield report


class _Lines:
    """A line when a stage is over; at a terminal that line is redrawn on the way."""

    def __init__(self) -> None:
        self.stream = sys.stderr
        self.redraws = self.stream.isatty()
        self.stage = self.text = ""
        # The first report of a stage comes after its first step, so its time runs from the last stage's end.
        self.began = self.ended = time.monotonic()
        if self.redraws:
            self._draw(f"{PREPARING} ...")

    def report(self, stage: str, step: int, total: int, text: str) -> None:
        if stage != self.stage:
            self.finish()
            self.stage, self.began = stage, self.ended
        self.ended, self.text = time.monotonic(), text
        if self.redraws:
            spent = self.ended - self.began
            left = spent / max(step, 1) * (total - step)
            self._draw(f"{self._label()} {step}/{total} [{spent:.0f} s, {left:.0f} s left] {text}")

    def finish(self) -> None:
        if self.stage:
            self._draw(f"{self._label()} [{self.ended - self.began:.1f} s] {self.text}".rstrip())
            self.stream.write("\n")
            self.stream.flush()
        elif self.redraws:
            self._draw("")
            self.stream.write("\r")
        self.stage = ""

    def _label(self) -> str:
        return STAGES.get(self.stage, self.stage)

    def _draw(self, line: str) -> None:
        if self.redraws:
            width = shutil.get_terminal_size().columns - 1
            line = "\r" + line[:width].ljust(width)
        self.stream.write(line)
        self.stream.flush()
