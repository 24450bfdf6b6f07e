"""Agreement of neighbours between sections, between halves of one section, and between seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.harness import sections
from benchmarks.harness.job import Job, Runs
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Method, Section
from benchmarks.harness.sigel_rows import QUICK_SECTION, merged, with_sigel
from benchmarks.representations import baselines
from benchmarks.representations.agreement import Pair, agreement10, make_pair
from benchmarks.representations.baselines import PCA_SMOOTHED, PCA_WIENER

GOAL = "Goal for SIGEL at 32 dimensions: 0.50."


def rows(pair: Pair, methods: dict[str, Method], runs: Runs) -> list[dict[str, Any]]:
    """One row for each method: agreement10, and seconds for both sections.

    Parameters
    ----------
    pair
        Sections and genes.
    methods
        By name.
    runs
        What was made already.
    """
    found = []
    for name, method in methods.items():
        (first, a), (second, b) = (runs.get(name, method, s) for s in (pair.first, pair.second))
        row = {"representation": name, "agreement10": agreement10(pair, first, second), "seconds": a + b}
        found.append(row)
        say(f"  {name:<42} {row['agreement10']:.3f} {row['seconds']:7.1f} s")
    return found


def agreement(job: Job) -> list[Table]:
    """A table for each pair of sections, presets and other widths at the first; and one of all pairs.

    Parameters
    ----------
    job
        The call.
    """
    tables: list[Table] = []
    kinds: list[str] = []
    for kind, pair in _pairs(job):
        title = f"{pair.first.name} and {pair.second.name} ({kind})"
        say(title)
        methods = baselines.table(job.seed) | job.default()
        if not tables:
            methods |= _presets(job) | _widths(job)
        tables.append({"title": title, "note": GOAL, "rows": rows(pair, methods, job.runs)})
        kinds.append(kind)
    return [*tables, summary(tables, kinds)] if len(tables) > 1 else tables


def _pairs(job: Job) -> Iterator[tuple[str, Pair]]:
    if job.quick:
        whole = sections.simulated(job.seed, **QUICK_SECTION)
        yield "halves", make_pair(*sections.halves(whole, job.seed), n_genes=90, n_bins=2)
        return
    for n, (kind, a, b) in enumerate(sections.pairs()):
        if job.n_pairs is not None and n >= job.n_pairs:
            return
        yield kind, make_pair(sections.section(a), sections.section(b))


def _presets(job: Job) -> dict[str, Method]:
    return {
        f"SIGEL, {name}, {config.n_dims}": with_sigel(config, job.seed)
        for name, config in job.configs().items()
    }


def _widths(job: Job) -> dict[str, Method]:
    config = job.config()
    assert config is not None
    widths = (8,) if job.quick else (64, 128)
    return {
        f"SIGEL, default, {n}": with_sigel(merged(config, {"n_dims": n}), job.seed)
        for n in widths
        if n != config.n_dims
    }


def summary(tables: list[Table], kinds: list[str]) -> Table:
    """Agreement of every method that all tables have, a column for each pair, and their mean.

    Parameters
    ----------
    tables
        One for each pair.
    kinds
        Of the pairs; the mean is over those that are adjacent.
    """
    figures = [{row["representation"]: row["agreement10"] for row in table["rows"]} for table in tables]
    adjacent = [n for n, kind in enumerate(kinds) if kind == "adjacent"]
    found = []
    for name in figures[0]:
        if all(name in figure for figure in figures):
            row = {"representation": name, "mean of adjacent": None}
            if adjacent:
                row["mean of adjacent"] = sum(figures[n][name] for n in adjacent) / len(adjacent)
            row |= {f"pair {n}": figure[name] for n, figure in enumerate(figures, start=1)}
            found.append(row)
    names = "; ".join(f"pair {n}: {table['title']}" for n, table in enumerate(tables, start=1))
    return {"title": "all pairs", "note": f"agreement10. {names}.", "rows": found}


def first_section(job: Job) -> Section | None:
    """The section of the tables that need one only; None where it is not in the shared data.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        return sections.simulated(job.seed, **QUICK_SECTION)
    name = sections.ADJACENT[0][0]
    return sections.section(name) if sections.there(name) else None


def _sizes(job: Job) -> dict[str, int]:
    return {"n_genes": 90, "n_bins": 2} if job.quick else {}


def ceiling(job: Job) -> list[Table]:
    """The noise ceiling: two halves of one section's counts are the same tissue at half the depth.

    Parameters
    ----------
    job
        The call.
    """
    whole = first_section(job)
    if whole is None:
        return []
    say(f"halves of {whole.name}")
    pair = make_pair(*sections.halves(whole, job.seed), **_sizes(job))
    methods = baselines.table(job.seed) | job.default()
    note = "The same tissue and the same spots: what counting noise alone leaves at half the depth."
    title = f"halves of the counts of {whole.name}"
    return [{"title": title, "note": note, "rows": rows(pair, methods, job.runs)}]


def stability(job: Job) -> list[Table]:
    """Agreement between the seeds of a fit, on one section and the same genes.

    Parameters
    ----------
    job
        The call.
    """
    whole = first_section(job)
    if whole is None:
        return []
    say(f"two seeds on {whole.name}")
    pair = make_pair(whole, whole, **_sizes(job))
    other = job.seed + 1
    (name, method), *_ = job.default().items()
    (other_name, again), *_ = job.default(other).items()
    (first, a), (second, b) = job.runs.get(name, method, whole), job.runs.get(other_name, again, whole)
    found = [{"representation": name, "agreement10": agreement10(pair, first, second), "seconds": a + b}]
    # Between seeds these differ by chance alone, or not at all.
    one, two = baselines.table(job.seed), baselines.table(other)
    for row in ("random, 32", PCA_SMOOTHED, PCA_WIENER):
        value = agreement10(pair, one[row](whole), two[row](whole))
        found.append({"representation": row, "agreement10": value, "seconds": None})
    say(f"  {name} {found[0]['agreement10']:.3f}")
    title = f"seeds {job.seed} and {other} on {whole.name}"
    return [{"title": title, "note": "1: the seed does not matter.", "rows": found}]
