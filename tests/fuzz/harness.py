"""What the harnesses have in common: seeds in a folder, and errors that are in order."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sigel"]):
    import sigel
    from sigel.errors import SIGELError

    # Loaded when first used, they would be so without a look at what is reached.
    for room in ("images", "io", "model", "training", "config"):
        for module in pkgutil.iter_modules([str(Path(sigel.__file__).parent / room)]):
            importlib.import_module(f"sigel.{room}.{module.name}")


def fuzz(work: Callable[[bytes], object], seeds: Iterable[bytes]) -> None:
    """Run work on changed seeds until something else than an error of ours comes out."""
    corpus = Path(tempfile.mkdtemp(prefix="seeds-"))
    for k, seed in enumerate(seeds):
        (corpus / str(k)).write_bytes(seed)

    def one(data: bytes) -> None:
        with warnings.catch_warnings(), contextlib.suppress(SIGELError):
            warnings.simplefilter("ignore")
            work(data)

    given = [] if any(Path(word).is_file() for word in sys.argv[1:]) else [str(corpus)]
    settings = ["-rss_limit_mb=4000", "-timeout=30", "-max_len=60000"]
    atheris.Setup([sys.argv[0], *settings, *sys.argv[1:], *given], one)
    atheris.Fuzz()
