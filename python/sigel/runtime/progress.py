"""What people see of a long run: a bar at a terminal or in a notebook, a line a stage elsewhere."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

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
# Who shows the progress of all that is called, in place of this process.
_OUTER: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def shown_by(progress: Progress | None) -> Iterator[None]:
    """Let a program that runs this one show the progress of what is called here.

    Parameters
    ----------
    progress
        Its callback; None changes nothing.
    """
    before = _OUTER.set(progress)
    try:
        yield
    finally:
        _OUTER.reset(before)


def is_shown_by_another() -> bool:
    """Whether another program shows the progress."""
    return _OUTER.get() is not None


@contextmanager
def shown(enabled: bool) -> Iterator[Progress | None]:  # noqa: FBT001
    """A progress callback that shows each stage and the time left, or None.

    Parameters
    ----------
    enabled
        Whether to show anything. At a terminal a stage is a bar (of rich, the extra `progress`, where it is
        installed), elsewhere a line when it is over; in a notebook the lines are one output. All else goes to
        standard error.
    """
    if not enabled or is_shown_by_another():
        yield _OUTER.get() if enabled else None
        return
    notebook = _notebook()
    with _bars() if notebook is None and _draws_bars() else _lines(notebook) as report:
        yield report


def _notebook() -> Any:
    """IPython's function that shows and replaces an output, where this runs in a notebook."""
    ipython = sys.modules.get("IPython")
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
        return None
    return ipython.display.display


def _draws_bars() -> bool:
    if importlib.util.find_spec("rich") is None:
        return False
    from rich.console import Console

    return Console(stderr=True).is_terminal


@dataclass
class _Stage:
    """A stage as far as it is known. Its time ends with its last report: what follows may be a wait."""

    name: str
    began: float
    ended: float
    step: int = 0
    total: int = 0
    text: str = ""
    over: bool = False

    def report(self, step: int, total: int, text: str) -> None:
        self.step, self.total, self.text, self.ended = step, total, text, time.monotonic()
        self.over = step >= total

    @property
    def label(self) -> str:
        return STAGES.get(self.name, self.name)

    def line(self) -> str:
        """Label, time and text once it is over; before, the steps and the time that is left."""
        spent = self.ended - self.began
        if self.over:
            return f"{self.label} [{spent:.1f} s] {self.text}".rstrip()
        return f"{self.label} {self.step}/{self.total} [{self.times()}] {self.text}".rstrip()

    def times(self) -> str:
        """Seconds so far, and those to come, by the pace until the last report."""
        if self.over:
            return f"{self.ended - self.began:.1f} s"
        now = time.monotonic()
        left = (self.ended - self.began) / max(self.step, 1) * (self.total - self.step) - (now - self.ended)
        return f"{now - self.began:.0f} s, {max(left, 0):.0f} s left"


class _Stages:
    """The stages in their order, the last one under way."""

    def __init__(self) -> None:
        # The first report of a stage comes after its first step, so its time runs from the last stage's end.
        self.began = time.monotonic()
        self.known: list[_Stage] = []

    def report(self, name: str, step: int, total: int, text: str) -> bool:
        """Whether it is the first of its stage, which may come more than once, as for each section."""
        last = self.known[-1] if self.known else None
        is_new = last is None or last.name != name or (last.over and step <= last.step)
        if is_new:
            self.finish()
            ended = self.known[-1].ended if self.known else self.began
            self.known.append(_Stage(name, ended, ended))
        self.known[-1].report(step, total, text)
        return is_new

    def finish(self) -> None:
        """A stage may stop before its last step."""
        if self.known:
            self.known[-1].over = True


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
    from rich.progress import Progress as Bars
    from rich.spinner import Spinner
    from rich.table import Column
    from rich.text import Text

    class Times(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(task.fields["stage"].times())

    class Said(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(task.fields["stage"].text, no_wrap=True, overflow="ellipsis")

    stages = _Stages()
    preparing: list[RenderableType] = [Spinner("dots", PREPARING)]

    class Shown(Bars):
        def get_renderables(self) -> Iterator[RenderableType]:
            yield from super().get_renderables() if stages.known else preparing

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        Times(),
        # In a narrow terminal the text is cut, and the others stay whole.
        Said(Column(no_wrap=False, min_width=1)),
    )
    # Not on standard output, which may be a table on its way to another program.
    with Shown(*columns, console=Console(stderr=True)) as bars:
        bar: dict[str, Any] = {}  # of each stage, which begins anew where the stage does

        def report(name: str, step: int, total: int, text: str) -> None:
            is_new, stage = stages.report(name, step, total, text), stages.known[-1]
            if name not in bar:
                bar[name] = bars.add_task(stage.label, total=total, stage=stage)
            elif is_new:
                bars.reset(bar[name], total=total, stage=stage)
            bars.update(bar[name], total=total, completed=step)

        try:
            yield report
        finally:
            stages.finish()
            preparing.clear()


@contextmanager
def _lines(notebook: Any) -> Iterator[Progress]:
    lines = _Lines() if notebook is None else _NotebookLines(notebook)
    try:
        yield lines.report
    finally:
        lines.finish()


class _Lines:
    """A line when a stage is over; at a terminal that line is redrawn on the way."""

    def __init__(self) -> None:
        self.stream = sys.stderr
        self.redraws = self.stream.isatty()
        self.stages = _Stages()
        self.written = 0
        if self.redraws:
            self._draw(f"{PREPARING} ...")

    def report(self, stage: str, step: int, total: int, text: str) -> None:
        self.stages.report(stage, step, total, text)
        self._write()
        if self.redraws and self.written < len(self.stages.known):
            self._draw(self.stages.known[-1].line())

    def finish(self) -> None:
        self.stages.finish()
        self._write()
        if self.redraws and not self.stages.known:
            self._draw("")
            self.stream.write("\r")

    def _write(self) -> None:
        """A line for each stage that is over and has none."""
        for stage in self.stages.known[self.written :]:
            if stage.over:
                self._draw(stage.line())
                self.stream.write("\n")
                self.stream.flush()
                self.written += 1

    def _draw(self, line: str) -> None:
        if self.redraws:
            width = shutil.get_terminal_size().columns - 1
            line = "\r" + line[:width].ljust(width)
        self.stream.write(line)
        self.stream.flush()


class _NotebookLines:
    """The same lines as one output of a notebook, which is replaced: its file keeps the last state alone."""

    # Seconds between two states, of which a run may have thousands.
    PACE = 0.2

    def __init__(self, display: Any) -> None:
        self.stages = _Stages()
        self.handle = display({"text/plain": f"{PREPARING} ..."}, raw=True, display_id=True)
        self.shown = 0.0

    def report(self, stage: str, step: int, total: int, text: str) -> None:
        is_new = self.stages.report(stage, step, total, text)
        if is_new or self.stages.known[-1].over or time.monotonic() - self.shown > self.PACE:
            self._show()

    def finish(self) -> None:
        self.stages.finish()
        self._show()

    def _show(self) -> None:
        lines = "\n".join(stage.line() for stage in self.stages.known)
        self.handle.update({"text/plain": lines}, raw=True)
        self.shown = time.monotonic()
