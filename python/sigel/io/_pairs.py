"""Samples of two csv files, of counts and of cells, that go together by their names."""

from __future__ import annotations

from pathlib import Path

from sigel.io._sources import Source, name_of
from sigel.io._tables import missing

_ENDS = (".csv", ".csv.gz")


def paired(folder: Path, platform: str, counts: str, cells: str) -> list[Source]:
    """Samples whose two tables go together by what else stands in their names.

    Parameters
    ----------
    folder, platform
        Where, and the platform that it may be of.
    counts, cells
        What stands in the names of tables of counts, and of cells.
    """
    found: dict[str, dict[str, Path]] = {}
    for kind, word in (("counts", counts), ("places", cells)):
        for path in sorted(folder.glob(f"*{word}*")):
            end = next((end for end in _ENDS if path.name.endswith(end)), None)
            if end is not None and path.is_file():
                rest = path.name.removesuffix(end).replace(word, "/", 1)
                found.setdefault(rest, {}).setdefault(kind, path)
    names = {rest: rest.replace("/", "").strip("_-. ") for rest in found}
    single = name_of(folder)
    named = {rest: (name or single) if len(found) > 1 else single for rest, name in names.items()}
    return [Source(platform, named[rest], folder, files) for rest, files in found.items()]


def both_of(source: Source, counts: str, cells: str) -> tuple[Path, Path]:
    """Tables of counts and of cells, or a refusal.

    Parameters
    ----------
    source, counts, cells
        The sample, and what stands in the names of its tables.
    """
    words = {"counts": (cells, counts), "places": (counts, cells)}
    for kind, (have, lack) in words.items():
        if kind not in source.files:
            there = next(iter(source.files.values())).name
            raise missing(source.path, [there.replace(have, lack)], f"{kind} that go with {there!r}")
    return source.files["counts"], source.files["places"]
