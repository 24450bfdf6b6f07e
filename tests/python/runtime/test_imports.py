"""`import sigel` is light, the rest comes when it is used, and what is missing is named with its remedy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sigel.errors import InputError, MissingPackageError
from sigel.runtime.requires import EXTRAS, install_line, requires

HEAVY = ("torch", "sklearn", "matplotlib", "scipy", "pandas", "anndata", "lightning_fabric", "rich")


def loaded_by(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter holds after some code."""
    ask = f"{code}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import sigel")
    assert not loaded_by("import sigel\nsigel.__version__, sigel.tl, sigel.pl, sigel.io, dir(sigel)")


@pytest.mark.nightly
def test_drawing_is_loaded_by_drawing_alone():
    code = "import sigel\nsigel.tl.embed, sigel.SIGEL, sigel.datasets.simulated_section"
    assert "matplotlib" not in loaded_by(code)


def test_every_name_that_is_promised_can_be_had():
    code = (
        "import sigel\n"
        "for door in (sigel, sigel.tl, sigel.pl, sigel.io):\n"
        "    assert all(getattr(door, name) is not None for name in door.__all__), door\n"
        "    assert set(door.__all__) <= set(dir(door)), door"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    import sigel

    with pytest.raises(AttributeError, match="no_such_thing"):
        sigel.no_such_thing  # noqa: B018


@pytest.mark.parametrize("package", EXTRAS)
def test_a_missing_package_is_named_with_the_line_that_installs_it(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"`method`.*'x'.*{package}.*{EXTRAS[package]}\]") as error:
        requires(package, "method", "'x'", note="Then try again.")
    assert isinstance(error.value, InputError)
    assert isinstance(error.value, ImportError)
    assert error.value.wanted == package
    assert install_line(package) in error.value.fix
    assert error.value.fix.endswith("Then try again.")


def test_what_is_there_is_handed_over():
    assert requires("matplotlib", "plot", "a picture").__name__ == "matplotlib"


def test_without_rich_there_are_lines_and_no_error(monkeypatch, capsys):
    from sigel.runtime import progress

    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    with progress.shown(enabled=True) as report:
        report("pretrain", 1, 2, "")
    assert capsys.readouterr().err.startswith("Module I: masked autoencoder [")
