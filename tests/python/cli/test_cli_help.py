"""`--help` is quick and complete, and options are those of the functions."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
import typing

import pytest

pytest.importorskip("cyclopts")

import sigel
from sigel.cli import _main
from sigel.cli._doors import parameters_in, told_by
from sigel.cli._help import help_of, options_of
from sigel.cli._words import VERBS
from sigel.config.fit import PRESETS

HEAVY = ("torch", "anndata", "pandas", "scipy", "sklearn", "numpy")
FUNCTIONS = {verb: getattr(sigel.tl, function) for function, verb in VERBS.items()}
# What stands for an input, is asked for in another way, or is told by the terminal.
APART = {"adata", "target", "sections", "progress", "out"}


@pytest.mark.parametrize("words", [["--help"], ["embed", "--help"], ["--version"], []])
def test_help_loads_nothing_heavy(words):
    code = f"import sys; from sigel.cli import main; code = main({words!r}); "
    code += f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "sigel" in done.stdout


def test_the_module_runs_and_says_its_version():
    done = subprocess.run([sys.executable, "-m", "sigel", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"sigel {sigel.__version__}\n")


def test_without_cyclopts_the_line_that_installs_it_is_said():
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'cyclopts' else find(name, *a)\n"
        "from sigel.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'pip install "sigel[cli]"' in done.stderr


@pytest.mark.parametrize("verb", _main._VERBS)
def test_help_has_examples_that_name_what_there_is(run, verb):
    said = run(verb, "--help")
    assert said.code == 0
    assert f"$ sigel {verb} " in said.out
    for name in options_of(_main._VERBS[verb]):
        assert f"--{name.replace('_', '-')}" in said.out
    for line in help_of(_main._VERBS[verb]).splitlines():
        if line.startswith("  $ sigel "):
            words = [word.strip("'") for word in line.partition("|")[0].split()[2:]]
            _main.app().parse_args(words, exit_on_error=False, print_error=False)


def test_help_lists_all_verbs_and_the_completion(run):
    said = run("--help").out
    for word in (*_main._VERBS, "--install-completion", "--version"):
        assert word in said


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_options_are_those_of_the_function(verb):
    """Same names, same defaults; a word where the function takes an object as well."""
    theirs = inspect.signature(FUNCTIONS[verb]).parameters
    own = inspect.signature(_main._VERBS[verb]).parameters
    assert set(theirs) - APART <= set(options_of(_main._VERBS[verb]))
    for name in set(theirs) & set(own) - {"input", "inputs"}:
        default = theirs[name].default
        if own[name].default == () or default is inspect.Parameter.empty:
            continue  # none given; what has to be given
        assert own[name].default == default, name


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_choices_are_those_of_the_function(verb):
    hints = typing.get_type_hints(_main._VERBS[verb])
    theirs = {name: one.annotation for name, one in inspect.signature(FUNCTIONS[verb]).parameters.items()}
    module = vars(sys.modules[FUNCTIONS[verb].__module__])
    for name, hint in hints.items():
        if typing.get_origin(hint) is typing.Literal and str(theirs[name]) in module:
            assert set(typing.get_args(hint)) == set(typing.get_args(module[theirs[name]])), name


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_every_option_is_described(verb):
    told = parameters_in(_main._VERBS[verb].__doc__)
    for name in inspect.signature(_main._VERBS[verb]).parameters:
        if name not in ("read", "write", "tell"):
            assert told.get(name), name
            assert "`" not in told[name], name


def test_what_an_argument_refers_to_is_found():
    told = told_by("tl.spatial_genes")
    assert told["layer"].startswith("Layer with raw counts")
    assert told["spatial_key"].startswith("Key in obsm of the coordinates; default: those of the fit")
    assert told_by("tl.gene_interactions")["spatial_key"] == "Key in obsm of the coordinates."


def test_presets_are_those_of_the_settings():
    hint = typing.get_type_hints(_main._VERBS["embed"])["preset"]
    assert set(typing.get_args(hint)) == set(PRESETS)


@pytest.mark.parametrize("module", ["_doors", "_tables", "_values", "_words"])
def test_examples_of_the_command_line_run(module):
    result = doctest.testmod(importlib.import_module(f"sigel.cli.{module}"))
    assert (result.failed, result.attempted > 0) == (0, True)
