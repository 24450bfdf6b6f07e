"""Small faults put into the engine one at a time, to see whether the tests notice: `make mutants`.

The tests of a part are collected once. They run in a forked process that notes what lines each reaches and
what it costs; then each mutant runs in one, the cheapest tests that reach its line first, until one fails.
A mutant is a new code object for functions that are there, so that nothing is imported again. Values that are
set when a module is imported, defaults and words for a reader are left as they are.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import json
import os
import random
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "python"
KNOWN = ROOT / "tests" / "equivalent-mutants.txt"
# A part: its files, and the tests that speak of them and take seconds; what only others reach isn't tried.
PARTS = {
    "mixture": (
        ["nn/mixture/*.py"],
        ["nn/test_mixture.py", "nn/test_flat_genes.py", "nn/test_n_groups.py", "nn/test_tied_gaussian.py"],
    ),
    "images": (
        ["images/*.py"],
        [f"images/test_{name}.py" for name in ("canvas", "images", "raster", "section", "array_positions")]
        + ["images/test_counts.py", "images/test_sound_matrix.py"],
    ),
    "permutation": (
        ["stats/permutation_test.py", "stats/kernel.py", "stats/null_images.py", "tasks/spatial_genes/*.py"],
        ["stats/test_kernel.py", "stats/test_null_images.py", "tasks/spatial_genes"],
    ),
    "cohort_fits": (
        [f"tasks/cohorts/{name}.py" for name in ("find", "shared_frame", "kept_places", "gene_panels")]
        + [f"tasks/cohorts/{name}.py" for name in ("gene_by_domain", "one_gene", "company", "one_space")],
        [f"tasks/cohorts/test_{name}.py" for name in ("disease_genes", "parts", "one_gene")]
        + ["doors/test_pl_cohort.py", "doors/test_bridge_cohort.py"],
    ),
    "cohorts": (
        ["stats/moderated.py", "tasks/cohorts/*.py"],
        ["stats/test_moderated.py", "tasks/cohorts/test_parts.py", "tasks/cohorts/test_changed_genes.py"],
    ),
}
OPERATORS = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Pow: ast.Mult, ast.Mod: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
}
COMPARISONS: dict[type, tuple[type, ...]] = {
    **{ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE)},
    **{ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,)},
    **{ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,)},
}
PAIRS = ["min max", "amin amax", "minimum maximum", "clamp_min clamp_max", "any all", "argmin argmax"]
PAIRS += ["floor ceil", "nanmin nanmax", "mean sum", "log log1p", "zeros ones"]
NAMES = {a: b for pair in PAIRS for a, b in [pair.split(), pair.split()[::-1]]}
# What follows is how an array lies, which its shape tells at once.
LAYOUT = {"dim", "dim1", "dim2", "axis", "keepdim", "keepdims", "dtype", "stacklevel", "strict"}
# Smaller numbers keep a division or a logarithm finite.
GUARD = 1e-5
WORDS = {"InputError", "warn", "log", "cast"}


class Sites(ast.NodeVisitor):
    """Every place of a file that a mutant may change: `where`, and what is put there instead."""

    def __init__(self, path: Path) -> None:
        self.path, self.tree = path, ast.parse(path.read_text())
        self.scope: list[str] = []
        self.statement: ast.stmt | None = None
        self.found: list[Mutant] = []
        for node in self.tree.body:
            self._definition(node)

    def _definition(self, node: ast.AST) -> None:
        """Functions and the methods of classes; what else stands there runs when the module is imported."""
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            return
        self.scope.append(node.name)
        for i, inner in enumerate(node.body):
            if isinstance(node, ast.ClassDef):
                self._definition(inner)
            elif i or not (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant)):
                self.visit(inner)
        self.scope.pop()

    def visit(self, node: ast.AST) -> None:
        """The node's own mutants, then those of what is in it."""
        if isinstance(node, ast.FunctionDef):
            self.scope.append("<locals>")
            self._definition(node)
            self.scope.pop()
            return
        outer = self.statement
        if isinstance(node, ast.stmt):
            self.statement = node
        if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
            self._add(node, "op", OPERATORS[type(node.op)]())
        elif isinstance(node, ast.Compare):
            for i, op in enumerate(node.ops):
                for other in COMPARISONS[type(op)]:
                    self._add(node.ops, i, other())
        elif isinstance(node, ast.BoolOp):
            self._add(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._add(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            self._add(node, "op", ast.UAdd())
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            if 0 < node.value < GUARD:
                return
            more = node.value + 1 if node.value % 1 == 0 else 2 * node.value
            self._add(node, "value", not node.value if isinstance(node.value, bool) else more)
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            self._add(node, "test", ast.UnaryOp(ast.Not(), node.test))
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            self._add(node, "attr", NAMES[node.attr])
        elif isinstance(node, ast.Name) and node.id in NAMES:
            self._add(node, "id", NAMES[node.id])
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                for i, child in enumerate(value):
                    called = isinstance(child, ast.Expr) and isinstance(child.value, ast.Call)
                    if called or isinstance(child, ast.Raise | ast.AugAssign | ast.Continue | ast.Break):
                        self.statement, keep = child, self.statement
                        self._add(value, i, ast.copy_location(ast.Pass(), child))
                        self.statement = keep
            wanted = [] if self._said(node, name) else value if isinstance(value, list) else [value]
            for child in wanted:
                if isinstance(child, ast.AST):
                    self.visit(child)
        self.statement = outer

    @staticmethod
    def _said(node: ast.AST, field: str) -> bool:
        """Whether a field is words for a reader, an annotation or a layout."""
        name = getattr(getattr(node, "func", None), "id", None)
        return (
            (isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.arguments))
            or (isinstance(node, ast.AnnAssign) and field == "annotation")
            or (isinstance(node, ast.keyword) and node.arg in LAYOUT)
            or (name in WORDS and field in ("args", "keywords"))
        )

    def _add(self, where: Any, at: int | str, new: Any) -> None:
        """One mutant: what is put where, how it reads, and the lines that a test must reach to see it."""
        statement, old = self.statement, get(where, at)
        assert statement is not None
        before = ast.unparse(statement).splitlines()
        put(where, at, new)
        after = ["pass"] if isinstance(new, ast.Pass) else ast.unparse(statement).splitlines()
        put(where, at, old)
        was, now = next(
            ((a, b) for a, b in zip(before, after, strict=False) if a != b), (before[0], after[0])
        )
        body = getattr(statement, "body", None)
        last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
        name = f"{self.path.relative_to(ENGINE / 'sigel').as_posix()} {'.'.join(self.scope)}"
        text = f"{name}: {was.strip()}  =>  {now.strip()}"
        lines = range(statement.lineno, max(last, statement.lineno) + 1)
        self.found.append(Mutant(self.path, self.tree, text, lines, where, at, new))


class Mutant(NamedTuple):
    """A change of a file that is not made yet."""

    path: Path
    tree: ast.Module
    text: str
    lines: range
    where: Any
    at: int | str
    new: Any


def get(where: Any, at: int | str) -> Any:
    return where[at] if isinstance(at, int) else getattr(where, at)


def put(where: Any, at: int | str, new: Any) -> None:
    if isinstance(at, int):
        where[at] = new
    else:
        setattr(where, at, new)


def change(mutant: Mutant, functions: list[FunctionType]) -> None:
    """Give the functions of a file, those that are there, the code of a mutant."""
    put(mutant.where, mutant.at, mutant.new)
    codes: list[CodeType] = [compile(ast.fix_missing_locations(mutant.tree), str(mutant.path), "exec")]
    for code in codes:  # grows: what is defined within
        codes.extend(inner for inner in code.co_consts if isinstance(inner, CodeType))
    for function in functions:
        old = function.__code__
        same = [c for c in codes if old.co_filename == c.co_filename and old.co_qualname == c.co_qualname]
        if same:  # of a property and its setter, the nearer
            function.__code__ = min(same, key=lambda c: abs(c.co_firstlineno - old.co_firstlineno))


class Trial:
    """A pytest plugin whose loop over the tests is one over mutants."""

    def __init__(self, part: str, asked: argparse.Namespace) -> None:
        found = [path for pattern in PARTS[part][0] for path in (ENGINE / "sigel").glob(pattern)]
        self.files, self.asked, self.failed = sorted(found), asked, False
        self.lines: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.spent: dict[str, float] = {}
        self.now, self.inner = "", 0.0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember failures."""
        self.failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Tests alone, then mutants."""
        for path in self.files:
            importlib.import_module(".".join(path.relative_to(ENGINE).with_suffix("").parts))
        names = {str(path) for path in self.files}
        everything = (f for f in gc.get_objects() if isinstance(f, FunctionType))
        functions = [f for f in everything if f.__code__.co_filename in names]
        places, seconds = forked(lambda: self._baseline(session.items, names), 3600)[1]
        tests = []
        for item in session.items:
            fixtures = item._fixtureinfo.name2fixturedefs.values()
            of = [item.nodeid, *(str(fixture) for named in fixtures for fixture in named)]
            lines = {(path, line) for what in of for path, line in places.get(what, [])}
            if lines:
                tests.append((sum(seconds.get(what, 0.0) for what in of), item, lines))
        tests.sort(key=lambda test: test[0])
        say(f"{len(tests)} of {len(session.items)} tests reach these files; {sum(t[0] for t in tests):.0f} s")
        mutants = [mutant for path in self.files for mutant in Sites(path).found]
        everywhere = {place for _, _, lines in tests for place in lines}
        reached = [m for m in mutants if any((str(m.path), line) in everywhere for line in m.lines)]
        chosen = [mutant for mutant in reached if any(part in mutant.text for part in self.asked.only)]
        if 0 < self.asked.sample < len(chosen):
            chosen = random.Random(self.asked.seed).sample(chosen, self.asked.sample)
        known = known_mutants()
        counts = dict.fromkeys(["killed", "equivalent", "alive"], 0)
        for mutant in sorted(chosen, key=lambda m: (m.path, m.lines.start)):
            there, spent, items = {(str(mutant.path), line) for line in mutant.lines}, 0.0, []
            for seconds, item, lines in tests:
                if there & lines and (not items or spent + seconds <= self.asked.seconds):
                    items.append(item)
                    spent += seconds
            alive, _ = forked(lambda m=mutant, i=items: self._noticed(m, functions, i), int(10 + 4 * spent))
            outcome = "killed" if not alive else "equivalent" if mutant.text in known else "alive"
            if outcome == "alive":
                say(f"alive, {len(items)} tests, line {mutant.lines.start}: {mutant.text}")
            counts[outcome] += 1
        say(f"{len(mutants)} mutants, {len(reached)} reached, {len(chosen)} tried: {json.dumps(counts)}")
        return True

    def _baseline(self, items: list[pytest.Item], names: set[str]) -> Any:
        """Lines of the files that each test and each fixture reaches, and its seconds, without a mutant."""
        sys.settrace(lambda frame, event, _: self._line if frame.f_code.co_filename in names else None)
        self._run(items)
        sys.settrace(None)
        return {what: sorted(lines) for what, lines in self.lines.items()}, self.spent

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.lines[self.now].add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    @contextmanager
    def _within(self, what: str) -> Iterator[None]:
        """What is reached meanwhile is reached by a test or a fixture; fixtures are made within tests."""
        before, start, inner = self.now, time.process_time(), self.inner
        self.now, self.inner = what, 0.0
        try:
            yield
        finally:
            took = time.process_time() - start
            self.spent[what] = self.spent.get(what, 0.0) + took - self.inner
            self.now, self.inner = before, inner + took

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Any:
        """A fixture is counted with every test that asks for it, not with the first alone."""
        with self._within(str(fixturedef)):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """A test, whatever it asks for left aside."""
        with self._within(item.nodeid):
            return (yield)

    def _noticed(self, mutant: Mutant, functions: list[FunctionType], items: list[pytest.Item]) -> None:
        change(mutant, functions)
        self._run(items)

    def _run(self, items: list[pytest.Item]) -> None:
        """Run tests until one fails, which ends the process."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                os._exit(1)


def forked(what: Callable[[], Any], seconds: int) -> tuple[bool, Any]:
    """Whether something ends well in a process of its own, in some seconds of CPU, and what it returns."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            said = json.dumps(what()).encode()
            with os.fdopen(write, "wb") as pipe:
                pipe.write(said)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return status == 0, json.loads(text or "null")


def known_mutants() -> set[str]:
    """Mutants that do nothing a user could notice; the reason follows each in the file."""
    lines = KNOWN.read_text().splitlines() if KNOWN.is_file() else []
    return {line.split("  # ")[0].strip() for line in lines if not line.startswith("#")}


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    """Try mutants of one part, or of each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=list(PARTS), help="all, one after the other, if left out")
    parser.add_argument("--sample", type=int, default=150, help="mutants that are tried; 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument(
        "--seconds", type=float, default=12, help="of tests, at most, that a mutant is put to"
    )
    parser.add_argument("--tests", nargs="*", help="instead of those of the part")
    parser.add_argument("--only", nargs="*", default=[""], help="mutants whose text has one of these in it")
    asked = parser.parse_args()
    if asked.part is None:
        return max(os.spawnv(os.P_WAIT, sys.executable, [sys.executable, *sys.argv, part]) for part in PARTS)
    # No search for the smallest failing example: one is enough.
    kept = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    checks = list(hypothesis.HealthCheck)
    hypothesis.settings.register_profile(
        "mutants", phases=kept, database=None, derandomize=True, deadline=None, suppress_health_check=checks
    )
    hypothesis.settings.load_profile("mutants")
    say(f"== {asked.part}")
    tests = asked.tests or [str(ROOT / "tests" / "python" / name) for name in PARTS[asked.part][1]]
    scratch = ROOT / "build" / "mutants" / asked.part
    scratch.mkdir(parents=True, exist_ok=True)
    options = [
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:faulthandler",
        "-m",
        "",
        f"--rootdir={ROOT}",
        f"--basetemp={scratch}",
    ]
    return int(pytest.main([*tests, *options], plugins=[Trial(asked.part, asked)]))


if __name__ == "__main__":
    sys.exit(main())
