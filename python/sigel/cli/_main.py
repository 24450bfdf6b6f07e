"""The command `sigel`: its verbs, its exit codes, and how errors are worded."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cyclopts import App, CycloptsError

from sigel._version import __version__
from sigel.cli._compare import compare
from sigel.cli._doctor import doctor
from sigel.cli._domains import domains
from sigel.cli._embed import embed
from sigel.cli._genes import genes
from sigel.cli._groups import groups
from sigel.cli._help import help_of, options_of
from sigel.cli._impute import impute
from sigel.cli._info import info
from sigel.cli._interactions import interactions
from sigel.cli._pattern import pattern
from sigel.cli._report import report
from sigel.cli._similar import similar
from sigel.cli._talk import QUIET, WARNINGS, WORDS, waiting
from sigel.cli._words import in_words_of_command_line
from sigel.errors import SIGELError
from sigel.runtime.foreseen import foreseen

_VERBS: dict[str, Callable[..., None]] = {
    "embed": embed,
    "genes": genes,
    "groups": groups,
    "similar": similar,
    "pattern": pattern,
    "impute": impute,
    "domains": domains,
    "compare": compare,
    "interactions": interactions,
    "report": report,
    "info": info,
    "doctor": doctor,
}
# What needs more than files read: these load the engine, which takes seconds.
_ENGINE = [verb for name, verb in _VERBS.items() if name != "info"]
_ABOUT = (
    "Genes by their pictures: spatial transcriptomics with SIGEL.\n\n"
    "Always sigel VERB INPUT... -o OUTPUT. An input is a folder of Space Ranger (Visium, Visium HD), Xenium, "
    "MERSCOPE or CosMx, an .h5ad file, or AnnData or SpatialData in zarr. sigel VERB --help says more.\n\n"
    "Examples\n\n  $ sigel info outs\n  $ sigel embed outs -o section.h5ad\n"
    "  $ sigel similar section.h5ad -o - --genes Mbp"
)
# Verbs that need nothing beside an input and an output, and what verbs write that don't write a table.
_OF_INPUT = ("embed", "genes", "groups", "report")
_OUTPUTS = {"embed": ".h5ad", "impute": ".h5ad", "report": ".html"}
DONE, FAILED, USAGE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


def app() -> App:
    """The verbs, to be parsed."""
    made = App(
        name="sigel",
        help=_ABOUT,
        version=f"sigel {__version__}",
        help_format="plaintext",
        result_action="return_value",
    )
    for place, (name, verb) in enumerate(_VERBS.items()):
        made.command(verb, name=name, help=help_of(verb), sort_key=place)
    made.register_install_completion_command()
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        Without the program's name; None: those of the process.

    Returns
    -------
    int
        0 done; 1 an error, which is told in words on standard error; 2 a command that cannot be understood;
        130 interrupted; 141 nobody reads the output any more.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    QUIET.set("--quiet" in tokens)
    WORDS.set(tuple(tokens))
    verb = _VERBS.get(tokens[0]) if tokens else None
    options = options_of(verb) if verb else ()
    try:
        with _told_warnings(options, quiet="--quiet" in tokens):
            command, bound, _ = app().parse_args(tokens, exit_on_error=False, print_error=False)
            if command in _ENGINE:
                with waiting("Loading the engine"):
                    importlib.import_module("sigel.bridge")
            with foreseen():
                command(*bound.args, **bound.kwargs)
            sys.stdout.flush()
    except CycloptsError as error:
        name = f"{tokens[0]} " if verb else ""
        _tell(
            f"{_usage(error, tokens[0]) if verb else error}\nsigel {name}--help says what can be asked for."
        )
        return USAGE
    except KeyboardInterrupt:
        _tell("interrupted; nothing was written.")
        return INTERRUPTED
    except BrokenPipeError:
        # What is still to be written has nowhere to go; Python would say so at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except SIGELError as error:
        if debug:
            raise
        _tell(in_words_of_command_line(str(error), options))
        return FAILED
    except Exception as error:
        if debug:
            raise
        _tell(f"{type(error).__name__}: {error}\nThis was not foreseen; --debug shows where it comes from.")
        return FAILED
    return DONE


def _usage(error: CycloptsError, verb: str) -> str:
    """What is wrong with a command; of one without an output, what it lacks and how it is given."""
    said = str(error)
    output = "--output" in said or "parameter -o " in said
    if not output or not said.endswith("requires an argument."):
        return said
    ending = _OUTPUTS.get(verb, ".tsv")
    how = f"sigel {verb} INPUT -o OUTPUT{ending}" if verb in _OF_INPUT else f"sigel {verb} --help has calls"
    return f"sigel {verb} wants -o OUTPUT, the file to write: {how}"


def _tell(text: str) -> None:
    sys.stderr.write(f"sigel: {text}\n")


@contextlib.contextmanager
def _told_warnings(options: Sequence[str], *, quiet: bool) -> Iterator[None]:
    """Warnings in the words of the command line; those about the future of other packages are left out."""

    def show(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UserWarning) and not quiet:
            text, gathered = in_words_of_command_line(str(message), options), WARNINGS.get()
            _tell(f"warning: {text}") if gathered is None else gathered.append(text)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
